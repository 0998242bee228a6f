//! What only links of one kind have.

use crate::table;
use rtnetlink::packet_core::Nla;
use rtnetlink::packet_route::link::{
    BridgePortState, BridgeStpState, InfoBridge, InfoBridgePort, InfoMacVlan, InfoMacVtap, InfoTun,
    InfoVxlan, MacVlanFlags,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A bridge.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Bridge {
    /// Whether it breaks loops by STP.
    pub stp: bool,
    /// How long a port listens and then learns, in hundredths of a second.
    pub forward_delay: u32,
    /// How long an address that was learned stays, in hundredths of a second.
    pub ageing_time: u32,
    /// Whether it asks iptables (`nf_call_iptables`), whatever the switch says.
    pub nf_call_iptables: bool,
    /// Whether it asks ip6tables.
    pub nf_call_ip6tables: bool,
    /// Whether it asks arptables.
    pub nf_call_arptables: bool,
    /// Whether it minds VLANs.
    pub vlan_filtering: bool,
    /// The VLAN of frames without one; 0 for none.
    pub vlan_default_pvid: u16,
    /// Whether it sends multicast where it was asked for only.
    pub mcast_snooping: bool,
    /// Whether it asks who wants multicast.
    pub mcast_querier: bool,
    /// Which link-local groups it passes on.
    pub group_fwd_mask: u16,
    /// The group of its own frames.
    pub group_address: String,
    /// How many learned addresses it has.
    pub fdb_n_learned: u32,
    /// How many it may have; 0 for any.
    pub fdb_max_learned: u32,
    /// The port to the root of the tree; 0 where it is the root.
    pub root_port: u16,
}

/// A bridge's port.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BridgePort {
    /// `disabled`, `listening`, `learning`, `forwarding` or `blocking`.
    pub state: String,
    /// Whether it reaches ports only that are not isolated.
    pub isolated: bool,
    /// Whether it learns addresses.
    pub learning: bool,
    /// Whether it gets frames for unknown addresses.
    pub flood: bool,
    /// Whether it gets multicast that nobody asked for.
    pub mcast_flood: bool,
    /// Whether it gets broadcast.
    pub bcast_flood: bool,
    /// Whether a frame may leave by the port by which it came.
    pub hairpin: bool,
    /// Whether STP's frames switch it off (`guard`).
    pub guard: bool,
    /// Whether it can't become the way to the root (`root_block`).
    pub root_block: bool,
    /// Whether it drops frames from addresses that the database does not have
    /// at it.
    pub locked: bool,
    /// Whether the bridge answers in the neighbours' place.
    pub neigh_suppress: bool,
    /// Whether the bridge answers ARP in the neighbours' place (`proxy_arp`).
    pub proxy_arp: bool,
    /// The same for wireless (`proxy_arp_wifi`).
    pub proxy_arp_wifi: bool,
    /// Whether multicast goes to each listener alone.
    pub mcast_to_unicast: bool,
    /// Whether VLANs are put onto tunnels.
    pub vlan_tunnel: bool,
    /// What the way by it costs.
    pub cost: u32,
    /// How much it is liked.
    pub priority: u16,
    /// Where multicast routers are: 0 never, 1 learned, 2 always.
    pub mcast_router: u8,
    /// How many groups its listeners may join; 0 for any.
    pub mcast_max_groups: u32,
}

/// A macvlan or macvtap.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Macvlan {
    /// `private`, `vepa`, `bridge`, `passthru` or `source`.
    pub mode: String,
    /// Whether a passthru one leaves its parent's promiscuity alone.
    pub nopromisc: bool,
    /// Whether it is never found by destination (`nodst`).
    pub nodst: bool,
    /// The only senders that a `source` one takes frames from.
    pub macs: Vec<String>,
}

