//! The state that a lab leaves behind, in the words of its tools: a cure has to bring
//! back what was lost, and to remove what was too many.

use nslab::event::Event;
use nslab::run::{self, Settings};
use nslab::sandbox::Launcher;
use std::collections::BTreeSet;

/// Has each namespace tell its state: a heading, and what a tool says.
const TELL: &str = r#"
tell() {
    echo "- addr"; ip -o addr
    echo "- link"; ip -d -o link
    echo "- port"; bridge -d -o link
    echo "- vlan"; bridge -o vlan
    echo "- fdb"; bridge fdb | grep -E 'static|^00:00'
    echo "- route"; ip route show table all; ip -6 route show table all
    echo "- rule"; ip rule; ip -6 rule
    echo "- xfrm"; ip -o xfrm policy
    echo "- neigh"; ip neigh show nud permanent; ip -6 neigh show nud permanent
    echo "- listens"; ss -Hltn
    echo "- iptables"; iptables-save; ip6tables-save
    echo "- nft"; nft -s list ruleset
    tc qdisc | while read -r _ kind _ _ dev _; do
        if [ "$kind" = clsact ]; then
            echo "- filter $dev"; tc filter show dev "$dev" ingress; tc filter show dev "$dev" egress
        fi
    done
    echo "- sysctl"
    grep -s . /proc/sys/net/ipv4/conf/*/{forwarding,rp_filter,arp_*,proxy_arp,route_localnet} \
        /proc/sys/net/ipv6/conf/*/{forwarding,disable_ipv6,hop_limit} /proc/sys/net/ipv6/icmp/echo_* \
        /proc/sys/net/ipv4/{icmp_echo_*,ip_default_ttl}
}
export -f tell
for ns in host $(ip netns list | cut -d ' ' -f 1); do
    echo "= $ns"
    if [ "$ns" = host ]; then tell; else ip netns exec "$ns" bash -c tell; fi
done 2> /dev/null
"#;

/// The properties that are compared of a link and of a bridge port: words, each with a
/// value.
const OF_LINKS: [&str; 9] =
    ["mtu", "master", "qdisc", "id", "remote", "local", "dstport", "mode", "vlan_filtering"];
const OF_PORTS: [&str; 6] = ["state", "locked", "learning", "flood", "bcast_flood", "isolated"];

/// The properties that are left out of a route: words with a value, and words without.
const BESIDE_ROUTES: [&str; 5] = ["proto", "pref", "scope", "error", "src"];
const FLAGS_OF_ROUTES: [&str; 2] = ["linkdown", "dead"];

