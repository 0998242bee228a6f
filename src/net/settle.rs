//! Waits for what the kernel does a moment after it was asked.

use super::link::Found;
use super::{NetError, Netns, Network};
use rtnetlink::packet_route::address::{AddressHeaderFlags, AddressMessage};
use rtnetlink::packet_route::link::{LinkFlags, LinkMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

impl Network {
    /// Takes note that a link's carrier may be about to change, and with it
    /// that of the other end of its cable, and of their bridges.
    ///
    /// The kernel's linkwatch worker brings a link's queue in line with its
    /// carrier some time after a link came up, and a packet that is sent
    /// before is dropped. So before anybody looks or sends, [`Network::settle`]
    /// has it done.
    pub(super) fn unsettle(&self, netns: &Netns, index: u32) {
        self.unsettled.borrow_mut().push((netns.clone(), index));
    }

    /// Brings the links in line that were taken note of: ports first, then
    /// bridges, each once.
    pub(super) fn settle_links(&self) {
        let mut links = std::mem::take(&mut *self.unsettled.borrow_mut());
        let mut bridges = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some((netns, index)) = links.pop() {
            if !seen.insert((netns.name().to_string(), index)) {
                continue;
            }
            // A link that is gone needs no settling.
            let Some(link) = self.settle_link(&netns, index) else { continue };
            bridges.extend(link.controller.map(|bridge| (netns.clone(), bridge)));
            if link.veth {
                links.extend(self.other_end(&netns, &link));
            }
            self.tentative.borrow_mut().insert(netns.name().into());
        }
        for (netns, index) in bridges {
            if seen.insert((netns.name().to_string(), index)) {
                self.settle_link(&netns, index);
            }
        }
    }

    /// Asks for a single link, which has its queue brought in line at once; a
    /// listing does not.
    fn settle_link(&self, netns: &Netns, index: u32) -> Option<Found> {
        self.link_at(netns, index).ok().map(|message| Found::read(&message))
    }

    /// Waits until IPv6 addresses can be used: a worker of the kernel's says
    /// so a moment after they were given or their link came up, even where
    /// nobody has to be asked (`accept_dad=0`).
    pub(super) fn await_addresses(&self) -> Result<(), NetError> {
        if self.hands_off.get() {
            return Ok(());
        }
        let deadline = Instant::now() + Duration::from_secs(2);
        for name in std::mem::take(&mut *self.tentative.borrow_mut()) {
            let Some(netns) = self.known(&name) else { continue };
            while self.has_tentative(&netns)? && Instant::now() < deadline {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        Ok(())
    }

    /// Tells whether an address waits although its link has a carrier.
    pub(super) fn has_tentative(&self, netns: &Netns) -> Result<bool, NetError> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet6;
        let rows = self.dump(netns, RouteNetlinkMessage::GetAddress(message))?;
        Ok(rows.iter().any(|row| match row {
            RouteNetlinkMessage::NewAddress(row) => {
                let waits = row.header.flags.contains(AddressHeaderFlags::Tentative)
                    && !row.header.flags.contains(AddressHeaderFlags::Dadfailed);
                let lower_up = |link: LinkMessage| link.header.flags.contains(LinkFlags::LowerUp);
                waits && self.link_at(netns, row.header.index).is_ok_and(lower_up)
            }
            _ => false,
        }))
    }

    /// The same as [`Network::settle`] for a question that may have nothing to
    /// do with IPv6, and lets it sleep then.
    pub(super) fn settle_for(&self, ipv6: bool) -> Result<(), NetError> {
        if ipv6 || !self.is_asleep() {
            return self.settle();
        }
        self.lay_waiting()?;
        self.settle_links();
        Ok(())
    }

    /// Readies the network to be looked at: lays the cables that wait and
    /// settles the links that have changed; every link where programs may have
    /// changed anything.
    pub(super) fn settle(&self) -> Result<(), NetError> {
        self.lay_cables()?;
        self.unhush();
        self.settle_links();
        if !self.programs.get() {
            return Ok(());
        }
        for netns in self.namespaces()?.into_iter().chain([self.host()]) {
            let mut links: Vec<Found> = self.dump_links(&netns)?.iter().map(Found::read).collect();
            links.sort_by_key(|link| link.bridge);
            for link in links {
                self.settle_link(&netns, link.index);
            }
            self.tentative.borrow_mut().insert(netns.name().into());
        }
        Ok(())
    }
}