/// A VXLAN.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Vxlan {
    /// The number of the virtual network.
    pub id: u32,
    /// Where frames for unknown addresses go: an address (`remote`) or a
    /// group.
    pub remote: Option<IpAddr>,
    /// The address from which it sends.
    pub local: Option<IpAddr>,
    /// The link by which it sends, in the namespace of `underlay`.
    pub dev: Option<u32>,
    /// The namespace in which it sends; none where it has no name.
    pub underlay: Option<String>,
    /// The UDP port of the other side, and its own.
    pub port: u16,
    /// The range of source ports; (0, 0) for the usual one.
    pub port_range: (u16, u16),
    /// Whether it learns addresses.
    pub learning: bool,
    /// The TTL of its packets; 0 for the usual one.
    pub ttl: u8,
    /// `unset`, `set` or `inherit`: whether its packets may be cut.
    pub df: String,
    /// Whether it answers ARP itself.
    pub proxy: bool,
    /// Whether it routes by itself (`rsc`).
    pub rsc: bool,
    /// Whether it tells of unknown hardware addresses.
    pub l2miss: bool,
    /// Whether it tells of unknown addresses.
    pub l3miss: bool,
    /// Whether each packet says where it goes (`external`).
    pub external: bool,
    /// Whether it takes the numbers of its VNI database only.
    pub vnifilter: bool,
    /// Whether packets to an address of this machine stay here.
    pub localbypass: bool,
    /// How many learned addresses it may have; 0 for any.
    pub maxaddress: u32,
    /// How long an address that was learned stays, in seconds.
    pub ageing: u32,
    /// Whether it has the group policy extension, which both ends must have.
    pub gbp: bool,
    /// Whether it has the generic protocol extension, which both ends must
    /// have.
    pub gpe: bool,
    /// Whether its packets over IPv4 have a checksum.
    pub udp_csum: bool,
    /// Whether packets over IPv6 without a checksum are taken.
    pub udp_zero_csum6_rx: bool,
    /// Whether packets over IPv6 go without a checksum.
    pub udp_zero_csum6_tx: bool,
}

/// A tun or tap.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tun {
    /// Whether it carries whole frames (`tap`).
    pub tap: bool,
    /// Whether it stays when nobody has it open.
    pub persist: bool,
    /// The user who may open it.
    pub owner: Option<u32>,
    /// Whether a program has it open.
    pub attached: bool,
}

pub(super) fn bridge(data: &[InfoBridge]) -> Bridge {
    let mut bridge = Bridge::default();
    for part in data {
        match part {
            InfoBridge::StpState(state) => bridge.stp = *state != BridgeStpState::Disabled,
            InfoBridge::ForwardDelay(delay) => bridge.forward_delay = *delay,
            InfoBridge::AgeingTime(time) => bridge.ageing_time = *time,
            InfoBridge::NfCallIpTables(on) => bridge.nf_call_iptables = *on,
            InfoBridge::NfCallIp6Tables(on) => bridge.nf_call_ip6tables = *on,
            InfoBridge::NfCallArpTables(on) => bridge.nf_call_arptables = *on,
            InfoBridge::VlanFiltering(on) => bridge.vlan_filtering = *on,
            InfoBridge::VlanDefaultPvid(vlan) => bridge.vlan_default_pvid = *vlan,
            InfoBridge::MulticastSnooping(on) => bridge.mcast_snooping = *on,
            InfoBridge::MulticastQuerier(on) => bridge.mcast_querier = *on,
            InfoBridge::GroupFwdMask(mask) => bridge.group_fwd_mask = *mask,
            InfoBridge::GroupAddr(mac) => bridge.group_address = table::mac(mac),
            InfoBridge::FdbNLearned(count) => bridge.fdb_n_learned = *count,
            InfoBridge::FdbMaxLearned(count) => bridge.fdb_max_learned = *count,
            InfoBridge::RootPort(port) => bridge.root_port = *port,
            _ => {}
        }
    }
    bridge
}

pub(super) fn port(data: &[InfoBridgePort]) -> BridgePort {
    let mut port = BridgePort::default();
    for part in data {
        match part {
            InfoBridgePort::State(state) => port.state = port_state(*state),
            InfoBridgePort::Isolated(on) => port.isolated = *on,
            InfoBridgePort::Learning(on) => port.learning = *on,
            InfoBridgePort::UnicastFlood(on) => port.flood = *on,
            InfoBridgePort::MulticastFlood(on) => port.mcast_flood = *on,
            InfoBridgePort::BroadcastFlood(on) => port.bcast_flood = *on,
            InfoBridgePort::HairpinMode(on) => port.hairpin = *on,
            InfoBridgePort::Guard(on) => port.guard = *on,
            InfoBridgePort::Protect(on) => port.root_block = *on,
            InfoBridgePort::Locked(on) => port.locked = *on,
            InfoBridgePort::NeighSupress(on) => port.neigh_suppress = *on,
            InfoBridgePort::ProxyARP(on) => port.proxy_arp = *on,
            InfoBridgePort::ProxyARPWifi(on) => port.proxy_arp_wifi = *on,
            InfoBridgePort::MulticastToUnicast(on) => port.mcast_to_unicast = *on,
            InfoBridgePort::VlanTunnel(on) => port.vlan_tunnel = *on,
            InfoBridgePort::Cost(cost) => port.cost = *cost,
            InfoBridgePort::Priority(priority) => port.priority = *priority,
            InfoBridgePort::MulticastRouter(kind) => port.mcast_router = (*kind).into(),
            InfoBridgePort::MulticastMaxGroups(count) => port.mcast_max_groups = *count,
            _ => {}
        }
    }
    port
}

