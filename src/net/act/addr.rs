use super::prefix::Prefix;
use crate::net::kernel::Kernel;
use crate::net::{NetError, Netns, Network};
use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::{IpAddr, Ipv4Addr};

/// Options of an address, in the words of ip-address(8).
#[derive(Debug, Clone, Default)]
pub(in crate::net) struct AddrOptions {
    /// The broadcast address; `+` means the network's.
    pub broadcast: Option<String>,
    /// The address of the other end, with the length of its prefix.
    pub peer: Option<String>,
    /// Whether to skip duplicate address detection (`nodad`).
    pub nodad: bool,
}

impl Network {
    /// Adds an address, as `ip addr add ADDR dev LINK` does. A `broadcast` of
    /// `+` is the network's broadcast address.
    ///
    /// # Errors
    ///
    /// If the address is invalid, the link does not exist, or it has the address
    /// already.
    pub fn addr_add(
        &self,
        netns: &Netns,
        link: &str,
        addr: &str,
        broadcast: Option<&str>,
    ) -> Result<(), NetError> {
        let broadcast = broadcast.map(String::from);
        self.addr_add_with(netns, link, addr, &AddrOptions { broadcast, ..AddrOptions::default() })
    }

    /// Does the same with all options of ip-address(8) that are known here.
    pub(in crate::net) fn addr_add_with(
        &self,
        netns: &Netns,
        link: &str,
        addr: &str,
        options: &AddrOptions,
    ) -> Result<(), NetError> {
        let kernel = self.act()?;
        let prefix = Prefix::parse(addr)?;
        let message = kernel.addr_message(netns, link, &prefix, options)?;
        if prefix.address.is_ipv6() {
            self.pending.tentative.borrow_mut().insert(netns.name().into());
        }
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        kernel.change(netns, RouteNetlinkMessage::NewAddress(message), flags).map_err(|refused| {
            let off = refused.is(Errno::EACCES) || refused.is(Errno::EPERM);
            let error = NetError::from(refused);
            if off && prefix.address.is_ipv6() {
                error.hint(format!(
                    "IPv6 is switched off here; see `sysctl({netns}, \"net.ipv6.conf.all.disable_ipv6\")`"
                ))
            } else {
                error
            }
        })
    }

    /// Removes an address, as `ip addr del ADDR dev LINK` does.
    ///
    /// # Errors
    ///
    /// If the link does not have the address.
    pub fn addr_del(&self, netns: &Netns, link: &str, addr: &str) -> Result<(), NetError> {
        self.addr_del_with(netns, link, addr, &AddrOptions::default())
    }

    /// Does the same with all options of ip-address(8) that are known here.
    pub(in crate::net) fn addr_del_with(
        &self,
        netns: &Netns,
        link: &str,
        addr: &str,
        options: &AddrOptions,
    ) -> Result<(), NetError> {
        let kernel = self.act()?;
        let prefix = Prefix::parse(addr)?;
        let message = kernel.addr_message(netns, link, &prefix, options)?;
        kernel.change(netns, RouteNetlinkMessage::DelAddress(message), 0).map_err(|refused| {
            let missing = refused.is(Errno::EADDRNOTAVAIL);
            let error = NetError::from(refused);
            let Ok(addrs) = self.addrs(netns) else { return error };
            let there: Vec<String> =
                addrs.iter().filter(|row| row.dev == link).map(|row| format!("`{}`", row.addr)).collect();
            match (missing, there.is_empty()) {
                (false, _) => error,
                (true, true) => error.hint(format!("`{link}` has no address")),
                (true, false) => error.hint(format!("`{link}` has {}", there.join(", "))),
            }
        })
    }
}

impl Kernel<'_> {
    fn addr_message(
        &self,
        netns: &Netns,
        link: &str,
        prefix: &Prefix,
        options: &AddrOptions,
    ) -> Result<AddressMessage, NetError> {
        let broadcast = options.broadcast.as_deref().map(|text| broadcast_of(prefix, text)).transpose()?;
        let peer = options.peer.as_deref().map(Prefix::parse).transpose()?;
        let mut message = AddressMessage::default();
        message.header.index = self.index_of(netns, link)?;
        // With a peer address, the prefix belongs to the peer.
        let other = peer.unwrap_or(*prefix);
        message.header.prefix_len = other.length;
        message.header.family = family(prefix.address);
        message.header.scope = match prefix.address {
            // As in `ip`: a loopback address has the scope of the host.
            IpAddr::V4(address) if address.is_loopback() => AddressScope::Host,
            _ => AddressScope::Universe,
        };
        message.attributes =
            vec![AddressAttribute::Local(prefix.address), AddressAttribute::Address(other.address)];
        message.attributes.extend(broadcast.flatten().map(AddressAttribute::Broadcast));
        if options.nodad {
            message.header.flags |= AddressHeaderFlags::Nodad;
        }
        Ok(message)
    }
}

fn broadcast_of(prefix: &Prefix, text: &str) -> Result<Option<Ipv4Addr>, NetError> {
    let refused = || {
        NetError::new(format!("any valid address is expected rather than \"{text}\""))
            .hint("a broadcast address is an IPv4 address of the network, or `+` for its last one")
    };
    if prefix.address.is_ipv6() {
        return Err(NetError::new("Broadcast can be set only for IPv4 addresses"));
    }
    match text {
        "+" => Ok(prefix.broadcast()),
        text => text.parse().map(Some).map_err(|_| refused()),
    }
}

/// The address family of an address.
pub(in crate::net) fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}
