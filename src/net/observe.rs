//! Reads a namespace's tables from the kernel.

use super::link::{LinkBrief, mac_of};
use super::route::table_number;
use super::{NetError, Netns, Network, iproute, operstate};
use crate::table::{self, Addr, FdbEntry, FdbState, Link, LinkState, NeighState, Neighbour, Route};
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{LinkAttribute, LinkInfo, LinkLayerType, LinkMessage, State};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RoutePreference,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4: `ip route`
    Inet,
    /// IPv6: `ip -6 route`
    Inet6,
}

/// Interface names by their indexes.
type Names = BTreeMap<u32, String>;

impl Network {
    /// The links, `lo` first, then by name.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted.
    pub fn links(&self, netns: &Netns) -> Result<Vec<Link>, NetError> {
        self.settle()?;
        self.await_addresses()?;
        let messages = self.dump_links(netns)?;
        let names = names(&messages);
        let messages = self.without_fallback(netns, messages)?;
        let mut addrs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for addr in self.read_addrs(netns, Some(&names))? {
            addrs.entry(addr.dev).or_default().push(addr.addr);
        }
        let mut links: Vec<Link> = messages
            .iter()
            .map(|message| {
                let found = LinkBrief::read(message);
                Link {
                    kind: kind(message),
                    mac: mac_of(message),
                    mtu: mtu(message),
                    state: state(message),
                    master: found.controller.map(|index| name_of(&names, index)),
                    peer: self.peer(netns, &found, &names),
                    addrs: addrs.remove(&found.name).unwrap_or_default(),
                    name: found.name,
                }
            })
            .collect();
        links.sort_by(|a, b| (a.name != "lo", &a.name).cmp(&(b.name != "lo", &b.name)));
        Ok(links)
    }

    fn peer(&self, netns: &Netns, link: &LinkBrief, names: &Names) -> Option<String> {
        let index = link.other?;
        let Some(nsid) = link.other_nsid else {
            return Some(name_of(names, index));
        };
        let unknown = Some(format!("if{index}"));
        let Some(other) = self.namespace_of(netns, nsid) else { return unknown };
        match self.link_at(&other, index) {
            Ok(message) => Some(LinkBrief::read(&message).name),
            Err(_) => unknown,
        }
    }

    /// The addresses, by link, IPv4 first.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted.
    pub fn addrs(&self, netns: &Netns) -> Result<Vec<Addr>, NetError> {
        self.settle()?;
        self.await_addresses()?;
        self.read_addrs(netns, None)
    }

    pub(super) fn dump_addresses(
        &self,
        netns: &Netns,
        family: AddressFamily,
    ) -> Result<Vec<AddressMessage>, NetError> {
        let mut message = AddressMessage::default();
        message.header.family = family;
        let rows = self.dump(netns, RouteNetlinkMessage::GetAddress(message))?;
        let addresses = rows.into_iter().filter_map(|row| match row {
            RouteNetlinkMessage::NewAddress(message) => Some(message),
            _ => None,
        });
        Ok(addresses.collect())
    }

    fn read_addrs(&self, netns: &Netns, names: Option<&Names>) -> Result<Vec<Addr>, NetError> {
        let messages = self.dump_addresses(netns, AddressFamily::Unspec)?;
        let names = match names {
            Some(names) => names.clone(),
            None => self.names(netns, messages.iter().map(|message| message.header.index))?,
        };
        let mut addrs: Vec<(bool, IpAddr, Addr)> =
            messages.iter().filter_map(|message| read_addr(message, &names)).collect();
        addrs.sort_by(|a, b| {
            (a.2.dev != "lo", &a.2.dev, a.0, a.1).cmp(&(b.2.dev != "lo", &b.2.dev, b.0, b.1))
        });
        Ok(addrs.into_iter().map(|(_, _, addr)| addr).collect())
    }

