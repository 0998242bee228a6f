//! Mutants: copies of a solution, each with one error.
//!
//! Each command is left out once. Addresses, masks, ports, tables, protocols,
//! names of devices and namespaces, and on/off words are replaced. Some mutants
//! do the same as the solution: a person must judge them. The comment `nslab:
//! any` at the end of a line says that its values may differ: its command is left
//! out, but not changed. `nslab: optional` protects the whole line.

use crate::lab::{Language, Solution};
use std::collections::BTreeSet;
use std::ops::Range;

/// A solution with one error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// The line that was changed, from 1.
    pub line: usize,
    /// The change, such as `/24 → /32`.
    pub what: String,
    /// The whole text.
    pub text: String,
}

/// Words that people confuse: each becomes the other; with several partners, the
/// first.
const OPPOSITES: [(&str, &str); 18] = [
    ("up", "down"),
    ("ACCEPT", "DROP"),
    ("accept", "drop"),
    ("allow", "block"),
    ("REJECT", "ACCEPT"),
    ("reject", "accept"),
    ("MASQUERADE", "RETURN"),
    ("masquerade", "return"),
    ("tcp", "udp"),
    ("FORWARD", "INPUT"),
    ("forward", "input"),
    ("PREROUTING", "OUTPUT"),
    ("prerouting", "output"),
    ("POSTROUTING", "INPUT"),
    ("postrouting", "input"),
    ("ESTABLISHED", "NEW"),
    ("established", "new"),
    ("blackhole", "prohibit"),
];

/// Words that come before the name of a device, and words that come before the
/// name of a namespace: one name is confused with another.
const NAMED: [&[&str]; 2] = [
    &["dev", "master", "nomaster", "set", "-i", "-o", "iifname", "oifname", "iif:", "oif:", "dev:"],
    &["netns", "-n", "exec"],
];

/// Words that come before a number, such as a port or a table.
const NUMBERS: [&str; 14] = [
    "--dport",
    "--sport",
    "dport",
    "sport",
    "dport:",
    "sport:",
    "--to-port",
    "--to-ports",
    "tcp",
    "udp",
    "table",
    "table:",
    "lookup",
    "fwmark",
];

/// Returns all mutants of a solution, in the order of its lines.
pub fn mutants(of: &Solution) -> Vec<Mutant> {
    let text = &of.text;
    let commands = match of.language {
        Language::Shell => shell_commands(text),
        Language::Rhai => statements(text),
    };
    let names = names(text);
    let mut all = Vec::new();
    for command in commands {
        let whole = &text[command.clone()];
        let said = comment(text, command.end);
        if said.contains("nslab: optional") {
            continue;
        }
        if of.language == Language::Shell && whole.starts_with("for ") {
            for item in words(whole).skip_while(|word| &whole[word.clone()] != "in").skip(1) {
                let what = format!("without `{}` in `{}`", &whole[item.clone()], one_line(whole));
                all.push(mutant(text, command.start + item.start..command.start + item.end, "", what));
            }
            continue;
        }
        // A block needs at least one command.
        let nothing = if of.language == Language::Shell { ":" } else { "" };
        let lines = "\n".repeat(whole.matches('\n').count());
        let instead = format!("{nothing}{lines}");
        all.push(mutant(text, command.clone(), &instead, format!("without `{}`", one_line(whole))));
        if said.contains("nslab: any") {
            continue;
        }
        for word in words(whole) {
            let at = command.start + word.start..command.start + word.end;
            let before = words(whole).take_while(|other| other.end <= word.start).last();
            let before = before.map(|before| &whole[before]).unwrap_or_default();
            for instead in changed(&whole[word.clone()], before, &names) {
                let what = format!("`{}` → `{instead}` in `{}`", &whole[word.clone()], one_line(whole));
                all.push(mutant(text, at.clone(), &instead, what));
            }
        }
    }
    all
}

/// Returns a mutant. A removed command leaves its line breaks, so that other
/// lines keep their numbers.
fn mutant(text: &str, at: Range<usize>, instead: &str, what: String) -> Mutant {
    let line = text[..at.start].matches('\n').count() + 1;
    Mutant { line, what, text: format!("{}{instead}{}", &text[..at.start], &text[at.end..]) }
}

