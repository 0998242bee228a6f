//! The machine's neighbour table, of which a lab takes a part at most.
//!
//! The kernel has one table of ARP entries for all namespaces together, 1,024
//! of them (`net.ipv4.neigh.default.gc_thresh3`), and where it is full nobody
//! on the machine finds a new neighbour, whoever filled it. Each ping to
//! somebody new takes two: one on either side.

use super::{NetError, Network};
use std::cell::{Cell, OnceCell};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The most entries that the table may have before a lab forgets its own.
const MOST: u32 = 300;

/// How many may be asked in any case: fewer don't fill it, and a lab finds the
/// same in its tables however full the machine's is.
const ASKED: u32 = 100;

/// How many may be asked where nobody says how full the table is.
const ASKED_BLIND: u32 = 150;

/// What a lab has taken of the table.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// How many have been asked since all were forgotten.
    asked: Cell<u32>,
    table: OnceCell<Option<File>>,
}

impl Budget {
    /// Tells whether the next one that is asked may fill the table.
    fn is_spent(&self) -> bool {
        let asked = self.asked.get() + 1;
        self.asked.set(asked);
        asked >= ASKED && self.entries().map_or(asked >= ASKED_BLIND, |entries| entries > MOST)
    }

    /// How many entries the table has, of all processes; `None` where the
    /// machine does not say, as in a container.
    fn entries(&self) -> Option<u32> {
        let open = || {
            // Only the machine's first network namespace has the file, and
            // this thread is in one of the lab's.
            let parent = nix::unistd::getppid();
            File::open(format!("/proc/{parent}/net/stat/arp_cache")).ok()
        };
        let table = self.table.get_or_init(open).as_ref()?;
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
    /// Makes room for somebody new. Where the table is filling up, all
    /// namespaces forget whom they have learned, as the kernel's own garbage
    /// collection would have them do a little later; what was set by hand
    /// stays.
    ///
    /// # Errors
    ///
    /// Where the kernel does not answer.
    pub(super) fn spare_neighbours(&self) -> Result<(), NetError> {
        if self.budget.is_spent() { self.forget_neighbours() } else { Ok(()) }
    }

    /// Has all namespaces forget whom they have learned.
    ///
    /// # Errors
    ///
    /// Where the kernel does not answer.
    pub fn forget_neighbours(&self) -> Result<(), NetError> {
        self.budget.asked.set(0);
        self.everywhere().iter().try_for_each(|netns| self.neigh_flush(netns, None))
    }
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
