//! The effects of a cure, for a person.

use super::explanation::{Ink, paragraph};
use crate::event::{Explanation, Way};
use std::net::IpAddr;

/// The most other ways that are told.
const MOST_WAYS: usize = 4;

/// The programs that filter packets.
const FIREWALLS: [&str; 6] = ["iptables", "ip6tables", "ebtables", "arptables", "nft", "ipset"];

/// The effects of a cure that a person is told. Ways between the two namespaces of the question
/// are told only if the cure is about what a firewall lets pass.
#[derive(Default)]
pub(super) struct Told<'a> {
    /// The number of ways that are as they were.
    same: usize,
    /// Whether ways between the two namespaces were opened and are not told.
    hides: bool,
    lost: Vec<&'a Way>,
    /// The addresses that nobody reaches any more, with the namespaces that had them.
    gone: Vec<(IpAddr, &'a str)>,
    opened: Vec<&'a Way>,
}

impl<'a> Told<'a> {
    pub fn of(why: &'a Explanation) -> Self {
        let Some(effects) = &why.effects else {
            return Self::default();
        };
        let firewall = why.fix.iter().any(|command| is_of_filter(command));
        let opened: Vec<&Way> = effects.opened.iter().filter(|way| firewall || !way.own).collect();
        let mut gone: Vec<(IpAddr, &str)> = effects
            .lost
            .iter()
            .filter(|way| effects.gone.contains(&way.to))
            .map(|way| (way.to, way.owner.as_str()))
            .collect();
        gone.sort_unstable();
        gone.dedup();
        Self {
            same: effects.asked - effects.lost.len() - effects.opened.len(),
            hides: opened.len() < effects.opened.len(),
            lost: effects.lost.iter().filter(|way| !effects.gone.contains(&way.to)).collect(),
            gone,
            opened,
        }
    }

    /// Says that nothing else has changed, if that is so.
    pub fn nothing_else(&self) -> String {
        if self.same == 0 || !self.lost.is_empty() || !self.gone.is_empty() || !self.opened.is_empty() {
            return String::new();
        }
        let questions = if self.same == 1 { "question" } else { "questions" };
        match self.hides {
            true => format!(", and between others nothing has changed ({} {questions})", self.same),
            false => format!(", and nothing else has changed ({} other {questions})", self.same),
        }
    }

    /// Formats what has changed.
    pub fn others(&self, ink: Ink) -> String {
        let mut text = String::new();
        if !self.lost.is_empty() {
            text += &format!("{}\n", ink.bad(&Self::list("it breaks:", &self.lost)));
        }
        if !self.gone.is_empty() {
            let gone: Vec<String> = self.gone.iter().map(|(ip, owner)| format!("{ip} ({owner})")).collect();
            let told = paragraph(&format!("nobody reaches any more: {}", gone.join(", ")), "", "");
            text += &format!("{}\n", ink.bad(&told));
        }
        if !self.opened.is_empty() {
            text += &format!("{}\n", Self::list("it also opens:", &self.opened));
        }
        text
    }

    /// Lists ways, those between the same two namespaces as one.
    fn list(what: &str, ways: &[&Way]) -> String {
        let mut pairs: Vec<(&str, &str)> =
            ways.iter().map(|way| (way.from.as_str(), way.owner.as_str())).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let pair = |(from, to): &(&str, &str)| {
            let all: Vec<&&Way> = ways.iter().filter(|way| way.from == *from && way.owner == *to).collect();
            if all.iter().any(|way| way.port.is_none()) {
                return format!("{from} → {to}");
            }
            let mut ports: Vec<u16> = all.iter().filter_map(|way| way.port).collect();
            ports.sort_unstable();
            ports.dedup();
            let shown = ports.iter().filter(|port| **port != Way::SHUT).map(u16::to_string);
            let other = ports.contains(&Way::SHUT).then(|| "others".to_string());
            format!("{from} → {to} TCP {}", shown.chain(other).collect::<Vec<_>>().join("/"))
        };
        let mut words: Vec<String> = pairs.iter().take(MOST_WAYS).map(pair).collect();
        if pairs.len() > MOST_WAYS {
            words.push(format!("and {} more", pairs.len() - MOST_WAYS));
        }
        paragraph(&format!("{what} {}", words.join(", ")), "", "")
    }
}

/// Tells whether a command is about what a firewall lets pass: not about NAT, nor about what is
/// changed in packets.
fn is_of_filter(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    let words = match words[..] {
        ["ip", "netns", "exec", _, ref rest @ ..] => rest,
        ref all => all,
    };
    let program = words.first().map(|word| word.trim_end_matches("-nft").trim_end_matches("-legacy"));
    let other = |pair: &[&str]| {
        matches!(pair, ["-t" | "--table", "nat" | "mangle"]) || matches!(pair, ["ip" | "ip6" | "inet", "nat"])
    };
    program.is_some_and(|program| FIREWALLS.contains(&program)) && !words.windows(2).any(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Effects;

    #[test]
    fn commands_of_filters_are_known() {
        assert!(is_of_filter("ip netns exec nat iptables -A FORWARD -j ACCEPT"));
        assert!(is_of_filter("iptables-legacy -F") && is_of_filter("nft 'add rule inet f in accept'"));
        assert!(!is_of_filter("ip netns exec nft-gw sysctl -qw net.ipv4.ip_forward=1"));
        assert!(!is_of_filter("iptables -t nat -A POSTROUTING -j MASQUERADE"));
        assert!(!is_of_filter("nft add rule ip nat post masquerade"));
    }

    #[test]
    fn the_effects_of_a_cure_are_told() {
        let way = |from: &str, owner: &str, port: Option<u16>| Way {
            from: from.into(),
            source: None,
            owner: owner.into(),
            to: [10, 0, 2, 2].into(),
            port,
            own: (from, owner) == ("red", "blue"),
            open: false,
        };
        let told = |fix: &str, broken: Vec<Way>, opened: Vec<Way>| {
            let effects = Effects { asked: 9, lost: broken, opened, ..Effects::default() };
            let why = Explanation {
                fix: vec![fix.into()],
                proved: true,
                effects: Some(effects),
                ..Explanation::default()
            };
            let told = Told::of(&why);
            format!("{}\n{}", told.nothing_else(), told.others(Ink::Plain))
        };
        assert_eq!(
            told("ip link set a up", vec![], vec![]),
            ", and nothing else has changed (9 other questions)\n"
        );
        // The namespaces that the question joins: of a link, that goes without saying.
        let between = || vec![way("red", "blue", Some(80))];
        assert_eq!(
            told("ip link set a up", vec![], between()),
            ", and between others nothing has changed (8 questions)\n"
        );
        assert_eq!(told("iptables -F", vec![], between()), "\nit also opens: red → blue TCP 80\n");
        let opened = vec![
            way("green", "blue", Some(Way::SHUT)),
            way("green", "blue", Some(80)),
            way("green", "red", None),
            way("green", "red", Some(80)),
        ];
        assert_eq!(
            told("ip route del default", vec![way("blue", "green", None)], opened),
            "\nit breaks: blue → green\nit also opens: green → blue TCP 80/others, green → red\n"
        );
    }
}
