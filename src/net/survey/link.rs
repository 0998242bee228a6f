use super::kinds;
use super::kinds::{Bridge, BridgePort, Macvlan, Tun, Vxlan};
use super::link_kind::{LinkKind, LowerLink};
use super::{Space, sysctls};
use crate::net::kernel::Kernel;
use crate::net::kernel::links::mac_of;
use crate::net::kernel::operstate;
use crate::net::{NetError, Netns};
use crate::table::LinkState;
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoPortData, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, LinkXdp, XdpAttached,
};
use serde::{Deserialize, Serialize};

/// A link, with the attributes that `ip -d -s link` shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its hardware address; empty if it has none.
    pub mac: String,
    /// The MTU.
    pub mtu: u32,
    /// `veth`, `bridge`, `vxlan`, …; empty for `lo` and real devices.
    pub kind: LinkKind,
    /// Whether it is the loopback device.
    pub loopback: bool,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it has a carrier, and its lower link is up (`LOWER_UP`).
    pub lower_up: bool,
    /// Whether it can send.
    pub running: bool,
    /// Whether neighbour resolution is off (`NOARP`).
    pub noarp: bool,
    /// Whether it was set to promiscuous mode.
    pub promisc: bool,
    /// The number of users of promiscuous mode.
    pub promiscuity: u32,
    /// Whether it accepts all multicast frames.
    pub allmulti: bool,
    /// Whether it supports multicast.
    pub multicast: bool,
    /// Whether it supports broadcast.
    pub broadcast: bool,
    /// Whether it is a point-to-point link.
    pub pointopoint: bool,
    /// Its operational state (RFC 2863).
    pub operstate: LinkState,
    /// Whether it has a carrier.
    pub carrier: bool,
    /// The number of carrier changes.
    pub carrier_changes: u32,
    /// Whether a program holds its carrier down (`protodown`).
    pub protodown: bool,
    /// The bridge whose port it is.
    pub master: Option<u32>,
    /// The other end of a veth.
    pub peer: Option<Peer>,
    /// The lower link of a macvlan or VXLAN.
    pub parent: Option<Peer>,
    /// The alias text.
    pub alias: Option<String>,
    /// Its root queueing discipline.
    pub qdisc: String,
    /// The maximum length of its queue, in packets.
    pub txqlen: u32,
    /// Whether it has an XDP program.
    pub xdp: bool,
    /// The maximum size of a packet before segmentation.
    pub gso_max_size: u32,
    /// The maximum number of its segments.
    pub gso_max_segs: u32,
    /// The packet counters.
    pub counters: LinkCounters,
    /// The attributes of a bridge.
    pub bridge: Option<Bridge>,
    /// The attributes of a bridge port.
    pub port: Option<BridgePort>,
    /// The attributes of a macvlan or macvtap.
    pub macvlan: Option<Macvlan>,
    /// The attributes of a VXLAN.
    pub vxlan: Option<Vxlan>,
    /// The attributes of a tun or tap.
    pub tun: Option<Tun>,
}

/// A link of this or another namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// The namespace's name; `None` if it has no known name.
    pub space: Option<String>,
    /// The link's index there.
    pub index: u32,
}

/// The packet counters of a link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCounters {
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets received with an error.
    pub rx_errors: u64,
    /// Packets not sent because of an error.
    pub tx_errors: u64,
    /// Packets received and dropped.
    pub rx_dropped: u64,
    /// Packets dropped before they were sent.
    pub tx_dropped: u64,
    /// Packets for another host's hardware address.
    pub rx_otherhost_dropped: u64,
    /// Packets without a receiver, for instance on an inactive port.
    pub rx_nohandler: u64,
    /// Packets not sent because of a missing carrier.
    pub tx_carrier_errors: u64,
}

