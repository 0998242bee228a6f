//! Policy rules that choose a routing table (ip-rule(8)).

use super::addr::family;
use super::prefix::Prefix;
use super::route::table_number;
use crate::net::notation::iproute;
use crate::net::notation::typed::typed;
use crate::net::{Family, NetError, Netns, Network};
use crate::table::RuleRow;
use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::fmt;
use std::net::IpAddr;

/// A rule as it is typed.
#[derive(Debug, Clone, Default)]
pub struct RuleOptions {
    /// The family, if no address determines it; IPv4 by default.
    pub family: Option<Family>,
    /// The priority.
    pub pref: Option<u32>,
    /// The source of a packet.
    pub from: Option<String>,
    /// The destination of a packet.
    pub to: Option<String>,
    /// The input interface.
    pub iif: Option<String>,
    /// The firewall mark, with or without a mask: `1`, `0x1/0xff`.
    pub fwmark: Option<String>,
    /// The table to look up, by name or number; main by default.
    pub table: Option<String>,
    /// `prohibit`, `unreachable`, `blackhole` or `nop` instead of a table.
    pub action: Option<String>,
}

impl RuleOptions {
    /// The option that `ip` needs before the object: `-6` for IPv6.
    pub fn family_word(&self) -> &'static str {
        let addresses = [&self.from, &self.to];
        let v6 = addresses.iter().any(|address| address.as_ref().is_some_and(|text| text.contains(':')));
        if v6 || self.family == Some(Family::Inet6) { " -6" } else { "" }
    }
}

impl fmt::Display for RuleOptions {
    /// The words of `ip rule` after `add`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pref = self.pref.map(|pref| pref.to_string());
        let words = [
            ("pref", &pref),
            ("from", &self.from),
            ("to", &self.to),
            ("fwmark", &self.fwmark),
            ("iif", &self.iif),
            ("lookup", &self.table),
        ];
        for (word, value) in words {
            if let Some(value) = value {
                write!(f, " {word} {}", typed(value))?;
            }
        }
        match &self.action {
            Some(action) if action != "lookup" => write!(f, " {}", typed(action)),
            _ => Ok(()),
        }
    }
}

impl Network {
    /// Adds a rule, as `ip rule add` does.
    ///
    /// # Errors
    ///
    /// If a word is invalid, or the same rule exists.
    pub fn rule_add(&self, netns: &Netns, options: &RuleOptions) -> Result<(), NetError> {
        let kernel = self.act()?;
        let mut message = message(options)?;
        if message.header.action == RuleAction::Unspec {
            message.header.action = RuleAction::ToTable;
            if options.table.is_none() {
                message.attributes.push(RuleAttribute::Table(table_number(None)?));
            }
        }
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        kernel.change(netns, RouteNetlinkMessage::NewRule(message), flags).map_err(|refused| {
            let exists = refused.is(Errno::EEXIST);
            let error = NetError::from(refused);
            if exists { error.hint(format!("`{netns}` has this rule already")) } else { error }
        })
    }

    /// Removes the first matching rule, as `ip rule del` does.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn rule_del(&self, netns: &Netns, options: &RuleOptions) -> Result<(), NetError> {
        let kernel = self.act()?;
        let message = message(options)?;
        kernel.change(netns, RouteNetlinkMessage::DelRule(message), 0).map_err(|refused| {
            let missing = refused.is(Errno::ENOENT);
            let error = NetError::from(refused);
            if missing { error.hint(format!("`{netns}` has no such rule")) } else { error }
        })
    }

    /// The rules of one family, in the order in which they are evaluated.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted.
    pub fn rules(&self, netns: &Netns, family: Family) -> Result<Vec<RuleRow>, NetError> {
        let kernel = self.look()?;
        let mut message = RuleMessage::default();
        message.header.family = family.into();
        let rows = kernel.dump(netns, RouteNetlinkMessage::GetRule(message))?;
        let interfaces = kernel.dump_links(netns)?;
        let exists = |name: &str| {
            interfaces.iter().any(|link| crate::net::kernel::links::LinkBrief::read(link).name == name)
        };
        // In the kernel's order, which is that of their priorities. Of two rules
        // with the same priority, the older one comes first.
        Ok(rows
            .iter()
            .filter_map(|row| match row {
                RouteNetlinkMessage::NewRule(rule) => Some(read(rule, exists)),
                _ => None,
            })
            .collect())
    }
}

