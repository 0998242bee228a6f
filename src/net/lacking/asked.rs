//! The kernel features that commands need, read from their text.
//!
//! Nothing is expanded or run: a name counts only if a tool of iproute2,
//! netfilter or the like is called, and only at a position where that tool would
//! read it.

use super::feature::Feature;
use super::names;
use super::names::{among, beside};
use crate::net::run::tools::{is_installed, package_of};

/// Words before a command, and programs that run another command, which is among
/// their arguments.
const WRAPPERS: [&str; 18] = [
    "sudo", "exec", "if", "then", "elif", "else", "do", "while", "until", "!", "time", "env", "nsenter",
    "unshare", "timeout", "nice", "setpriv", "stdbuf",
];

/// Shells, which run the text after `-c`.
const SHELLS: [&str; 4] = ["sh", "bash", "dash", "ash"];

/// The tools whose arguments are parsed here.
const TOOLS: [&str; 27] = [
    "ip",
    "bridge",
    "tc",
    "nft",
    "iptables",
    "iptables-nft",
    "iptables-legacy",
    "iptables-restore",
    "iptables-save",
    "ip6tables",
    "ip6tables-nft",
    "ip6tables-legacy",
    "ip6tables-restore",
    "ip6tables-save",
    "ebtables",
    "ebtables-nft",
    "arptables",
    "arptables-nft",
    "sysctl",
    "echo",
    "tee",
    "wg",
    "wg-quick",
    "ipvsadm",
    "tipc",
    "ovs-vsctl",
    "ovs-dpctl",
];

/// The features that commands need, the most general first.
pub(super) fn features(commands: &str) -> Vec<Feature> {
    let mut found = Vec::new();
    let called = calls(commands, 0);
    for (tool, _) in &called {
        if let Some(package) = package_of(tool)
            && !is_installed(tool)
        {
            found.push(Feature::Program(tool, package));
        }
    }
    // nft rules are in braces, or come from a here-document.
    let all = tokens(commands);
    for (tool, arguments) in &called {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match *tool {
            "ip" => ip(&words, &mut found),
            "bridge" if words.contains(&"vlan") => found.push(Feature::BridgeVlan),
            "tc" => tc(&words, &mut found),
            "nft" => nft(&all, &mut found),
            "sysctl" => words.iter().for_each(|word| switch(word, &mut found)),
            // `echo 1 > /proc/sys/…`
            "echo" | "tee" => words.iter().for_each(|word| {
                if let Some(key) = word.strip_prefix("/proc/sys/") {
                    switch(&key.replace('/', "."), &mut found);
                }
            }),
            tool if tool.contains("tables") => {
                let restores = tool.ends_with("-restore");
                iptables(tool, if restores { &all } else { &words }, &mut found);
            }
            tool => generic(tool, "", &mut found),
        }
    }
    found.dedup();
    found
}

/// The features that a CNI plugin needs: the kind of link that the plugin is
/// named after, and the needs of the command that it reports to have run.
pub(super) fn features_of_plugin(command: &str, said: &str) -> Vec<Feature> {
    let typed = command.split(" <<<").next().unwrap_or(command);
    let plugin = typed.rsplit('/').next().unwrap_or_default().trim();
    let ran = said.split_once("running [").and_then(|(_, rest)| rest.split_once(']'));
    let mut found: Vec<Feature> = link(plugin).into_iter().collect();
    found.extend(ran.map(|(ran, _)| features(ran)).unwrap_or_default());
    found
}

/// The words of a text, without quotes and brackets around them.
fn tokens(text: &str) -> Vec<&str> {
    let apart = |c: char| c.is_whitespace() || "{};|&()`<>,\"'".contains(c);
    text.split(apart).filter(|word| !word.is_empty()).collect()
}

/// The tools that a shell script calls, with their arguments. Quoted text is no
/// command, except the text after a shell's `-c`.
fn calls(script: &str, depth: usize) -> Vec<(&'static str, Vec<String>)> {
    // No lab nests shells deeper than this.
    if depth > 3 {
        return Vec::new();
    }
    commands(script).into_iter().flat_map(|words| call(&words, depth)).collect()
}

