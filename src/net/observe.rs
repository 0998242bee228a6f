//! The tables of a namespace: a script's view of what the survey reads.

use crate::net::act::route::table_number;
use crate::net::kernel::Kernel;
use crate::net::kernel::link_names::LinkNames;
use crate::net::kernel::links::LinkBrief;
use crate::net::notation::iproute;
use crate::net::survey;
use crate::net::survey::LowerLink;
use crate::net::{Family, NetError, Netns, Network};
use crate::table::{Addr, FdbEntry, FdbState, Link, NeighState, Neighbour, Route};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::packet_route::neighbour::NeighbourMessage;
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage};
use std::collections::BTreeMap;

impl Network {
    /// The links, `lo` first, then by name.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted.
    pub fn links(&self, netns: &Netns) -> Result<Vec<Link>, NetError> {
        let kernel = self.look()?;
        kernel.await_addresses()?;
        let messages = kernel.dump_links(netns)?;
        let names = LinkNames::of(&messages);
        let messages = kernel.without_fallback(netns, messages)?;
        let mut addrs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for addr in addr_rows(kernel.survey_addrs(netns, &names)?) {
            addrs.entry(addr.dev).or_default().push(addr.addr);
        }
        let row = |message: &LinkMessage| {
            let link = kernel.survey_link(netns, message);
            Link {
                kind: kind(&link),
                mtu: link.mtu,
                state: link.operstate,
                master: link.master.map(|index| names.name_of(index)),
                peer: kernel.peer_name(netns, &link, &names),
                addrs: addrs.remove(&link.name).unwrap_or_default(),
                mac: link.mac,
                name: link.name,
            }
        };
        let mut links: Vec<Link> = messages.iter().map(row).collect();
        links.sort_by(|a, b| (a.name != "lo", &a.name).cmp(&(b.name != "lo", &b.name)));
        Ok(links)
    }

    /// The addresses, by link, IPv4 first.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted.
    pub fn addrs(&self, netns: &Netns) -> Result<Vec<Addr>, NetError> {
        let kernel = self.look()?;
        kernel.await_addresses()?;
        let messages = kernel.dump_addresses(netns, AddressFamily::Unspec)?;
        let names = kernel.names(netns, messages.iter().map(|message| message.header.index))?;
        Ok(addr_rows(messages.iter().filter_map(|message| survey::read_address(message, &names)).collect()))
    }

    /// The routes of one family and table (main by default), by destination.
    ///
    /// # Errors
    ///
    /// If there is no such table, or the namespace was deleted.
    pub fn routes(&self, netns: &Netns, family: Family, table: Option<&str>) -> Result<Vec<Route>, NetError> {
        let kernel = self.look()?;
        if family == Family::Inet6 {
            kernel.await_addresses()?;
        }
        let table = table_number(table)?;
        let messages = kernel.dump_routes(netns, family.into())?;
        let names = kernel.names(netns, messages.iter().flat_map(devices))?;
        let mut routes: Vec<survey::Route> =
            messages.iter().map(|message| survey::read_route(message, &names)).collect();
        routes.retain(|route| route.table == table && !route.cached);
        let mut rows: Vec<_> = routes.into_iter().map(|route| (route.dst, route_row(route))).collect();
        rows.sort_by(|(a, row_a), (b, row_b)| {
            let key = |row: &Route| (row.metric, row.to_string());
            a.cmp(b).then_with(|| key(row_a).cmp(&key(row_b)))
        });
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// The neighbour table, by address.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted.
    pub fn arp(&self, netns: &Netns) -> Result<Vec<Neighbour>, NetError> {
        let kernel = self.look()?;
        let messages = kernel.dump_neighbours(netns, AddressFamily::Unspec)?;
        let names = kernel.names(netns, messages.iter().map(|message| message.header.ifindex))?;
        let read = |message: &NeighbourMessage| survey::read_neighbour(message, &names);
        let mut rows: Vec<survey::Neighbour> = messages.iter().filter_map(read).collect();
        rows.sort_by(|a, b| (a.ip, &a.dev).cmp(&(b.ip, &b.dev)));
        Ok(rows.into_iter().filter_map(neighbour_row).collect())
    }

    /// The forwarding database of a bridge, by port.
    ///
    /// # Errors
    ///
    /// If there is no such bridge.
    pub fn fdb(&self, netns: &Netns, bridge: &str) -> Result<Vec<FdbEntry>, NetError> {
        let kernel = self.look()?;
        let bridge = kernel.find(netns, bridge)?;
        if !bridge.bridge {
            return Err(NetError::new(format!("`{}` is not a bridge", bridge.name)));
        }
        let names = LinkNames::of(&kernel.dump_links(netns)?);
        let mut entries = kernel.survey_fdb(netns, &names)?;
        entries.retain(|entry| entry.master == Some(bridge.index));
        let mut rows: Vec<FdbEntry> = entries.into_iter().map(fdb_row).collect();
        rows.sort_by(|a, b| (&a.port, &a.mac).cmp(&(&b.port, &b.mac)));
        // The kernel lists an address once for the bridge and once for each
        // VLAN.
        rows.dedup();
        Ok(rows)
    }
}

impl Kernel<'_> {
    /// The name after the `@` of `ip link`.
    fn peer_name(&self, netns: &Netns, link: &survey::Link, names: &LinkNames) -> Option<String> {
        let peer = match link.kind.lower() {
            LowerLink::Peer => link.peer.as_ref()?,
            LowerLink::Parent => link.parent.as_ref()?,
            LowerLink::Underlay => return None,
        };
        let name = match peer.space.as_deref() {
            Some(space) if space == netns.name() => names.get(peer.index).map(String::from),
            Some(space) => self.known(space).and_then(|other| {
                self.link_at(&other, peer.index).ok().map(|message| LinkBrief::read(&message).name)
            }),
            None => None,
        };
        Some(name.unwrap_or_else(|| format!("if{}", peer.index)))
    }

