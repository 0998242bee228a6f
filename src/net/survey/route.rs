use crate::net::kernel::Kernel;
use crate::net::kernel::link_names::LinkNames;
use crate::net::notation::iproute;
use crate::net::{NetError, Netns};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteNextHop, RouteNextHopFlags,
    RoutePreference, RouteVia,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network: an address and the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Net {
    /// The address.
    pub ip: IpAddr,
    /// The prefix length.
    pub len: u8,
}

impl Net {
    /// Parses a network as it is typed, as `10.0.0.0/24` or `10.0.0.1`.
    pub fn parse(text: &str) -> Option<Self> {
        let (ip, len) = text.split_once('/').map_or((text, None), |(ip, len)| (ip, Some(len)));
        let ip: IpAddr = ip.parse().ok()?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let len = len.map_or(Some(most), |len| len.parse().ok())?;
        (len <= most).then_some(Self { ip, len })
    }

    /// Tells whether an address is in it.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.ip, ip) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let apart = u32::from(net) ^ u32::from(ip);
                apart.checked_shr(32 - u32::from(self.len.min(32))).unwrap_or_default() == 0
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let apart = u128::from(net) ^ u128::from(ip);
                apart.checked_shr(128 - u32::from(self.len.min(128))).unwrap_or_default() == 0
            }
            _ => false,
        }
    }
}

impl Default for Net {
    fn default() -> Self {
        Self { ip: Ipv4Addr::UNSPECIFIED.into(), len: 0 }
    }
}

impl fmt::Display for Net {
    /// Prints it as `ip route` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ip.is_unspecified(), self.len, self.ip.is_ipv4()) {
            (true, 0, _) => f.write_str("default"),
            (_, 32, true) | (_, 128, false) => write!(f, "{}", self.ip),
            _ => write!(f, "{}/{}", self.ip, self.len),
        }
    }
}

/// A route of any table and family: a line of `ip -d route show table all`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The destination; `0.0.0.0/0` or `::/0` for the default route.
    pub dst: Net,
    /// The source prefix that it is limited to (IPv6).
    pub from: Option<Net>,
    /// The type of service that it is limited to; 0 for any.
    pub tos: u8,
    /// The table's number: 254 is `main`, 255 `local`.
    pub table: u32,
    /// `unicast`, `local`, `broadcast`, `anycast`, `multicast`, `blackhole`,
    /// `unreachable`, `prohibit`, `throw`.
    pub kind: String,
    /// `global`, `link`, `host`, `nowhere`.
    pub scope: String,
    /// The origin of the route: `kernel`, `boot`, `static`, `ra`, ….
    pub protocol: String,
    /// Its metric; the lowest is preferred.
    pub metric: u32,
    /// The preferred source address.
    pub src: Option<IpAddr>,
    /// The next hops; none for a blackhole.
    pub hops: Vec<Hop>,
    /// The nexthop object that it uses.
    pub nhid: Option<u32>,
    /// The MTU of this route.
    pub mtu: Option<u32>,
    /// Whether path MTU discovery can't change the MTU (`mtu lock`).
    pub mtu_locked: bool,
    /// The advertised maximum TCP segment size.
    pub advmss: Option<u32>,
    /// The TTL of packets on this route.
    pub hoplimit: Option<u32>,
    /// `low` or `high`, if its preference is not `medium` (IPv6, RFC 4191).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preference: Option<String>,
    /// Whether it encapsulates packets (`encap`).
    pub encapsulates: bool,
    /// Whether it was learned from a router's ICMP error (`ip route show
    /// cache`).
    pub cached: bool,
    /// The flags, for instance if the kernel considers it unusable at the
    /// moment: `dead`, `linkdown`, `onlink`, ….
    pub flags: Vec<String>,
}

/// A next hop of a route.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// The gateway.
    pub via: Option<IpAddr>,
    /// The link; empty if there is none.
    pub dev: String,
    /// The link's index.
    pub index: u32,
    /// Its share of the traffic.
    pub weight: u32,
    /// `dead`, `linkdown`, `onlink`, ….
    pub flags: Vec<String>,
}

impl Route {
    /// The first gateway.
    pub fn via(&self) -> Option<IpAddr> {
        self.hops.first()?.via
    }

    /// The first link.
    pub fn dev(&self) -> Option<&str> {
        self.hops.first().map(|hop| hop.dev.as_str()).filter(|dev| !dev.is_empty())
    }
}

impl Kernel<'_> {
    pub(super) fn survey_routes(&self, netns: &Netns, names: &LinkNames) -> Result<Vec<Route>, NetError> {
        let mut found = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let rows = self.dump_routes(netns, family)?;
            found.extend(rows.iter().map(|row| read(row, names)));
        }
        Ok(found)
    }
}

