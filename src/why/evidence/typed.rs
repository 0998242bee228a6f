//! The lab's commands, parsed as `ip` parses them: the addresses that were given, the
//! commands that were refused, and the addresses that got lost.

use crate::event::LabCommand;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A command that acts in a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) struct Typed<'a> {
    /// The namespace.
    pub ns: String,
    /// The program: `ip`, `iptables`, `sysctl`, ….
    pub program: String,
    /// The words after the program. For `ip`, `bridge` and `tc` the options are left out,
    /// and the object and the verb have one spelling: `addr`, `neigh`, `del`.
    pub words: Vec<String>,
    /// All words as they were typed, including the namespace, with the lab's variables
    /// expanded.
    pub raw: Vec<String>,
    /// The command as it was typed, and its error if it was refused.
    pub command: &'a LabCommand,
}

impl Typed<'_> {
    /// Tells whether the command begins with these words.
    pub fn is(&self, program: &str, words: &[&str]) -> bool {
        self.program == program
            && self.words.len() >= words.len()
            && words.iter().zip(&self.words).all(|(a, b)| a == b)
    }

    /// Returns the word after another one.
    pub fn after(&self, word: &str) -> Option<&str> {
        let at = self.words.iter().position(|known| known == word)?;
        self.words.get(at + 1).map(String::as_str)
    }
}

/// Parses the lab's commands.
pub(in crate::why) fn read(lab_commands: &[LabCommand]) -> Vec<Typed<'_>> {
    let mut variables = BTreeMap::new();
    lab_commands
        .iter()
        .filter_map(|command| {
            variables.extend(assigned(&command.command));
            typed(command, &variables)
        })
        .collect()
}

/// Returns the variables that a command sets, if it does nothing else.
fn assigned(command: &str) -> Vec<(String, String)> {
    let words = shell_words::split(command).unwrap_or_default();
    let pair = |word: &String| {
        let (name, value) = word.split_once('=')?;
        let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.is_empty();
        is_name.then(|| (name.to_string(), value.to_string()))
    };
    let words = words.iter().skip_while(|word| matches!(word.as_str(), "export" | "local" | "declare"));
    words.map(pair).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// Returns a word with the variables expanded.
fn expanded(word: &str, variables: &BTreeMap<String, String>) -> String {
    let mut word = word.to_string();
    for (name, value) in variables.iter().rev() {
        word = word.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value);
    }
    word
}

/// Returns the words of the first command of a line, without redirections.
fn own_words(words: Vec<String>) -> Vec<String> {
    let mut own = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if matches!(word.as_str(), ";" | "&&" | "||" | "|" | "&") {
            break;
        }
        let arrow = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
        if matches!(arrow, ">" | ">>" | "<") {
            words.next();
        } else if !arrow.starts_with('>') {
            own.push(word);
        }
    }
    own
}

fn typed<'a>(command: &'a LabCommand, variables: &BTreeMap<String, String>) -> Option<Typed<'a>> {
    let words = shell_words::split(&command.command).ok()?;
    let mut words = own_words(words.iter().map(|word| expanded(word, variables)).collect());
    let mut ns = "host".to_string();
    while matches!(words.first()?.as_str(), "sudo" | "exec" | "command" | "time" | "!") {
        words.remove(0);
    }
    let raw = words.clone();
    loop {
        match words.first()?.as_str() {
            "ip" if words.get(1).is_some_and(|word| word == "netns")
                && words.get(2).is_some_and(|word| word == "exec") =>
            {
                ns = words.get(3)?.clone();
                words.drain(..4);
            }
            _ => break,
        }
    }
    let program = words.remove(0).rsplit('/').next()?.to_string();
    if matches!(program.as_str(), "ip" | "bridge" | "tc") {
        while words.first().is_some_and(|word| word.starts_with('-')) {
            let option = words.remove(0);
            if matches!(option.as_str(), "-n" | "-netns") {
                ns = (!words.is_empty()).then(|| words.remove(0))?;
            }
        }
        if let Some(object) = words.first_mut() {
            let full = ["address", "link", "route", "rule", "neighbour", "netns", "tuntap", "xfrm"];
            let known = full.iter().find(|name| name.starts_with(object.as_str())).copied();
            *object = match known.unwrap_or(object.as_str()) {
                "address" => "addr".into(),
                "neighbour" => "neigh".into(),
                other => other.to_string(),
            };
        }
        if let Some(verb) = words.get_mut(1) {
            let full = ["add", "append", "change", "replace", "delete", "set", "flush", "show"];
            let known = full
                .iter()
                .find(|name| {
                    name.starts_with(verb.as_str()) && verb.len() > 1 || **name == "add" && verb == "a"
                })
                .copied();
            *verb = match known.unwrap_or(verb.as_str()) {
                "delete" => "del".into(),
                other => other.to_string(),
            };
        }
    }
    Some(Typed { ns, program, words, raw, command })
}

/// An address that a namespace was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) struct Given {
    pub ns: String,
    pub dev: String,
    pub ip: IpAddr,
    /// The address as it was typed, with its mask.
    pub text: String,
    /// Later events that may have removed the address.
    pub since: Vec<Since>,
}

