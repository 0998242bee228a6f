//! Conditions of firewall rules, in the words of iptables and of nft, and whether a
//! packet meets them.

use crate::net::{Backend, FirewallRule, TracedPacket, typed_words};
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
    /// The index of the word with the value.
    at: usize,
}

/// A rule, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) struct Ruling {
    words: Vec<String>,
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
        Self::read(rule.backend == Backend::Nft, &rule.spec)
    }

    pub fn read(native: bool, spec: &str) -> Self {
        if native { Self::read_nft(spec) } else { Self::read_xt(spec) }
    }

    fn read_xt(spec: &str) -> Self {
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
                    clauses.push(Clause { of: Of::Other, not, value, at: at + 1 });
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
            let value = words.get(at + 1).cloned().unwrap_or_default();
            clauses.push(Clause { of, not, value, at: at + 1 });
            not = false;
            at += 2;
        }
        Self { words, native: false, clauses }
    }

    fn read_nft(spec: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut open = false;
        for word in spec.split_whitespace() {
            match words.last_mut().filter(|_| open) {
                Some(last) => *last += &format!(" {word}"),
                None => words.push(word.into()),
            }
            open = (open || word.starts_with('{')) && !word.ends_with('}');
        }
        let mut clauses = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let word = words[at].as_str();
            let next = words.get(at + 1).map_or("", String::as_str);
            let (of, taken) = match (word, next) {
                ("iifname" | "iif", _) => (Of::In, 1),
                ("oifname" | "oif", _) => (Of::Out, 1),
                ("meta", "iifname" | "iif") => (Of::In, 2),
                ("meta", "oifname" | "oif") => (Of::Out, 2),
                ("ip" | "ip6", "saddr") => (Of::Src, 2),
                ("ip" | "ip6", "daddr") => (Of::Dst, 2),
                ("ip", "protocol") | ("ip6", "nexthdr") | ("meta", "l4proto") => (Of::Proto, 2),
                ("tcp" | "udp" | "th", "dport") => (Of::Dport, 2),
                ("tcp" | "udp" | "th", "sport") => (Of::Sport, 2),
                ("icmp" | "icmpv6", "type") => (Of::Icmp, 2),
                ("ct", "state") => (Of::State, 2),
                ("counter", _) => {
                    at += if next == "packets" { 5 } else { 1 };
                    continue;
                }
                (
                    "accept" | "drop" | "reject" | "jump" | "goto" | "return" | "queue" | "log" | "dnat"
                    | "snat" | "masquerade" | "redirect" | "notrack" | "comment",
                    _,
                ) => break,
                _ => (Of::Other, 1),
            };
            if matches!(of, Of::Dport | Of::Sport | Of::Icmp) && word != "th" {
                clauses.push(Clause { of: Of::Proto, not: false, value: word.into(), at });
            }
            at += taken;
            let not = words.get(at).is_some_and(|word| word == "!=");
            at += usize::from(not);
            let value = words.get(at).cloned().unwrap_or_default();
            clauses.push(Clause { of, not, value: value.trim_matches('"').into(), at });
            at += 1;
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
        let option = clause.at.saturating_sub(if self.native { 2 } else { 1 });
        words.drain(option..=clause.at);
        Self { words, ..self.clone() }.typed()
    }

    /// Returns the rule's words for the other direction: source and destination are
    /// swapped, and so are the two interfaces.
    pub fn reversed(&self) -> String {
        let mut words = self.words.clone();
        let pairs: &[(&str, &str)] = match self.native {
            true => &[("saddr", "daddr"), ("sport", "dport"), ("iifname", "oifname"), ("iif", "oif")],
            false => &[("-s", "-d"), ("--sport", "--dport"), ("-i", "-o")],
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
        Some(self.with(&Clause { of: Of::Other, not: false, value: String::new(), at }, value))
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
    let (base, len) = net.split_once('/').unwrap_or((net, ""));
    let base: IpAddr = base.parse().ok()?;
    let len = len.parse().unwrap_or(if base.is_ipv4() { 32 } else { 128 });
    Some(base.is_ipv4() == ip.is_ipv4() && network(base, len) == network(ip, len))
}

fn is_link(name: &str, link: &str) -> bool {
    match name.strip_suffix(['+', '*']) {
        Some(start) => link.starts_with(start),
        None => name == link,
    }
}

fn is_proto(name: &str, number: u8) -> bool {
    let known = match name {
        "icmp" => 1,
        "tcp" => 6,
        "udp" => 17,
        "esp" => 50,
        "ah" => 51,
        "icmpv6" | "ipv6-icmp" => 58,
        "sctp" => 132,
        "all" => return true,
        other => other.parse().unwrap_or(255),
    };
    known == number
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

    fn failing(native: bool, spec: &str) -> Vec<Of> {
        let packet = packet();
        let view = View { packet: &packet, iif: Some("eth0"), oif: None, reply: false };
        Ruling::read(native, spec).failing(&view).iter().map(|clause| clause.of).collect()
    }

    #[test]
    fn a_rule_is_judged_clause_by_clause() {
        assert_eq!(failing(false, "-s 10.0.0.0/24 -i eth+ -p tcp -m tcp --dport 80 -j ACCEPT"), []);
        assert_eq!(failing(false, "! -s 10.0.0.0/24 -p tcp -m multiport --dports 22,80 -j X"), [Of::Src]);
        assert_eq!(failing(false, "-p udp -m udp --dport 79:81 -j ACCEPT"), [Of::Proto]);
        assert_eq!(failing(false, "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"), [Of::State]);
        assert_eq!(failing(false, "-m owner --uid-owner 0 -j ACCEPT"), [Of::Other]);
        assert_eq!(
            failing(true, "iifname \"eth0\" tcp dport { 22, 80 } counter packets 0 bytes 0 accept"),
            []
        );
        assert_eq!(failing(true, "ip saddr != 10.0.0.9 tcp dport 8080 accept"), [Of::Dport]);
        assert_eq!(failing(true, "udp dport 80 accept"), [Of::Proto]);
    }

    #[test]
    fn a_rule_is_corrected_in_one_place() {
        let packet = packet();
        let view = View { packet: &packet, iif: Some("eth0"), oif: None, reply: false };
        let corrected = |native: bool, spec: &str| {
            let ruling = Ruling::read(native, spec);
            let clause = ruling.failing(&view)[0];
            ruling.with(clause, &clause.meant(&view).unwrap())
        };
        assert_eq!(corrected(false, "-s 10.0.1.0/24 -p tcp -j ACCEPT"), "-s 10.0.0.0/24 -p tcp -j ACCEPT");
        assert_eq!(corrected(true, "iifname \"eht0\" accept"), "iifname \"eth0\" accept");
        assert_eq!(corrected(true, "tcp dport 8080 accept"), "tcp dport 80 accept");
        assert_eq!(corrected(true, "udp dport 80 accept"), "tcp dport 80 accept");
        assert_eq!(
            corrected(false, "-p udp -m udp --dport 80 -j ACCEPT"),
            "-p tcp -m tcp --dport 80 -j ACCEPT"
        );
    }

    #[test]
    fn a_rule_is_turned_round_or_made_wider() {
        let packet = packet();
        let view = View { packet: &packet, iif: Some("eth0"), oif: None, reply: false };
        let rule = Ruling::read(false, "-s 10.0.0.2 -i a -o b -p tcp -j ACCEPT");
        assert_eq!(rule.reversed(), "-d 10.0.0.2 -o a -i b -p tcp -j ACCEPT");
        let rule = Ruling::read(true, "ip saddr 10.0.0.2 iifname \"a\" meta l4proto tcp accept");
        assert_eq!(rule.reversed(), "ip daddr 10.0.0.2 oifname \"a\" meta l4proto tcp accept");
        let proto = |rule: &Ruling| rule.clauses.iter().find(|one| one.of == Of::Proto).cloned().unwrap();
        assert_eq!(rule.without(&proto(&rule)), "ip saddr 10.0.0.2 iifname \"a\" accept");
        let rule = Ruling::read(false, "-p udp -o r1 -j MASQUERADE");
        assert_eq!(rule.without(&proto(&rule)), "-o r1 -j MASQUERADE");
        let rule = Ruling::read(false, "-m iprange --src-range 10.0.0.5-10.0.0.9 -j ACCEPT");
        assert_eq!(rule.failing(&view)[0].extended(&view).as_deref(), Some("10.0.0.1-10.0.0.9"));
    }
}
