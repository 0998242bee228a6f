//! A rule to be written, in nft's words and as kernel expressions.
//!
//! Everything that iptables supports is written as iptables writes it, so that
//! iptables can list it and add to it: connection states and address translation
//! as its extensions (`xt_conntrack`, `xt_nat`), everything else as native
//! nf_tables expressions. A kernel without these extensions gets native
//! expressions for everything.

use super::expression::{
    EQ, Expressions, GTE, IIFNAME, LTE, NEQ, NETWORK, OIFNAME, REG_1, REG_2, REG_VERDICT, TRANSPORT, mask_of,
};
use super::packet::Condition;
use crate::net::Family;
use crate::net::kernel::nfnetlink::Attributes;
use std::fmt;
use std::net::IpAddr;

/// The verdict on the packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Drop,
    Masquerade(Family),
    Dnat { to: IpAddr, ports: Option<(u16, u16)> },
}

/// One rule.
#[derive(Debug, Clone)]
pub(super) struct LabRule {
    pub conditions: Vec<Condition>,
    pub verdict: Verdict,
}

/// The kind of expressions that a rule consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Those that iptables uses.
    Iptables,
    /// Native nf_tables expressions only.
    Native,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Masquerade(_) => f.write_str("masquerade"),
            Self::Dnat { to, ports } => {
                match (to, ports) {
                    (IpAddr::V6(to), Some(_)) => write!(f, "dnat to [{to}]")?,
                    _ => write!(f, "dnat to {to}")?,
                }
                match ports {
                    None => Ok(()),
                    Some((from, to)) if from == to => write!(f, ":{from}"),
                    Some((from, to)) => write!(f, ":{from}-{to}"),
                }
            }
        }
    }
}

impl fmt::Display for LabRule {
    /// Prints the rule as nft does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.conditions.iter().try_for_each(|condition| write!(f, "{condition} "))?;
        self.verdict.fmt(f)
    }
}

/// The expressions of `meta nftrace set 1`, which makes the kernel trace a
/// packet through the rules.
pub(super) fn traced() -> Attributes {
    /// `NFT_META_NFTRACE`.
    const NFTRACE: u32 = 12;
    let mut all = Expressions::default();
    all.immediate(REG_1, &[1]);
    all.add("meta", Attributes::default().number(2, NFTRACE).number(3, REG_1));
    all.0
}

impl LabRule {
    /// The kernel expressions of the rule.
    pub fn expressions(&self, dialect: Dialect) -> Attributes {
        let mut all = Expressions::default();
        let mut known = None;
        for condition in &self.conditions {
            // A TCP port needs the protocol TCP as a condition, but only once.
            if let Condition::Port { protocol, .. } = condition
                && known.replace(*protocol) != Some(*protocol)
            {
                all.protocol(*protocol, EQ);
            }
            condition.express(&mut all, dialect);
        }
        self.verdict.express(&mut all, dialect);
        all.0
    }
}

impl Condition {
    /// Adds the condition to a rule's expressions; a port's protocol is a
    /// separate condition.
    pub(super) fn express(&self, all: &mut Expressions, dialect: Dialect) {
        let operator = |not: bool| if not { NEQ } else { EQ };
        match self {
            Self::Interface { incoming, name, not } => {
                all.meta(if *incoming { IIFNAME } else { OIFNAME });
                match name.strip_suffix('*') {
                    Some(beginning) => all.compare(operator(*not), beginning.as_bytes()),
                    None => {
                        let mut whole = name.clone().into_bytes();
                        whole.resize(16, 0);
                        all.compare(operator(*not), &whole);
                    }
                }
            }
            Self::Address { source, prefix, not } => {
                let (bytes, first) = match prefix.address {
                    IpAddr::V4(ip) => (ip.octets().to_vec(), if *source { 12 } else { 16 }),
                    IpAddr::V6(ip) => (ip.octets().to_vec(), if *source { 8 } else { 24 }),
                };
                let (whole, rest) = (usize::from(prefix.length / 8), prefix.length % 8);
                if rest == 0 && whole > 0 {
                    all.payload(NETWORK, first, whole as u32);
                    all.compare(operator(*not), &bytes[..whole]);
                } else {
                    let length = bytes.len() as u32;
                    all.payload(NETWORK, first, length);
                    all.mask(&mask_of(prefix.length, bytes.len()));
                    all.compare(operator(*not), &bytes);
                }
            }
            Self::Local => match dialect {
                // `xt_addrtype_info_v1`: no source, a local destination.
                Dialect::Iptables => {
                    all.extension(
                        "match",
                        "addrtype",
                        1,
                        &[[0, 0], 4u16.to_ne_bytes(), [0; 2], [0; 2]].concat(),
                    );
                }
                // The type (3) of the destination (2) is local (2).
                Dialect::Native => {
                    all.add("fib", Attributes::default().number(1, REG_1).number(2, 3).number(3, 2));
                    all.compare(EQ, &2u32.to_ne_bytes());
                }
            },
            Self::Protocol { number, not } => all.protocol(*number, operator(*not)),
            Self::Port { source, from, to, not, .. } => {
                all.payload(TRANSPORT, if *source { 0 } else { 2 }, 2);
                match (from == to, not) {
                    (true, not) => all.compare(operator(*not), &from.to_be_bytes()),
                    (false, false) => {
                        all.compare(GTE, &from.to_be_bytes());
                        all.compare(LTE, &to.to_be_bytes());
                    }
                    (false, true) => {
                        let bound = |port: &u16| Attributes::default().bytes(1, &port.to_be_bytes());
                        let data = Attributes::default().number(1, REG_1).number(2, NEQ);
                        all.add("range", data.nest(3, bound(from)).nest(4, bound(to)));
                    }
                }
            }
            Self::State(mask) => match dialect {
                Dialect::Iptables => all.extension("match", "conntrack", 3, &conntrack_info(*mask)),
                Dialect::Native => {
                    all.add("ct", Attributes::default().number(2, 0).number(1, REG_1));
                    all.mask(&kernel_states(*mask).to_ne_bytes());
                    all.compare(NEQ, &[0; 4]);
                }
            },
            Self::Fragment { not } => {
                // The 13 bits of the fragment's offset (RFC 791).
                all.payload(NETWORK, 6, 2);
                all.mask(&[0x1f, 0xff]);
                all.compare(if *not { EQ } else { NEQ }, &[0; 2]);
            }
        }
    }
}