fn port_state(state: BridgePortState) -> String {
    match state {
        BridgePortState::Disabled => "disabled".into(),
        BridgePortState::Listening => "listening".into(),
        BridgePortState::Learning => "learning".into(),
        BridgePortState::Forwarding => "forwarding".into(),
        BridgePortState::Blocking => "blocking".into(),
        other => u8::from(other).to_string(),
    }
}

pub(super) fn macvlan(data: &[InfoMacVlan]) -> Macvlan {
    let mut macvlan = Macvlan::default();
    for part in data {
        match part {
            InfoMacVlan::Mode(mode) => macvlan.mode = mode.to_string(),
            InfoMacVlan::Flags(flags) => {
                macvlan.nopromisc = flags.contains(MacVlanFlags::NoPromisc);
                macvlan.nodst = flags.contains(MacVlanFlags::NoDst);
            }
            InfoMacVlan::MacAddrData(macs) => {
                macvlan.macs.extend(macs.iter().filter_map(|part| match part {
                    InfoMacVlan::MacAddr(mac) => Some(table::mac(mac)),
                    _ => None,
                }));
            }
            _ => {}
        }
    }
    macvlan
}

pub(super) fn macvtap(data: &[InfoMacVtap]) -> Macvlan {
    let mode = data.iter().find_map(|part| match part {
        InfoMacVtap::Mode(mode) => Some(mode.to_string()),
        _ => None,
    });
    Macvlan { mode: mode.unwrap_or_default(), ..Macvlan::default() }
}

pub(super) fn vxlan(data: &[InfoVxlan]) -> Vxlan {
    let mut vxlan = Vxlan::default();
    for part in data {
        match part {
            InfoVxlan::Id(id) => vxlan.id = *id,
            InfoVxlan::Group(ip) => vxlan.remote = Some((*ip).into()),
            InfoVxlan::Group6(ip) => vxlan.remote = Some((*ip).into()),
            InfoVxlan::Local(ip) => vxlan.local = Some((*ip).into()),
            InfoVxlan::Local6(ip) => vxlan.local = Some((*ip).into()),
            InfoVxlan::Link(index) if *index != 0 => vxlan.dev = Some(*index),
            InfoVxlan::Port(port) => vxlan.port = *port,
            InfoVxlan::PortRange(range) => vxlan.port_range = *range,
            InfoVxlan::Learning(on) => vxlan.learning = *on,
            InfoVxlan::Ttl(ttl) => vxlan.ttl = *ttl,
            InfoVxlan::Df(df) => {
                let name = ["unset", "set", "inherit"].get(usize::from(u8::from(*df)));
                vxlan.df = name.map_or_else(|| u8::from(*df).to_string(), ToString::to_string);
            }
            InfoVxlan::Proxy(on) => vxlan.proxy = *on,
            InfoVxlan::Rsc(on) => vxlan.rsc = *on,
            InfoVxlan::L2Miss(on) => vxlan.l2miss = *on,
            InfoVxlan::L3Miss(on) => vxlan.l3miss = *on,
            InfoVxlan::CollectMetadata(on) => vxlan.external = *on,
            InfoVxlan::Vnifilter(on) => vxlan.vnifilter = *on,
            InfoVxlan::Localbypass(on) => vxlan.localbypass = *on,
            InfoVxlan::Limit(limit) => vxlan.maxaddress = *limit,
            InfoVxlan::Ageing(seconds) => vxlan.ageing = *seconds,
            InfoVxlan::Gbp => vxlan.gbp = true,
            InfoVxlan::Gpe => vxlan.gpe = true,
            InfoVxlan::UDPCsum(on) => vxlan.udp_csum = *on,
            InfoVxlan::UDPZeroCsumRX(on) => vxlan.udp_zero_csum6_rx = *on,
            InfoVxlan::UDPZeroCsumTX(on) => vxlan.udp_zero_csum6_tx = *on,
            _ => {}
        }
    }
    vxlan
}

/// `IFLA_TUN_*` of linux/if_link.h, which the crate gives as bytes.
pub(super) fn tun(data: &[InfoTun]) -> Tun {
    const OWNER: u16 = 1;
    const TYPE: u16 = 3;
    const PERSIST: u16 = 6;
    const TAP: u8 = 2;
    let mut tun = Tun::default();
    for part in data {
        let mut value = vec![0; part.value_len()];
        part.emit_value(&mut value);
        match (part.kind(), &value[..]) {
            (OWNER, &[a, b, c, d]) => tun.owner = Some(u32::from_ne_bytes([a, b, c, d])),
            (TYPE, &[kind]) => tun.tap = kind == TAP,
            (PERSIST, &[on]) => tun.persist = on != 0,
            _ => {}
        }
    }
    tun
}
