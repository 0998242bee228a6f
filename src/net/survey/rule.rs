use super::Net;
use crate::net::kernel::Kernel;
use crate::net::notation::iproute;
use crate::net::{NetError, Netns};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};

/// A policy rule: a line of `ip rule`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyRule {
    /// Whether it is an IPv6 rule (`ip -6 rule`).
    pub inet6: bool,
    /// The priority.
    pub pref: u32,
    /// Whether it applies to packets that do not match.
    pub not: bool,
    /// The source.
    pub from: Option<Net>,
    /// The destination.
    pub to: Option<Net>,
    /// The type of service; 0 for any.
    pub tos: u8,
    /// The input link; `lo` for local packets.
    pub iif: Option<String>,
    /// Whether the input link does not exist.
    pub iif_detached: bool,
    /// The link to which the packet's socket is bound.
    pub oif: Option<String>,
    /// Whether that link does not exist.
    pub oif_detached: bool,
    /// The firewall mark.
    pub fwmark: Option<u32>,
    /// The mask of the mark.
    pub fwmask: u32,
    /// The range of users whose packets match.
    pub uidrange: Option<(u32, u32)>,
    /// The protocol's number.
    pub ipproto: Option<u8>,
    /// The source ports.
    pub sport: Option<(u16, u16)>,
    /// The destination ports.
    pub dport: Option<(u16, u16)>,
    /// Whether it matches packets of a VRF.
    pub l3mdev: bool,
    /// `lookup`, `goto`, `nop`, `blackhole`, `unreachable` or `prohibit`.
    pub action: String,
    /// The table to look up.
    pub table: Option<u32>,
    /// The priority of the rule to continue with.
    pub goto: Option<u32>,
    /// Routes whose prefix is at most this long are ignored.
    pub suppress_prefixlength: Option<u32>,
    /// Routes through links of this group are ignored.
    pub suppress_ifgroup: Option<u32>,
}

impl Kernel<'_> {
    pub(super) fn survey_rules(&self, netns: &Netns) -> Result<Vec<PolicyRule>, NetError> {
        let mut found = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut message = RuleMessage::default();
            message.header.family = family;
            // A kernel without IPv6 has no rules.
            let rows = self.dump(netns, RouteNetlinkMessage::GetRule(message)).unwrap_or_default();
            found.extend(rows.iter().filter_map(|row| match row {
                RouteNetlinkMessage::NewRule(message) => Some(read(message)),
                _ => None,
            }));
        }
        Ok(found)
    }
}

pub(super) fn read(message: &RuleMessage) -> PolicyRule {
    let header = &message.header;
    let mut rule = PolicyRule {
        inet6: header.family == AddressFamily::Inet6,
        not: header.flags.contains(RuleFlags::Invert),
        tos: header.tos,
        iif_detached: header.flags.contains(RuleFlags::IifDetached),
        oif_detached: header.flags.contains(RuleFlags::OifDetached),
        fwmask: u32::MAX,
        action: iproute::rule_action(header.action),
        ..PolicyRule::default()
    };
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(pref) => rule.pref = *pref,
            RuleAttribute::Source(ip) => rule.from = Some(Net { ip: *ip, len: header.src_len }),
            RuleAttribute::Destination(ip) => rule.to = Some(Net { ip: *ip, len: header.dst_len }),
            RuleAttribute::Iifname(name) => rule.iif = Some(name.clone()),
            RuleAttribute::Oifname(name) => rule.oif = Some(name.clone()),
            RuleAttribute::FwMark(mark) => rule.fwmark = Some(*mark),
            // The kernel leaves out a mark of 0.
            RuleAttribute::FwMask(mask) => {
                rule.fwmask = *mask;
                rule.fwmark.get_or_insert_default();
            }
            RuleAttribute::UidRange(range) => rule.uidrange = Some((range.start, range.end)),
            RuleAttribute::IpProtocol(protocol) => rule.ipproto = Some(i32::from(*protocol) as u8),
            RuleAttribute::SourcePortRange(range) => rule.sport = Some((range.start, range.end)),
            RuleAttribute::DestinationPortRange(range) => rule.dport = Some((range.start, range.end)),
            RuleAttribute::L3MDev(on) => rule.l3mdev = *on,
            RuleAttribute::Table(table) if header.action == RuleAction::ToTable => rule.table = Some(*table),
            RuleAttribute::Goto(pref) => rule.goto = Some(*pref),
            RuleAttribute::SuppressPrefixLen(length) if *length != u32::MAX => {
                rule.suppress_prefixlength = Some(*length);
            }
            RuleAttribute::SuppressIfGroup(group) if *group != u32::MAX => {
                rule.suppress_ifgroup = Some(*group);
            }
            _ => {}
        }
    }
    rule
}