impl Kernel<'_> {
    /// Reads the links, and the sysctls that the listing includes.
    pub(in crate::net) fn survey_links(&self, netns: &Netns, space: &mut Space) -> Result<(), NetError> {
        for message in self.without_fallback(netns, self.dump_links_with_counters(netns)?)? {
            let link = self.survey_link(netns, &message);
            sysctls::of_link(&mut space.sysctls, &link.name, &message);
            space.links.push(link);
        }
        space.links.sort_by_key(|link| link.index);
        Ok(())
    }

    pub(in crate::net) fn survey_link(&self, netns: &Netns, message: &LinkMessage) -> Link {
        let flags = message.header.flags;
        let mut link = Link {
            index: message.header.index,
            mac: mac_of(message),
            loopback: flags.contains(LinkFlags::Loopback),
            up: flags.contains(LinkFlags::Up),
            lower_up: flags.contains(LinkFlags::LowerUp),
            running: flags.contains(LinkFlags::Running),
            noarp: flags.contains(LinkFlags::Noarp),
            promisc: flags.contains(LinkFlags::Promisc),
            allmulti: flags.contains(LinkFlags::Allmulti),
            multicast: flags.contains(LinkFlags::Multicast),
            broadcast: flags.contains(LinkFlags::Broadcast),
            pointopoint: flags.contains(LinkFlags::Pointopoint),
            operstate: operstate::of(message),
            ..Link::default()
        };
        let (mut other, mut nsid) = (None, None);
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
                LinkAttribute::Carrier(carrier) => link.carrier = *carrier != 0,
                LinkAttribute::CarrierChanges(changes) => link.carrier_changes = *changes,
                LinkAttribute::ProtoDown(down) => link.protodown = *down != 0,
                LinkAttribute::Promiscuity(count) => link.promiscuity = *count,
                LinkAttribute::Controller(index) => link.master = Some(*index),
                LinkAttribute::Link(index) if *index != 0 => other = Some(*index),
                LinkAttribute::LinkNetNsId(id) => nsid = Some(*id),
                LinkAttribute::IfAlias(alias) => link.alias = Some(alias.clone()),
                LinkAttribute::Qdisc(qdisc) => link.qdisc.clone_from(qdisc),
                LinkAttribute::TxQueueLen(length) => link.txqlen = *length,
                LinkAttribute::GsoMaxSize(size) => link.gso_max_size = *size,
                LinkAttribute::GsoMaxSegs(segments) => link.gso_max_segs = *segments,
                LinkAttribute::Xdp(xdp) => {
                    let attached = |part: &LinkXdp| matches!(part, LinkXdp::Attached(attached) if *attached != XdpAttached::None);
                    link.xdp = xdp.iter().any(attached);
                }
                LinkAttribute::Stats64(stats) => {
                    link.counters = LinkCounters {
                        rx_packets: stats.rx_packets,
                        tx_packets: stats.tx_packets,
                        rx_errors: stats.rx_errors,
                        tx_errors: stats.tx_errors,
                        rx_dropped: stats.rx_dropped,
                        tx_dropped: stats.tx_dropped,
                        rx_otherhost_dropped: stats.rx_otherhost_dropped,
                        rx_nohandler: stats.rx_nohandler,
                        tx_carrier_errors: stats.tx_carrier_errors,
                    }
                }
                LinkAttribute::LinkInfo(infos) => read_infos(infos, &mut link),
                _ => {}
            }
        }
        // Without an id, it is this namespace.
        let home = match nsid {
            None => Some(netns.name().to_string()),
            Some(nsid) => self.namespace_of(netns, nsid).map(|other| other.name().to_string()),
        };
        if let Some(vxlan) = &mut link.vxlan {
            vxlan.underlay.clone_from(&home);
            other = other.or(vxlan.dev);
        }
        let other = other.map(|index| Peer { space: home, index });
        match link.kind.lower() {
            LowerLink::Peer => link.peer = other,
            LowerLink::Parent | LowerLink::Underlay => link.parent = other,
        }
        if let Some(tun) = &mut link.tun {
            // The kernel turns the carrier off when no program has it open.
            tun.attached = link.carrier || (link.up && link.lower_up);
        }
        link
    }
}

pub(super) fn read_infos(infos: &[LinkInfo], link: &mut Link) {
    for info in infos {
        match info {
            LinkInfo::Kind(InfoKind::Other(kind)) => link.kind = kind.as_str().into(),
            LinkInfo::Kind(kind) => link.kind = kind.to_string().into(),
            LinkInfo::Data(InfoData::Bridge(data)) => link.bridge = Some(kinds::bridge(data)),
            LinkInfo::Data(InfoData::MacVlan(data)) => link.macvlan = Some(kinds::macvlan(data)),
            LinkInfo::Data(InfoData::MacVtap(data)) => link.macvlan = Some(kinds::macvtap(data)),
            LinkInfo::Data(InfoData::Vxlan(data)) => link.vxlan = Some(kinds::vxlan(data)),
            LinkInfo::Data(InfoData::Tun(data)) => link.tun = Some(kinds::tun(data)),
            LinkInfo::PortData(InfoPortData::BridgePort(data)) => link.port = Some(kinds::port(data)),
            _ => {}
        }
    }
}