/// Returns a text in one line, shortened if it is long.
fn one_line(text: &str) -> String {
    let text = text.split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(70) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Returns the rest of a command's line.
fn comment(text: &str, end: usize) -> &str {
    text[end..].split('\n').next().unwrap_or_default()
}

/// Returns the commands of a shell script: the parts between line ends, `;` and
/// `&&`, with respect for quotes, backslashes and here-documents. Keywords that
/// begin or end a block are no commands.
fn shell_commands(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut quote, mut here) = (0, None, Vec::<String>::new());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        match (quote, byte) {
            (Some(b'\''), b'\'') | (Some(b'"'), b'"') => quote = None,
            (Some(b'"') | None, b'\\') => at += 1,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'#') if text[start..at].trim().is_empty() || bytes[at - 1].is_ascii_whitespace() => {
                push(text, start..at, &mut found);
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                start = at;
                continue;
            }
            (None, b'<') if text[at..].starts_with("<<") && !text[at..].starts_with("<<<") => {
                let word =
                    text[at + 2..].trim_start_matches('-').split_whitespace().next().unwrap_or_default();
                here.push(word.trim_matches(['\'', '"', '\\']).to_string());
                at += 1;
            }
            (None, b'\n') if !here.is_empty() => {
                // The here-document belongs to the command.
                let mut end = at + 1;
                for line in text[at + 1..].split_inclusive('\n') {
                    end += line.len();
                    if here.first().is_some_and(|word| line.trim() == word) {
                        here.remove(0);
                    }
                    if here.is_empty() {
                        break;
                    }
                }
                here.clear();
                let end = end.min(text.len());
                push(text, start..end, &mut found);
                (start, at) = (end, end);
                continue;
            }
            (None, b'\n' | b';') => {
                push(text, start..at, &mut found);
                start = at + 1;
            }
            (None, b'&') if text[at..].starts_with("&&") => {
                push(text, start..at, &mut found);
                start = at + 2;
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    push(text, start..text.len(), &mut found);
    found
}

fn push(text: &str, range: Range<usize>, found: &mut Vec<Range<usize>>) {
    // A command may follow these.
    const BEFORE: [&str; 5] = ["do", "then", "else", "{", "("];
    const BLOCKS: [&str; 9] = ["while", "until", "if", "elif", "fi", "done", "case", "esac", "}"];
    let Range { mut start, end } = range;
    let word = loop {
        let part = &text[start..end];
        start += part.len() - part.trim_start().len();
        let word = text[start..end].split_whitespace().next().unwrap_or_default();
        if !BEFORE.contains(&word) {
            break word;
        }
        start += word.len();
    };
    let end = start + text[start..end].trim_end().len();
    if start < end && !BLOCKS.contains(&word) && word != "set" {
        found.push(start..end);
    }
}

/// Returns the statements of a `.rhai` script: they end with `;` outside of all
/// brackets, strings and comments.
fn statements(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut depth, mut quote, mut start) = (Vec::new(), 0_usize, None, None);
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (Some('"'), '\\') => drop(letters.next()),
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '/') if text[at..].starts_with("//") => {
                while letters.next_if(|(_, letter)| *letter != '\n').is_some() {}
                continue;
            }
            (None, '"' | '`') => quote = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, ';') if depth == 0 => {
                let begin = start.take().unwrap_or(at);
                // Later statements may use the variable.
                if !text[begin..].starts_with("let ") && !text[begin..].starts_with("const ") {
                    found.push(begin..at + 1);
                }
                continue;
            }
            _ => {}
        }
        if start.is_none() && !letter.is_whitespace() {
            start = Some(at);
        }
    }
    found
}

