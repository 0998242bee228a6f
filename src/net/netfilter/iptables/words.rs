//! A rule in iptables' words: as `iptables-save` prints it after `-A CHAIN`, and
//! as one types it there.

use super::applet::is_name;
use super::extension::{Extension, range_words, rejection, states};
use super::{IptablesRule, Match, Target};
use crate::net::Family;
use crate::net::act::prefix::Prefix;
use crate::net::netfilter::packet::{Condition, STATES, TCP, UDP, masked};
use crate::net::notation::protocol::{protocol_name, protocol_number};
use std::net::IpAddr;

/// `icmp` and `ipv6-icmp`.
const ICMP: u8 = 1;
const ICMP_6: u8 = 58;

/// Names of ICMP types that iptables accepts (iptables-extensions(8)).
const ICMP_TYPES: [(&str, u8); 8] = [
    ("echo-reply", 0),
    ("pong", 0),
    ("destination-unreachable", 3),
    ("redirect", 5),
    ("echo-request", 8),
    ("ping", 8),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
];
const ICMP_6_TYPES: [(&str, u8); 6] = [
    ("destination-unreachable", 1),
    ("packet-too-big", 2),
    ("echo-request", 128),
    ("echo-reply", 129),
    ("neighbour-solicitation", 135),
    ("neighbour-advertisement", 136),
];

impl IptablesRule {
    /// The words after `-A CHAIN`, as `iptables-save` prints them.
    pub(in super::super) fn spec(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        // The printed order differs from the stored one.
        let (addresses, others): (Vec<_>, Vec<_>) =
            self.header.iter().partition(|one| matches!(one, Condition::Address { .. }));
        words.extend(addresses.into_iter().chain(others).map(header_words));
        let mut ports_named = false;
        for one in &self.matches {
            match one {
                Match::Is(Condition::Port { protocol, source, from, to, not }) => {
                    if !ports_named {
                        words.push(format!("-m {}", protocol_name(*protocol)));
                    }
                    ports_named = true;
                    let (not, side) = (negated(*not), if *source { "sport" } else { "dport" });
                    words.push(format!("{not}--{side} {}", range_words((*from, *to), ':')));
                }
                Match::Is(Condition::State(mask)) => {
                    words.push(format!("-m conntrack --ctstate {}", states(*mask)));
                }
                Match::Is(_) => words.push("-m addrtype --dst-type LOCAL".into()),
                Match::Extension(extension) => words.push(self.extension_words(extension)),
            }
        }
        words.push(match &self.target {
            Target::Accept => "-j ACCEPT".into(),
            Target::Drop => "-j DROP".into(),
            Target::Return => "-j RETURN".into(),
            Target::Jump(chain) => format!("-j {chain}"),
            Target::Goto(chain) => format!("-g {chain}"),
            Target::Extension(extension) => self.extension_words(extension),
        });
        words.join(" ")
    }

    /// Parses the words that one types after `-A CHAIN`; `None` if there is a
    /// word that is not supported here, or that iptables might refuse.
    pub(in super::super) fn parse(family: Family, words: &[String]) -> Option<Self> {
        let mut typed = Typed {
            words: words.iter().map(String::as_str),
            family,
            not: false,
            rule: None,
            header: Vec::new(),
            matches: Vec::new(),
            loaded: Vec::new(),
        };
        while let Some(word) = typed.words.next() {
            typed.take(word)?;
        }
        (!typed.not).then_some(())?;
        let target = typed.rule?;
        Self { family, header: typed.header, matches: typed.matches, target }.in_order()
    }

    /// The user-defined chain that it jumps to.
    pub(super) fn leads_to(&self) -> Option<&str> {
        match &self.target {
            Target::Jump(chain) | Target::Goto(chain) => Some(chain),
            _ => None,
        }
    }

