use super::raw::{attributes, find, number, text, value};
use super::tc::{ATTRIBUTES, KIND, OPTIONS, handle};
use crate::net::kernel::link_names::LinkNames;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// `RTM_GETTFILTER` of linux/rtnetlink.h.
pub(super) const GET: u16 = 46;

/// A filter, as `tc filter show dev DEV HOOK` shows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// The link.
    pub dev: String,
    /// The place: `ingress`, `egress`, or the handle of the root, as `1:`.
    pub hook: String,
    /// `u32`, `matchall`, `flower`, `bpf`, `basic`, `fw`, ….
    pub kind: String,
    /// Its priority (`pref`).
    pub pref: u32,
    /// `all`, `ip`, `ipv6`, `arp` or a number.
    pub protocol: String,
    /// Its handle as `tc` writes it: `800::800`, `0x1`.
    pub handle: String,
    /// Its chain.
    pub chain: u32,
    /// The matches, as far as they can be read: `match 0a000001/ffffffff at 16`,
    /// `ip_proto 1`, `dst_ip 10.0.0.1`.
    pub matches: Vec<String>,
    /// The class that it selects.
    pub classid: Option<String>,
    /// The actions: `drop`, `pass`, `police … drop`, `mirred redirect egress
    /// eth1`, ….
    pub actions: Vec<String>,
}

impl Filter {
    /// The words after `tc` that delete it.
    pub fn deletion(&self) -> String {
        let Self { dev, hook, kind, pref, protocol, handle, .. } = self;
        let hook = if hook.contains(':') { format!("parent {hook}") } else { hook.clone() };
        let handle = if handle.is_empty() { String::new() } else { format!(" handle {handle} {kind}") };
        format!("filter del dev {dev} {hook} protocol {protocol} pref {pref}{handle}")
    }
}

/// The numbers of the attributes for the class, the actions and the police of
/// each kind.
fn numbers(kind: &str) -> Option<(u16, u16, u16)> {
    const NONE: u16 = 0x3fff;
    Some(match kind {
        "u32" => (1, 7, 6),
        "matchall" => (1, 2, NONE),
        "flower" => (1, 3, NONE),
        "bpf" => (3, 1, 2),
        "basic" => (1, 3, 4),
        "fw" => (1, 4, 2),
        "route" => (1, 6, 5),
        "flow" => (NONE, 9, 10),
        "cgroup" => (NONE, 1, 2),
        _ => return None,
    })
}

pub(super) fn read(row: &[u8], hook: &str, names: &LinkNames) -> Option<Filter> {
    const CHAIN: u16 = 11;
    let attributes = row.get(ATTRIBUTES..)?;
    let options = find(attributes, OPTIONS).unwrap_or_default();
    let info = number(row, 16)?;
    let kind = text(attributes, KIND)?;
    let own = number(row, 8)?;
    let mut filter = Filter {
        dev: names.name_of(number(row, 4)?),
        hook: hook.into(),
        pref: info >> 16,
        protocol: protocol(u16::from_be(info as u16)),
        handle: match own {
            0 => String::new(),
            own if kind == "u32" => u32_handle(own),
            own => format!("{own:#x}"),
        },
        chain: value(attributes, CHAIN).unwrap_or_default(),
        kind,
        ..Filter::default()
    };
    if let Some((class, actions, police)) = numbers(&filter.kind) {
        filter.classid = value(options, class).map(handle);
        if let Some(actions) = find(options, actions) {
            filter.actions =
                self::attributes(actions).map(|(_, action)| read_action(action, names)).collect();
        }
        filter.actions.extend(find(options, police).and_then(read_police));
    }
    filter.matches = match filter.kind.as_str() {
        "u32" => read_keys(options),
        "flower" => read_flower(options),
        _ => Vec::new(),
    };
    // An empty place, or one of u32's tables.
    let none = options.is_empty() || own == 0 || (filter.kind == "u32" && own & 0xfff == 0);
    (!none).then_some(filter)
}

fn protocol(number: u16) -> String {
    match number {
        0x0003 => "all".into(),
        0x0800 => "ip".into(),
        0x86dd => "ipv6".into(),
        0x0806 => "arp".into(),
        0x8100 => "802.1Q".into(),
        other => format!("{other:#06x}"),
    }
}

/// A u32 handle: table, bucket and item.
fn u32_handle(handle: u32) -> String {
    let (table, bucket, item) = (handle >> 20, handle >> 12 & 0xff, handle & 0xfff);
    let bucket = if bucket == 0 { String::new() } else { format!("{bucket:x}") };
    format!("{table:x}:{bucket}:{item:x}")
}

/// The keys of a struct tc_u32_sel.
fn read_keys(options: &[u8]) -> Vec<String> {
    const SELECTOR: u16 = 5;
    let keys = find(options, SELECTOR).and_then(|selector| selector.get(16..)).unwrap_or_default();
    let key = |key: &[u8]| {
        let [mask, value] = [0, 4].map(|at| number(key, at).map(u32::from_be));
        let offset = number(key, 8)?;
        Some(format!("match {:08x}/{:08x} at {offset}", value?, mask?))
    };
    keys.chunks_exact(16).filter_map(key).collect()
}

/// Reads the common ones of `TCA_FLOWER_KEY_*` of linux/pkt_cls.h.
fn read_flower(options: &[u8]) -> Vec<String> {
    let address = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(|ip| Ipv4Addr::from(ip).to_string());
    let port =
        |bytes: &[u8]| <[u8; 2]>::try_from(bytes).ok().map(|port| u16::from_be_bytes(port).to_string());
    let read = |(kind, bytes): (u16, &[u8])| {
        let (name, value) = match kind {
            9 => ("ip_proto", bytes.first().map(u8::to_string)),
            10 => ("src_ip", address(bytes)),
            12 => ("dst_ip", address(bytes)),
            18 | 20 => ("src_port", port(bytes)),
            19 | 21 => ("dst_port", port(bytes)),
            _ => return None,
        };
        Some(format!("{name} {}", value?))
    };
    attributes(options).filter_map(read).collect()
}

fn read_action(action: &[u8], names: &LinkNames) -> String {
    let kind = text(action, 1).unwrap_or_default();
    let options = find(action, 2).unwrap_or_default();
    let parms = find(options, 2).unwrap_or_default();
    match kind.as_str() {
        // struct tc_gact.
        "gact" => verdict(number(parms, 8)).into(),
        // struct tc_mirred.
        "mirred" => {
            let how = match number(parms, 20) {
                Some(1) => "redirect egress",
                Some(2) => "mirror egress",
                Some(3) => "redirect ingress",
                _ => "mirror ingress",
            };
            format!("mirred {how} {}", names.name_of(number(parms, 24).unwrap_or_default()))
        }
        "police" => read_police(options).unwrap_or(kind),
        _ => kind,
    }
}

/// struct tc_police.
fn read_police(options: &[u8]) -> Option<String> {
    let police = find(options, 1)?;
    Some(format!("police rate {} {}", number(police, 28)?, verdict(number(police, 4))))
}

/// `TC_ACT_*` of linux/pkt_cls.h.
fn verdict(number: Option<u32>) -> &'static str {
    match number {
        Some(0) => "pass",
        Some(1) => "reclassify",
        Some(2) => "drop",
        Some(3) => "pipe",
        Some(4 | 5 | 8) => "stolen",
        Some(7) => "redirect",
        _ => "continue",
    }
}