/// The things that are told, a line each. What the kernel makes of others is
/// left out, and so is what differs each time.
fn read(told: &str) -> State {
    let mut state = State::new();
    let (mut ns, mut about, mut table) = ("", "", String::new());
    for line in told.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let valued = |keys: &[&str]| -> Vec<String> {
            let pairs = words.windows(2).filter(|pair| keys.contains(&pair[0]));
            pairs.map(|pair| pair.join(" ")).collect()
        };
        let name = || words[1].trim_end_matches(':').split('@').next().unwrap_or_default();
        let things: Vec<String> = match (line.split_at_checked(2), about) {
            (Some(("= ", name)), _) => {
                ns = name;
                continue;
            }
            (Some(("- ", what)), _) => {
                about = what;
                continue;
            }
            _ if words.len() < 2 => continue,
            (_, "addr") if words[1] == "lo" || words[3].starts_with("fe80") => continue,
            (_, "addr") => vec![format!("{} {}", words[1], words[3])],
            (_, "link") => {
                let flags = words[2].trim_matches(['<', '>']).split(',');
                let flags = flags.filter(|flag| ["UP", "NOARP"].contains(flag)).map(Into::into);
                let things = flags.chain(valued(&OF_LINKS));
                things.map(|thing| format!("{} {thing}", name())).collect()
            }
            (_, "port") => valued(&OF_PORTS).iter().map(|thing| format!("{} {thing}", name())).collect(),
            // A table that no rule leads to stops nothing.
            (_, "route") if ["table local", "fe80", "table 77"].iter().any(|not| line.contains(not)) => {
                continue;
            }
            (_, "route") => {
                let mut rest = words.iter();
                let mut kept = Vec::new();
                while let Some(word) = rest.next() {
                    let usual = |metric: &&&str| matches!(**metric, "256" | "1024");
                    if BESIDE_ROUTES.contains(word)
                        || *word == "metric" && rest.as_slice().first().as_ref().is_some_and(usual)
                    {
                        rest.next();
                    } else if !FLAGS_OF_ROUTES.contains(word) {
                        kept.push(*word);
                    }
                }
                vec![kept.join(" ")]
            }
            (_, "fdb") => vec![words[..words.len().min(5)].join(" ")],
            (_, "listens") => vec![words[3].into()],
            (_, "rule") => vec![words[1..].join(" ")],
            // Marks alone stop nothing.
            (_, "iptables") if words[0] != "-A" || line.contains("-j MARK") => continue,
            (_, "nft") if words[0] == "table" || words[0] == "chain" => {
                table = if words[0] == "table" { String::new() } else { table };
                table += &format!("{} ", words[1..words.len() - 1].join(" "));
                continue;
            }
            // A policy is kept, where rules let through what is meant to pass.
            (_, "nft") if words[0] == "type" || line.contains("mark set") => continue,
            (_, "nft") => vec![format!("{table}{}", words.join(" "))],
            // Strict it stops something, loose it does not.
            (_, "sysctl") if line.contains("rp_filter") && !line.ends_with(":1") => continue,
            _ => vec![words.join(" ")],
        };
        state.extend(things.into_iter().map(|thing| format!("{ns}: {about} {thing}")));
    }
    state
}

/// The state that a lab leaves, a line for each thing.
pub type State = BTreeSet<String>;

/// The states after each of these parts of a lab.
pub fn states<const N: usize>(launcher: &Launcher, parts: [&[String]; N]) -> Result<[State; N], String> {
    Ok(told_after(launcher, TELL, parts)?.map(|told| read(&told)))
}

/// The output of a script after each of these parts of a lab.
pub fn told_after<const N: usize>(
    launcher: &Launcher,
    script: &str,
    parts: [&[String]; N],
) -> Result<[String; N], String> {
    let tell = format!("bash -c {}", shell_words::quote(script));
    let lines = parts.iter().flat_map(|part| part.iter().map(String::as_str).chain([tell.as_str()]));
    let lab = crate::lab(lines)?;
    let mut sandbox = launcher.open().map_err(|error| error.to_string())?;
    let mut told = Vec::new();
    let hear = |event| {
        if let Event::Ran(ran) = event
            && ran.command.starts_with("bash -c")
        {
            told.push(ran.output);
        }
    };
    let settings = Settings { patience_ms: 30_000, ..Settings::default() };
    sandbox.run(&run::order(&lab, &settings), hear).map_err(|error| error.to_string())?;
    told.try_into().map_err(|told: Vec<String>| format!("{} of {N} scripts have run", told.len()))
}

/// Returns what a cure has left broken: things that were lost and are still missing, and
/// things that were too many and are still there.
pub fn left(sound: &State, broken: &State, cured: &State) -> Vec<String> {
    // A forgotten address of a network, or the network of a forgotten route, can't be
    // known.
    let kind = |line: &str| {
        let (ns, thing) = line.split_once(": ")?;
        let words: Vec<&str> = thing.split(' ').collect();
        match words[0] {
            "addr" => Some(format!("{ns} {}", words[..2].join(" "))),
            "route" => Some(format!("{ns} route {}", words[2..].join(" "))),
            _ => None,
        }
    };
    let new: Vec<String> = cured.difference(broken).filter_map(|line| kind(line)).collect();
    let is_back = |line: &str| cured.contains(line) || kind(line).is_some_and(|kind| new.contains(&kind));
    let lost = sound.difference(broken).filter(|line| !is_back(line));
    // One more service does no harm.
    let many = broken.difference(sound).filter(|line| cured.contains(*line) && !line.contains(": listens "));
    lost.map(|line| format!("lacks   {line}")).chain(many.map(|line| format!("has     {line}"))).collect()
}
