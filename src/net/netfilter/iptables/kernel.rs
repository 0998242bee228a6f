//! A rule as kernel expressions, in the form that iptables writes into
//! nf_tables.

use super::extension::{Extension, Kind};
use super::{IptablesRule, Match, Target};
use crate::net::Family;
use crate::net::act::prefix::Prefix;
use crate::net::kernel::nfnetlink::{Attributes, find, number, text};
use crate::net::netfilter::expression;
use crate::net::netfilter::expression::{
    EQ, Expressions, GTE, IIFNAME, L4PROTO, LTE, NEQ, NETWORK, OIFNAME, REG_1, REG_VERDICT, TRANSPORT,
    mask_of,
};
use crate::net::netfilter::packet::{Condition, TCP, UDP};
use crate::net::netfilter::rule::Dialect;
use std::net::IpAddr;

/// `NF_DROP`, `NF_ACCEPT`, `NFT_JUMP`, `NFT_GOTO` and `NFT_RETURN`.
const DROP: u32 = 0;
const ACCEPT: u32 = 1;
const JUMP: u32 = -3_i32 as u32;
const GOTO: u32 = -4_i32 as u32;
const RETURN: u32 = -5_i32 as u32;

impl IptablesRule {
    /// The expressions of the rule.
    pub(in super::super) fn expressions(&self) -> Attributes {
        let mut all = Expressions::default();
        for condition in &self.header {
            condition.express(&mut all, Dialect::Iptables);
        }
        for one in &self.matches {
            match one {
                Match::Is(condition) => condition.express(&mut all, Dialect::Iptables),
                Match::Extension(extension) => extension.express(&mut all, self.family),
            }
        }
        // The counters start at zero.
        all.add("counter", Attributes::default().bytes(1, &[0; 8]).bytes(2, &[0; 8]));
        let verdict = |code: u32, chain: Option<&String>| {
            let verdict = Attributes::default().number(1, code);
            let verdict = chain.map_or(verdict.clone(), |chain| verdict.text(2, chain));
            Attributes::default().number(1, REG_VERDICT).nest(2, Attributes::default().nest(2, verdict))
        };
        match &self.target {
            Target::Accept => all.add("immediate", verdict(ACCEPT, None)),
            Target::Drop => all.add("immediate", verdict(DROP, None)),
            Target::Return => all.add("immediate", verdict(RETURN, None)),
            Target::Jump(chain) => all.add("immediate", verdict(JUMP, Some(chain))),
            Target::Goto(chain) => all.add("immediate", verdict(GOTO, Some(chain))),
            Target::Extension(extension) => extension.express(&mut all, self.family),
        }
        all.0
    }

    /// Parses a rule from the kernel; `None` if it has an unsupported
    /// expression.
    pub(in super::super) fn read(family: Family, list: &[u8]) -> Option<Self> {
        let mut reader =
            Reader { family, loaded: None, header: Vec::new(), matches: Vec::new(), target: None };
        for (name, data) in expression::read(list) {
            // A rule ends with its target.
            if reader.target.is_some() {
                return None;
            }
            reader.take(&name, data)?;
        }
        Self { family, header: reader.header, matches: reader.matches, target: reader.target? }.in_order()
    }

    /// Puts the header into the order of iptables. Returns `None` if a condition
    /// is given twice, or if a port has no protocol.
    pub(super) fn in_order(mut self) -> Option<Self> {
        let place = |condition: &Condition| match condition {
            Condition::Interface { incoming, .. } => usize::from(!incoming),
            Condition::Protocol { .. } => 2,
            Condition::Address { source, .. } => 4 - usize::from(*source),
            _ => 5,
        };
        self.header.sort_by_key(place);
        let twice = self.header.windows(2).any(|pair| place(&pair[0]) == place(&pair[1]));
        let sound = self.ports_in_order()?;
        (!twice && sound).then_some(self)
    }