/// The states in nf_tables' form: the kernel's `NF_CT_STATE_BIT` and
/// `NF_CT_STATE_UNTRACKED_BIT`.
fn kernel_states(mask: u8) -> u32 {
    [1, 2, 4, 8, 64]
        .iter()
        .enumerate()
        .filter(|(bit, _)| mask & (1 << bit) != 0)
        .map(|(_, state)| state)
        .sum()
}

/// `xt_conntrack_mtinfo3` that matches states and nothing else.
fn conntrack_info(mask: u8) -> Vec<u8> {
    const MATCH_FLAGS: usize = 146;
    const STATE_MASK: usize = 150;
    let mut info = vec![0; 164];
    // `XT_CONNTRACK_STATE`
    info[MATCH_FLAGS..MATCH_FLAGS + 2].copy_from_slice(&1u16.to_ne_bytes());
    // iptables uses another bit for untracked connections.
    let states = match kernel_states(mask) {
        states if states & 64 != 0 => states & !64 | 256,
        states => states,
    };
    info[STATE_MASK..STATE_MASK + 2].copy_from_slice(&(states as u16).to_ne_bytes());
    info
}

impl Verdict {
    fn express(&self, all: &mut Expressions, dialect: Dialect) {
        match (self, dialect) {
            (Self::Accept | Self::Drop, _) => {
                // `NF_ACCEPT` and `NF_DROP`
                let code = u32::from(*self == Self::Accept);
                let verdict = Attributes::default().number(1, code);
                let data = Attributes::default().nest(2, verdict);
                all.add("immediate", Attributes::default().number(1, REG_VERDICT).nest(2, data));
            }
            (Self::Masquerade(_), Dialect::Native) => all.add("masq", Attributes::default()),
            (Self::Masquerade(Family::Inet), Dialect::Iptables) => {
                // `nf_nat_ipv4_multi_range_compat` with one unrestricted range.
                let info = [&1u32.to_ne_bytes()[..], &[0; 16]].concat();
                all.extension("target", "MASQUERADE", 0, &info);
            }
            // `nf_nat_range`
            (Self::Masquerade(Family::Inet6), Dialect::Iptables) => {
                all.extension("target", "MASQUERADE", 0, &[0; 40]);
            }
            (Self::Dnat { to, ports }, Dialect::Native) => {
                let (family, bytes) = match to {
                    IpAddr::V4(ip) => (libc::AF_INET, ip.octets().to_vec()),
                    IpAddr::V6(ip) => (libc::AF_INET6, ip.octets().to_vec()),
                };
                all.immediate(REG_1, &bytes);
                let mut data = Attributes::default().number(1, 1).number(2, family as u32).number(3, REG_1);
                if let Some((from, to)) = ports {
                    all.immediate(REG_2, &from.to_be_bytes());
                    data = data.number(5, REG_2);
                    if to > from {
                        all.immediate(REG_2 + 1, &to.to_be_bytes());
                        data = data.number(6, REG_2 + 1);
                    }
                }
                all.add("nat", data);
            }
            (Self::Dnat { to, ports }, Dialect::Iptables) => {
                // `nf_nat_range2`: `NF_NAT_RANGE_MAP_IPS`, and
                // `NF_NAT_RANGE_PROTO_SPECIFIED` if there are ports.
                let flags: u32 = 1 | if ports.is_some() { 2 } else { 0 };
                let mut address = match to {
                    IpAddr::V4(ip) => ip.octets().to_vec(),
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                };
                address.resize(16, 0);
                let (from, to) = ports.unwrap_or_default();
                let ports = [from.to_be_bytes(), to.to_be_bytes(), [0; 2]].concat();
                let info = [&flags.to_ne_bytes()[..], &address, &address, &ports].concat();
                all.extension("target", "DNAT", 2, &info);
            }
        }
    }
}
