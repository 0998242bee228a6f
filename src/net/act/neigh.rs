use super::addr::family;
use super::prefix::{address, mac};
use crate::net::kernel::Kernel;
use crate::net::{NetError, Netns, Network};
use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

/// The number of requests in one packet: their answers wait in the socket
/// buffer, which holds about two hundred.
const AT_ONCE: usize = 64;

impl Network {
    /// Adds a permanent neighbour, as `ip neigh add IP lladdr MAC dev LINK`
    /// does.
    ///
    /// # Errors
    ///
    /// If an address is invalid, the link does not exist, or the neighbour
    /// exists already.
    pub fn neigh_add(&self, netns: &Netns, ip: &str, lladdr: &str, link: &str) -> Result<(), NetError> {
        self.neigh_new(netns, ip, lladdr, link, NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Adds or replaces a permanent neighbour, as `ip neigh replace` does.
    pub(in crate::net) fn neigh_replace(
        &self,
        netns: &Netns,
        ip: &str,
        lladdr: &str,
        link: &str,
    ) -> Result<(), NetError> {
        self.neigh_new(netns, ip, lladdr, link, NLM_F_CREATE | NLM_F_REPLACE)
    }

    fn neigh_new(
        &self,
        netns: &Netns,
        ip: &str,
        lladdr: &str,
        link: &str,
        flags: u16,
    ) -> Result<(), NetError> {
        let kernel = self.act()?;
        let lladdr = mac(lladdr)?;
        let mut message = kernel.neigh_message(netns, ip, link)?;
        message.header.state = NeighbourState::Permanent;
        message.attributes.push(NeighbourAttribute::LinkLayerAddress(lladdr));
        kernel.change(netns, RouteNetlinkMessage::NewNeighbour(message), flags).map_err(|refused| {
            let exists = refused.is(Errno::EEXIST);
            let error = NetError::from(refused);
            if exists {
                error.hint(format!("`{netns}` has an entry for {ip} on `{link}` already"))
            } else {
                error
            }
        })
    }

    /// Removes a neighbour, as `ip neigh del IP dev LINK` does.
    ///
    /// # Errors
    ///
    /// If there is no such entry.
    pub fn neigh_del(&self, netns: &Netns, ip: &str, link: &str) -> Result<(), NetError> {
        let kernel = self.act()?;
        let message = kernel.neigh_message(netns, ip, link)?;
        Ok(kernel.change(netns, RouteNetlinkMessage::DelNeighbour(message), 0)?)
    }

    /// Flushes the learned neighbours of a link, or of all links, as `ip neigh
    /// flush dev LINK` does; permanent entries stay.
    ///
    /// # Errors
    ///
    /// If the link does not exist.
    pub fn neigh_flush(&self, netns: &Netns, link: Option<&str>) -> Result<(), NetError> {
        let kernel = self.act()?;
        let only = link.map(|link| kernel.index_of(netns, link)).transpose()?;
        kernel
            .forget(netns, AddressFamily::Unspec, |message| {
                is_learned(message) && only.is_none_or(|index| index == message.header.ifindex)
            })
            .map(drop)
    }

    /// Flushes, in all namespaces, the neighbours that have not answered.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn forget_unanswered(&self) -> Result<(), NetError> {
        // The commands before it were prepared.
        let kernel = self.bare();
        self.everywhere()
            .iter()
            .try_for_each(|netns| kernel.forget(netns, AddressFamily::Unspec, is_unanswered).map(drop))
    }
}

impl Kernel<'_> {
    /// Deletes some entries of a namespace; returns how many there were.
    pub(in crate::net) fn forget(
        &self,
        netns: &Netns,
        family: AddressFamily,
        is_one: impl Fn(&NeighbourMessage) -> bool,
    ) -> Result<usize, NetError> {
        let all = self.dump_neighbours(netns, family)?;
        let gone: Vec<RouteNetlinkMessage> = all.into_iter().filter(is_one).map(del_message).collect();
        for some in gone.chunks(AT_ONCE) {
            // An entry may have expired in between.
            let _ = self.change_all(netns, some.to_vec());
        }
        Ok(gone.len())
    }

    fn neigh_message(&self, netns: &Netns, ip: &str, link: &str) -> Result<NeighbourMessage, NetError> {
        let ip = address(ip)?;
        let mut message = NeighbourMessage::default();
        message.header.family = family(ip);
        message.header.ifindex = self.index_of(netns, link)?;
        message.attributes = vec![NeighbourAttribute::Destination(match ip {
            std::net::IpAddr::V4(ip) => NeighbourAddress::Inet(ip),
            std::net::IpAddr::V6(ip) => NeighbourAddress::Inet6(ip),
        })];
        Ok(message)
    }
}

/// Tells whether the kernel has learned an entry by resolution.
pub(in crate::net) fn is_learned(message: &NeighbourMessage) -> bool {
    !matches!(message.header.state, NeighbourState::Permanent | NeighbourState::Noarp)
}

/// Tells whether the neighbour of this entry has not answered.
pub(in crate::net) fn is_unanswered(message: &NeighbourMessage) -> bool {
    matches!(message.header.state, NeighbourState::Incomplete | NeighbourState::Failed)
}

/// The request that removes an entry.
fn del_message(mut message: NeighbourMessage) -> RouteNetlinkMessage {
    message.attributes.retain(|attribute| matches!(attribute, NeighbourAttribute::Destination(_)));
    RouteNetlinkMessage::DelNeighbour(message)
}
