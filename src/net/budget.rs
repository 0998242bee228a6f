//! The machine's neighbour tables, of which a lab takes a part at most.
//!
//! The kernel has one table of ARP entries for all namespaces together, 1,024
//! of them (`net.ipv4.neigh.default.gc_thresh3`), and one as large for IPv6.
//! Where one is full nobody on the machine finds a new neighbour, whoever
//! filled it. Each ping to somebody new takes two: one on either side. Each
//! link that comes up takes one of IPv6: its report on multicast groups goes
//! to a group, which has an entry as well, though it is asked of nobody and
//! shown to nobody (NOARP).

use super::{NetError, Netns, Network};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use std::cell::{Cell, OnceCell, RefCell};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The most entries that a table may have before a lab forgets its own.
const MOST: u32 = 300;

/// How many may be asked in any case: fewer don't fill it, and a lab finds the
/// same in its tables however full the machine's is.
const ASKED: u32 = 100;

/// How many may be asked, and how many links switched on, where nobody says
/// how full the tables are.
const BLIND: u32 = 150;

/// After how many links that were switched on it is looked how full the
/// table of IPv6 is.
const SWITCHED_ON: u32 = 16;

/// What a lab has taken of the tables.
#[derive(Debug, Default)]
pub(super) struct Budget {
    arp: Table,
    ndisc: Table,
    /// How many links have been switched on since groups were forgotten.
    switched_on: Cell<u32>,
    /// Where that was, as far as no group was found there.
    reporting: RefCell<Vec<Netns>>,
}

/// One of the tables.
#[derive(Debug, Default)]
struct Table {
    /// How many have been asked since all were forgotten.
    asked: Cell<u32>,
    /// The file that tells how full it is, where there is one.
    file: OnceCell<Option<File>>,
}

impl Table {
    /// Tells whether the next one that is asked may fill the table.
    fn is_spent(&self, name: &str) -> bool {
        let asked = self.asked.get() + 1;
        self.asked.set(asked);
        asked >= ASKED && self.is_filling(name, asked)
    }

    /// Tells whether the table is filling up; where the machine does not say,
    /// whether so many are too many.
    fn is_filling(&self, name: &str, ours: u32) -> bool {
        self.entries(name).map_or(ours >= BLIND, |entries| entries > MOST)
    }

    /// How many entries the table has, of all processes; `None` where the
    /// machine does not say, as in a container.
    fn entries(&self, name: &str) -> Option<u32> {
        let open = || {
            // Only the machine's first network namespace has the file, and
            // this thread is in one of the lab's.
            let parent = nix::unistd::getppid();
            File::open(format!("/proc/{parent}/net/stat/{name}")).ok()
        };
        let table = self.file.get_or_init(open).as_ref()?;
        let mut text = [0; 256];
        let length = table.read_at(&mut text, 0).ok()?;
        entries(std::str::from_utf8(&text[..length]).ok()?)
    }
}

/// Reads `/proc/net/stat/arp_cache`: a line of titles, then one for each
/// processor, in each of which the first number is the whole table's.
fn entries(text: &str) -> Option<u32> {
    u32::from_str_radix(text.lines().nth(1)?.split_whitespace().next()?, 16).ok()
}

impl Network {
    /// Makes room for somebody new. Where a table is filling up, all
    /// namespaces forget whom they have learned of its family, as the kernel's
    /// own garbage collection would have them do a little later; what was set
    /// by hand stays.
    ///
    /// # Errors
    ///
    /// Where the kernel does not answer.
    pub(super) fn spare_neighbours(&self) -> Result<(), NetError> {
        if self.budget.arp.is_spent("arp_cache") {
            self.forget_everywhere(AddressFamily::Inet)?;
        }
        if self.budget.ndisc.is_spent("ndisc_cache") {
            self.forget_everywhere(AddressFamily::Inet6)?;
        }
        Ok(())
    }

    /// Makes room for what a link of `netns` reports when it comes up. Where
    /// the table is filling up, namespaces forget the groups to which they
    /// have sent, which no table shows.
    ///
    /// # Errors
    ///
    /// Where the kernel does not answer.
    pub(super) fn spare_groups(&self, netns: &Netns) -> Result<(), NetError> {
        let budget = &self.budget;
        if !budget.reporting.borrow().contains(netns) {
            budget.reporting.borrow_mut().push(netns.clone());
        }
        let switched_on = budget.switched_on.get() + 1;
        budget.switched_on.set(switched_on);
        if !switched_on.is_multiple_of(SWITCHED_ON) {
            return Ok(());
        }
        // Else the kernel would come to many links at once, and report them
        // faster than anybody forgets.
        self.settle_links();
        if !budget.ndisc.is_filling("ndisc_cache", switched_on) {
            return Ok(());
        }
        budget.switched_on.set(0);
        // A report leaves a moment after its link came up: who has sent none
        // is asked again.
        for netns in budget.reporting.take() {
            if !netns.is_deleted() && self.forget(&netns, AddressFamily::Inet6, is_group)? == 0 {
                budget.reporting.borrow_mut().push(netns);
            }
        }
        Ok(())
    }

    /// Has all namespaces forget whom they have learned.
    ///
    /// # Errors
    ///
    /// Where the kernel does not answer.
    pub fn forget_neighbours(&self) -> Result<(), NetError> {
        self.forget_everywhere(AddressFamily::Unspec)
    }

    /// Tells whether the machine's table is filling up, whoever fills it; where
    /// it does not say, it may be.
    pub(super) fn is_table_filling(&self, family: AddressFamily) -> bool {
        match family {
            AddressFamily::Inet6 => self.budget.ndisc.is_filling("ndisc_cache", BLIND),
            _ => self.budget.arp.is_filling("arp_cache", BLIND),
        }
    }

    pub(super) fn forget_everywhere(&self, family: AddressFamily) -> Result<(), NetError> {
        self.forget_in(&self.everywhere(), family)
    }

    /// Has these namespaces forget whom they have learned.
    pub(super) fn forget_in(&self, namespaces: &[Netns], family: AddressFamily) -> Result<(), NetError> {
        self.lay_cables()?;
        if family != AddressFamily::Inet6 {
            self.budget.arp.asked.set(0);
        }
        if family != AddressFamily::Inet {
            self.budget.ndisc.asked.set(0);
        }
        let ours = |message: &NeighbourMessage| is_learned(message) || is_group(message);
        namespaces.iter().try_for_each(|netns| self.forget(netns, family, ours).map(drop))
    }
}

/// Tells whether the kernel has learned an entry by asking.
pub(super) fn is_learned(message: &NeighbourMessage) -> bool {
    !matches!(message.header.state, NeighbourState::Permanent | NeighbourState::Noarp)
}

/// Tells whether an entry is the kernel's for a multicast group.
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