    /// Moves the port conditions together to the place of the first, because
    /// iptables has one match for them: the source port before the destination
    /// port. Tells whether they belong to the rule's protocol; returns `None` if
    /// one is given twice.
    fn ports_in_order(&mut self) -> Option<bool> {
        let is_port = |one: &Match| matches!(one, Match::Is(Condition::Port { .. }));
        let Some(first) = self.matches.iter().position(is_port) else { return Some(true) };
        let (mut ports, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.matches).into_iter().partition(is_port);
        let source = |one: &Match| matches!(one, Match::Is(Condition::Port { source: true, .. }));
        ports.sort_by_key(|one| !source(one));
        let twice = ports.windows(2).any(|pair| source(&pair[0]) == source(&pair[1]));
        let own = self.protocol();
        let sound = ports.iter().all(|one| match one {
            Match::Is(Condition::Port { protocol, .. }) => {
                Some(*protocol) == own && [TCP, UDP].contains(protocol)
            }
            _ => true,
        });
        self.matches = others;
        self.matches.splice(first..first, ports);
        (!twice).then_some(sound)
    }

    /// The protocol that the rule requires of every packet.
    pub(super) fn protocol(&self) -> Option<u8> {
        self.header.iter().find_map(|condition| match condition {
            Condition::Protocol { number, not: false } => Some(*number),
            _ => None,
        })
    }
}

/// The content of register 1.
enum Loaded {
    Meta(u32),
    Payload { base: u32, offset: u32, length: u32, mask: Option<Vec<u8>> },
}

/// Parses one expression after the other.
struct Reader {
    family: Family,
    loaded: Option<Loaded>,
    header: Vec<Condition>,
    matches: Vec<Match>,
    target: Option<Target>,
}

impl Reader {
    fn take(&mut self, name: &str, data: &[u8]) -> Option<()> {
        let word = |kind| number(data, kind).map(|number| number as u32);
        match name {
            "counter" => {}
            "meta" => {
                (word(1)? == REG_1).then_some(())?;
                self.loaded = Some(Loaded::Meta(word(2)?));
            }
            "payload" => {
                (word(1)? == REG_1).then_some(())?;
                let (base, offset, length) = (word(2)?, word(3)?, word(4)?);
                self.loaded = Some(Loaded::Payload { base, offset, length, mask: None });
            }
            "bitwise" => {
                let Some(Loaded::Payload { mask, .. }) = &mut self.loaded else { return None };
                let (and, xor) = (find(find(data, 4)?, 1)?, find(find(data, 5)?, 1)?);
                // A shift uses another operation (`NFTA_BITWISE_OP`).
                let plain = word(6).unwrap_or(0) == 0 && xor.iter().all(|byte| *byte == 0);
                (plain && mask.is_none()).then(|| *mask = Some(and.to_vec()))?;
            }
            "cmp" => self.compare(word(2)?, find(find(data, 3)?, 1)?)?,
            "range" => {
                let (from, to) = (find(find(data, 3)?, 1)?, find(find(data, 4)?, 1)?);
                let not = match word(2)? {
                    EQ => false,
                    NEQ => true,
                    _ => return None,
                };
                let (from, to) = (half(from)?, half(to)?);
                self.port(from, to, not)?;
            }
            "match" | "target" => self.extension(name, data)?,
            "immediate" => {
                (word(1)? == REG_VERDICT).then_some(())?;
                let verdict = find(find(data, 2)?, 2)?;
                let chain = text(verdict, 2);
                self.target = Some(match (number(verdict, 1)? as u32, chain) {
                    (ACCEPT, None) => Target::Accept,
                    (DROP, None) => Target::Drop,
                    (RETURN, None) => Target::Return,
                    (JUMP, Some(chain)) => Target::Jump(chain),
                    (GOTO, Some(chain)) => Target::Goto(chain),
                    _ => return None,
                });
            }
            _ => return None,
        }
        Some(())
    }

