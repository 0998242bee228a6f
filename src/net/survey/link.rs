use super::kinds::{self, Bridge, BridgePort, Macvlan, Tun, Vxlan};
use super::link_kind::{LinkKind, LowerLink};
use super::{Space, sysctls};
use crate::net::link::mac_of;
use crate::net::{NetError, Netns, Network, operstate};
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoPortData, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, LinkXdp, State,
    XdpAttached,
};
use serde::{Deserialize, Serialize};

/// A link: what `ip -d -s link` says of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its hardware address; empty where it has none.
    pub mac: String,
    /// The largest packet.
    pub mtu: u32,
    /// `veth`, `bridge`, `vxlan`, …; empty for `lo` and real devices.
    pub kind: LinkKind,
    /// Whether it is the loopback.
    pub loopback: bool,
    /// Whether it is switched on.
    pub up: bool,
    /// Whether there is a carrier, and what is below is up (`LOWER_UP`).
    pub lower_up: bool,
    /// Whether it can be sent on.
    pub running: bool,
    /// Whether nobody asks or answers who has an address (`NOARP`).
    pub noarp: bool,
    /// Whether it was told to take every frame.
    pub promisc: bool,
    /// How many want it to take every frame.
    pub promiscuity: u32,
    /// Whether it takes every multicast frame.
    pub allmulti: bool,
    /// Whether it can do multicast.
    pub multicast: bool,
    /// Whether it can do broadcast.
    pub broadcast: bool,
    /// Whether it joins two points.
    pub pointopoint: bool,
    /// `UP`, `DOWN`, `LOWERLAYERDOWN`, `DORMANT`, `UNKNOWN`, ….
    pub operstate: String,
    /// Whether there is a carrier.
    pub carrier: bool,
    /// How often that has changed.
    pub carrier_changes: u32,
    /// Whether a program holds its carrier down (`protodown`).
    pub protodown: bool,
    /// The bridge whose port it is.
    pub master: Option<u32>,
    /// The other end of a veth.
    pub peer: Option<Peer>,
    /// The link on which a macvlan or VXLAN stands.
    pub parent: Option<Peer>,
    /// What was written on it.
    pub alias: Option<String>,
    /// Its root queueing discipline.
    pub qdisc: String,
    /// How many packets wait at most.
    pub txqlen: u32,
    /// Whether an XDP program sees each frame first.
    pub xdp: bool,
    /// The largest packet handed to it to be cut.
    pub gso_max_size: u32,
    /// In how many pieces at most.
    pub gso_max_segs: u32,
    /// What went through.
    pub counters: LinkCounters,
    /// What a bridge is like.
    pub bridge: Option<Bridge>,
    /// What a bridge's port is like.
    pub port: Option<BridgePort>,
    /// What a macvlan or macvtap is like.
    pub macvlan: Option<Macvlan>,
    /// What a VXLAN is like.
    pub vxlan: Option<Vxlan>,
    /// What a tun or tap is like.
    pub tun: Option<Tun>,
}

/// A link of this or another namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// The namespace's name; none where it has none that we know.
    pub space: Option<String>,
    /// The link's index there.
    pub index: u32,
}

/// What went through a link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCounters {
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets received with an error.
    pub rx_errors: u64,
    /// Packets not sent for an error.
    pub tx_errors: u64,
    /// Packets received and dropped.
    pub rx_dropped: u64,
    /// Packets dropped before they were sent.
    pub tx_dropped: u64,
    /// Packets for somebody else's hardware address.
    pub rx_otherhost_dropped: u64,
    /// Packets that nobody was there for, as on an inactive port.
    pub rx_nohandler: u64,
    /// Packets not sent for want of a carrier.
    pub tx_carrier_errors: u64,
}

impl Network {
    /// Reads the links, and with them what switches of theirs come along.
    pub(in crate::net) fn survey_links(&self, netns: &Netns, space: &mut Space) -> Result<(), NetError> {
        for message in self.without_fallback(netns, self.dump_links_with_counters(netns)?)? {
            let link = self.survey_link(netns, &message);
            sysctls::of_link(&mut space.sysctls, &link.name, &message);
            space.links.push(link);
        }
        space.links.sort_by_key(|link| link.index);
        Ok(())
    }

    fn survey_link(&self, netns: &Netns, message: &LinkMessage) -> Link {
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
            operstate: words(operstate::of(message)).into(),
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
        // Without a number, it is this namespace.
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
            // The kernel takes the carrier away when nobody has it open.
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

fn words(state: State) -> &'static str {
    match state {
        State::Up => "UP",
        State::Down => "DOWN",
        State::LowerLayerDown => "LOWERLAYERDOWN",
        State::Dormant => "DORMANT",
        State::Testing => "TESTING",
        State::NotPresent => "NOTPRESENT",
        _ => "UNKNOWN",
    }
}