/// Returns the words of a command: the parts between blanks, quotes, brackets,
/// commas and `=`.
fn words(command: &str) -> impl Iterator<Item = Range<usize>> {
    let parts = |c: char| !(c.is_whitespace() || "\"'`(),;=[]{}".contains(c));
    let mut at = 0;
    std::iter::from_fn(move || {
        let begin = at + command[at..].find(parts)?;
        let end = command[begin..].find(|c| !parts(c)).map_or(command.len(), |length| begin + length);
        at = end;
        Some(begin..end)
    })
}

/// Returns the names that could be confused, each with its kind.
fn names(text: &str) -> BTreeSet<(usize, &str)> {
    let all: Vec<&str> = words(text).map(|word| &text[word]).collect();
    let pairs = all.windows(2).filter_map(|pair| Some((kind(pair[0])?, pair[1])));
    // `ip link set dev …`
    pairs.filter(|(_, name)| kind(name).is_none() && !name.starts_with(['-', '$'])).collect()
}

/// Returns the kind of name that comes after a word.
fn kind(before: &str) -> Option<usize> {
    NAMED.iter().position(|words| words.contains(&before))
}

/// Returns the wrong replacements for a word.
fn changed(word: &str, before: &str, names: &BTreeSet<(usize, &str)>) -> Vec<String> {
    let opposite = OPPOSITES.iter().find_map(|(one, other)| match word {
        _ if word == *one => Some(*other),
        _ if word == *other => Some(*one),
        _ => None,
    });
    if let Some(opposite) = opposite {
        return vec![opposite.into()];
    }
    // The method name of `red.up`.
    if let Some((before, "up")) = word.rsplit_once('.') {
        return vec![format!("{before}.down")];
    }
    if let Some((address, mask)) = word.split_once('/')
        && let (Some(others), Ok(mask)) = (other_addresses(address), mask.parse::<u8>())
    {
        let longest = if address.contains(':') { 128 } else { 32 };
        let masks = [longest, mask.saturating_add(1), longest - 2, mask.saturating_sub(8)];
        let masks: BTreeSet<u8> =
            masks.into_iter().filter(|wrong| *wrong != mask && *wrong <= longest).collect();
        let wrong = masks.into_iter().map(|wrong| format!("{address}/{wrong}"));
        // Other hosts in the same network are the same network.
        let is_network = network(address, mask) == network(address, longest);
        let another = |other: &&String| !is_network || network(other, mask) != network(address, mask);
        let others = others.iter().filter(another).map(|other| format!("{other}/{mask}"));
        return wrong.chain(others).collect();
    }
    if let Some((address, port)) = word.rsplit_once(':')
        && let (Some([other, _]), Ok(port)) = (other_addresses(address), port.parse::<u16>())
        && !address.contains(':')
    {
        return vec![format!("{other}:{port}"), format!("{address}:{}", port.wrapping_add(1))];
    }
    if let Some(others) = other_addresses(word) {
        return others.into();
    }
    if NUMBERS.contains(&before)
        && let Ok(number) = word.parse::<u16>()
    {
        return vec![number.wrapping_add(1).to_string()];
    }
    let is_switch =
        |word: &str| word.starts_with("net.") || word.starts_with("net/") || word.contains("/net/");
    match word {
        "0" if is_switch(before) => return vec!["1".into()],
        "1" if is_switch(before) => return vec!["0".into()],
        _ => {}
    }
    let kind = kind(before).filter(|kind| names.contains(&(*kind, word)));
    let other = kind.and_then(|kind| names.iter().find(|(of, name)| *of == kind && *name != word));
    if let Some((_, other)) = other {
        return vec![(*other).to_string()];
    }
    Vec::new()
}

/// Returns the network bits of an address.
fn network(address: &str, mask: u8) -> Option<u128> {
    let (bits, longest) = match address.parse().ok()? {
        std::net::IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        std::net::IpAddr::V6(address) => (u128::from(address), 128),
    };
    let behind = u32::from(longest - mask.min(longest));
    Some(bits.checked_shr(behind).and_then(|bits| bits.checked_shl(behind)).unwrap_or(0))
}

