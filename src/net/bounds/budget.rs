//! The machine's neighbour tables, of which a lab takes only a part.
//!
//! The kernel has one table of ARP entries for all namespaces together, 1,024 of
//! them (`net.ipv4.neigh.default.gc_thresh3`), and an equally large one for
//! IPv6. If a table is full, nobody on the machine can resolve a new neighbour,
//! whoever filled it. Each ping to a new neighbour takes two entries: one on
//! either side. Each link that comes up takes one IPv6 entry: it reports its
//! multicast groups, and the group that it sends to gets an entry as well,
//! although the kernel resolves no address for it and shows it to nobody
//! (NOARP).

use crate::net::act::neigh::is_learned;
use crate::net::kernel::Kernel;
use crate::net::{NetError, Netns, Network};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use std::cell::{Cell, OnceCell, RefCell};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// A table may have this many entries before a lab flushes its own.
const MOST: u32 = 300;

/// This many neighbours may be resolved in any case: fewer don't fill the table.
/// So a lab finds the same in its tables however full the machine's is.
const ASKED: u32 = 100;

/// This many neighbours may be resolved, and links set up, if the machine does
/// not tell how full the tables are.
const BLIND: u32 = 150;

/// The fill level of the IPv6 table is checked each time this many links were
/// set up.
const SWITCHED_ON: u32 = 16;

/// A lab's share of the tables.
#[derive(Debug, Default)]
pub(in crate::net) struct Budget {
    arp: Table,
    ndisc: Table,
    /// The number of links set up since the groups were last flushed.
    switched_on: Cell<u32>,
    /// The namespaces of these links, as far as no group was found there yet.
    reporting: RefCell<Vec<Netns>>,
}

/// One of the tables.
#[derive(Debug, Default)]
struct Table {
    /// The number of neighbours resolved since all were flushed.
    asked: Cell<u32>,
    /// The file that tells how full the table is, if there is one.
    file: OnceCell<Option<File>>,
}

impl Table {
    /// Tells whether the next neighbour may fill the table.
    fn is_spent(&self, name: &str) -> bool {
        let asked = self.asked.get() + 1;
        self.asked.set(asked);
        asked >= ASKED && self.is_filling(name, asked)
    }

    /// Tells whether the table is filling up. If the machine does not say, tells
    /// whether `ours` are too many.
    fn is_filling(&self, name: &str, ours: u32) -> bool {
        self.entries(name).map_or(ours >= BLIND, |entries| entries > MOST)
    }

    /// The number of entries in the table, of all processes; `None` if the
    /// machine does not say, as in a container.
    fn entries(&self, name: &str) -> Option<u32> {
        let open = || {
            // Only the machine's first network namespace has the file, and this
            // thread is in one of the lab's.
            let parent = nix::unistd::getppid();
            File::open(format!("/proc/{parent}/net/stat/{name}")).ok()
        };
        let table = self.file.get_or_init(open).as_ref()?;
        let mut text = [0; 256];
        let length = table.read_at(&mut text, 0).ok()?;
        entries(std::str::from_utf8(&text[..length]).ok()?)
    }
}

/// Parses `/proc/net/stat/arp_cache`: a line of titles, then one line for each
/// processor. The first number of each is the whole table's.
fn entries(text: &str) -> Option<u32> {
    u32::from_str_radix(text.lines().nth(1)?.split_whitespace().next()?, 16).ok()
}

impl Network {
    /// Makes room for a new neighbour. If a table is filling up, all namespaces
    /// flush the neighbours that they have learned in its family, as the
    /// kernel's own garbage collection would do a little later. Permanent
    /// entries stay.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub(in crate::net) fn spare_neighbours(&self) -> Result<(), NetError> {
        if self.budget.arp.is_spent("arp_cache") {
            self.forget_everywhere(AddressFamily::Inet)?;
        }
        if self.budget.ndisc.is_spent("ndisc_cache") {
            self.forget_everywhere(AddressFamily::Inet6)?;
        }
        Ok(())
    }

    /// Flushes the learned neighbours of all namespaces.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn forget_neighbours(&self) -> Result<(), NetError> {
        self.forget_everywhere(AddressFamily::Unspec)
    }

    /// Tells whether the machine's table is filling up, whoever fills it. If the
    /// machine does not say, it may be.
    pub(in crate::net) fn is_table_filling(&self, family: AddressFamily) -> bool {
        match family {
            AddressFamily::Inet6 => self.budget.ndisc.is_filling("ndisc_cache", BLIND),
            _ => self.budget.arp.is_filling("arp_cache", BLIND),
        }
    }

    pub(in crate::net) fn forget_everywhere(&self, family: AddressFamily) -> Result<(), NetError> {
        self.forget_in(&self.everywhere(), family)
    }

    /// Flushes the learned neighbours of these namespaces.
    pub(in crate::net) fn forget_in(
        &self,
        namespaces: &[Netns],
        family: AddressFamily,
    ) -> Result<(), NetError> {
        let kernel = self.act()?;
        if family != AddressFamily::Inet6 {
            self.budget.arp.asked.set(0);
        }
        if family != AddressFamily::Inet {
            self.budget.ndisc.asked.set(0);
        }
        let ours = |message: &NeighbourMessage| is_learned(message) || is_group(message);
        namespaces.iter().try_for_each(|netns| kernel.forget(netns, family, ours).map(drop))
    }
}

impl Kernel<'_> {
    /// Makes room for the reports that a link of `netns` sends when it comes up.
    /// If the table is filling up, namespaces flush their entries for the groups
    /// to which they have sent, which no lab table shows.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub(in crate::net) fn spare_groups(&self, netns: &Netns) -> Result<(), NetError> {
        let budget = &self.budget;
        if !budget.reporting.borrow().contains(netns) {
            budget.reporting.borrow_mut().push(netns.clone());
        }
        let switched_on = budget.switched_on.get() + 1;
        budget.switched_on.set(switched_on);
        if !switched_on.is_multiple_of(SWITCHED_ON) {
            return Ok(());
        }
        // Otherwise the kernel would process many links at once, and their
        // reports would fill the table faster than it is flushed.
        self.settle_links();
        if !budget.ndisc.is_filling("ndisc_cache", switched_on) {
            return Ok(());
        }
        budget.switched_on.set(0);
        // A report leaves a moment after its link came up. So a namespace that
        // has sent none is checked again.
        for netns in budget.reporting.take() {
            if !netns.is_deleted() && self.forget(&netns, AddressFamily::Inet6, is_group)? == 0 {
                budget.reporting.borrow_mut().push(netns);
            }
        }
        Ok(())
    }
}

/// Tells whether an entry is the kernel's own for a multicast group.
fn is_group(message: &NeighbourMessage) -> bool {
    let is_multicast = |attribute: &NeighbourAttribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => ip.is_multicast(),
        NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => ip.is_multicast(),
        _ => false,
    };
    message.header.state == NeighbourState::Noarp && message.attributes.iter().any(is_multicast)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_stand_first_in_hexadecimal() {
        let text = "entries  allocs   destroys\n0000002a 00000100 000000d6\n0000002a 0 0\n";
        assert_eq!(entries(text), Some(42));
        assert_eq!(entries("entries\n"), None);
    }
}