    /// The routes of one family and table (main by default), by destination.
    ///
    /// # Errors
    ///
    /// If there is no such table, or the namespace was deleted.
    pub fn routes(&self, netns: &Netns, family: Family, table: Option<&str>) -> Result<Vec<Route>, NetError> {
        self.settle()?;
        if family == Family::Inet6 {
            self.await_addresses()?;
        }
        let table = table_number(table)?;
        let mut message = RouteMessage::default();
        message.header.address_family = match family {
            Family::Inet => AddressFamily::Inet,
            Family::Inet6 => AddressFamily::Inet6,
        };
        let rows = self.dump(netns, RouteNetlinkMessage::GetRoute(message))?;
        let messages: Vec<&RouteMessage> = rows
            .iter()
            .filter_map(|row| match row {
                RouteNetlinkMessage::NewRoute(message) => Some(message),
                _ => None,
            })
            .filter(|message| {
                table_of(message) == table && !message.header.flags.contains(RouteFlags::Cloned)
            })
            .collect();
        let names = self.names(netns, messages.iter().flat_map(|message| devices(message)))?;
        let mut routes: Vec<_> = messages
            .iter()
            .map(|message| (destination(message), read_route(message, family, &names)))
            .collect();
        routes.sort_by(|(a, row_a), (b, row_b)| {
            let key = |row: &Route| (row.metric, row.to_string());
            a.cmp(b).then_with(|| key(row_a).cmp(&key(row_b)))
        });
        Ok(routes.into_iter().map(|(_, route)| route).collect())
    }

    /// The neighbour table, by address.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted.
    pub fn arp(&self, netns: &Netns) -> Result<Vec<Neighbour>, NetError> {
        self.settle()?;
        let messages = self.dump_neighbours(netns, AddressFamily::Unspec)?;
        let names = self.names(netns, messages.iter().map(|message| message.header.ifindex))?;
        let mut neighbours: Vec<(IpAddr, Neighbour)> =
            messages.iter().filter_map(|row| read_neighbour(row, &names)).collect();
        neighbours.sort_by(|a, b| (a.0, &a.1.dev).cmp(&(b.0, &b.1.dev)));
        Ok(neighbours.into_iter().map(|(_, neighbour)| neighbour).collect())
    }

    /// The forwarding database of a bridge, by port.
    ///
    /// # Errors
    ///
    /// If there is no such bridge.
    pub fn fdb(&self, netns: &Netns, bridge: &str) -> Result<Vec<FdbEntry>, NetError> {
        self.settle()?;
        let bridge = self.find(netns, bridge)?;
        if !bridge.bridge {
            return Err(NetError::new(format!("`{}` is not a bridge", bridge.name)));
        }
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Bridge;
        let rows = self.dump(netns, RouteNetlinkMessage::GetNeighbour(message))?;
        let names = names(&self.dump_links(netns)?);
        let mut entries: Vec<FdbEntry> = rows
            .iter()
            .filter_map(|row| match row {
                RouteNetlinkMessage::NewNeighbour(message) => read_fdb(message, bridge.index, &names),
                _ => None,
            })
            .collect();
        entries.sort_by(|a, b| (&a.port, &a.mac).cmp(&(&b.port, &b.mac)));
        // The kernel lists an address once for the bridge and once for each
        // VLAN.
        entries.dedup();
        Ok(entries)
    }

    /// The names of the links with these indexes. They are cached as long as
    /// only we change the links.
    fn names(&self, netns: &Netns, indexes: impl IntoIterator<Item = u32>) -> Result<Names, NetError> {
        let ours = !self.programs.get().have_run;
        if let Some(names) = netns.known_links().filter(|_| ours)
            && indexes.into_iter().all(|index| names.contains_key(&index))
        {
            return Ok(names);
        }
        let names = names(&self.dump_links(netns)?);
        netns.know_links(ours.then(|| names.clone()));
        Ok(names)
    }
}

fn names(links: &[LinkMessage]) -> Names {
    links.iter().map(|link| (link.header.index, LinkBrief::read(link).name)).collect()
}

