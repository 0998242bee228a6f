//! The conditions of a rule on a packet.

use crate::net::act::prefix::Prefix;
use crate::net::notation::protocol::{protocol_name, protocol_number};
use crate::net::{Family, NetError};
use std::fmt;
use std::net::IpAddr;

/// The conditions on a packet as they are typed, with nft's key names. A value
/// may begin with `!= `. Each of several values makes a rule of its own.
#[derive(Debug, Clone, Default)]
pub struct PacketOptions {
    /// The input interface.
    pub iif: Vec<String>,
    /// The output interface.
    pub oif: Vec<String>,
    /// The source: an address or a network.
    pub saddr: Vec<String>,
    /// The destination: an address or a network.
    pub daddr: Vec<String>,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, or a number.
    pub proto: Option<String>,
    /// The source port: `80`, or `8000-8080`.
    pub sport: Vec<String>,
    /// The destination port.
    pub dport: Vec<String>,
    /// The states of its connection, of which one must match: `new`,
    /// `established`, `related`, `invalid`, `untracked`.
    pub ct: Vec<String>,
}

/// A single condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    Interface {
        incoming: bool,
        name: String,
        not: bool,
    },
    Address {
        source: bool,
        prefix: Prefix,
        not: bool,
    },
    /// Its destination is an address of the namespace itself.
    Local,
    Protocol {
        number: u8,
        not: bool,
    },
    /// A port of TCP or UDP.
    Port {
        protocol: u8,
        source: bool,
        from: u16,
        to: u16,
        not: bool,
    },
    /// Any of these states, a bit for each of [`STATES`].
    State(u8),
    /// It is a fragment of a packet, but not the first one.
    Fragment {
        not: bool,
    },
}

/// The states of connection tracking, in the order in which nft prints them.
pub(super) const STATES: [&str; 5] = ["invalid", "established", "related", "new", "untracked"];

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

impl PacketOptions {
    /// The conditions of each rule, and the family that they imply, if any.
    pub(super) fn conditions(&self) -> Result<(Vec<Vec<Condition>>, Option<Family>), NetError> {
        let protocol = self.proto.as_deref().map(protocol).transpose()?;
        let mut rules = vec![Vec::new()];
        let mut families = Vec::new();
        // In the order in which iptables writes them.
        for (incoming, key, names) in [(true, "iif", &self.iif), (false, "oif", &self.oif)] {
            each(&mut rules, key, names, |name, not| Ok(Some(interface(key, incoming, name, not)?)))?;
        }
        for (source, key, networks) in [(true, "saddr", &self.saddr), (false, "daddr", &self.daddr)] {
            each(&mut rules, key, networks, |text, not| {
                let prefix = network(text)?;
                families.push((family_of(prefix.address), text.to_string()));
                // A prefix of length 0 matches all packets, so it is no
                // condition.
                Ok((prefix.length > 0 || not).then_some(Condition::Address { source, prefix, not }))
            })?;
        }
        let ports = !(self.sport.is_empty() && self.dport.is_empty());
        match protocol {
            Some((number, not)) => {
                match number {
                    1 if !not => families.push((Family::Inet, "icmp".into())),
                    58 if !not => families.push((Family::Inet6, "icmpv6".into())),
                    _ => {}
                }
                if ports && (not || (number != TCP && number != UDP)) {
                    let name = self.proto.as_deref().unwrap_or_default();
                    return Err(NetError::new(format!("{name} has no ports"))
                        .hint("`sport` and `dport` go with `proto: \"tcp\"` or `proto: \"udp\"`"));
                }
                if !ports {
                    rules.iter_mut().for_each(|rule| rule.push(Condition::Protocol { number, not }));
                }
            }
            None if ports => {
                let key = if self.dport.is_empty() { "sport" } else { "dport" };
                return Err(NetError::new(format!("`{key}` is a port, but of which protocol?"))
                    .hint("add `proto: \"tcp\"` or `proto: \"udp\"`"));
            }
            None => {}
        }
        for (source, key, ports) in [(true, "sport", &self.sport), (false, "dport", &self.dport)] {
            each(&mut rules, key, ports, |text, not| {
                let (from, to) = ports_of(text)?;
                let protocol = protocol.map_or(0, |(number, _)| number);
                Ok(Some(Condition::Port { protocol, source, from, to, not }))
            })?;
        }
        if !self.ct.is_empty() {
            let mask = self.ct.iter().flat_map(|states| states.split(',')).try_fold(0, |mask, state| {
                let state = state.trim();
                let known = STATES.iter().position(|known| *known == state);
                let bit = known.ok_or_else(|| {
                    NetError::new(format!("a connection has no state \"{state}\""))
                        .hint(format!("choose of {}", STATES.join(", ")))
                })?;
                Ok::<_, NetError>(mask | 1 << bit)
            })?;
            rules.iter_mut().for_each(|rule| rule.push(Condition::State(mask)));
        }
        let family = families.first().map(|(family, _)| *family);
        if let Some((_, other)) = families.iter().find(|(other, _)| Some(*other) != family) {
            let first = &families[0].1;
            return Err(NetError::new(format!("{first} and {other} are never in one packet"))
                .hint("one is of IPv4, the other of IPv6"));
        }
        Ok((rules, family))
    }
}