    /// Tells whether it matches the interface by which a packet came in (or goes
    /// out).
    pub(super) fn looks_at_interface(&self, incoming: bool) -> bool {
        let is =
            |one: &Condition| matches!(one, Condition::Interface { incoming: own, .. } if *own == incoming);
        self.header.iter().any(is)
    }
}

fn negated(not: bool) -> &'static str {
    if not { "! " } else { "" }
}

fn header_words(condition: &Condition) -> String {
    match condition {
        Condition::Address { source, prefix, not } => {
            let (not, option) = (negated(*not), if *source { "-s" } else { "-d" });
            format!("{not}{option} {}/{}", prefix.address, prefix.length)
        }
        Condition::Interface { incoming, name, not } => {
            let (not, option) = (negated(*not), if *incoming { "-i" } else { "-o" });
            format!("{not}{option} {}", name.replace('*', "+"))
        }
        Condition::Protocol { number, not } => format!("{}-p {}", negated(*not), protocol_name(*number)),
        Condition::Fragment { not } => format!("{}-f", negated(*not)),
        _ => String::new(),
    }
}

/// The typed words, as far as they are parsed.
struct Typed<'a, W> {
    words: W,
    family: Family,
    /// Whether a `!` precedes.
    not: bool,
    rule: Option<Target>,
    header: Vec<Condition>,
    matches: Vec<Match>,
    /// The extensions that were loaded by `-m`.
    loaded: Vec<&'a str>,
}