fn message(options: &RuleOptions) -> Result<RuleMessage, NetError> {
    let prefix = |text: &Option<String>| match text.as_deref() {
        None | Some("all" | "any" | "default") => Ok(None),
        Some(text) => Prefix::parse(text).map(Some),
    };
    let (from, to) = (prefix(&options.from)?, prefix(&options.to)?);
    let known = from.or(to).map(|prefix| family(prefix.address));
    let said = options.family.map(|family| family.into());
    let mut message = RuleMessage::default();
    message.header.family = said.or(known).unwrap_or(AddressFamily::Inet);
    let (ours, other) = (message.header.family, to.or(from));
    if let Some(prefix) = other.into_iter().chain(from).find(|prefix| family(prefix.address) != ours) {
        let words = if ours == AddressFamily::Inet { "inet" } else { "inet6" };
        return Err(NetError::new(format!("{words} prefix is expected rather than \"{prefix}\"")));
    }
    let attributes = &mut message.attributes;
    if let Some(prefix) = from {
        message.header.src_len = prefix.length;
        attributes.push(RuleAttribute::Source(prefix.address));
    }
    if let Some(prefix) = to {
        message.header.dst_len = prefix.length;
        attributes.push(RuleAttribute::Destination(prefix.address));
    }
    attributes.extend(options.pref.map(RuleAttribute::Priority));
    attributes.extend(options.iif.clone().map(RuleAttribute::Iifname));
    if let Some(text) = &options.fwmark {
        let (mark, mask) = text.split_once('/').map_or((&text[..], None), |(mark, mask)| (mark, Some(mask)));
        attributes.push(RuleAttribute::FwMark(mark_number(mark)?));
        if let Some(mask) = mask {
            attributes.push(RuleAttribute::FwMask(mark_number(mask)?));
        }
    }
    if let Some(table) = &options.table {
        attributes.push(RuleAttribute::Table(table_number(Some(table))?));
    }
    message.header.action = match options.action.as_deref() {
        None | Some("lookup") => RuleAction::Unspec,
        Some("prohibit") => RuleAction::Prohibit,
        Some("unreachable") => RuleAction::Unreachable,
        Some("blackhole") => RuleAction::Blackhole,
        Some("nop") => RuleAction::Nop,
        Some(other) => {
            return Err(NetError::new(format!("argument \"{other}\" is wrong: Failed to parse rule type"))
                .hint("choose `lookup`, `prohibit`, `unreachable`, `blackhole` or `nop`"));
        }
    };
    if message.header.action != RuleAction::Unspec && options.table.is_some() {
        let action = options.action.as_deref().unwrap_or_default();
        return Err(NetError::new(format!("a rule that says `{action}` looks into no table"))
            .hint("leave out `table`, or `action`"));
    }
    Ok(message)
}

fn mark_number(text: &str) -> Result<u32, NetError> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| {
        NetError::new(format!("argument \"{text}\" is wrong: fwmark value is invalid"))
            .hint("a mark is a number, as `1` or `0x1`, with a mask or without, as `0x1/0xff`")
    })
}

fn read(message: &RuleMessage, exists: impl Fn(&str) -> bool) -> RuleRow {
    let header = &message.header;
    let most = if header.family == AddressFamily::Inet { 32 } else { 128 };
    let prefix = |ip: &IpAddr, length: u8| {
        if length == most { ip.to_string() } else { format!("{ip}/{length}") }
    };
    let detached = |name: &String| match exists(name) {
        true => name.clone(),
        false => format!("{name} [detached]"),
    };
    let mut rule = RuleRow {
        pref: 0,
        from: "all".into(),
        to: None,
        iif: None,
        fwmark: None,
        table: None,
        action: iproute::rule_action(header.action),
        not: header.flags.contains(RuleFlags::Invert),
        more: Vec::new(),
        end: Vec::new(),
    };
    if header.tos != 0 {
        rule.more.push(format!("tos {:#04x}", header.tos));
    }
    let mut mask = u32::MAX;
    let mut mark = None;
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(pref) => rule.pref = *pref,
            RuleAttribute::Source(ip) => rule.from = prefix(ip, header.src_len),
            RuleAttribute::Destination(ip) => rule.to = Some(prefix(ip, header.dst_len)),
            RuleAttribute::Iifname(name) => rule.iif = Some(detached(name)),
            RuleAttribute::Oifname(name) => rule.more.push(format!("oif {}", detached(name))),
            RuleAttribute::FwMark(number) if *number != 0 => mark = Some(*number),
            RuleAttribute::FwMask(number) => mask = *number,
            RuleAttribute::Table(table) if header.action == RuleAction::ToTable => {
                rule.table = Some(iproute::table(*table));
            }
            RuleAttribute::Goto(pref) => rule.action = format!("goto {pref}"),
            RuleAttribute::SuppressPrefixLen(length) if *length != u32::MAX => {
                rule.end.push(format!("suppress_prefixlength {length}"));
            }
            RuleAttribute::UidRange(range) => {
                rule.more.push(format!("uidrange {}-{}", range.start, range.end));
            }
            RuleAttribute::IpProtocol(protocol) => {
                let number = i32::from(*protocol) as u8;
                rule.more.push(format!("ipproto {}", crate::net::notation::protocol::protocol_name(number)));
            }
            RuleAttribute::SourcePortRange(range) => {
                rule.more.push(format!("sport {}", ports(range.start, range.end)));
            }
            RuleAttribute::DestinationPortRange(range) => {
                rule.more.push(format!("dport {}", ports(range.start, range.end)));
            }
            _ => {}
        }
    }
    let order = ["tos", "oif", "uidrange", "ipproto", "sport", "dport"];
    rule.more.sort_by_key(|words| order.iter().position(|word| words.starts_with(word)));
    rule.fwmark =
        mark.map(|mark| if mask == u32::MAX { format!("{mark:#x}") } else { format!("{mark:#x}/{mask:#x}") });
    rule
}

fn ports(from: u16, to: u16) -> String {
    if from == to { from.to_string() } else { format!("{from}-{to}") }
}