/// Returns addresses that could be confused with this one: another host in its
/// network, and the same host in another network.
fn other_addresses(text: &str) -> Option<[String; 2]> {
    match text.parse().ok()? {
        std::net::IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            Some([format!("{a}.{b}.{c}.{}", d ^ 0x40), format!("{a}.{b}.{}.{d}", c ^ 0x40)])
        }
        std::net::IpAddr::V6(address) => {
            let (mut host, mut network) = (address.segments(), address.segments());
            host[7] ^= 0x40;
            network[3] ^= 0x40;
            Some([host, network].map(|parts| std::net::Ipv6Addr::from(parts).to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(language: Language, text: &str) -> Vec<Mutant> {
        mutants(&Solution { path: "x".into(), text: text.into(), language })
    }

    fn told(language: Language, text: &str) -> String {
        of(language, text).iter().map(|mutant| format!("{}: {}\n", mutant.line, mutant.what)).collect()
    }

    #[test]
    fn each_command_is_left_out_and_each_value_changed() {
        let text = "# plug\nip netns exec red sysctl -w net.ipv4.ip_forward=1\n\
                    ip -n red addr add 10.0.0.1/24 dev a && ip -n blue link set b up\n";
        assert_eq!(
            told(Language::Shell, text),
            "\
2: without `ip netns exec red sysctl -w net.ipv4.ip_forward=1`
2: `red` → `blue` in `ip netns exec red sysctl -w net.ipv4.ip_forward=1`
2: `1` → `0` in `ip netns exec red sysctl -w net.ipv4.ip_forward=1`
3: without `ip -n red addr add 10.0.0.1/24 dev a`
3: `red` → `blue` in `ip -n red addr add 10.0.0.1/24 dev a`
3: `10.0.0.1/24` → `10.0.0.1/16` in `ip -n red addr add 10.0.0.1/24 dev a`
3: `10.0.0.1/24` → `10.0.0.1/25` in `ip -n red addr add 10.0.0.1/24 dev a`
3: `10.0.0.1/24` → `10.0.0.1/30` in `ip -n red addr add 10.0.0.1/24 dev a`
3: `10.0.0.1/24` → `10.0.0.1/32` in `ip -n red addr add 10.0.0.1/24 dev a`
3: `10.0.0.1/24` → `10.0.0.65/24` in `ip -n red addr add 10.0.0.1/24 dev a`
3: `10.0.0.1/24` → `10.0.64.1/24` in `ip -n red addr add 10.0.0.1/24 dev a`
3: `a` → `b` in `ip -n red addr add 10.0.0.1/24 dev a`
3: without `ip -n blue link set b up`
3: `blue` → `red` in `ip -n blue link set b up`
3: `b` → `a` in `ip -n blue link set b up`
3: `up` → `down` in `ip -n blue link set b up`
"
        );
        let texts: Vec<String> = of(Language::Shell, text).into_iter().map(|mutant| mutant.text).collect();
        assert!(texts[0].starts_with("# plug\n:\nip -n red"), "{}", texts[0]);
        assert!(texts[3].ends_with("\n: && ip -n blue link set b up\n"), "{}", texts[3]);
    }

    #[test]
    fn firewalls_and_ports_are_changed() {
        let text = "iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to 10.0.0.2:8080\n\
                    iptables -P FORWARD DROP\niptables -A FORWARD -j ACCEPT\n";
        let told = told(Language::Shell, text);
        for what in
            ["`80` → `81`", "`10.0.0.2:8080` → `10.0.0.2:8081`", "`DROP` → `ACCEPT`", "`ACCEPT` → `DROP`"]
        {
            assert!(told.contains(what), "{what}: {told}");
        }
    }

    #[test]
    fn a_document_goes_with_its_command() {
        let text = "cat > f <<EOF\n  a; b\nEOF\necho 'x; y' # z\nfor i in 1 2; do\n  ip link add v$i\ndone\n";
        let told = told(Language::Shell, text);
        assert_eq!(
            told,
            "1: without `cat > f <<EOF a; b EOF`\n4: without `echo 'x; y'`\n\
             5: without `1` in `for i in 1 2`\n5: without `2` in `for i in 1 2`\n6: without `ip link add v$i`\n"
        );
        let texts: Vec<String> = of(Language::Shell, text).into_iter().map(|mutant| mutant.text).collect();
        assert!(texts[0].starts_with(":\n\n\necho"), "{:?}", texts[0]);
    }

    #[test]
    fn what_may_be_another_is_not_changed() {
        let text = "ip addr add 10.0.0.1/24 dev a # nslab: any\nip link set a up # nslab: optional\n";
        assert_eq!(told(Language::Shell, text), "1: without `ip addr add 10.0.0.1/24 dev a`\n");
    }

    #[test]
    fn a_command_of_a_block_is_one() {
        let text = "for x in a b; do ip link set $x up; done\nif true; then\n  ip link set c up\nfi\n";
        assert_eq!(
            told(Language::Shell, text),
            "\
1: without `a` in `for x in a b`
1: without `b` in `for x in a b`
1: without `ip link set $x up`
1: `up` → `down` in `ip link set $x up`
3: without `ip link set c up`
3: `up` → `down` in `ip link set c up`
"
        );
        let texts: Vec<String> = of(Language::Shell, text).into_iter().map(|mutant| mutant.text).collect();
        assert!(texts[0].starts_with("for x in  b; do"), "{}", texts[0]);
        assert!(texts[2].starts_with("for x in a b; do :; done\n"), "{}", texts[2]);
        assert!(texts[4].ends_with("then\n  :\nfi\n"), "{}", texts[4]);
    }

    #[test]
    fn words_that_are_mistaken_for_each_other_are_swapped() {
        let shell = "iptables -A FORWARD -i a -o b -p tcp --dport 80 -j ACCEPT\n\
                     ip rule add from 10.0.0.0/8 lookup 100\nip route add blackhole 10.1.0.0/16\n";
        let told_shell = told(Language::Shell, shell);
        for what in [
            "`FORWARD` → `INPUT`",
            "`a` → `b`",
            "`b` → `a`",
            "`tcp` → `udp`",
            "`80` → `81`",
            "`100` → `101`",
            "`blackhole` → `prohibit`",
            "`10.0.0.0/8` → `10.0.0.0/9`",
            "`10.0.0.0/8` → `10.0.0.0/0`",
        ] {
            assert!(told_shell.contains(what), "{what}: {told_shell}");
        }
        let own = "red.up(\"a\");\nallow(\"forward\", #{dport: 80, iif: \"a\", oif: \"b\"});\ndnat(\"tcp\", 80, \"10.0.0.2:80\");\n";
        let told_own = told(Language::Rhai, own);
        for what in [
            "`red.up` → `red.down`",
            "`allow` → `block`",
            "`forward` → `input`",
            "2: `80` → `81`",
            "3: `80` → `81`",
            "`a` → `b`",
            "`tcp` → `udp`",
        ] {
            assert!(told_own.contains(what), "{what}: {told_own}");
        }
    }

    #[test]
    fn statements_of_our_own_are_left_out() {
        let text = "// plug\nlet x = 1;\nveth(red, \"a;\", // a\n  blue, \"b\");\nred.addr_add(\"a\", \"fd00::1/64\");\n";
        assert_eq!(
            told(Language::Rhai, text),
            "\
3: without `veth(red, \"a;\", // a blue, \"b\");`
5: without `red.addr_add(\"a\", \"fd00::1/64\");`
5: `fd00::1/64` → `fd00::1/56` in `red.addr_add(\"a\", \"fd00::1/64\");`
5: `fd00::1/64` → `fd00::1/65` in `red.addr_add(\"a\", \"fd00::1/64\");`
5: `fd00::1/64` → `fd00::1/126` in `red.addr_add(\"a\", \"fd00::1/64\");`
5: `fd00::1/64` → `fd00::1/128` in `red.addr_add(\"a\", \"fd00::1/64\");`
5: `fd00::1/64` → `fd00::41/64` in `red.addr_add(\"a\", \"fd00::1/64\");`
5: `fd00::1/64` → `fd00:0:0:40::1/64` in `red.addr_add(\"a\", \"fd00::1/64\");`
"
        );
    }
}