/// An event, other than its deletion, that may remove an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) enum Since {
    /// Its link was moved to another namespace.
    Moved(String),
    /// Its link was switched off.
    Down,
    /// Another address of the link was deleted.
    OtherDeleted(String),
    /// Its link, or the link's other end, was deleted.
    LinkDeleted(String),
}

/// Returns the addresses that were given and not deleted by a command.
pub(in crate::why) fn given(all: &[Typed]) -> Vec<Given> {
    let mut given: Vec<Given> = Vec::new();
    for typed in all.iter().filter(|typed| typed.command.failed.is_none()) {
        let dev = typed.after("dev");
        if typed.is("ip", &["addr", "add"]) || typed.is("ip", &["addr", "replace"]) {
            let text = typed
                .words
                .get(2)
                .filter(|word| *word != "dev")
                .cloned()
                .or_else(|| typed.words.last().cloned());
            let ip = text.as_deref().and_then(|text| text.split('/').next()?.parse().ok());
            if let (Some(dev), Some(text), Some(ip)) = (dev, text, ip) {
                given.push(Given { ns: typed.ns.clone(), dev: dev.into(), ip, text, since: Vec::new() });
            }
        } else if typed.is("ip", &["addr", "del"]) {
            let gone = typed.words.get(2).cloned().unwrap_or_default();
            let ip = gone.split('/').next().unwrap_or_default().parse::<IpAddr>().ok();
            let here = |known: &Given| known.ns == typed.ns && Some(known.dev.as_str()) == dev;
            given.retain(|known| !(here(known) && Some(known.ip) == ip));
            for known in given.iter_mut().filter(|known| here(known)) {
                known.since.push(Since::OtherDeleted(gone.clone()));
            }
        } else if typed.is("ip", &["addr", "flush"]) {
            given.retain(|known| known.ns != typed.ns || dev.is_some_and(|dev| dev != known.dev));
        } else if typed.is("ip", &["link", "del"]) {
            let name = dev.or(typed.words.get(2).map(String::as_str)).unwrap_or_default().to_string();
            let words = format!("{} in {}", name, typed.ns);
            for known in &mut given {
                // A veth's other end goes too, in whatever namespace it is.
                known.since.push(Since::LinkDeleted(words.clone()));
            }
        } else if typed.is("ip", &["link", "set"]) {
            let name = dev.or(typed.words.get(2).map(String::as_str)).unwrap_or_default().to_string();
            let (netns, new) = (typed.after("netns"), typed.after("name"));
            let down = typed.words.iter().any(|word| word == "down");
            for known in given.iter_mut().filter(|known| known.ns == typed.ns && known.dev == name) {
                if let Some(netns) = netns {
                    known.ns = if netns == "1" { "host".into() } else { netns.into() };
                    known.since.push(Since::Moved(typed.command.command.clone()));
                }
                if let Some(new) = new {
                    known.dev = new.into();
                }
                if down {
                    known.since.push(Since::Down);
                }
            }
        }
    }
    given
}

/// Returns all addresses that a link was ever given, with their masks.
pub(in crate::why) fn once_given(all: &[Typed], ns: &str, dev: &str) -> Vec<(IpAddr, String)> {
    let adds = |typed: &&Typed| {
        typed.is("ip", &["addr", "add"]) && typed.ns == ns && typed.after("dev") == Some(dev)
    };
    let given = all.iter().filter(|typed| typed.command.failed.is_none()).filter(adds);
    let texts = given.filter_map(|typed| typed.words.get(2));
    texts.filter_map(|text| Some((text.split('/').next()?.parse().ok()?, text.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Place;

    fn command(command: &str) -> LabCommand {
        LabCommand { place: Place::default(), command: command.into(), failed: None }
    }

    #[test]
    fn commands_are_read_as_ip_reads_them() {
        let lab_commands = [
            command("sudo ip -n red a add 10.0.0.1/24 dev eth0"),
            command("ip netns exec blue iptables -A INPUT -j DROP"),
        ];
        let read = read(&lab_commands);
        assert!(read[0].is("ip", &["addr", "add"]));
        assert_eq!((read[0].ns.as_str(), read[0].after("dev")), ("red", Some("eth0")));
        assert_eq!((read[1].ns.as_str(), read[1].program.as_str()), ("blue", "iptables"));
    }

    #[test]
    fn an_address_goes_with_its_link() {
        let lab_commands =
            [command("ip addr add 10.0.0.1/24 dev vred"), command("ip link set vred netns red")];
        let given = given(&read(&lab_commands));
        assert_eq!((given[0].ns.as_str(), given[0].dev.as_str()), ("red", "vred"));
        assert!(matches!(given[0].since[..], [Since::Moved(_)]));
        let lab_commands =
            [command("ip addr add 10.0.0.1/24 dev e"), command("ip addr del 10.0.0.1/24 dev e")];
        assert!(super::given(&super::read(&lab_commands)).is_empty());
    }
}