    fn extension(&mut self, name: &str, data: &[u8]) -> Option<()> {
        let kind = if name == "match" { Kind::Match } else { Kind::Target };
        let revision = number(data, 2)? as u32;
        let (name, info) = (text(data, 1)?, find(data, 3)?);
        let found = Extension::read(kind, &name, revision, info, self.family)?;
        match kind {
            Kind::Match => self.matches.push(found),
            Kind::Target => {
                let Match::Extension(target) = found else { return None };
                self.target = Some(Target::Extension(target));
            }
        }
        Some(())
    }

    fn compare(&mut self, operator: u32, value: &[u8]) -> Option<()> {
        let equality = match operator {
            EQ => Some(false),
            NEQ => Some(true),
            _ => None,
        };
        let v6 = self.family == Family::Inet6;
        match self.loaded.as_ref()? {
            Loaded::Meta(key @ (IIFNAME | OIFNAME)) => {
                let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
                let name = String::from_utf8(value[..end].to_vec()).ok()?;
                // A full name is compared with its terminating zero, a prefix
                // without one.
                let name = if end < value.len() { name } else { format!("{name}*") };
                self.header.push(Condition::Interface { incoming: *key == IIFNAME, name, not: equality? });
            }
            Loaded::Meta(L4PROTO) => self.protocol(value, equality?)?,
            Loaded::Payload { base: NETWORK, offset, length: 1, mask: None }
                if *offset == if v6 { 6 } else { 9 } =>
            {
                self.protocol(value, equality?)?;
            }
            Loaded::Payload { base: NETWORK, offset: 6, length: 2, mask: Some(mask) }
                if !v6 && mask[..] == [0x1f, 0xff] && value == [0, 0] =>
            {
                self.header.push(Condition::Fragment { not: !equality? });
            }
            Loaded::Payload { base: NETWORK, offset, length, mask } => {
                let (first, second, whole) = if v6 { (8, 24, 16) } else { (12, 16, 4) };
                let source = match *offset {
                    offset if offset == first => true,
                    offset if offset == second => false,
                    _ => return None,
                };
                let bits = match mask {
                    Some(mask) => {
                        let bits = mask.iter().map(|byte| byte.count_ones()).sum::<u32>() as u8;
                        (mask.len() == whole && *mask == mask_of(bits, whole)).then_some(bits)?
                    }
                    // The comparison may be shorter than the loaded bytes.
                    None if *length as usize <= whole => (length * 8) as u8,
                    None => return None,
                };
                let mut address = value.to_vec();
                (address.len() <= whole).then(|| address.resize(whole, 0))?;
                let address = match v6 {
                    false => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
                    true => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
                };
                let prefix = Prefix { address, length: bits };
                self.header.push(Condition::Address { source, prefix, not: equality? });
            }
            Loaded::Payload { base: TRANSPORT, mask: None, .. } => {
                let value = half(value)?;
                match (operator, equality) {
                    (_, Some(not)) => self.port(value, value, not)?,
                    // The first and the second half of a range.
                    (GTE, _) => self.port(value, u16::MAX, false)?,
                    (LTE, _) => match self.matches.last_mut()? {
                        Match::Is(Condition::Port { to: end @ u16::MAX, .. }) => *end = value,
                        _ => return None,
                    },
                    _ => return None,
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn protocol(&mut self, value: &[u8], not: bool) -> Option<()> {
        let [number] = value else { return None };
        self.header.push(Condition::Protocol { number: *number, not });
        Some(())
    }

    fn port(&mut self, from: u16, to: u16, not: bool) -> Option<()> {
        let source = match self.loaded.as_ref()? {
            Loaded::Payload { base: TRANSPORT, offset: 0, length: 2, mask: None } => true,
            Loaded::Payload { base: TRANSPORT, offset: 2, length: 2, mask: None } => false,
            _ => return None,
        };
        let protocol = self.header.iter().find_map(|condition| match condition {
            Condition::Protocol { number, not: false } => Some(*number),
            _ => None,
        })?;
        self.matches.push(Match::Is(Condition::Port { protocol, source, from, to, not }));
        Some(())
    }
}

/// A port, which is big-endian.
fn half(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}
