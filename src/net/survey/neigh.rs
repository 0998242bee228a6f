use crate::net::kernel::Kernel;
use crate::net::kernel::link_names::LinkNames;
use crate::net::{NetError, Netns};
use crate::table;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// A neighbour: a line of `ip neigh show nud all`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The link; empty for a proxy on every link.
    pub dev: String,
    /// The link's index.
    pub index: u32,
    /// Its address.
    pub ip: IpAddr,
    /// Its hardware address, if known.
    pub mac: Option<String>,
    /// `REACHABLE`, `STALE`, `DELAY`, `PROBE`, `INCOMPLETE`, `FAILED`, `NOARP`,
    /// `PERMANENT` or `NONE`; empty for a proxy.
    pub state: String,
    /// Whether we answer on its behalf (`ip neigh show proxy`).
    pub proxy: bool,
    /// Whether it is a router (IPv6).
    pub router: bool,
    /// Whether a program maintains it (`extern_learn`).
    pub extern_learn: bool,
}

impl Default for Neighbour {
    fn default() -> Self {
        Self {
            dev: String::new(),
            index: 0,
            ip: Ipv4Addr::UNSPECIFIED.into(),
            mac: None,
            state: "REACHABLE".into(),
            proxy: false,
            router: false,
            extern_learn: false,
        }
    }
}

impl Kernel<'_> {
    pub(super) fn survey_neighs(&self, netns: &Netns, names: &LinkNames) -> Result<Vec<Neighbour>, NetError> {
        let mut found = Vec::new();
        for flags in [NeighbourFlags::empty(), NeighbourFlags::Proxy] {
            let mut message = NeighbourMessage::default();
            message.header.flags = flags;
            let rows = self.dump(netns, RouteNetlinkMessage::GetNeighbour(message))?;
            found.extend(rows.iter().filter_map(|row| match row {
                RouteNetlinkMessage::NewNeighbour(message) => read(message, names),
                _ => None,
            }));
        }
        found.sort_by_key(|row| (row.ip, row.index, row.proxy));
        Ok(found)
    }
}

/// Reads a neighbour entry.
pub(in crate::net) fn read(message: &NeighbourMessage, names: &LinkNames) -> Option<Neighbour> {
    let (mut ip, mut mac) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => ip = Some(IpAddr::from(*v4)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(v6)) => ip = Some(IpAddr::from(*v6)),
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = Some(table::mac(bytes)),
            _ => {}
        }
    }
    let header = &message.header;
    let proxy = header.flags.contains(NeighbourFlags::Proxy);
    Some(Neighbour {
        dev: if header.ifindex == 0 { String::new() } else { names.name_of(header.ifindex) },
        index: header.ifindex,
        ip: ip?,
        // A link without hardware addresses reports an empty one.
        mac: mac.filter(|mac| !mac.is_empty()),
        state: if proxy { String::new() } else { state(header.state) },
        proxy,
        router: header.flags.contains(NeighbourFlags::Router),
        extern_learn: header.flags.contains(NeighbourFlags::ExtLearned),
    })
}

fn state(state: NeighbourState) -> String {
    match state {
        NeighbourState::Incomplete => "INCOMPLETE".into(),
        NeighbourState::Reachable => "REACHABLE".into(),
        NeighbourState::Stale => "STALE".into(),
        NeighbourState::Delay => "DELAY".into(),
        NeighbourState::Probe => "PROBE".into(),
        NeighbourState::Failed => "FAILED".into(),
        NeighbourState::Noarp => "NOARP".into(),
        NeighbourState::Permanent => "PERMANENT".into(),
        NeighbourState::None => "NONE".into(),
        other => u16::from(other).to_string(),
    }
}
