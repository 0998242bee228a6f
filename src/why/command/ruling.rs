//! Conditions of firewall rules, in the words of iptables and of nft, and whether a
//! packet meets them.

use crate::net::survey::Net;
use crate::net::{Backend, Culprit, FirewallRule, RulePart, TracedPacket, protocol_number, typed_words};
use crate::why::evidence::ground::network;
use std::net::IpAddr;

/// The property of a packet that a condition checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::why) enum Of {
    Src,
    Dst,
    In,
    Out,
    Proto,
    Sport,
    Dport,
    Icmp,
    State,
    /// Another property, which is not evaluated here.
    Other,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) struct Clause {
    pub of: Of,
    pub not: bool,
    pub value: String,
    /// The indexes of the condition's first word, and of the word with its value.
    from: usize,
    at: usize,
}

/// A rule, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) struct Ruling {
    /// The rule's words, in their order.
    words: Vec<String>,
    /// Whether they are nft's.
    native: bool,
    pub clauses: Vec<Clause>,
}

/// A packet at a firewall.
#[derive(Debug, Clone)]
pub(in crate::why) struct View<'a> {
    pub packet: &'a TracedPacket,
    pub iif: Option<&'a str>,
    pub oif: Option<&'a str>,
    /// Whether the packet is a reply.
    pub reply: bool,
}

impl Ruling {
    pub fn of(rule: &FirewallRule) -> Self {
        if rule.backend == Backend::Nft { Self::of_parts(&rule.parts) } else { Self::read(&rule.spec) }
    }

    pub fn of_culprit(culprit: &Culprit) -> Self {
        if culprit.backend == Backend::Nft {
            Self::of_parts(&culprit.parts)
        } else {
            Self::read(&culprit.spec)
        }
    }

    /// Reads a rule in the words of iptables and its like.
    pub fn read(spec: &str) -> Self {
        let words = shell_words::split(spec).unwrap_or_default();
        let mut clauses = Vec::new();
        let (mut at, mut not) = (0, false);
        // arptables prints conditions behind the target.
        let mut behind = false;
        while at < words.len() {
            let of = match words[at].as_str() {
                "!" => {
                    not = true;
                    at += 1;
                    continue;
                }
                "-j" | "-g" | "--jump" | "--goto" => {
                    behind = true;
                    at += 2;
                    continue;
                }
                "--match-set" => {
                    let value = words.get(at + 1..at + 3).unwrap_or_default().join(" ");
                    clauses.push(Clause { of: Of::Other, not, value, from: at, at: at + 1 });
                    not = false;
                    at += 3;
                    continue;
                }
                "-m" | "--match" | "--comment" => {
                    at += 2;
                    continue;
                }
                "-s" | "--source" | "--src-range" => Of::Src,
                "-d" | "--destination" | "--dst-range" => Of::Dst,
                "-i" | "--in-interface" => Of::In,
                "-o" | "--out-interface" => Of::Out,
                "-p" | "--protocol" => Of::Proto,
                "--dport" | "--destination-port" | "--dports" | "--destination-ports" => Of::Dport,
                "--sport" | "--source-port" | "--sports" | "--source-ports" => Of::Sport,
                "--icmp-type" | "--icmpv6-type" => Of::Icmp,
                "--ctstate" | "--state" => Of::State,
                // These are options of the target.
                _ if behind => break,
                _ => Of::Other,
            };
            // An option has one value, several, or none.
            let is_option = |word: &String| word == "!" || word.len() > 1 && word.starts_with('-');
            let values = words[at + 1..].iter().take_while(|word| !is_option(word)).count();
            let value = words.get(at + 1).filter(|_| values > 0).cloned().unwrap_or_default();
            clauses.push(Clause { of, not, value, from: at, at: at + values.min(1) });
            not = false;
            at += 1 + values;
        }
        Self { words, native: false, clauses }
    }

