use super::defaults::RETRANS_TIME_MS;
use super::prefix;
use crate::net::kernel::Kernel;
use crate::net::kernel::Refused;
use crate::net::kernel::links::LinkBrief;
use crate::net::{NetError, Netns, Network};
use nix::errno::Errno;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::packet_route::neighbour_table::{
    NeighbourTableAttribute, NeighbourTableMessage, NeighbourTableParameter,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::os::fd::AsRawFd;

impl Network {
    /// The requests that shorten the timeout of neighbour resolution (see
    /// [`RETRANS_TIME_MS`]). If a kernel refuses them, nothing breaks.
    fn shorten_resolution(index: u32) -> impl Iterator<Item = RouteNetlinkMessage> {
        let tables = [(AddressFamily::Inet, "arp_cache"), (AddressFamily::Inet6, "ndisc_cache")];
        tables.into_iter().map(move |(family, name)| {
            let mut message = NeighbourTableMessage::default();
            message.header.family = family;
            message.attributes = vec![
                NeighbourTableAttribute::Name(name.into()),
                NeighbourTableAttribute::Parms(vec![
                    NeighbourTableParameter::Ifindex(index),
                    NeighbourTableParameter::RetransTime(RETRANS_TIME_MS),
                ]),
            ];
            RouteNetlinkMessage::SetNeighbourTable(message)
        })
    }

    /// Moves a link, as `ip link set LINK netns NETNS` does.
    ///
    /// # Errors
    ///
    /// If the link does not exist, can't be moved, or its name is taken.
    pub fn set_netns(&self, netns: &Netns, link: &str, to: &Netns) -> Result<(), NetError> {
        // An end of a deferred cable is moved by no request.
        if self.bare().redirect_cable(netns, link, to)? {
            return Ok(());
        }
        let kernel = self.act()?;
        let found = kernel.find(netns, link)?;
        let Some(fd) = to.fd() else {
            return Err(NetError::new(format!("Invalid \"netns\" value \"{to}\""))
                .hint(format!("`{to}` was deleted before")));
        };
        let attributes = vec![LinkAttribute::NetNsFd(fd.as_raw_fd())];
        let other = kernel.other_end(netns, &found);
        kernel.set_link(netns, found.index, attributes).map_err(|refused| {
            let exists = refused.is(Errno::EEXIST);
            let error = NetError::from(refused);
            if exists { error.hint(format!("`{to}` has a link `{link}` already")) } else { error }
        })?;
        self.forget_links();
        self.ends.borrow_mut().retain(|one, other| {
            let moved = (netns.name(), found.index);
            (one.0.as_str(), one.1) != moved && (other.0.as_str(), other.1) != moved
        });
        self.unsettle_around(netns, &found, other);
        Ok(())
    }

    /// Makes a link a port of a bridge, as `ip link set PORT master BRIDGE`
    /// does.
    ///
    /// # Errors
    ///
    /// If one of the two does not exist, or the bridge refuses it.
    pub fn set_master(&self, netns: &Netns, port: &str, bridge: &str) -> Result<(), NetError> {
        let kernel = self.act()?;
        let port = kernel.index_of(netns, port)?;
        let master = kernel.index_of(netns, bridge).map_err(|missing| {
            let error = format!("argument \"{bridge}\" is wrong: Device does not exist");
            NetError { error, ..missing }
        })?;
        kernel.set_link(netns, port, vec![LinkAttribute::Controller(master)]).map_err(|refused| {
            let full = refused.is(Errno::EXFULL);
            let error = NetError::from(refused);
            if full {
                return error.hint(format!(
                    "a bridge has at most 1023 ports, and `{bridge}` has them; put the others on a second \
                     one, and join the two with a veth pair"
                ));
            }
            match kernel.find(netns, bridge) {
                Ok(found) if !found.bridge => error.hint(format!("`{bridge}` is not a bridge")),
                _ => error,
            }
        })?;
        kernel.hush(netns, port);
        self.unsettle(netns, port);
        Ok(())
    }

    /// Takes a port from its bridge, as `ip link set PORT nomaster` does.
    ///
    /// # Errors
    ///
    /// If the link does not exist.
    pub fn set_nomaster(&self, netns: &Netns, port: &str) -> Result<(), NetError> {
        let kernel = self.act()?;
        let found = kernel.find(netns, port)?;
        kernel.set_link(netns, found.index, vec![LinkAttribute::Controller(0)])?;
        self.unsettle_around(netns, &found, None);
        Ok(())
    }

    /// Switches a link on or off, as `ip link set LINK up` does.
    ///
    /// # Errors
    ///
    /// If the link does not exist, or the kernel refuses.
    pub fn set_up(&self, netns: &Netns, link: &str, up: bool) -> Result<(), NetError> {
        let kernel = self.act()?;
        let index = kernel.index_of(netns, link)?;
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.change_mask = LinkFlags::Up;
        message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        // `lo` has no neighbours to resolve, and no carrier.
        if link == "lo" {
            return Ok(kernel.change(netns, RouteNetlinkMessage::SetLink(message), 0)?);
        }
        let mut messages = vec![RouteNetlinkMessage::SetLink(message)];
        if up {
            messages.extend(Self::shorten_resolution(index));
        }
        kernel.change_all(netns, messages)?;
        self.unsettle(netns, index);
        if up {
            kernel.spare_groups(netns)?;
        }
        Ok(())
    }

    /// Sets the MTU of a link, as `ip link set LINK mtu N` does.
    ///
    /// # Errors
    ///
    /// If the link does not exist, or the kernel refuses the size.
    pub fn set_mtu(&self, netns: &Netns, link: &str, mtu: u32) -> Result<(), NetError> {
        let kernel = self.act()?;
        let index = kernel.index_of(netns, link)?;
        Ok(kernel.set_link(netns, index, vec![LinkAttribute::Mtu(mtu)])?)
    }

    /// Sets a hardware address, as `ip link set LINK address MAC` does.
    ///
    /// # Errors
    ///
    /// If the link does not exist, or the address is invalid.
    pub fn set_mac(&self, netns: &Netns, link: &str, mac: &str) -> Result<(), NetError> {
        let kernel = self.act()?;
        let mac = prefix::mac(mac)?;
        let index = kernel.index_of(netns, link)?;
        Ok(kernel.set_link(netns, index, vec![LinkAttribute::Address(mac)])?)
    }

    /// Removes a link, as `ip link del LINK` does; a veth's other end is removed
    /// with it.
    ///
    /// # Errors
    ///
    /// If the link does not exist, or can't be removed, such as `lo`.
    pub fn del_link(&self, netns: &Netns, link: &str) -> Result<(), NetError> {
        let kernel = self.act()?;
        let found = kernel.find(netns, link)?;
        let mut message = LinkMessage::default();
        message.header.index = found.index;
        kernel.change(netns, RouteNetlinkMessage::DelLink(message), 0)?;
        self.forget_links();
        self.unsettle_around(netns, &found, None);
        Ok(())
    }

    /// Records that the state around a link may change: its bridge, and the
    /// other end of its cable.
    fn unsettle_around(&self, netns: &Netns, link: &LinkBrief, other: Option<(Netns, u32)>) {
        if let Some(bridge) = link.controller {
            self.unsettle(netns, bridge);
        }
        if let Some((other, index)) = other {
            self.unsettle(&other, index);
        }
    }

    /// Enables or disables neighbour resolution on a link, as `ip link set LINK
    /// arp on` does.
    pub(in crate::net) fn set_arp(&self, netns: &Netns, link: &str, on: bool) -> Result<(), NetError> {
        let kernel = self.act()?;
        let mut message = LinkMessage::default();
        message.header.index = kernel.index_of(netns, link)?;
        message.header.change_mask = LinkFlags::Noarp;
        message.header.flags = if on { LinkFlags::empty() } else { LinkFlags::Noarp };
        Ok(kernel.change(netns, RouteNetlinkMessage::SetLink(message), 0)?)
    }

    /// Holds a link down whatever its carrier, or stops that, as `ip link set
    /// LINK protodown on` does.
    pub(in crate::net) fn set_protodown(&self, netns: &Netns, link: &str, on: bool) -> Result<(), NetError> {
        let kernel = self.act()?;
        let index = kernel.index_of(netns, link)?;
        kernel.set_link(netns, index, vec![LinkAttribute::ProtoDown(on.into())])?;
        self.unsettle(netns, index);
        Ok(())
    }
}

impl Kernel<'_> {
    pub(in crate::net) fn set_link(
        &self,
        netns: &Netns,
        index: u32,
        attributes: Vec<LinkAttribute>,
    ) -> Result<(), Refused> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes = attributes;
        self.change(netns, RouteNetlinkMessage::SetLink(message), 0)
    }
}
