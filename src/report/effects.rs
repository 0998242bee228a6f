//! The effects of a cure, for a person.

use super::explanation::{Ink, paragraph};
use crate::event::{Explanation, Way};

/// The most other ways that are told.
const MOST_WAYS: usize = 4;

/// The programs that filter packets.
const FIREWALLS: [&str; 6] = ["iptables", "ip6tables", "ebtables", "arptables", "nft", "ipset"];

/// The effects of a cure that a person is told.
///
/// A way that lets one packet through is open to others too. So of the two namespaces that the
/// question joins no more is told, unless the cure is about what a firewall lets pass.
pub(super) struct Told<'a> {
    /// The number of ways that are as they were.
    same: usize,
    lost: Vec<&'a Way>,
    opened: Vec<&'a Way>,
}

impl<'a> Told<'a> {
    pub fn of(why: &'a Explanation) -> Self {
        let Some(effects) = &why.effects else {
            return Self { same: 0, lost: Vec::new(), opened: Vec::new() };
        };
        let filters = |command: &String| {
            let mut words = command.split(|c: char| c.is_whitespace() || c == '/');
            let other = words.clone().any(|word| matches!(word, "nat" | "mangle"));
            !other && words.any(|word| FIREWALLS.iter().any(|program| word.starts_with(program)))
        };
        let firewall = why.fix.iter().any(filters);
        let opened = effects.opened.iter().filter(|way| firewall || !way.own);
        Self {
            same: effects.asked - effects.lost.len() - effects.opened.len(),
            lost: effects.lost.iter().collect(),
            opened: opened.collect(),
        }
    }

    /// Says that nothing else has changed, if that is so.
    pub fn nothing_else(&self) -> String {
        match (self.lost.is_empty() && self.opened.is_empty(), self.same) {
            (true, 1) => ", and nothing else has changed (1 other question)".into(),
            (true, 2..) => format!(", and nothing else has changed ({} other questions)", self.same),
            _ => String::new(),
        }
    }

    /// Formats what has changed.
    pub fn others(&self, ink: Ink) -> String {
        let mut text = String::new();
        if !self.lost.is_empty() {
            text += &format!("{}\n", ink.bad(&Self::list("it breaks:", &self.lost)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Effects;

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
            let effects = Effects { asked: 9, lost: broken, opened };
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
            ", and nothing else has changed (8 other questions)\n"
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