impl<'a, W: Iterator<Item = &'a str>> Typed<'a, W> {
    fn take(&mut self, word: &'a str) -> Option<()> {
        if word == "!" {
            return (!std::mem::replace(&mut self.not, true)).then_some(());
        }
        let not = std::mem::take(&mut self.not);
        match word {
            "-s" | "--source" | "--src" => self.address(true, not)?,
            "-d" | "--destination" | "--dst" => self.address(false, not)?,
            "-i" | "--in-interface" => self.interface(true, not)?,
            "-o" | "--out-interface" => self.interface(false, not)?,
            "-p" | "--protocol" | "--proto" => {
                let name = self.words.next()?;
                let v6 = self.family == Family::Inet6;
                let number = protocol_number(name)?;
                // The other family's protocol would match nothing, and iptables
                // warns.
                (number > 0 && number != if v6 { ICMP } else { ICMP_6 }).then_some(())?;
                self.header.push(Condition::Protocol { number, not });
            }
            "-f" | "--fragment" if self.family == Family::Inet => {
                self.header.push(Condition::Fragment { not })
            }
            "-m" | "--match" if !not => self.load()?,
            "--sport" | "--source-port" => self.port(true, not)?,
            "--dport" | "--destination-port" => self.port(false, not)?,
            "--icmp-type" if self.family == Family::Inet => self.icmp(ICMP, &ICMP_TYPES, not)?,
            "--icmpv6-type" if self.family == Family::Inet6 => self.icmp(ICMP_6, &ICMP_6_TYPES, not)?,
            "--ctstate" if !not && self.loaded.contains(&"conntrack") => {
                let mut mask = 0;
                for state in self.words.next()?.split(',') {
                    let known = |name: &&str| name.eq_ignore_ascii_case(state);
                    mask |= 1 << STATES.iter().position(known)?;
                }
                self.matches.push(Match::Is(Condition::State(mask)));
            }
            "--dst-type" if !not && self.loaded.contains(&"addrtype") => {
                self.words.next().filter(|kind| kind.eq_ignore_ascii_case("local"))?;
                self.matches.push(Match::Is(Condition::Local));
            }
            "--src-range" | "--dst-range" if self.loaded.contains(&"iprange") => {
                let (from, to) = self.words.next()?.split_once('-')?;
                let (from, to) = (self.ip(from)?, self.ip(to)?);
                (from <= to).then_some(())?;
                let source = word == "--src-range";
                self.matches.push(Match::Extension(Extension::Range { source, from, to, not }));
            }
            "--sports" | "--source-ports" | "--dports" | "--destination-ports"
                if self.loaded.contains(&"multiport") =>
            {
                self.protocol().filter(|number| [TCP, UDP].contains(number))?;
                let ports = self.words.next()?.split(',').map(|one| ports(one, ':'));
                let ports = ports.collect::<Option<Vec<_>>>()?;
                let numbers: usize = ports.iter().map(|(from, to)| 1 + usize::from(to > from)).sum();
                (numbers <= 15).then_some(())?;
                let source = word.starts_with("--s");
                self.matches.push(Match::Extension(Extension::Ports { source, ports, not }));
            }
            "-j" | "--jump" if !not => self.target()?,
            "-g" | "--goto" if !not => {
                let to = Target::Goto(self.words.next().filter(|chain| is_name(chain))?.into());
                self.rule.replace(to).is_none().then_some(())?;
            }
            _ => return None,
        }
        Some(())
    }

    fn protocol(&self) -> Option<u8> {
        self.header.iter().find_map(|condition| match condition {
            Condition::Protocol { number, not: false } => Some(*number),
            _ => None,
        })
    }

    fn ip(&self, text: &str) -> Option<IpAddr> {
        let ip: IpAddr = text.parse().ok()?;
        (ip.is_ipv6() == (self.family == Family::Inet6)).then_some(ip)
    }

    fn address(&mut self, source: bool, not: bool) -> Option<()> {
        let text = self.words.next()?;
        let prefix = Prefix::parse(text).ok()?;
        self.ip(&prefix.address.to_string())?;
        let prefix = Prefix { address: masked(prefix.address, prefix.length), length: prefix.length };
        // A prefix of length 0 matches all packets, so it is no condition.
        if prefix.length > 0 {
            self.header.push(Condition::Address { source, prefix, not });
        } else if not {
            return None;
        }
        Some(())
    }

    fn interface(&mut self, incoming: bool, not: bool) -> Option<()> {
        let name = self.words.next()?;
        let plain = name.strip_suffix('+').unwrap_or(name);
        let sound = !plain.is_empty()
            && name.len() < libc::IF_NAMESIZE
            && !plain.contains(['+', '*', '/'])
            && !plain.contains(|c: char| c.is_whitespace() || c.is_control());
        sound.then_some(())?;
        let name = if name.ends_with('+') { format!("{plain}*") } else { name.into() };
        self.header.push(Condition::Interface { incoming, name, not });
        Some(())
    }

    /// Loads an extension by name; its options follow.
    fn load(&mut self) -> Option<()> {
        let name = self.words.next()?;
        let protocol = self.protocol();
        let known = match name {
            "tcp" => protocol == Some(TCP),
            "udp" => protocol == Some(UDP),
            "icmp" => protocol == Some(ICMP),
            "icmp6" | "icmpv6" | "ipv6-icmp" => protocol == Some(ICMP_6),
            "conntrack" | "addrtype" | "iprange" | "multiport" => true,
            _ => false,
        };
        known.then(|| self.loaded.push(name))
    }

    fn port(&mut self, source: bool, not: bool) -> Option<()> {
        let protocol = self.protocol().filter(|number| [TCP, UDP].contains(number))?;
        let (from, to) = ports(self.words.next()?, ':')?;
        let condition = Condition::Port { protocol, source, from, to, not };
        self.matches.push(Match::Is(condition));
        Some(())
    }

    fn icmp(&mut self, protocol: u8, names: &[(&str, u8)], not: bool) -> Option<()> {
        (self.protocol()? == protocol).then_some(())?;
        let text = self.words.next()?;
        let (kind, code) = text.split_once('/').map_or((text, None), |(kind, code)| (kind, Some(code)));
        let known = names.iter().find(|(name, _)| *name == kind).map(|(_, number)| *number);
        let kind = known.or_else(|| kind.parse().ok())?;
        let codes = match code {
            None => (0, u8::MAX),
            Some(code) => (code.parse().ok()?, code.parse().ok()?),
        };
        self.matches.push(Match::Extension(Extension::Icmp { kind, codes, not }));
        Some(())
    }

    /// Parses a target, with the options that directly follow it.
    fn target(&mut self) -> Option<()> {
        let name = self.words.next()?;
        let mut option = |words: &[&str]| {
            let word = self.words.next()?;
            if words.contains(&word) { self.words.next() } else { None }
        };
        let target = match name {
            "ACCEPT" => Target::Accept,
            "DROP" => Target::Drop,
            "RETURN" => Target::Return,
            "MASQUERADE" => Target::Extension(Extension::Masquerade),
            "REJECT" => {
                let usual = if self.family == Family::Inet6 {
                    "icmp6-port-unreachable"
                } else {
                    "icmp-port-unreachable"
                };
                let with = match self.words.next() {
                    None => usual,
                    Some("--reject-with") => self.words.next()?,
                    Some(_) => return None,
                };
                // Only TCP connections can be reset.
                (with != "tcp-reset" || self.protocol() == Some(TCP)).then_some(())?;
                Target::Extension(Extension::Reject(rejection(self.family, with)?))
            }
            "DNAT" | "SNAT" => {
                let destination = name == "DNAT";
                let text = option(&[if destination { "--to-destination" } else { "--to-source" }, "--to"])?;
                let (to, ports) = place(text)?;
                self.ip(&to.to_string())?;
                // Only protocols with ports can be redirected to a port.
                let has_ports = self.protocol().is_some_and(|number| [TCP, UDP].contains(&number));
                (ports.is_none() || has_ports).then_some(())?;
                Target::Extension(Extension::Nat { destination, to, ports })
            }
            "REDIRECT" => {
                self.protocol().filter(|number| [TCP, UDP].contains(number))?;
                Target::Extension(Extension::Redirect(match self.words.next() {
                    None => None,
                    Some("--to-ports" | "--to-port") => Some(ports(self.words.next()?, '-')?),
                    Some(_) => return None,
                }))
            }
            "MARK" => {
                let (word, value) = (self.words.next()?, self.words.next()?);
                let (mark, mask) =
                    value.split_once('/').map_or((value, None), |(mark, mask)| (mark, Some(mask)));
                let (mark, mask) = (number(mark)?, mask.map_or(Some(u32::MAX), number)?);
                // `--set-mark` clears the bits of its mark as well.
                let mask = match word {
                    "--set-mark" => mask | mark,
                    "--set-xmark" => mask,
                    _ => return None,
                };
                Target::Extension(Extension::SetMark { mark, mask })
            }
            "CT" => match self.words.next()? {
                "--notrack" => Target::Extension(Extension::NoTrack),
                "--zone" => Target::Extension(Extension::Zone(
                    self.words.next()?.parse().ok().filter(|zone| *zone > 0)?,
                )),
                _ => return None,
            },
            "TTL" if self.family == Family::Inet => {
                Target::Extension(Extension::SetTtl(option(&["--ttl-set"])?.parse().ok()?))
            }
            // A user-defined chain; whether it exists is checked later.
            chain if is_name(chain) => Target::Jump(chain.into()),
            _ => return None,
        };
        self.rule.replace(target).is_none().then_some(())
    }
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A port, or a range of them.
fn ports(text: &str, between: char) -> Option<(u16, u16)> {
    let (from, to) = text.split_once(between).unwrap_or((text, text));
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to).then_some((from, to))
}

