//! Waits for what the kernel does a moment after it was asked.

use super::link::Found;
use super::{NetError, Netns, Network};
use rtnetlink::packet_route::address::{AddressHeaderFlags, AddressMessage};
use rtnetlink::packet_route::link::{LinkFlags, LinkMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::time::{Duration, Instant};

impl Network {
    /// Brings a link's queue in line with its carrier.
    ///
    /// The kernel's linkwatch worker does so some time after a link came up,
    /// and a packet that is sent before is dropped. Asking for a single link
    /// does it at once (a listing does not).
    pub(super) fn settle_link(&self, netns: &Netns, index: u32) -> Option<Found> {
        // A link that is gone needs no settling.
        self.link_at(netns, index).ok().map(|message| Found::read(&message))
    }

    /// The same for what follows a link's state: its bridge, the other end of
    /// the cable, and that one's bridge. Ports first, then bridges.
    pub(super) fn settle_around(&self, netns: &Netns, link: &Found, other: Option<(Netns, u32)>) {
        if let Some(master) = link.controller {
            self.settle_link(netns, master);
        }
        if let Some((other, index)) = other.filter(|_| link.veth)
            && let Some(found) = self.settle_link(&other, index)
            && let Some(master) = found.controller
        {
            self.settle_link(&other, master);
        }
    }

    /// Waits until IPv6 addresses can be used: a worker of the kernel's says
    /// so a moment after they were given or their link came up, even where
    /// nobody has to be asked (`accept_dad=0`).
    pub(super) fn await_addresses(&self) -> Result<(), NetError> {
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
    fn has_tentative(&self, netns: &Netns) -> Result<bool, NetError> {
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

    /// Readies the network to be looked at: lays the cables that wait and,
    /// where programs may have changed anything, settles every link.
    pub(super) fn settle(&self) -> Result<(), NetError> {
        self.lay_cables()?;
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
