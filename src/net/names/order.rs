//! Destination address selection (RFC 6724, with the default table of
//! gai.conf(5)).

use crate::table::Addr;
use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Sorts addresses in the order in which a program tries them. This thread must
/// be in the program's namespace, which has the addresses `own`.
pub(super) fn sort(addresses: &mut [IpAddr], own: &[Addr]) {
    let mut candidates: Vec<Candidate> = addresses.iter().map(|to| Candidate::new(*to, own)).collect();
    // A stable sort: equal addresses keep their order.
    candidates.sort_by(|a, b| {
        let both = a.from.is_some() && b.from.is_some() && a.to.is_ipv4() == b.to.is_ipv4();
        a.key().cmp(&b.key()).then_with(|| match both {
            true => b.alike.cmp(&a.alike),
            false => std::cmp::Ordering::Equal,
        })
    });
    for (place, candidate) in addresses.iter_mut().zip(candidates) {
        *place = candidate.to;
    }
}

struct Candidate {
    to: IpAddr,
    from: Option<IpAddr>,
    /// The number of leading bits that both have in common, if they are
    /// relevant.
    alike: u32,
}

impl Candidate {
    fn new(to: IpAddr, own: &[Addr]) -> Self {
        let from = source(to);
        let alike = from.map_or(0, |from| alike(to, from, own));
        Self { to, from, alike }
    }

    /// The criteria that precede the common bits; the smallest comes first.
    fn key(&self) -> (bool, bool, bool, Reverse<u32>, u8) {
        let same = |of: fn(IpAddr) -> u32| self.from.is_some_and(|from| of(from) == of(self.to));
        (
            self.from.is_none(),
            !same(|ip| scope(ip).into()),
            !same(|ip| policy(ip).1),
            Reverse(policy(self.to).0),
            scope(self.to),
        )
    }
}

/// The source address that the kernel would use, if it has a route.
fn source(to: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match to {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((to, 53)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn scope(ip: IpAddr) -> u8 {
    const LINK: u8 = 2;
    const SITE: u8 = 5;
    const GLOBAL: u8 = 14;
    match ip {
        IpAddr::V4(ip) if ip.is_loopback() || ip.is_link_local() => LINK,
        IpAddr::V4(_) => GLOBAL,
        IpAddr::V6(ip) if ip.is_multicast() => ip.octets()[1] & 0x0f,
        IpAddr::V6(ip) if ip.is_loopback() || ip.is_unicast_link_local() => LINK,
        IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 == 0xfec0 => SITE,
        IpAddr::V6(_) => GLOBAL,
    }
}

/// The precedence and label of an address.
fn policy(ip: IpAddr) -> (u32, u32) {
    let IpAddr::V6(ip) = ip else { return (10, 4) };
    let [a, b, c, d, e, f, ..] = ip.segments();
    match (a, b) {
        _ if ip.is_loopback() => (50, 0),
        _ if [a, b, c, d, e, f] == [0, 0, 0, 0, 0, 0xffff] => (10, 4),
        _ if [a, b, c, d, e, f] == [0; 6] => (20, 3),
        (0x2002, _) => (30, 2),
        (0x2001, 0) => (40, 7),
        _ if a & 0xffc0 == 0xfec0 => (40, 5),
        _ if a & 0xfe00 == 0xfc00 => (40, 6),
        _ => (40, 1),
    }
}

fn alike(to: IpAddr, from: IpAddr, own: &[Addr]) -> u32 {
    match (to, from) {
        (IpAddr::V6(to), IpAddr::V6(from)) => (to.to_bits() ^ from.to_bits()).leading_zeros(),
        (IpAddr::V4(to), IpAddr::V4(from)) => {
            // Common bits count only within one's own network.
            let differ = to.to_bits() ^ from.to_bits();
            let mine = |row: &&Addr| row.addr.split('/').next() == Some(from.to_string().as_str());
            let length = own.iter().find(mine).and_then(|row| row.addr.split('/').nth(1)?.parse().ok());
            let near = length.is_some_and(|length: u32| differ.leading_zeros() >= length);
            if near { differ.leading_zeros() } else { 0 }
        }
        _ => 0,
    }
}