fn name_of(names: &Names, index: u32) -> String {
    names.get(&index).cloned().unwrap_or_else(|| format!("if{index}"))
}

fn kind(message: &LinkMessage) -> String {
    let kind = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.iter().find_map(|info| match info {
            LinkInfo::Kind(kind) => Some(kind.to_string()),
            _ => None,
        }),
        _ => None,
    });
    kind.unwrap_or_else(|| match message.header.link_layer_type {
        LinkLayerType::Loopback => "loopback".into(),
        _ => "ether".into(),
    })
}

fn mtu(message: &LinkMessage) -> u32 {
    let mtu = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    });
    mtu.unwrap_or_default()
}

fn state(message: &LinkMessage) -> LinkState {
    match operstate::of(message) {
        State::Up => LinkState::Up,
        State::Down => LinkState::Down,
        State::LowerLayerDown => LinkState::LowerLayerDown,
        State::Dormant => LinkState::Dormant,
        State::Testing => LinkState::Testing,
        State::NotPresent => LinkState::NotPresent,
        _ => LinkState::Unknown,
    }
}

fn read_addr(message: &AddressMessage, names: &Names) -> Option<(bool, IpAddr, Addr)> {
    let (mut local, mut address, mut broadcast) = (None, None, None);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => address = Some(*ip),
            AddressAttribute::Broadcast(ip) => broadcast = Some(ip.to_string()),
            _ => {}
        }
    }
    // On a point-to-point link, `address` is the peer's.
    let ip = local.or(address)?;
    let addr = Addr {
        dev: name_of(names, message.header.index),
        addr: format!("{ip}/{}", message.header.prefix_len),
        scope: iproute::address_scope(message.header.scope),
        broadcast,
    };
    Some((ip.is_ipv6(), ip, addr))
}

fn table_of(message: &RouteMessage) -> u32 {
    let table = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    table.unwrap_or(message.header.table.into())
}

/// The destination as a key for sorting: the default route comes first.
fn destination(message: &RouteMessage) -> (Option<IpAddr>, u8) {
    let dst = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(dst) => ip(dst),
        _ => None,
    });
    (dst, message.header.destination_prefix_length)
}

/// The interfaces that a route uses.
fn devices(message: &RouteMessage) -> Vec<u32> {
    let mut devices = Vec::new();
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(index) => devices.push(*index),
            RouteAttribute::MultiPath(hops) => devices.extend(hops.iter().map(|hop| hop.interface_index)),
            _ => {}
        }
    }
    devices
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}

fn read_route(message: &RouteMessage, family: Family, names: &Names) -> Route {
    let most = if family == Family::Inet { 32 } else { 128 };
    let kind = message.header.kind;
    let dst = match destination(message) {
        (None, 0) => "default".to_string(),
        (None, length) => format!("0/{length}"),
        (Some(ip), length) if length == most => ip.to_string(),
        (Some(ip), length) => format!("{ip}/{length}"),
    };
    let mut route = Route {
        dst,
        via: None,
        dev: None,
        src: None,
        metric: None,
        table: iproute::table(table_of(message)),
        kind: iproute::route_kind(kind),
        scope: iproute::route_scope(message.header.scope),
        protocol: iproute::route_protocol(message.header.protocol),
        flags: Vec::new(),
        more: Vec::new(),
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Gateway(gateway) => route.via = ip(gateway).map(|ip| ip.to_string()),
            RouteAttribute::Oif(index) => route.dev = Some(name_of(names, *index)),
            RouteAttribute::PrefSource(src) => route.src = ip(src).map(|ip| ip.to_string()),
            RouteAttribute::Priority(metric) => route.metric = Some(*metric),
            RouteAttribute::Metrics(metrics) => {
                route.more.extend(metrics.iter().filter_map(|metric| match metric {
                    RouteMetric::Mtu(mtu) => Some(format!("mtu {mtu}")),
                    _ => None,
                }))
            }
            RouteAttribute::Preference(preference) => {
                route.more.push(format!("pref {}", preference_name(*preference)));
            }
            RouteAttribute::MultiPath(hops) => {
                for hop in hops {
                    let via = hop.attributes.iter().find_map(|attribute| match attribute {
                        RouteAttribute::Gateway(gateway) => ip(gateway),
                        _ => None,
                    });
                    let via = via.map(|via| format!(" via {via}")).unwrap_or_default();
                    let dev = name_of(names, hop.interface_index);
                    route.more.push(format!("nexthop{via} dev {dev} weight {}", u32::from(hop.hops) + 1));
                }
            }
            _ => {}
        }
    }
    for (flag, name) in [
        (RouteFlags::Dead, "dead"),
        (RouteFlags::Onlink, "onlink"),
        (RouteFlags::Pervasive, "pervasive"),
        (RouteFlags::Linkdown, "linkdown"),
    ] {
        if message.header.flags.contains(flag) {
            route.flags.push(name.into());
        }
    }
    route
}

