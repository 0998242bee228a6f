//! Attributes that only links of one kind have.

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
    /// Whether it runs the spanning tree protocol.
    pub stp: bool,
    /// The time that a port listens and then learns, in hundredths of a second.
    pub forward_delay: u32,
    /// The time that a learned address stays, in hundredths of a second.
    pub ageing_time: u32,
    /// Whether it passes packets to iptables (`nf_call_iptables`), whatever the
    /// sysctl says.
    pub nf_call_iptables: bool,
    /// Whether it passes packets to ip6tables.
    pub nf_call_ip6tables: bool,
    /// Whether it passes packets to arptables.
    pub nf_call_arptables: bool,
    /// Whether it filters VLANs.
    pub vlan_filtering: bool,
    /// The VLAN of untagged frames; 0 for none.
    pub vlan_default_pvid: u16,
    /// Whether it sends multicast only to ports with listeners.
    pub mcast_snooping: bool,
    /// Whether it sends multicast queries.
    pub mcast_querier: bool,
    /// The link-local groups that it forwards.
    pub group_fwd_mask: u16,
    /// The destination group of its own frames.
    pub group_address: String,
    /// The number of learned addresses.
    pub fdb_n_learned: u32,
    /// The maximum number of learned addresses; 0 for no limit.
    pub fdb_max_learned: u32,
    /// The port to the root of the tree; 0 if it is the root.
    pub root_port: u16,
}

/// A bridge's port.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BridgePort {
    /// `disabled`, `listening`, `learning`, `forwarding` or `blocking`.
    pub state: String,
    /// Whether it reaches only ports that are not isolated.
    pub isolated: bool,
    /// Whether it learns addresses.
    pub learning: bool,
    /// Whether it gets frames for unknown addresses.
    pub flood: bool,
    /// Whether it gets multicast without a listener.
    pub mcast_flood: bool,
    /// Whether it gets broadcast.
    pub bcast_flood: bool,
    /// Whether a frame may leave by its input port.
    pub hairpin: bool,
    /// Whether a received STP frame disables it (`guard`).
    pub guard: bool,
    /// Whether it can't become the root port (`root_block`).
    pub root_block: bool,
    /// Whether it drops frames whose source address is not in the database at
    /// this port.
    pub locked: bool,
    /// Whether the bridge answers neighbour requests on behalf of hosts.
    pub neigh_suppress: bool,
    /// Whether the bridge answers ARP on behalf of hosts (`proxy_arp`).
    pub proxy_arp: bool,
    /// The same for wireless (`proxy_arp_wifi`).
    pub proxy_arp_wifi: bool,
    /// Whether multicast is sent to each listener as unicast.
    pub mcast_to_unicast: bool,
    /// Whether VLANs are mapped to tunnels.
    pub vlan_tunnel: bool,
    /// The path cost in STP.
    pub cost: u32,
    /// The port priority in STP.
    pub priority: u16,
    /// The multicast router state: 0 never, 1 learned, 2 always.
    pub mcast_router: u8,
    /// The maximum number of groups that its listeners may join; 0 for no limit.
    pub mcast_max_groups: u32,
}

/// A macvlan or macvtap.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Macvlan {
    /// `private`, `vepa`, `bridge`, `passthru` or `source`.
    pub mode: String,
    /// Whether a passthru macvlan leaves its parent's promiscuity unchanged.
    pub nopromisc: bool,
    /// Whether it is never matched by destination (`nodst`).
    pub nodst: bool,
    /// The allowed source addresses in mode `source`.
    pub macs: Vec<String>,
}

/// A VXLAN.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Vxlan {
    /// The network identifier (VNI).
    pub id: u32,
    /// The destination of frames for unknown addresses: an address (`remote`) or
    /// a group.
    pub remote: Option<IpAddr>,
    /// The source address.
    pub local: Option<IpAddr>,
    /// The outgoing link, in the namespace of `underlay`.
    pub dev: Option<u32>,
    /// The namespace in which it sends; `None` if the namespace has no name.
    pub underlay: Option<String>,
    /// The UDP port of both ends.
    pub port: u16,
    /// The range of source ports; (0, 0) for the default.
    pub port_range: (u16, u16),
    /// Whether it learns addresses.
    pub learning: bool,
    /// The TTL of its packets; 0 for the default.
    pub ttl: u8,
    /// `unset`, `set` or `inherit`: the DF flag of its packets.
    pub df: String,
    /// Whether it answers ARP itself.
    pub proxy: bool,
    /// Whether it routes by itself (`rsc`).
    pub rsc: bool,
    /// Whether it reports unknown hardware addresses.
    pub l2miss: bool,
    /// Whether it reports unknown IP addresses.
    pub l3miss: bool,
    /// Whether each packet carries its destination as metadata (`external`).
    pub external: bool,
    /// Whether it accepts only the VNIs of its filter database.
    pub vnifilter: bool,
    /// Whether packets to an address of this machine are delivered locally.
    pub localbypass: bool,
    /// The maximum number of learned addresses; 0 for no limit.
    pub maxaddress: u32,
    /// The time that a learned address stays, in seconds.
    pub ageing: u32,
    /// Whether it uses the group policy extension, which both ends must have.
    pub gbp: bool,
    /// Whether it uses the generic protocol extension, which both ends must
    /// have.
    pub gpe: bool,
    /// Whether its packets over IPv4 have a UDP checksum.
    pub udp_csum: bool,
    /// Whether packets over IPv6 without a UDP checksum are accepted.
    pub udp_zero_csum6_rx: bool,
    /// Whether packets over IPv6 are sent without a UDP checksum.
    pub udp_zero_csum6_tx: bool,
}

/// A tun or tap.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tun {
    /// Whether it carries whole frames (`tap`).
    pub tap: bool,
    /// Whether it stays when no program has it open.
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

/// Reads `IFLA_TUN_*` of linux/if_link.h, which the crate gives as bytes.
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
