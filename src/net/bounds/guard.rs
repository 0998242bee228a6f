//! Limits how much a submission's programs use of two resources that the whole
//! machine shares and that no kernel limit bounds per user: the neighbour
//! tables, and the lock under which links are made and removed.

use crate::net::act::neigh::is_learned;
use crate::net::kernel::Kernel;
use crate::net::kernel::fallback;
use crate::net::{NetError, Netns, Network};
use rtnetlink::packet_route::AddressFamily;
use std::cell::{Cell, RefCell};
use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// The interval between checks.
const EVERY: Duration = Duration::from_millis(100);

/// A lab's namespaces may have learned this many neighbours while the machine's
/// table is filling up.
const LEARNED: usize = 100;

/// The neighbours are flushed this many times before the programs that fill the
/// tables again are ended.
const PATIENCE: u32 = 5;

/// A submission may add this many links to those of the lab. Removing one costs
/// the machine up to 20 ms, during which nobody on it can make a link.
const LINKS: usize = 256;

/// The state of the checks on a submission's programs.
#[derive(Debug, Default)]
pub(in crate::net) struct Guard {
    /// The time of the next check; `None` before the first submission.
    look_at: Cell<Option<Instant>>,
    /// The number of links before the first submission.
    links_given: Cell<usize>,
    /// The number of times that namespaces were flushed.
    forgot: Cell<u32>,
    /// The namespaces that its programs have made, whether or not they ever had
    /// a name or still have it.
    made: RefCell<Vec<Netns>>,
}

impl Guard {
    /// Tells whether a submission has started, or has already run.
    pub fn has_begun(&self) -> bool {
        self.look_at.get().is_some()
    }

    /// Schedules the next check.
    fn look_later(&self) {
        self.look_at.set(Some(Instant::now() + EVERY));
    }
}

impl Kernel<'_> {
    /// Starts the checks, just before a submission runs.
    pub(in crate::net) fn guard_from_now(&self) {
        if !self.guard.has_begun() {
            let all = self.everywhere();
            let born = born_with();
            let links = all.iter().map(|netns| self.count_links(netns, born).unwrap_or_default());
            self.guard.links_given.set(links.sum());
        }
        self.guard.look_later();
    }

    /// Checks at once.
    pub(in crate::net) fn guard_now(&self) {
        // If the kernel does not answer, the next request reports why.
        let _ = self.count_all();
        self.guard.look_later();
    }

    /// Counts what a submission has made, and ends it if that is too much.
    fn count_all(&self) -> Result<(), NetError> {
        let all = self.with_those_of_a_submission();
        let (mut links, born) = (0, born_with());
        for netns in &all {
            links += self.count_links(netns, born)?;
        }
        if links > self.guard.links_given.get() + LINKS {
            self.rooms.clear(&format!("it made more than {LINKS} links"));
            return Ok(());
        }
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            if !self.is_table_filling(family) {
                continue;
            }
            let mut learned = 0;
            for netns in &all {
                learned += self.dump_neighbours(netns, family)?.iter().filter(|row| is_learned(row)).count();
            }
            if learned > LEARNED {
                self.forget_in(&all, family)?;
                self.guard.forgot.set(self.guard.forgot.get() + 1);
            }
        }
        if self.guard.forgot.get() > PATIENCE {
            self.guard.forgot.set(0);
            self.rooms.clear("it filled the machine's table of neighbours again and again");
        }
        Ok(())
    }

    /// Counts the links besides `lo` and the `born` fallback devices, from
    /// proc_pid_net(5). Dumping the links would wait for the lock that a program
    /// holds while it makes thousands of them.
    fn count_links(&self, netns: &Netns, born: usize) -> Result<usize, NetError> {
        self.enter(netns)?;
        let text = links("/proc/thread-self/net/dev");
        let text = text.map_err(|error| NetError::new(format!("failed to count the links: {error}")))?;
        // A program may give its own links such names.
        let born = names(&text).filter(|name| fallback::is_name(name)).count().min(born);
        Ok(names(&text).filter(|name| *name != "lo").count() - born)
    }
}

impl Network {
    /// Checks whether a submission takes too much, if a check is due. Callers
    /// that wait for a program call it, and wait no longer than until the
    /// returned time.
    pub fn guard(&self) -> Option<Instant> {
        // It runs while a program does, and must change nothing for it.
        let kernel = self.bare();
        let at = self.guard.look_at.get()?;
        if Instant::now() < at {
            return Some(at);
        }
        kernel.guard_now();
        self.guard.look_at.get()
    }

    /// All known namespaces, and those that a submission has made.
    fn with_those_of_a_submission(&self) -> Vec<Netns> {
        let mut made = self.guard.made.borrow_mut();
        for fd in self.rooms.made_namespaces() {
            let one = Netns::new("unnamed", false, fd);
            // The same namespace may be listed several times.
            if !made.iter().any(|other| one.is_same(other)) {
                made.push(one);
            }
        }
        let known = self.everywhere();
        // A namespace that got a name is known by that name.
        made.retain(|one| !known.iter().any(|other| one.is_same(other)));
        known.into_iter().chain(made.iter().cloned()).collect()
    }
}

/// The maximum number of fallback devices in a new namespace: as many as in the
/// machine's own namespace, because the same modules create them in both.
fn born_with() -> usize {
    // The parent process has stayed in the machine's own namespace.
    let text = links(&format!("/proc/{}/net/dev", nix::unistd::getppid()));
    text.map_or(fallback::KINDS, |text| names(&text).filter(|name| fallback::is_name(name)).count())
}

/// Reads the list of links of proc_pid_net(5). Names may be any bytes.
fn links(path: &str) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// The names of the links that proc_pid_net(5) lists.
fn names(dev: &str) -> impl Iterator<Item = &str> {
    /// The first two lines are column titles.
    const HEAD: usize = 2;
    dev.lines().skip(HEAD).filter_map(|line| Some(line.split_once(':')?.0.trim()))
}