/// Adds a condition to each rule; each of several values makes rules of its own.
fn each(
    rules: &mut Vec<Vec<Condition>>,
    key: &str,
    values: &[String],
    mut read: impl FnMut(&str, bool) -> Result<Option<Condition>, NetError>,
) -> Result<(), NetError> {
    let mut conditions = Vec::new();
    for value in values {
        let (text, not) = negation(value);
        if not && values.len() > 1 {
            return Err(NetError::new(format!("`{key}` has \"{value}\" among several"))
                .hint("each value makes a rule of its own, so that a `!=` in one lets the others through"));
        }
        conditions.push(read(text, not)?);
    }
    if !conditions.is_empty() {
        let with = |rule: &Vec<Condition>, condition: &Option<Condition>| {
            rule.iter().cloned().chain(condition.clone()).collect()
        };
        *rules = rules
            .iter()
            .flat_map(|rule| conditions.iter().map(move |condition| with(rule, condition)))
            .collect();
    }
    Ok(())
}

fn negation(value: &str) -> (&str, bool) {
    let value = value.trim();
    let rest = value.strip_prefix("!=").or_else(|| value.strip_prefix('!'));
    rest.map_or((value, false), |rest| (rest.trim(), true))
}

fn interface(key: &str, incoming: bool, name: &str, not: bool) -> Result<Condition, NetError> {
    let plain = name.strip_suffix('*').unwrap_or(name);
    let sound = !name.is_empty()
        && !plain.contains(['*', '/', '"', '\'', '\\', ';', '{', '}'])
        && !name.contains(|c: char| c.is_whitespace() || c.is_control());
    if name == "*" || !sound || name.len() > 15 {
        return Err(NetError::new(format!("\"{name}\" is no name of an interface"))
            .hint(format!("`{key}` is a name of at most 15 bytes, or its beginning, as `veth*`")));
    }
    Ok(Condition::Interface { incoming, name: name.into(), not })
}

/// Parses a network; host bits are cleared.
pub(super) fn network(text: &str) -> Result<Prefix, NetError> {
    if let Some((from, to)) = text.split_once('-')
        && from.trim().parse::<IpAddr>().is_ok()
        && to.trim().parse::<IpAddr>().is_ok()
    {
        return Err(NetError::new(format!("\"{text}\" is a range of addresses"))
            .hint("name a network, as `10.0.0.0/29`, or several addresses in an array"));
    }
    let prefix = Prefix::parse(text)?;
    Ok(Prefix { address: masked(prefix.address, prefix.length), length: prefix.length })
}

/// The address with all bits after the prefix cleared.
pub(super) fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            std::net::Ipv4Addr::from(u32::from(ip) & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            std::net::Ipv6Addr::from(u128::from(ip) & mask).into()
        }
    }
}

pub(super) fn family_of(address: IpAddr) -> Family {
    if address.is_ipv4() { Family::Inet } else { Family::Inet6 }
}

fn protocol(text: &str) -> Result<(u8, bool), NetError> {
    let (name, not) = negation(text);
    let number = protocol_number(name).filter(|number| *number > 0).ok_or_else(|| {
        NetError::new(format!("unknown protocol \"{name}\" specified"))
            .hint("choose `tcp`, `udp`, `icmp`, `icmpv6`, or a number from 1 to 255")
    })?;
    Ok((number, not))
}

/// Parses a port, or a range of ports.
pub(super) fn ports_of(text: &str) -> Result<(u16, u16), NetError> {
    let (from, to) = text.split_once(['-', ':']).unwrap_or((text, text));
    let (from, to) = match from.is_empty() || to.is_empty() {
        // A number below 0, or half a range.
        true => (port(text)?, port(text)?),
        false => (port(from.trim())?, port(to.trim())?),
    };
    if from > to {
        return Err(NetError::new(format!("invalid portrange \"{text}\" (min > max)")));
    }
    Ok((from, to))
}

fn port(text: &str) -> Result<u16, NetError> {
    text.parse().map_err(|_| {
        let error = NetError::new(format!("invalid port/service `{text}' specified"));
        let number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        error.hint(if number { "a port is at most 65535" } else { "a port is a number from 0 to 65535" })
    })
}

impl fmt::Display for Condition {
    /// Prints the condition as nft does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is = |not: &bool| if *not { "!= " } else { "" };
        match self {
            Self::Interface { incoming, name, not } => {
                write!(f, "{} {}\"{name}\"", if *incoming { "iifname" } else { "oifname" }, is(not))
            }
            Self::Address { source, prefix, not } => {
                let family = if prefix.address.is_ipv4() { "ip" } else { "ip6" };
                let side = if *source { "saddr" } else { "daddr" };
                write!(f, "{family} {side} {}{prefix}", is(not))
            }
            Self::Local => f.write_str("fib daddr type local"),
            Self::Protocol { number, not } => {
                write!(f, "meta l4proto {}{}", is(not), protocol_name(*number))
            }
            Self::Port { protocol, source, from, to, not } => {
                let side = if *source { "sport" } else { "dport" };
                write!(f, "{} {side} {}{from}", protocol_name(*protocol), is(not))?;
                if to > from { write!(f, "-{to}") } else { Ok(()) }
            }
            Self::State(mask) => {
                let states = STATES.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0);
                let names: Vec<&str> = states.map(|(_, name)| *name).collect();
                write!(f, "ct state {}", names.join(","))
            }
            Self::Fragment { not } => write!(f, "ip frag-off & 0x1fff {} 0", if *not { "==" } else { "!=" }),
        }
    }
}