/// The simple commands of a script, as words without quotes.
fn commands(script: &str) -> Vec<Vec<String>> {
    let (mut all, mut line, mut word): (Vec<Vec<String>>, Vec<String>, String) = Default::default();
    let (mut quote, mut quoted) = (None, false);
    let mut chars = script.chars().peekable();
    while let Some(c) = chars.next() {
        let mut ends_line = false;
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.push(c),
            (_, '\\') => word.extend(chars.next().filter(|c| *c != '\n')),
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => (quote, quoted) = (Some(c), true),
            (None, '#') if word.is_empty() && !quoted => while chars.next_if(|c| *c != '\n').is_some() {},
            (None, c) if c.is_whitespace() || "<>;|&()`{}".contains(c) => {
                if !word.is_empty() || quoted {
                    line.push(std::mem::take(&mut word));
                    quoted = false;
                }
                ends_line = "\n;|&()`".contains(c);
            }
            (None, c) => word.push(c),
        }
        if ends_line && !line.is_empty() {
            all.push(std::mem::take(&mut line));
        }
    }
    if !word.is_empty() || quoted {
        line.push(word);
    }
    all.push(line);
    all
}

/// The tools that one command calls.
fn call(words: &[String], depth: usize) -> Vec<(&'static str, Vec<String>)> {
    let assigns = |word: &str| word.split_once('=').is_some_and(|(name, _)| !name.is_empty());
    let Some(first) = words.iter().position(|word| !assigns(word) && word != "$") else { return Vec::new() };
    let words = &words[first..];
    let name = words[0].rsplit('/').next().unwrap_or_default();
    // `ip netns exec red iptables …`, `ip vrf exec …`
    let exec = words.iter().position(|word| word == "exec").filter(|at| name == "ip" && *at > 1);
    if let Some(exec) = exec {
        return words.get(exec + 2..).map(|rest| call(rest, depth)).unwrap_or_default();
    }
    if SHELLS.contains(&name) {
        let option = words.iter().position(|word| word.starts_with('-') && word.ends_with('c'));
        let script = option.and_then(|at| words.get(at + 1));
        return script.map(|script| calls(script, depth + 1)).unwrap_or_default();
    }
    if WRAPPERS.contains(&name) {
        let is_known = |word: &&String| {
            let name = word.rsplit('/').next().unwrap_or_default();
            SHELLS.contains(&name) || TOOLS.contains(&name)
        };
        let next = words[1..].iter().position(|word| is_known(&word));
        return next.map(|at| call(&words[at + 1..], depth)).unwrap_or_default();
    }
    let tool = TOOLS.iter().copied().find(|tool| *tool == name);
    tool.map(|tool| vec![(tool, words[1..].to_vec())]).unwrap_or_default()
}

/// The word after one of `names`.
fn behind<'a>(words: &[&'a str], names: &[&str]) -> Option<&'a str> {
    let at = words.iter().position(|word| names.contains(word))?;
    words.get(at + 1).copied()
}

fn link(kind: &str) -> Option<Feature> {
    beside(names::LINKS, kind).map(|(kind, module)| Feature::Link(kind, module))
}

fn ip(words: &[&str], found: &mut Vec<Feature>) {
    if words.contains(&"-6") || words.iter().any(|word| word.matches(':').count() > 1 && word.contains("::"))
    {
        found.push(Feature::Ipv6);
    }
    let has = |names: &[&str]| words.iter().any(|word| names.contains(word));
    if has(&["vlan_filtering"]) {
        found.push(Feature::BridgeVlan);
    }
    if has(&["link", "l", "li", "lin"]) {
        found.extend(behind(words, &["type"]).and_then(link));
    }
    if has(&["tunnel", "tunl", "tun"])
        && let Some((_, kind)) = behind(words, &["mode"]).and_then(|mode| beside(names::TUNNELS, mode))
    {
        found.extend(link(kind));
    }
    if let Some(encap) = behind(words, &["encap"])
        && let Some((name, number, module)) = names::ENCAPSULATIONS.iter().find(|(name, ..)| *name == encap)
    {
        found.push(Feature::Encapsulation(name, *number, module));
    }
    if has(&["mpls", "-M"]) {
        found.push(Feature::Mpls);
    }
    if has(&["xfrm", "x"]) {
        found.push(Feature::Ipsec);
        for (name, number) in [("esp", 50), ("ah", 51), ("comp", 108)] {
            if behind(words, &["proto"]) == Some(name) {
                found.push(Feature::IpsecProtocol(name, number));
            }
        }
    }
    for object in words {
        generic("ip", object, found);
    }
}