    /// Reads a rule in nft's words.
    pub fn of_parts(parts: &[RulePart]) -> Self {
        let (mut words, mut clauses) = (Vec::new(), Vec::new());
        for part in parts {
            let (field, operator, value) = match part {
                RulePart::Match { field, operator, value } => (field, operator.as_str(), value),
                RulePart::Condition { condition } => {
                    let from = words.len();
                    words.extend(condition.split(' ').map(String::from));
                    let (of, value, at) = (Of::Other, condition.clone(), words.len() - 1);
                    clauses.push(Clause { of, not: false, value, from, at });
                    continue;
                }
                RulePart::Statement { statement } => {
                    words.extend(statement.split(' ').map(String::from));
                    continue;
                }
            };
            let from = words.len();
            let (of, protocol) = property(field);
            words.extend(field.split(' ').map(String::from));
            words.extend(Some(operator).filter(|operator| !operator.is_empty()).map(String::from));
            clauses.extend(protocol.map(|value| {
                let (of, not, value) = (Of::Proto, false, value.into());
                Clause { of, not, value, from, at: from }
            }));
            let (of, not) = match operator {
                "" | "==" => (of, false),
                // Of an unknown property it is not known what is left out.
                "!=" | "!" => (of, of != Of::Other),
                _ => (Of::Other, false),
            };
            let at = words.len();
            clauses.push(Clause { of, not, value: value.trim_matches('"').into(), from, at });
            words.push(value.clone());
        }
        Self { words, native: true, clauses }
    }

    /// Returns the conditions that a packet does not meet, and those that can't be
    /// evaluated.
    pub fn failing(&self, view: &View) -> Vec<&Clause> {
        self.clauses.iter().filter(|clause| clause.holds(view) != Some(true)).collect()
    }

    /// Returns the rule's words with another value in one condition.
    pub fn with(&self, clause: &Clause, value: &str) -> String {
        let mut words = self.words.clone();
        // iptables repeats the protocol as the name of the match for its ports.
        if clause.of == Of::Proto && !self.native {
            words.iter_mut().filter(|word| **word == clause.value).for_each(|word| *word = value.into());
        }
        if let Some(word) = words.get_mut(clause.at) {
            *word = match self.native && matches!(clause.of, Of::In | Of::Out) {
                true => format!("\"{value}\""),
                false => value.into(),
            };
        }
        match self.native {
            true => words.join(" "),
            false => typed_words(&words.iter().map(String::as_str).collect::<Vec<_>>()),
        }
    }

    /// Returns the rule's words as one types them.
    pub fn typed(&self) -> String {
        match self.native {
            true => self.words.join(" "),
            false => typed_words(&self.words.iter().map(String::as_str).collect::<Vec<_>>()),
        }
    }

    /// Returns the rule's words without one condition, on which no other depends.
    pub fn without(&self, clause: &Clause) -> String {
        let mut words = self.words.clone();
        words.drain(clause.from..=clause.at);
        Self { words, ..self.clone() }.typed()
    }

    /// Returns the rule's words for the other direction: source and destination are
    /// swapped, and so are the two interfaces.
    pub fn reversed(&self) -> String {
        let mut words = self.words.clone();
        let pairs: &[(&str, &str)] = match self.native {
            true => &[("saddr", "daddr"), ("sport", "dport"), ("iifname", "oifname"), ("iif", "oif")],
            false => &[
                ("-s", "-d"),
                ("--source", "--destination"),
                ("--src-range", "--dst-range"),
                ("-i", "-o"),
                ("--in-interface", "--out-interface"),
                ("--sport", "--dport"),
                ("--sports", "--dports"),
                ("--source-port", "--destination-port"),
                ("--source-ports", "--destination-ports"),
            ],
        };
        for word in &mut words {
            for (one, other) in pairs {
                if word == one {
                    *word = (*other).into();
                } else if word == other {
                    *word = (*one).into();
                }
            }
        }
        Self { words, ..self.clone() }.typed()
    }

    /// Returns the word after another one.
    pub fn after(&self, word: &str) -> Option<&str> {
        let at = self.words.iter().position(|known| known == word)?;
        self.words.get(at + 1).map(String::as_str)
    }

    /// Returns the rule's words with another word after `word`.
    pub fn with_after(&self, word: &str, value: &str) -> Option<String> {
        let at = self.words.iter().position(|known| known == word)? + 1;
        Some(self.with(&Clause { of: Of::Other, not: false, value: String::new(), from: at, at }, value))
    }
}