fn preference_name(preference: RoutePreference) -> String {
    match preference {
        RoutePreference::Low => "low".into(),
        RoutePreference::Medium => "medium".into(),
        RoutePreference::High => "high".into(),
        other => u8::from(other).to_string(),
    }
}

fn read_neighbour(message: &NeighbourMessage, names: &Names) -> Option<(IpAddr, Neighbour)> {
    let state = match message.header.state {
        NeighbourState::Reachable | NeighbourState::Stale | NeighbourState::Delay | NeighbourState::Probe => {
            NeighState::Resolved
        }
        NeighbourState::Incomplete | NeighbourState::Failed => NeighState::Failed,
        NeighbourState::Permanent => NeighState::Permanent,
        // Such a link never resolves neighbours, or the entry was never used.
        _ => return None,
    };
    let (mut ip, mut mac) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => ip = Some(IpAddr::from(*v4)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(v6)) => ip = Some(IpAddr::from(*v6)),
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = Some(table::mac(bytes)),
            _ => {}
        }
    }
    let (ip, dev) = (ip?, name_of(names, message.header.ifindex));
    // A failed entry may still have its old address.
    let mac = mac.filter(|_| state != NeighState::Failed);
    Some((ip, Neighbour { ip: ip.to_string(), mac, dev, state }))
}

fn read_fdb(message: &NeighbourMessage, bridge: u32, names: &Names) -> Option<FdbEntry> {
    let mut mac = None;
    let mut master = None;
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = Some(table::mac(bytes)),
            NeighbourAttribute::Controller(index) => master = Some(*index),
            _ => {}
        }
    }
    // Entries of the device itself do not belong to the bridge.
    if master != Some(bridge) || message.header.flags.contains(NeighbourFlags::Own) {
        return None;
    }
    Some(FdbEntry {
        mac: mac?,
        port: name_of(names, message.header.ifindex),
        state: match message.header.state {
            NeighbourState::Permanent => FdbState::Permanent,
            NeighbourState::Noarp => FdbState::Static,
            _ => FdbState::Learned,
        },
    })
}

/// Formats rows from the kernel, for the fuzzers.
pub(super) mod fuzzing {
    use super::*;

    /// Formats an rtnetlink message in the words of `ip`.
    pub fn rows(message: &RouteNetlinkMessage) {
        let names = Names::from([(1, "lo".into())]);
        match message {
            RouteNetlinkMessage::NewLink(message) => {
                let _ = (kind(message), mtu(message), state(message));
            }
            RouteNetlinkMessage::NewAddress(message) => drop(read_addr(message, &names)),
            RouteNetlinkMessage::NewRoute(message) => {
                devices(message);
                for family in [Family::Inet, Family::Inet6] {
                    let _ = read_route(message, family, &names).to_string();
                }
            }
            RouteNetlinkMessage::NewNeighbour(message) => {
                read_neighbour(message, &names);
                read_fdb(message, 1, &names);
            }
            _ => {}
        }
    }
}