fn generic(tool: &str, object: &str, found: &mut Vec<Feature>) {
    let is = |entry: &&(&str, &str, &str, &str)| entry.0 == tool && entry.1 == object;
    if let Some((_, _, family, module)) = names::GENERIC.iter().find(is) {
        found.push(Feature::Generic(family, module));
    }
}

fn tc(words: &[&str], found: &mut Vec<Feature>) {
    // A filter's parent may be a queueing discipline, too.
    found.extend(words.iter().filter_map(|word| among(names::QDISCS, word)).map(Feature::Qdisc));
    if words.contains(&"filter") {
        found
            .extend(words.iter().filter_map(|word| among(names::CLASSIFIERS, word)).map(Feature::Classifier));
    }
    if words.iter().any(|word| ["filter", "actions", "action"].contains(word)) {
        let actions = words.iter().filter_map(|word| beside(names::ACTIONS, word));
        found.extend(actions.map(|(_, kernel)| Feature::TcAction(kernel)));
    }
}

fn switch(word: &str, found: &mut Vec<Feature>) {
    let key = word.split('=').next().unwrap_or(word).replace('/', ".");
    let known = names::SWITCHES.iter().find(|(begin, ..)| key.starts_with(begin));
    found.extend(known.map(|(_, path, module)| Feature::Switch(path, module)));
}

fn nft(words: &[&str], found: &mut Vec<Feature>) {
    let objects =
        ["table", "chain", "rule", "set", "map", "flowtable", "element", "ruleset", "counter", "object"];
    let mut families: Vec<(&str, u8)> = words
        .windows(2)
        .filter(|pair| objects.contains(&pair[0]))
        .filter_map(|pair| beside(names::FAMILIES, pair[1]))
        .collect();
    if families.is_empty() {
        families.push(("ip", 2));
    }
    families.dedup();
    for (name, family) in families {
        found.push(Feature::Family(name, family));
        for kind in ["nat", "route"] {
            if words.windows(2).any(|pair| pair == ["type", kind]) {
                found.push(Feature::ChainType(kind, family));
            }
        }
        if words.contains(&"flowtable") {
            found.push(Feature::Flowtable(family));
        }
        let expressions = words.iter().filter_map(|word| beside(names::EXPRESSIONS, word));
        found.extend(expressions.map(|(_, name)| Feature::Expression(name, family)));
    }
}

/// The family, by nft's name and the kernel's number, that an iptables-like tool
/// writes to.
fn family_of(tool: &str) -> (&'static str, u8) {
    let name = if tool.starts_with("ip6") {
        "ip6"
    } else if tool.starts_with("arp") {
        "arp"
    } else if tool.starts_with("eb") {
        "bridge"
    } else {
        "ip"
    };
    beside(names::FAMILIES, name).unwrap_or(("ip", 2))
}