/// An address, with ports or without: `10.0.0.2:80`, `[fd00::2]:80-90`.
fn place(text: &str) -> Option<(IpAddr, Option<(u16, u16)>)> {
    if let Ok(ip) = text.parse() {
        return Some((ip, None));
    }
    let (address, rest) = match text.strip_prefix('[').and_then(|text| text.split_once("]:")) {
        Some((address, rest)) => (address.parse::<std::net::Ipv6Addr>().ok()?.into(), rest),
        None => {
            let (address, rest) = text.split_once(':')?;
            (address.parse::<std::net::Ipv4Addr>().ok()?.into(), rest)
        }
    };
    Some((address, Some(ports(rest, '-')?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The printed form of a typed rule.
    fn printed(family: Family, typed: &str) -> Option<String> {
        let words: Vec<String> = shell_words::split(typed).unwrap();
        IptablesRule::parse(family, &words).map(|rule| rule.spec())
    }

    #[test]
    fn a_rule_is_printed_as_iptables_save_prints_it() {
        // Typed, and printed by iptables-save 1.8.9.
        for (typed, saved) in [
            (
                "-s 10.0.0.1 -p icmp --icmp-type echo-request -j DROP",
                "-s 10.0.0.1/32 -p icmp -m icmp --icmp-type 8 -j DROP",
            ),
            (
                "-i a -o b+ ! -s 10.0.0.0/20 -p tcp --dport 80:90 --sport 1024 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
                "! -s 10.0.0.0/20 -i a -o b+ -p tcp -m tcp --sport 1024 --dport 80:90 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            ),
            (
                "-p udp ! --dport 53 -j REJECT --reject-with icmp-admin-prohibited",
                "-p udp -m udp ! --dport 53 -j REJECT --reject-with icmp-admin-prohibited",
            ),
            ("-f -j DROP", "-f -j DROP"),
            ("-j REJECT", "-j REJECT --reject-with icmp-port-unreachable"),
            (
                "-p tcp --dport 80 -j DNAT --to-destination 10.5.0.20:8080",
                "-p tcp -m tcp --dport 80 -j DNAT --to-destination 10.5.0.20:8080",
            ),
            ("-j MARK --set-mark 51", "-j MARK --set-xmark 0x33/0xffffffff"),
            ("-s 192.168.1.7/24 -j CT --notrack", "-s 192.168.1.0/24 -j CT --notrack"),
            ("-p tcp -m multiport --dports 22,80:90 -j FOO", "-p tcp -m multiport --dports 22,80:90 -j FOO"),
        ] {
            assert_eq!(printed(Family::Inet, typed).as_deref(), Some(saved), "{typed}");
        }
        let typed = "-s fd00::/64 -p icmpv6 --icmpv6-type echo-request -j ACCEPT";
        let saved = "-s fd00::/64 -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT";
        assert_eq!(printed(Family::Inet6, typed).as_deref(), Some(saved));
    }

    #[test]
    fn what_iptables_might_refuse_is_not_read() {
        for typed in [
            "--dport 80 -j ACCEPT",
            "--dport 80 -p tcp -j ACCEPT",
            "-p icmp --dport 80 -j ACCEPT",
            "-p tcp --dport http -j ACCEPT",
            "-p tcp --dport 90:80 -j ACCEPT",
            "-p tcp",
            "-s 10.0.0.1 -s 10.0.0.2 -j ACCEPT",
            "-s 300.0.0.1 -j ACCEPT",
            "-s fd00::1 -j ACCEPT",
            "-j ACCEPT -j DROP",
            "-j DNAT --to-destination 10.0.0.1:80",
            "-p udp -j REJECT --reject-with tcp-reset",
            "-m conntrack --ctstate OPEN -j ACCEPT",
            "--ctstate NEW -j ACCEPT",
            "-m nonesuch -j ACCEPT",
            "-j ACCEPT !",
            "-i ethernet-card-two -j DROP",
            "-j 'a b'",
            "-g 'a\0b'",
            "-j a-name-that-is-longer-than-a-chains",
            "-i 'a\u{1}b' -j DROP",
        ] {
            assert_eq!(printed(Family::Inet, typed), None, "{typed}");
        }
    }
}