/// The property that a field of nft is, and the protocol that it implies.
fn property(field: &str) -> (Of, Option<&str>) {
    match field {
        "iifname" | "iif" | "meta iifname" | "meta iif" => (Of::In, None),
        "oifname" | "oif" | "meta oifname" | "meta oif" => (Of::Out, None),
        "ip saddr" | "ip6 saddr" => (Of::Src, None),
        "ip daddr" | "ip6 daddr" => (Of::Dst, None),
        "ip protocol" | "ip6 nexthdr" | "meta l4proto" => (Of::Proto, None),
        "th dport" => (Of::Dport, None),
        "th sport" => (Of::Sport, None),
        "tcp dport" => (Of::Dport, Some("tcp")),
        "tcp sport" => (Of::Sport, Some("tcp")),
        "udp dport" => (Of::Dport, Some("udp")),
        "udp sport" => (Of::Sport, Some("udp")),
        "icmp type" => (Of::Icmp, Some("icmp")),
        "icmpv6 type" => (Of::Icmp, Some("icmpv6")),
        "ct state" => (Of::State, None),
        _ => (Of::Other, None),
    }
}

impl Clause {
    /// Tells whether a packet meets the condition; returns nothing if that can't be
    /// evaluated.
    pub fn holds(&self, view: &View) -> Option<bool> {
        let packet = view.packet;
        let is = match self.of {
            Of::Src => any(&self.value, |one| in_net(one, packet.src?))?,
            Of::Dst => any(&self.value, |one| in_net(one, packet.dst?))?,
            Of::In => any(&self.value, |one| Some(is_link(one, view.iif?)))?,
            Of::Out => any(&self.value, |one| Some(is_link(one, view.oif?)))?,
            Of::Proto => any(&self.value, |one| Some(is_proto(one, packet.proto?)))?,
            Of::Sport => any(&self.value, |one| in_ports(one, packet.sport?))?,
            Of::Dport => any(&self.value, |one| in_ports(one, packet.dport?))?,
            Of::Icmp => any(&self.value, |one| is_icmp(one, packet.icmp?.kind))?,
            Of::State => {
                let state = if view.reply { "established" } else { "new" };
                any(&self.value, |one| Some(one.eq_ignore_ascii_case(state)))?
            }
            Of::Other => return None,
        };
        Some(is != self.not)
    }

