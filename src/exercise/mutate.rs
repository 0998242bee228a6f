//! A solution with one thing wrong in it, in each way that one thinks of.
//!
//! Each command is left out; addresses, masks, ports, names of devices and of
//! namespaces, and words that turn something on or off become others. Behind
//! `nslab: any` in a comment at the end of its line, what is typed there may be
//! another: the command is left out, and not changed. `nslab: optional` lets it
//! be.

use crate::lab::{Language, Solution};
use std::collections::BTreeSet;
use std::ops::Range;

/// A solution with one thing wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// The line that was changed, from 1.
    pub line: usize,
    /// What was changed, as `/24 → /32`.
    pub what: String,
    /// The whole text.
    pub text: String,
}

/// Words that turn something on, and those that turn it off.
const OPPOSITES: [(&str, &str); 6] = [
    ("up", "down"),
    ("ACCEPT", "DROP"),
    ("accept", "drop"),
    ("REJECT", "ACCEPT"),
    ("reject", "accept"),
    ("MASQUERADE", "RETURN"),
];

/// Words behind which a name stands that another could be mistaken for.
const NAMED: [&str; 8] = ["dev", "master", "netns", "-n", "exec", "-i", "-o", "nomaster"];

/// Words behind which a port stands.
const PORTS: [&str; 4] = ["--dport", "--sport", "dport", "sport"];

/// All mutants of a solution, in the order of its lines.
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
        all.push(mutant(text, command.clone(), "", format!("without `{}`", one_line(whole))));
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

fn mutant(text: &str, at: Range<usize>, instead: &str, what: String) -> Mutant {
    let line = text[..at.start].matches('\n').count() + 1;
    // A command that is left out leaves its line, so that all others stay.
    let kept: String = match instead.is_empty() {
        true => text[at.clone()].chars().filter(|c| *c == '\n').collect::<String>(),
        false => instead.into(),
    };
    let nothing = if instead.is_empty() && is_part(text, &at) { ":" } else { "" };
    let text = format!("{}{nothing}{kept}{}", &text[..at.start], &text[at.end..]);
    Mutant { line, what, text }
}

/// Tells whether something else stands on the line of a command of the shell,
/// which needs one beside it.
fn is_part(text: &str, at: &Range<usize>) -> bool {
    let before = text[..at.start].rsplit('\n').next().unwrap_or_default();
    let after = text[at.end..].split('\n').next().unwrap_or_default();
    before.trim_end().ends_with("&&") || after.trim_start().starts_with("&&")
}

