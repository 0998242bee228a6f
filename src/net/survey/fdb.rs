use crate::net::kernel::Kernel;
use crate::net::kernel::link_names::LinkNames;
use crate::net::{NetError, Netns};
use crate::table;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourExtFlags, NeighbourFlags, NeighbourMessage,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// An entry of a forwarding database: a line of `bridge -d fdb`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FdbEntry {
    /// The port, or the VXLAN link.
    pub dev: String,
    /// Its index.
    pub index: u32,
    /// The hardware address; all zeros for a VXLAN's default.
    pub mac: String,
    /// The bridge whose database it is in; `None` for the device's own (`self`).
    pub master: Option<u32>,
    /// The VLAN.
    pub vlan: Option<u16>,
    /// `permanent` (the bridge's own), `static`, `stale`, or empty for a
    /// learned one.
    pub state: String,
    /// Whether it stays at its port even if frames arrive at another one.
    pub sticky: bool,
    /// Whether a program maintains it.
    pub extern_learn: bool,
    /// Whether it was learned on a locked port.
    pub locked: bool,
    /// The remote address to which a VXLAN sends such frames.
    pub dst: Option<IpAddr>,
    /// The remote UDP port, if it is not the link's default.
    pub port: Option<u16>,
    /// The remote network identifier, if it is not the link's own.
    pub vni: Option<u32>,
    /// The index of the outgoing link.
    pub via: Option<u32>,
}

impl Kernel<'_> {
    /// Reads the forwarding databases of a namespace's bridges and VXLANs.
    pub(in crate::net) fn survey_fdb(
        &self,
        netns: &Netns,
        names: &LinkNames,
    ) -> Result<Vec<FdbEntry>, NetError> {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Bridge;
        let rows = self.dump(netns, RouteNetlinkMessage::GetNeighbour(message))?;
        let mut found: Vec<FdbEntry> = rows
            .iter()
            .filter_map(|row| match row {
                RouteNetlinkMessage::NewNeighbour(message) => read(message, names),
                _ => None,
            })
            .collect();
        let key = |entry: &FdbEntry| (entry.index, entry.mac.clone(), entry.master, entry.vlan, entry.dst);
        found.sort_by_key(key);
        Ok(found)
    }
}

pub(super) fn read(message: &NeighbourMessage, names: &LinkNames) -> Option<FdbEntry> {
    let header = &message.header;
    let own = header.flags.contains(NeighbourFlags::Own);
    let mut entry = FdbEntry {
        dev: names.name_of(header.ifindex),
        index: header.ifindex,
        state: state(header.state.into()).into(),
        sticky: header.flags.contains(NeighbourFlags::Sticky),
        extern_learn: header.flags.contains(NeighbourFlags::ExtLearned),
        ..FdbEntry::default()
    };
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::LinkLayerAddress(bytes) => entry.mac = table::mac(bytes),
            NeighbourAttribute::Controller(index) if !own => entry.master = Some(*index),
            NeighbourAttribute::Vlan(vlan) => entry.vlan = Some(*vlan),
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => entry.dst = Some((*ip).into()),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => entry.dst = Some((*ip).into()),
            NeighbourAttribute::Destination(NeighbourAddress::Other(bytes)) => entry.dst = ip(bytes),
            NeighbourAttribute::Port(port) => entry.port = Some(*port),
            NeighbourAttribute::Vni(vni) => entry.vni = Some(*vni),
            NeighbourAttribute::IfIndex(index) => entry.via = Some(*index),
            NeighbourAttribute::ExtFlags(flags) => entry.locked = flags.contains(NeighbourExtFlags::Locked),
            _ => {}
        }
    }
    (!entry.mac.is_empty()).then_some(entry)
}

/// The state, from `NUD_*` of linux/neighbour.h; a VXLAN's entries have two at
/// once.
fn state(bits: u16) -> &'static str {
    match bits {
        bits if bits & 0x80 != 0 => "permanent",
        bits if bits & 0x40 != 0 => "static",
        bits if bits & 0x04 != 0 => "stale",
        _ => "",
    }
}

/// An IP address in a message of the bridge family.
fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match *bytes {
        [a, b, c, d] => Some(IpAddr::from([a, b, c, d])),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}