    /// Returns the value with which the packet would meet the condition, with the same
    /// prefix length.
    pub fn meant(&self, view: &View) -> Option<String> {
        let packet = view.packet;
        if self.not || self.value.contains([',', '{', '@']) {
            return None;
        }
        let like = |ip: IpAddr| match self.value.split_once('/').and_then(|(_, len)| len.parse::<u8>().ok()) {
            Some(len) if len != 32 && len != 128 => network(ip, len).to_string(),
            _ => ip.to_string(),
        };
        match self.of {
            Of::Src => packet.src.map(like),
            Of::Dst => packet.dst.map(like),
            Of::In => view.iif.map(String::from),
            Of::Out => view.oif.map(String::from),
            Of::Sport => packet.sport.map(|port| port.to_string()),
            Of::Dport => packet.dport.map(|port| port.to_string()),
            // As a word of a field it is `icmpv6`.
            Of::Proto if self.from == self.at && packet.proto == Some(58) => Some("icmpv6".into()),
            Of::Proto => packet.proto.and_then(proto_name).map(String::from),
            // Only echo request and echo reply are mixed up in practice.
            Of::Icmp => match (packet.icmp?.kind, self.value.as_str()) {
                (8 | 128, "0" | "129" | "echo-reply" | "") => Some("echo-request".into()),
                (0 | 129, "8" | "128" | "echo-request" | "") => Some("echo-reply".into()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the value with the packet's own added, if it is a list or a range.
    pub fn extended(&self, view: &View) -> Option<String> {
        let one = self.seen(view).filter(|_| !self.not && !self.value.starts_with('@'))?;
        if let (Of::Src | Of::Dst, Some((first, last))) = (self.of, self.value.split_once('-')) {
            let ip: IpAddr = one.parse().ok()?;
            let (first, last): (IpAddr, IpAddr) = (first.parse().ok()?, last.parse().ok()?);
            return (first.is_ipv4() == ip.is_ipv4()).then(|| format!("{}-{}", first.min(ip), last.max(ip)));
        }
        match self.value.strip_suffix('}') {
            Some(list) => Some(format!("{}, {one} }}", list.trim_end())),
            None => self.value.contains(',').then(|| format!("{},{one}", self.value)),
        }
    }

    /// Returns the packet's own value.
    pub fn seen(&self, view: &View) -> Option<String> {
        let narrow = Self { value: String::new(), not: false, ..self.clone() };
        narrow.meant(view)
    }

    /// Names the property in a word or two.
    pub fn name(&self) -> &'static str {
        match self.of {
            Of::Src => "source",
            Of::Dst => "destination",
            Of::In => "incoming interface",
            Of::Out => "outgoing interface",
            Of::Proto => "protocol",
            Of::Sport => "source port",
            Of::Dport => "port",
            Of::Icmp => "ICMP type",
            Of::State => "connection state",
            Of::Other => "condition",
        }
    }
}

/// Tells whether one of several values, like `{ 22, 80 }` or `22,80`, matches.
fn any(values: &str, is: impl Fn(&str) -> Option<bool>) -> Option<bool> {
    let mut known = Some(false);
    for one in values.trim_matches(['{', '}']).split(',').map(|one| one.trim().trim_matches('"')) {
        match is(one) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => known = None,
        }
    }
    known
}

/// Tells whether an address is in `10.0.0.0/24`, is `10.0.0.1`, or lies
/// within `10.0.0.1-10.0.0.9`.
pub(in crate::why) fn in_net(net: &str, ip: IpAddr) -> Option<bool> {
    if let Some((first, last)) = net.split_once('-') {
        let (first, last): (IpAddr, IpAddr) = (first.parse().ok()?, last.parse().ok()?);
        return Some(first <= ip && ip <= last);
    }
    Some(Net::parse(net)?.contains(ip))
}

/// Tells whether a name, or the beginning of one, as `eth+`, is that of a link.
pub(in crate::why) fn is_link(name: &str, link: &str) -> bool {
    match name.strip_suffix(['+', '*']) {
        Some(start) => link.starts_with(start),
        None => name == link,
    }
}

fn is_proto(name: &str, number: u8) -> bool {
    name == "all" || protocol_number(name) == Some(number)
}

/// Names the protocols that a rule may have been meant for.
fn proto_name(number: u8) -> Option<&'static str> {
    match number {
        1 => Some("icmp"),
        6 => Some("tcp"),
        17 => Some("udp"),
        58 => Some("ipv6-icmp"),
        _ => None,
    }
}

fn in_ports(ports: &str, port: u16) -> Option<bool> {
    let (first, last) = ports.split_once([':', '-']).unwrap_or((ports, ports));
    Some((first.parse::<u16>().ok()?..=last.parse().ok()?).contains(&port))
}

fn is_icmp(name: &str, kind: u8) -> Option<bool> {
    let known: u8 = match name.split('/').next()? {
        "echo-reply" => return Some(matches!(kind, 0 | 129)),
        "echo-request" => return Some(matches!(kind, 8 | 128)),
        "destination-unreachable" => return Some(matches!(kind, 3 | 1)),
        "nd-neighbor-solicit" | "neighbour-solicitation" | "neighbor-solicitation" => 135,
        "nd-neighbor-advert" | "neighbour-advertisement" | "neighbor-advertisement" => 136,
        other => other.parse().ok()?,
    };
    Some(known == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet() -> TracedPacket {
        TracedPacket {
            src: Some([10, 0, 0, 1].into()),
            dst: Some([10, 0, 0, 2].into()),
            proto: Some(6),
            dport: Some(80),
            sport: Some(40000),
            ..TracedPacket::default()
        }
    }

    /// A comparison for equality.
    fn is(field: &str, value: &str) -> RulePart {
        RulePart::Match { field: field.into(), operator: String::new(), value: value.into() }
    }

    fn nft<const N: usize>(conditions: [RulePart; N]) -> Ruling {
        let parts: Vec<RulePart> =
            conditions.into_iter().chain([RulePart::Statement { statement: "accept".into() }]).collect();
        Ruling::of_parts(&parts)
    }

    fn failing(ruling: &Ruling) -> Vec<Of> {
        let packet = packet();
        let view = View { packet: &packet, iif: Some("eth0"), oif: None, reply: false };
        ruling.failing(&view).iter().map(|clause| clause.of).collect()
    }

    #[test]
    fn a_rule_is_judged_clause_by_clause() {
        let typed = |spec: &str| failing(&Ruling::read(spec));
        assert_eq!(typed("-s 10.0.0.0/24 -i eth+ -p tcp -m tcp --dport 80 -j ACCEPT"), []);
        assert_eq!(typed("! -s 10.0.0.0/24 -p tcp -m multiport --dports 22,80 -j X"), [Of::Src]);
        assert_eq!(typed("-p udp -m udp --dport 79:81 -j ACCEPT"), [Of::Proto]);
        assert_eq!(typed("-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"), [Of::State]);
        assert_eq!(typed("-m owner --uid-owner 0 -j ACCEPT"), [Of::Other]);
        assert_eq!(failing(&nft([is("iifname", "\"eth0\""), is("tcp dport", "{ 22, 80 }")])), []);
        let not = |field: &str, operator: &str, value: &str| RulePart::Match {
            field: field.into(),
            operator: operator.into(),
            value: value.into(),
        };
        let other = [not("ip saddr", "!=", "10.0.0.9"), is("tcp dport", "8080")];
        assert_eq!(failing(&nft(other)), [Of::Dport]);
        assert_eq!(failing(&nft([is("udp dport", "80")])), [Of::Proto]);
        assert_eq!(failing(&nft([not("ct state", "!", "established,related")])), []);
        assert_eq!(failing(&nft([not("tcp dport", ">=", "1024")])), [Of::Other]);
        assert_eq!(
            failing(&nft([RulePart::Condition { condition: "limit rate 1/second".into() }])),
            [Of::Other]
        );
    }

    #[test]
    fn a_rule_is_corrected_in_one_place() {
        let packet = packet();
        let view = View { packet: &packet, iif: Some("eth0"), oif: None, reply: false };
        let corrected = |ruling: Ruling| {
            let clause = ruling.failing(&view)[0];
            ruling.with(clause, &clause.meant(&view).unwrap())
        };
        let typed = |spec: &str| corrected(Ruling::read(spec));
        assert_eq!(typed("-s 10.0.1.0/24 -p tcp -j ACCEPT"), "-s 10.0.0.0/24 -p tcp -j ACCEPT");
        assert_eq!(typed("-p udp -m udp --dport 80 -j ACCEPT"), "-p tcp -m tcp --dport 80 -j ACCEPT");
        assert_eq!(corrected(nft([is("iifname", "\"eht0\"")])), "iifname \"eth0\" accept");
        assert_eq!(corrected(nft([is("tcp dport", "8080")])), "tcp dport 80 accept");
        assert_eq!(corrected(nft([is("udp dport", "80")])), "tcp dport 80 accept");
    }

    #[test]
    fn a_rule_is_turned_round_or_made_wider() {
        let packet = packet();
        let view = View { packet: &packet, iif: Some("eth0"), oif: None, reply: false };
        let rule = Ruling::read("-s 10.0.0.2 -i a -o b -p tcp -j ACCEPT");
        assert_eq!(rule.reversed(), "-d 10.0.0.2 -o a -i b -p tcp -j ACCEPT");
        let rule = nft([is("ip saddr", "10.0.0.2"), is("iifname", "\"a\""), is("meta l4proto", "tcp")]);
        assert_eq!(rule.reversed(), "ip daddr 10.0.0.2 oifname \"a\" meta l4proto tcp accept");
        let proto = |rule: &Ruling| rule.clauses.iter().find(|one| one.of == Of::Proto).cloned().unwrap();
        assert_eq!(rule.without(&proto(&rule)), "ip saddr 10.0.0.2 iifname \"a\" accept");
        let rule = Ruling::read("-p tcp -f -m multiport --sports 1,2 --tcp-flags SYN,ACK SYN -j ACCEPT");
        assert_eq!(rule.reversed(), "-p tcp -f -m multiport --dports 1,2 --tcp-flags SYN,ACK SYN -j ACCEPT");
        let of: Vec<Of> = rule.clauses.iter().map(|clause| clause.of).collect();
        assert_eq!(of, [Of::Proto, Of::Other, Of::Sport, Of::Other]);
        let rule = Ruling::read("-p udp -o r1 -j MASQUERADE");
        assert_eq!(rule.without(&proto(&rule)), "-o r1 -j MASQUERADE");
        let rule = Ruling::read("-m iprange --src-range 10.0.0.5-10.0.0.9 -j ACCEPT");
        assert_eq!(rule.failing(&view)[0].extended(&view).as_deref(), Some("10.0.0.1-10.0.0.9"));
    }
}