fn iptables(tool: &str, words: &[&str], found: &mut Vec<Feature>) {
    let (name, family) = family_of(tool);
    let mut tables: Vec<&'static str> = Vec::new();
    for pair in words.windows(2) {
        if ["-t", "--table"].contains(&pair[0]) {
            tables.extend(among(names::TABLES, pair[1]));
        }
    }
    // A saved table begins with `*nat`.
    tables.extend(words.iter().filter_map(|word| among(names::TABLES, word.strip_prefix('*')?)));
    if tables.is_empty() {
        tables.push("filter");
    }
    found.extend(tables.iter().map(|table| Feature::OldTable(table, family == 10)));
    found.push(Feature::Family(name, family));
    if tables.contains(&"nat") {
        found.push(Feature::ChainType("nat", family));
    }
    for pair in words.windows(2) {
        match pair[0] {
            "-m" | "--match" => {
                if let Some(name) = among(names::MATCHES, pair[1]) {
                    found.extend([Feature::Extension(name), Feature::Match(name, family)]);
                }
            }
            "-p" | "--protocol" | "--proto" => {
                found.extend(among(names::MATCHES, pair[1]).map(|name| Feature::Match(name, family)));
            }
            "-j" | "--jump" => {
                if let Some((_, expression)) = beside(names::TARGETS_AS_EXPRESSIONS, pair[1]) {
                    found.push(Feature::Expression(expression, family));
                }
                // The kernel implements `NOTRACK` as its successor `CT`.
                let asked = if pair[1] == "NOTRACK" { "CT" } else { pair[1] };
                if let Some(name) = among(names::TARGETS, asked) {
                    found.extend([Feature::Extension(name), Feature::Target(name, family)]);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The features that commands need, as text, without programs, because the
    /// machine may have them.
    fn asked(commands: &str) -> String {
        let found = features(commands);
        let found = found.iter().filter(|one| !matches!(one, Feature::Program(..) | Feature::Extension(_)));
        found.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn names_count_where_a_tool_reads_them() {
        assert_eq!(asked("ip link add d0 type dummy"), "dummy links");
        assert_eq!(asked("sudo ip -n red link add name v0 type vlan id 3"), "vlan links");
        assert_eq!(asked("ip netns exec red ip link add d0 type dummy"), "dummy links");
        assert_eq!(asked("cd /tmp && if ip link add d0 type vrf table 5; then true; fi"), "vrf links");
        assert_eq!(asked("ip netns exec red sh -ec 'true; ip link add d0 type dummy'"), "dummy links");
        assert_eq!(asked("x=$(sudo -n ip link add d0 type dummy 2>&1)"), "dummy links");
        assert_eq!(asked("ip tunnel add t mode ipip remote 10.0.0.1"), "ipip links");
        assert_eq!(asked("tc qdisc add dev eth0 root netem delay 10ms"), "queueing discipline `netem`");
        assert_eq!(
            asked("sysctl -w net.bridge.bridge-nf-call-iptables=1"),
            "switches in /proc/sys/net/bridge"
        );
        assert_eq!(
            asked("echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables"),
            "switches in /proc/sys/net/bridge"
        );
        assert_eq!(asked("bridge vlan add vid 5 dev eth0"), "bridges with VLANs");
    }

    #[test]
    fn names_that_do_not_exist_are_slips() {
        for slip in [
            "ip link add d0 type dumy",
            "tc qdisc add dev eth0 root nteem delay 10ms",
            "sysctl -w net.ipv4.ip_forwrd=1",
            "sysctl net.ipv4.conf.eth9.forwarding",
            "echo 'ip link add d0 type dummy'",
            "echo 'a\nip link add d0 type dummy; ip link add d0 type dummy\n'",
            "# ip link add d0 type dummy",
            "printf 'Error: Unknown device type.'; false",
            "cat dummy",
            "ping -c1 10.0.0.1",
        ] {
            assert_eq!(asked(slip), "", "{slip}");
        }
        assert!(!asked("iptables -A FORWARD -m sttate -j DRP").contains("tt"));
    }

    #[test]
    fn a_plugin_asks_for_its_link_and_for_what_it_runs() {
        let command = "CNI_COMMAND=ADD CNI_IFNAME=eth0 CNI_PATH=/usr/lib/cni /usr/lib/cni/ipvlan <<< '{\"type\":\"ipvlan\"}'";
        let said = "running [/usr/sbin/iptables -t nat -N CNI-1 --wait]: exit status 4: iptables v1.8.9 \
                    (nf_tables):  TABLE_ADD failed (Operation not supported): table nat";
        let found: Vec<String> = features_of_plugin(command, said).iter().map(ToString::to_string).collect();
        assert_eq!(found[0], "ipvlan links");
        assert!(found.contains(&"family `ip` in nf_tables".to_string()), "{found:?}");
    }

    #[test]
    fn rules_ask_for_table_match_and_target() {
        assert_eq!(
            asked("iptables -t nat -A POSTROUTING -p tcp -m statistic --mode nth -j MASQUERADE"),
            "table `nat` of the old iptables, family `ip` in nf_tables, chains of type `nat` in nf_tables, match \
             `tcp` of iptables, match `statistic` of iptables, expression `masq` in nf_tables, target `MASQUERADE` \
             of iptables"
        );
        let nft = "ip netns exec gw nft -f - <<EOF\ntable ip6 nat {\n chain post {\n type nat hook postrouting priority \
                   100;\n masquerade\n }\n}\nEOF";
        assert_eq!(
            asked(nft),
            "family `ip6` in nf_tables, chains of type `nat` in nf_tables, expression `masq` in nf_tables"
        );
    }
}
