//! Veth pairs, whose creation may be deferred.
//!
//! Moving a device to another namespace costs 16–24 ms per end; creating it
//! there costs a tenth of one. So a pair that is created in one namespace and
//! then moved, as tutorials do it, may wait until something depends on it, and
//! is then created directly in its final place. The difference is not visible.
//! The caller knows that nothing looks before both ends are up, that no program
//! runs and that nobody watches. The kernel is asked at once whether it would
//! refuse. The ends get the indexes and hardware addresses of a moved pair.

use crate::net::kernel::Kernel;
use crate::net::kernel::links::valid_ifname;
use crate::net::notation::mac::chosen_mac;
use crate::net::{NetError, Netns, Network};
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkInfo, LinkMessage};
use std::os::fd::AsRawFd;

/// A veth pair that is yet to be created.
#[derive(Debug)]
pub(in crate::net) struct Cable {
    /// The namespace where `ip link add` was called.
    born: Netns,
    ends: [End; 2],
}

#[derive(Debug)]
struct End {
    netns: Netns,
    name: String,
    index: u32,
    mac: Vec<u8>,
}

impl End {
    fn new(netns: &Netns, name: &str, index: u32) -> Self {
        Self { netns: netns.clone(), name: name.into(), index, mac: chosen_mac(netns.name(), name) }
    }

    fn message(&self, born: &Netns) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = self.index;
        message.attributes = vec![
            LinkAttribute::IfName(self.name.clone()),
            LinkAttribute::Address(self.mac.clone()),
            // A veth uses one queue; more would wait for each other.
            LinkAttribute::NumTxQueues(1),
            LinkAttribute::NumRxQueues(1),
        ];
        if !self.netns.is(born)
            && let Some(fd) = self.netns.fd()
        {
            message.attributes.push(LinkAttribute::NetNsFd(fd.as_raw_fd()));
        }
        message
    }

    fn is(&self, netns: &Netns, name: &str) -> bool {
        self.netns.is(netns) && self.name == name
    }
}

impl Network {
    /// Adds a veth pair, as `ip link add A type veth peer name B` does, each end
    /// in its namespace. Its creation may be deferred if nothing looks before
    /// both ends are up.
    ///
    /// # Errors
    ///
    /// If a name is invalid or taken.
    pub fn veth(
        &self,
        (netns_a, a): (&Netns, &str),
        (netns_b, b): (&Netns, &str),
        may_wait: bool,
    ) -> Result<(), NetError> {
        valid_ifname("dev", a)?;
        valid_ifname("name", b)?;
        for netns in [netns_a, netns_b] {
            if netns.is_deleted() {
                return Err(NetError::new(format!("Invalid \"netns\" value \"{netns}\""))
                    .hint(format!("`{netns}` was deleted before")));
            }
        }
        // The kernel registers the peer first.
        let (peer, main) = (netns_b.take_index(), netns_a.take_index());
        let cable =
            Cable { born: netns_a.clone(), ends: [End::new(netns_a, a, main), End::new(netns_b, b, peer)] };
        let waits = may_wait && !self.is_observed() && a != b && !(a.contains('%') || b.contains('%'));
        // A lookup of names leaves deferred cables deferred.
        let kernel = self.bare();
        if !waits || kernel.is_taken(netns_a, a)? || kernel.is_taken(netns_b, b)? {
            return self.act()?.lay(&cable);
        }
        self.pending.cables.borrow_mut().push(cable);
        Ok(())
    }
}

impl Kernel<'_> {
    /// Moves an end of a deferred cable to another namespace. Returns false if
    /// none is deferred or the kernel would refuse; then the caller moves a real
    /// link.
    pub(in crate::net) fn redirect_cable(
        &self,
        netns: &Netns,
        link: &str,
        to: &Netns,
    ) -> Result<bool, NetError> {
        let waits =
            self.pending.cables.borrow().iter().any(|cable| cable.ends.iter().any(|end| end.is(netns, link)));
        if !waits || to.is_deleted() || self.is_taken(to, link)? {
            return Ok(false);
        }
        for cable in self.pending.cables.borrow_mut().iter_mut() {
            if let Some(end) = cable.ends.iter_mut().find(|end| end.is(netns, link)) {
                end.netns = to.clone();
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_taken(&self, netns: &Netns, name: &str) -> Result<bool, NetError> {
        let waits =
            self.pending.cables.borrow().iter().any(|cable| cable.ends.iter().any(|end| end.is(netns, name)));
        Ok(waits || self.look_for(netns, name)?.is_some())
    }

    /// Creates every deferred cable.
    pub(in crate::net) fn lay_cables(&self) -> Result<(), NetError> {
        let cables = std::mem::take(&mut *self.pending.cables.borrow_mut());
        cables.iter().try_for_each(|cable| self.lay(cable))
    }

    fn lay(&self, cable: &Cable) -> Result<(), NetError> {
        let [main, peer] = &cable.ends;
        let data = InfoData::Veth(InfoVeth::Peer(peer.message(&cable.born)));
        let infos = vec![LinkInfo::Kind(InfoKind::Veth), LinkInfo::Data(data)];
        let mut message = main.message(&cable.born);
        message.attributes.push(LinkAttribute::LinkInfo(infos));
        let chosen = self.create(&cable.born, &main.name, "veth", message).map_err(|error| {
            let peer_taken = self.look_for(&peer.netns, &peer.name).is_ok_and(|found| found.is_some());
            let main_taken = self.look_for(&main.netns, &main.name).is_ok_and(|found| found.is_some());
            match peer_taken && !main_taken {
                true => error.hint(format!("`{}` has a link `{}` already", peer.netns, peer.name)),
                false => error,
            }
        })?;
        for end in &cable.ends {
            self.know(&end.netns, &end.name, end.index, chosen);
        }
        if chosen {
            let [main, peer] = [main, peer].map(|end| (end.netns.name().to_string(), end.index));
            let mut ends = self.ends.borrow_mut();
            ends.insert(main.clone(), peer.clone());
            ends.insert(peer, main);
        }
        Ok(())
    }
}