/// A text in one line, and not too long a one.
fn one_line(text: &str) -> String {
    let text = text.split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(70) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What stands behind a command on its line.
fn comment(text: &str, end: usize) -> &str {
    text[end..].split('\n').next().unwrap_or_default()
}

/// The commands of a shell script: what stands between line ends, `;` and
/// `&&`, quotes, backslashes and here-documents being minded. Words of the
/// language that begin or end a block are none.
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
                // The document belongs to the command.
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
    const BLOCKS: [&str; 14] =
        ["for", "while", "until", "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "{", "}"];
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    let end = range.end - (part.len() - part.trim_end().len());
    let word = part.split_whitespace().next().unwrap_or_default();
    if start < end && !BLOCKS.contains(&word) && word != "set" {
        found.push(start..end);
    }
}

/// The statements of a script of our own vocabulary: what ends with `;`
/// outside of all brackets, strings and comments.
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
                // What later statements use can't be left out.
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

/// The words of a command: what stands between blanks, quotes, brackets,
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

/// Names that stand where another could stand.
fn names(text: &str) -> BTreeSet<(&str, &str)> {
    let all: Vec<&str> = words(text).map(|word| &text[word]).collect();
    let pairs = all.windows(2).filter(|pair| NAMED.contains(&pair[0]) && !pair[1].starts_with(['-', '$']));
    pairs.map(|pair| (pair[0], pair[1])).collect()
}

/// What could stand in place of a word, wrongly.
fn changed(word: &str, before: &str, names: &BTreeSet<(&str, &str)>) -> Vec<String> {
    let opposite = OPPOSITES.iter().find_map(|(one, other)| match word {
        _ if word == *one => Some(*other),
        _ if word == *other => Some(*one),
        _ => None,
    });
    if let Some(opposite) = opposite {
        return vec![opposite.into()];
    }
    if let Some((address, mask)) = word.split_once('/')
        && let (Some(other), Ok(mask)) = (other_address(address), mask.parse::<u8>())
    {
        let longest = if address.contains(':') { 128 } else { 32 };
        let wrong = if mask == longest { longest - 2 } else { longest };
        return vec![format!("{address}/{wrong}"), format!("{other}/{mask}")];
    }
    if let Some((address, port)) = word.rsplit_once(':')
        && let (Some(other), Ok(port)) = (other_address(address), port.parse::<u16>())
        && !address.contains(':')
    {
        return vec![format!("{other}:{port}"), format!("{address}:{}", port.wrapping_add(1))];
    }
    if let Some(other) = other_address(word) {
        return vec![other];
    }
    if PORTS.contains(&before)
        && let Ok(port) = word.parse::<u16>()
    {
        return vec![port.wrapping_add(1).to_string()];
    }
    let is_switch =
        |word: &str| word.starts_with("net.") || word.starts_with("net/") || word.contains("/net/");
    match word {
        "0" if is_switch(before) => return vec!["1".into()],
        "1" if is_switch(before) => return vec!["0".into()],
        _ => {}
    }
    if NAMED.contains(&before) {
        let other = names.iter().find(|(kind, name)| *kind == before && *name != word);
        return other.map(|(_, name)| (*name).to_string()).into_iter().collect();
    }
    Vec::new()
}

/// Another address, in another network.
fn other_address(text: &str) -> Option<String> {
    match text.parse().ok()? {
        std::net::IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            Some(format!("{a}.{b}.{}.{d}", c ^ 0x40))
        }
        std::net::IpAddr::V6(address) => {
            let mut parts = address.segments();
            parts[3] ^= 0x40;
            Some(std::net::Ipv6Addr::from(parts).to_string())
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
2: `1` → `0` in `ip netns exec red sysctl -w net.ipv4.ip_forward=1`
3: without `ip -n red addr add 10.0.0.1/24 dev a`
3: `red` → `blue` in `ip -n red addr add 10.0.0.1/24 dev a`
3: `10.0.0.1/24` → `10.0.0.1/32` in `ip -n red addr add 10.0.0.1/24 dev a`
3: `10.0.0.1/24` → `10.0.64.1/24` in `ip -n red addr add 10.0.0.1/24 dev a`
3: without `ip -n blue link set b up`
3: `blue` → `red` in `ip -n blue link set b up`
3: `up` → `down` in `ip -n blue link set b up`
"
        );
        let texts: Vec<String> = of(Language::Shell, text).into_iter().map(|mutant| mutant.text).collect();
        assert!(texts[0].starts_with("# plug\n\nip -n red"), "{}", texts[0]);
        assert!(texts[2].ends_with("\n: && ip -n blue link set b up\n"), "{}", texts[2]);
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
            "1: without `cat > f <<EOF a; b EOF`\n4: without `echo 'x; y'`\n6: without `ip link add v$i`\n"
        );
        let texts: Vec<String> = of(Language::Shell, text).into_iter().map(|mutant| mutant.text).collect();
        assert!(texts[0].starts_with("\n\n\necho"), "{:?}", texts[0]);
    }

    #[test]
    fn what_may_be_another_is_not_changed() {
        let text = "ip addr add 10.0.0.1/24 dev a # nslab: any\nip link set a up # nslab: optional\n";
        assert_eq!(told(Language::Shell, text), "1: without `ip addr add 10.0.0.1/24 dev a`\n");
    }

    #[test]
    fn statements_of_our_own_are_left_out() {
        let text = "// plug\nlet x = 1;\nveth(red, \"a;\", // a\n  blue, \"b\");\nred.addr_add(\"a\", \"fd00::1/64\");\n";
        assert_eq!(
            told(Language::Rhai, text),
            "\
3: without `veth(red, \"a;\", // a blue, \"b\");`
5: without `red.addr_add(\"a\", \"fd00::1/64\");`
5: `fd00::1/64` → `fd00::1/128` in `red.addr_add(\"a\", \"fd00::1/64\");`
5: `fd00::1/64` → `fd00:0:0:40::1/64` in `red.addr_add(\"a\", \"fd00::1/64\");`
"
        );
    }
}
