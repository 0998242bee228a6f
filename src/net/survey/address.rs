use crate::net::kernel::Kernel;
use crate::net::kernel::link_names::LinkNames;
use crate::net::notation::iproute;
use crate::net::{NetError, Netns};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// An address of a link: a line of `ip -d addr`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Address {
    /// The link.
    pub dev: String,
    /// The link's index.
    pub index: u32,
    /// The link's own address.
    pub ip: IpAddr,
    /// Its prefix length.
    pub prefix_len: u8,
    /// The peer's address, on a point-to-point link (`peer`).
    pub peer: Option<IpAddr>,
    /// The broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// `global`, `link`, `host` or a number.
    pub scope: String,
    /// The label, as `eth0:1`.
    pub label: Option<String>,
    /// Whether another address of its network was added before it.
    pub secondary: bool,
    /// Whether duplicate address detection is not finished (IPv6).
    pub tentative: bool,
    /// Whether another host has it (IPv6).
    pub dadfailed: bool,
    /// Whether it is not used as a source for new flows.
    pub deprecated: bool,
    /// Whether it was added without the route to its network.
    pub noprefixroute: bool,
    /// Whether duplicate address detection is skipped (IPv6).
    pub nodad: bool,
    /// Whether it never expires.
    pub permanent: bool,
    /// The metric of the route to its network, if one was given.
    pub metric: Option<u32>,
    /// The remaining valid lifetime in seconds, if limited.
    pub valid_lft: Option<u32>,
    /// The remaining preferred lifetime in seconds, if limited.
    pub preferred_lft: Option<u32>,
}

impl Address {
    /// The broadcast address of its network, which the kernel treats as such
    /// whether it was configured or not.
    pub fn cast(&self) -> Option<IpAddr> {
        if let Some(cast) = self.broadcast {
            return Some(cast.into());
        }
        match self.ip {
            IpAddr::V4(ip) if self.prefix_len < 31 => {
                let hosts = u32::MAX.checked_shr(self.prefix_len.into()).unwrap_or(0);
                Some(Ipv4Addr::from_bits(ip.to_bits() | hosts).into())
            }
            _ => None,
        }
    }
}

impl Default for Address {
    fn default() -> Self {
        Self {
            dev: String::new(),
            index: 0,
            ip: Ipv4Addr::UNSPECIFIED.into(),
            prefix_len: 32,
            peer: None,
            broadcast: None,
            scope: "global".into(),
            label: None,
            secondary: false,
            tentative: false,
            dadfailed: false,
            deprecated: false,
            noprefixroute: false,
            nodad: false,
            permanent: true,
            metric: None,
            valid_lft: None,
            preferred_lft: None,
        }
    }
}

impl Kernel<'_> {
    /// Reads the addresses, in the kernel's order.
    pub(in crate::net) fn survey_addrs(
        &self,
        netns: &Netns,
        names: &LinkNames,
    ) -> Result<Vec<Address>, NetError> {
        let rows = self.dump_addresses(netns, AddressFamily::Unspec)?;
        Ok(rows.iter().filter_map(|row| read(row, names)).collect())
    }
}

/// Reads an address of a link.
pub(in crate::net) fn read(message: &AddressMessage, names: &LinkNames) -> Option<Address> {
    let (mut local, mut address) = (None, None);
    let header = &message.header;
    let mut flags = AddressFlags::from_bits_retain(header.flags.bits().into());
    let mut row = Address {
        dev: names.name_of(header.index),
        index: header.index,
        prefix_len: header.prefix_len,
        scope: iproute::address_scope(header.scope),
        ..Address::default()
    };
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => address = Some(*ip),
            AddressAttribute::Broadcast(ip) => row.broadcast = Some(*ip),
            AddressAttribute::Label(label) => row.label = Some(label.clone()),
            AddressAttribute::Flags(all) => flags = *all,
            AddressAttribute::RoutePriority(metric) => {
                row.metric = Some(*metric).filter(|metric| *metric != 0)
            }
            AddressAttribute::CacheInfo(lives) => {
                row.valid_lft = Some(lives.ifa_valid).filter(|seconds| *seconds != u32::MAX);
                row.preferred_lft = Some(lives.ifa_preferred).filter(|seconds| *seconds != u32::MAX);
            }
            _ => {}
        }
    }
    row.ip = local.or(address)?;
    row.peer = address.filter(|address| *address != row.ip);
    row.secondary = row.ip.is_ipv4() && flags.contains(AddressFlags::Secondary);
    row.tentative = flags.contains(AddressFlags::Tentative);
    row.dadfailed = flags.contains(AddressFlags::Dadfailed);
    row.deprecated = flags.contains(AddressFlags::Deprecated);
    row.noprefixroute = flags.contains(AddressFlags::Noprefixroute);
    row.nodad = flags.contains(AddressFlags::Nodad);
    row.permanent = flags.contains(AddressFlags::Permanent);
    Some(row)
}