    /// The names of the links with these indexes. They are cached as long as
    /// only we change the links.
    fn names(&self, netns: &Netns, indexes: impl IntoIterator<Item = u32>) -> Result<LinkNames, NetError> {
        let ours = !self.pending.programs.get().have_run;
        if let Some(names) = netns.known_links().filter(|_| ours)
            && indexes.into_iter().all(|index| names.get(index).is_some())
        {
            return Ok(names);
        }
        let names = LinkNames::of(&self.dump_links(netns)?);
        netns.know_links(ours.then(|| names.clone()));
        Ok(names)
    }
}

/// The kind of a link; for a device the word after `link/`.
fn kind(link: &survey::Link) -> String {
    match link.kind {
        survey::LinkKind::Device if link.loopback => "loopback".into(),
        survey::LinkKind::Device => "ether".into(),
        ref kind => kind.to_string(),
    }
}

fn addr_rows(mut addrs: Vec<survey::Address>) -> Vec<Addr> {
    addrs.sort_by(|a, b| {
        (a.dev != "lo", &a.dev, a.ip.is_ipv6(), a.ip).cmp(&(b.dev != "lo", &b.dev, b.ip.is_ipv6(), b.ip))
    });
    let row = |addr: survey::Address| Addr {
        addr: format!("{}/{}", addr.ip, addr.prefix_len),
        dev: addr.dev,
        scope: addr.scope,
        broadcast: addr.broadcast.map(|ip| ip.to_string()),
    };
    addrs.into_iter().map(row).collect()
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

fn route_row(route: survey::Route) -> Route {
    let v4 = route.dst.ip.is_ipv4();
    let mut row = Route {
        dst: route.dst.to_string(),
        via: None,
        dev: None,
        src: route.src.map(|ip| ip.to_string()),
        // The kernel gives no metric 0 for IPv4.
        metric: Some(route.metric).filter(|metric| !v4 || *metric != 0),
        table: iproute::table(route.table),
        kind: route.kind,
        scope: route.scope,
        protocol: route.protocol,
        flags: route.flags,
        more: Vec::new(),
    };
    row.more.extend(route.mtu.map(|mtu| match route.mtu_locked {
        true => format!("mtu lock {mtu}"),
        false => format!("mtu {mtu}"),
    }));
    row.more.extend(route.advmss.map(|size| format!("advmss {size}")));
    row.more.extend(route.hoplimit.map(|hops| format!("hoplimit {hops}")));
    if !v4 {
        row.more.push(format!("pref {}", route.preference.as_deref().unwrap_or("medium")));
    }
    // A gateway of the other family is printed with it: `via inet6 fe80::1`.
    let via = |hop: &survey::Hop| {
        hop.via.map(|ip| if ip.is_ipv4() == v4 { ip.to_string() } else { format!("inet6 {ip}") })
    };
    let dev = |hop: survey::Hop| Some(hop.dev).filter(|dev| !dev.is_empty());
    let mut hops = route.hops;
    if hops.len() == 1 {
        let hop = hops.remove(0);
        (row.via, row.dev) = (via(&hop), dev(hop));
    }
    for hop in hops {
        let via = via(&hop).map(|via| format!(" via {via}")).unwrap_or_default();
        row.more.push(format!("nexthop{via} dev {} weight {}", hop.dev, hop.weight));
    }
    row
}

/// A neighbour's row; none if its link never resolves neighbours, or if the entry
/// was never used.
fn neighbour_row(neighbour: survey::Neighbour) -> Option<Neighbour> {
    let state = match neighbour.state.as_str() {
        "REACHABLE" | "STALE" | "DELAY" | "PROBE" => NeighState::Resolved,
        "INCOMPLETE" | "FAILED" => NeighState::Failed,
        "PERMANENT" => NeighState::Permanent,
        _ => return None,
    };
    // A failed entry may still have its old address.
    let mac = neighbour.mac.filter(|_| state != NeighState::Failed);
    Some(Neighbour { ip: neighbour.ip.to_string(), mac, dev: neighbour.dev, state })
}

fn fdb_row(entry: survey::FdbEntry) -> FdbEntry {
    let state = match entry.state.as_str() {
        "permanent" => FdbState::Permanent,
        "static" => FdbState::Static,
        _ => FdbState::Learned,
    };
    FdbEntry { mac: entry.mac, port: entry.dev, state }
}