/// Reads a route.
pub(in crate::net) fn read(message: &RouteMessage, names: &LinkNames) -> Route {
    let header = &message.header;
    let v4 = header.address_family == AddressFamily::Inet;
    let any: IpAddr = if v4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let mut route = Route {
        dst: Net { ip: any, len: header.destination_prefix_length },
        tos: header.tos,
        table: header.table.into(),
        kind: iproute::route_kind(header.kind),
        scope: iproute::route_scope(header.scope),
        protocol: iproute::route_protocol(header.protocol),
        cached: header.flags.contains(RouteFlags::Cloned),
        flags: flags(header.flags.bits()),
        ..Route::default()
    };
    let (mut hop, mut single) = (Hop { weight: 1, flags: route.flags.clone(), ..Hop::default() }, false);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(dst) => route.dst.ip = ip(dst).unwrap_or(any),
            RouteAttribute::Source(from) => {
                route.from = ip(from).map(|ip| Net { ip, len: header.source_prefix_length });
            }
            RouteAttribute::Table(table) => route.table = *table,
            RouteAttribute::Priority(metric) => route.metric = *metric,
            RouteAttribute::PrefSource(src) => route.src = ip(src),
            RouteAttribute::NhId(id) => route.nhid = Some(*id),
            RouteAttribute::Oif(index) => {
                single = true;
                (hop.index, hop.dev) = (*index, names.name_of(*index));
            }
            RouteAttribute::Gateway(_) | RouteAttribute::Via(_) => {
                single = true;
                hop.via = gateway(attribute);
            }
            RouteAttribute::MultiPath(hops) => {
                route.hops = hops.iter().map(|hop| read_hop(hop, names)).collect();
                route.encapsulates |= hops.iter().any(|hop| hop.attributes.iter().any(is_encap));
            }
            RouteAttribute::Preference(preference) => route.preference = self::preference(*preference),
            RouteAttribute::Metrics(metrics) => read_metrics(metrics, &mut route),
            other => route.encapsulates |= is_encap(other),
        }
    }
    if single && route.hops.is_empty() {
        route.hops.push(hop);
    }
    route
}

fn read_hop(hop: &RouteNextHop, names: &LinkNames) -> Hop {
    Hop {
        via: hop.attributes.iter().find_map(gateway),
        dev: names.name_of(hop.interface_index),
        index: hop.interface_index,
        weight: u32::from(hop.hops) + 1,
        flags: flags(RouteNextHopFlags::bits(&hop.flags).into()),
    }
}

fn read_metrics(metrics: &[RouteMetric], route: &mut Route) {
    /// The bit of the MTU in the mask of locked metrics.
    const MTU: u32 = 1 << 2;
    for metric in metrics {
        match metric {
            RouteMetric::Mtu(mtu) => route.mtu = Some(*mtu),
            RouteMetric::Lock(locked) => route.mtu_locked = locked & MTU != 0,
            RouteMetric::Advmss(size) => route.advmss = Some(*size),
            RouteMetric::Hoplimit(hops) => route.hoplimit = Some(*hops),
            _ => {}
        }
    }
}

fn preference(preference: RoutePreference) -> Option<String> {
    match preference {
        RoutePreference::Low => Some("low".into()),
        RoutePreference::Medium => None,
        RoutePreference::High => Some("high".into()),
        other => Some(u8::from(other).to_string()),
    }
}

fn is_encap(attribute: &RouteAttribute) -> bool {
    matches!(attribute, RouteAttribute::Encap(_) | RouteAttribute::EncapType(_))
}

/// The next router, of either family.
fn gateway(attribute: &RouteAttribute) -> Option<IpAddr> {
    match attribute {
        RouteAttribute::Gateway(address) => ip(address),
        RouteAttribute::Via(RouteVia::Inet(ip)) => Some((*ip).into()),
        RouteAttribute::Via(RouteVia::Inet6(ip)) => Some((*ip).into()),
        _ => None,
    }
}

pub(super) fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}

fn flags(bits: u32) -> Vec<String> {
    let names = [
        (RouteFlags::Dead, "dead"),
        (RouteFlags::Onlink, "onlink"),
        (RouteFlags::Pervasive, "pervasive"),
        (RouteFlags::Linkdown, "linkdown"),
        (RouteFlags::Unresolved, "unresolved"),
    ];
    names.iter().filter(|(flag, _)| bits & flag.bits() != 0).map(|(_, name)| name.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_addresses() {
        let has = |net: &str, ip: &str| Net::parse(net).unwrap().contains(ip.parse().unwrap());
        assert!(has("10.0.0.0/24", "10.0.0.255"));
        assert!(!has("10.0.0.0/24", "10.0.1.0"));
        assert!(has("0.0.0.0/0", "255.255.255.255"));
        assert!(!has("10.0.0.1", "10.0.0.2"));
        assert!(has("::/0", "fd00::1"));
        assert!(has("fd00::/64", "fd00::ffff:1"));
        assert!(!has("fd00::1", "fd00::2"));
        assert!(!has("0.0.0.0/0", "::1"));
        assert_eq!(Net::parse("10.0.0.0/33"), None);
        assert_eq!(Net::parse("10.0.0"), None);
        assert_eq!(Net::parse("10.0.0.1").unwrap().to_string(), "10.0.0.1");
        assert_eq!(Net::parse("::/0").unwrap().to_string(), "default");
    }
}
