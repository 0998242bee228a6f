//! IPsec policies and states (`ip xfrm`).

use super::raw::{Raw, address, attributes, number, port};
use super::{Net, Space};
use rtnetlink::sys::protocols::NETLINK_XFRM;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// `XFRM_MSG_*` of linux/xfrm.h.
const GET_STATE: u16 = 0x12;
const GET_POLICY: u16 = 0x15;
const GET_DEFAULT: u16 = 0x28;

/// The sizes of a struct xfrm_userpolicy_info and a struct xfrm_user_tmpl.
const POLICY: usize = 168;
const TEMPLATE: usize = 64;

/// An IPsec policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct XfrmPolicy {
    /// `in`, `out` or `fwd`.
    pub dir: String,
    /// Whether it blocks (`action block`).
    pub block: bool,
    /// The packets that it applies to.
    pub selector: XfrmSelector,
    /// Its priority; lower values are evaluated first.
    pub priority: u32,
    /// The required transformations; none if matching packets just pass.
    pub templates: Vec<XfrmTemplate>,
}

/// The packets that a policy applies to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct XfrmSelector {
    /// The source.
    pub src: Net,
    /// The destination.
    pub dst: Net,
    /// The protocol's number; 0 for any.
    pub proto: u8,
    /// The source port (or ICMP type); `None` for any.
    pub sport: Option<u16>,
    /// The destination port (or ICMP code); `None` for any.
    pub dport: Option<u16>,
    /// The link; 0 for any.
    pub dev: u32,
}

/// A transformation that a policy requires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct XfrmTemplate {
    /// The tunnel's local end.
    pub src: Option<IpAddr>,
    /// The tunnel's remote end.
    pub dst: Option<IpAddr>,
    /// 50 for ESP, 51 for AH.
    pub proto: u8,
    /// The request id that links it to a state.
    pub reqid: u32,
    /// `transport`, `tunnel` or `beet`.
    pub mode: String,
    /// Whether a packet may arrive without it.
    pub optional: bool,
}

/// An IPsec state: a key for one direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct XfrmState {
    /// The sender.
    pub src: IpAddr,
    /// The receiver.
    pub dst: IpAddr,
    /// 50 for ESP, 51 for AH.
    pub proto: u8,
    /// The SPI in the packets.
    pub spi: u32,
    /// The request id that links it to a template.
    pub reqid: u32,
    /// `transport`, `tunnel` or `beet`.
    pub mode: String,
}

impl XfrmPolicy {
    /// The words after `ip` that delete it.
    pub fn deletion(&self) -> String {
        let XfrmSelector { src, dst, proto, sport, dport, .. } = &self.selector;
        let mut words = format!(
            "xfrm policy delete dir {} src {}/{} dst {}/{}",
            self.dir, src.ip, src.len, dst.ip, dst.len
        );
        if *proto != 0 {
            words += &format!(" proto {proto}");
        }
        let (one, other) = if matches!(proto, 1 | 58) { ("type", "code") } else { ("sport", "dport") };
        for (word, port) in [(one, sport), (other, dport)] {
            words.extend(port.map(|port| format!(" {word} {port}")));
        }
        words
    }
}

/// Reads the policies and states of this thread's current namespace.
pub(super) fn read(space: &mut Space) {
    // A kernel without IPsec has no such socket.
    let Some(mut raw) = Raw::open(NETLINK_XFRM) else { return };
    // struct xfrm_userpolicy_id and struct xfrm_usersa_id are longer, but a dump
    // of all objects ignores them.
    space.policies = raw.dump(GET_POLICY, &[]).iter().filter_map(|row| policy(row)).collect();
    space.states = raw.dump(GET_STATE, &[]).iter().filter_map(|row| state(row)).collect();
    // struct xfrm_userpolicy_default: 1 is `block`.
    if let Some([inwards, forward, outwards, ..]) = raw.get(GET_DEFAULT, &[0; 4]).as_deref() {
        space.xfrm_blocks = [*inwards == 1, *forward == 1, *outwards == 1];
    }
}

pub(super) fn policy(row: &[u8]) -> Option<XfrmPolicy> {
    const TEMPLATES: u16 = 5;
    let templates = attributes(row.get(POLICY..)?).find(|(kind, _)| *kind == TEMPLATES);
    let templates = templates.map(|(_, bytes)| bytes).unwrap_or_default();
    Some(XfrmPolicy {
        dir: match row.get(160)? {
            0 => "in".into(),
            1 => "out".into(),
            2 => "fwd".into(),
            other => other.to_string(),
        },
        block: *row.get(161)? == 1,
        selector: selector(row)?,
        priority: number(row, 152)?,
        templates: templates.chunks_exact(TEMPLATE).filter_map(template).collect(),
    })
}

/// struct xfrm_selector.
fn selector(bytes: &[u8]) -> Option<XfrmSelector> {
    let family = u16::from_ne_bytes([*bytes.get(40)?, *bytes.get(41)?]);
    // An empty selector has no family, and matches every packet.
    let net = |at: usize, len: u8| Net { ip: address(bytes, at, family).unwrap_or(Net::default().ip), len };
    let masked = |at: usize| port(bytes, at).filter(|_| port(bytes, at + 2) != Some(0));
    Some(XfrmSelector {
        dst: net(0, *bytes.get(42)?),
        src: net(16, *bytes.get(43)?),
        dport: masked(32),
        sport: masked(36),
        proto: *bytes.get(44)?,
        dev: number(bytes, 48)?,
    })
}

fn template(bytes: &[u8]) -> Option<XfrmTemplate> {
    let family = u16::from_ne_bytes([*bytes.get(24)?, *bytes.get(25)?]);
    let given = |ip: &IpAddr| !ip.is_unspecified();
    Some(XfrmTemplate {
        dst: address(bytes, 0, family).filter(given),
        src: address(bytes, 28, family).filter(given),
        proto: *bytes.get(20)?,
        reqid: number(bytes, 44)?,
        mode: mode(*bytes.get(48)?),
        optional: *bytes.get(50)? != 0,
    })
}

/// struct xfrm_usersa_info.
pub(super) fn state(row: &[u8]) -> Option<XfrmState> {
    let family = u16::from_ne_bytes([*row.get(212)?, *row.get(213)?]);
    Some(XfrmState {
        dst: address(row, 56, family)?,
        src: address(row, 80, family)?,
        spi: number(row, 72).map(u32::from_be)?,
        proto: *row.get(76)?,
        reqid: number(row, 208)?,
        mode: mode(*row.get(214)?),
    })
}

fn mode(mode: u8) -> String {
    match mode {
        0 => "transport".into(),
        1 => "tunnel".into(),
        4 => "beet".into(),
        other => other.to_string(),
    }
}
