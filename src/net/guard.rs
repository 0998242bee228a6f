//! Looks after what a submission's programs do to what the whole machine
//! shares, and no limit of the kernel bounds for one: the tables of
//! neighbours, and the lock under which links are made and taken down.

use super::budget::is_learned;
use super::{NetError, Netns, Network, fallback};
use rtnetlink::packet_route::AddressFamily;
use std::cell::{Cell, RefCell};
use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(100);

/// The most that a lab's namespaces may have learned while the machine's table
/// is filling up.
const LEARNED: usize = 100;

/// How often they are made to forget, before the programs are ended that fill
/// them again.
const PATIENCE: u32 = 5;

/// The most links that a submission may add to those of the lab. To take one down
/// costs the machine up to 20 ms, and nobody on it makes a link meanwhile.
const LINKS: usize = 256;

/// What is known of a submission's programs.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// When to look again; never before there was a submission.
    look_at: Cell<Option<Instant>>,
    /// How many links there were before the first submission.
    links_given: Cell<usize>,
    /// How often namespaces were made to forget.
    forgot: Cell<u32>,
    /// The namespaces that its programs have made, whether or not they gave
    /// them a name, and keep it.
    made: RefCell<Vec<Netns>>,
}

impl Guard {
    /// Tells whether a submission has had its turn, or has it.
    pub fn has_begun(&self) -> bool {
        self.look_at.get().is_some()
    }

    /// Looks again in a while.
    fn look_later(&self) {
        self.look_at.set(Some(Instant::now() + EVERY));
    }
}

impl Network {
    /// Begins to look, as a submission is about to have its turn.
    pub(super) fn guard_from_now(&self) {
        if !self.guard.has_begun() {
            let all = self.everywhere();
            let born = born_with();
            let links = all.iter().map(|netns| self.count_links(netns, born).unwrap_or_default());
            self.guard.links_given.set(links.sum());
        }
        self.guard.look_later();
    }

    /// Looks whether a submission takes too much, when it is time for that.
    /// Who waits for a program calls it, and waits until then at most.
    pub fn guard(&self) -> Option<Instant> {
        let at = self.guard.look_at.get()?;
        if Instant::now() < at {
            return Some(at);
        }
        self.guard_now();
        self.guard.look_at.get()
    }

    /// Looks at once.
    pub(super) fn guard_now(&self) {
        // Where the kernel does not answer, the next one to ask hears why.
        let _ = self.look();
        self.guard.look_later();
    }

    fn look(&self) -> Result<(), NetError> {
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

    /// All namespaces that are known, and those that a submission has made.
    fn with_those_of_a_submission(&self) -> Vec<Netns> {
        let mut made = self.guard.made.borrow_mut();
        for fd in self.rooms.made_namespaces() {
            let one = Netns::new("unnamed", false, fd);
            // The same one may come several times.
            if !made.iter().any(|other| one.is_same(other)) {
                made.push(one);
            }
        }
        let known = self.everywhere();
        // One that has got a name is known by it.
        made.retain(|one| !known.iter().any(|other| one.is_same(other)));
        known.into_iter().chain(made.iter().cloned()).collect()
    }

    /// How many links there are beside `lo` and the `born` fallback devices, by
    /// proc_pid_net(5): to dump them waits for the lock that a program holds which
    /// makes thousands.
    fn count_links(&self, netns: &Netns, born: usize) -> Result<usize, NetError> {
        self.enter(netns)?;
        let text = links("/proc/thread-self/net/dev");
        let text = text.map_err(|error| NetError::new(format!("failed to count the links: {error}")))?;
        // A program may give its own links such names.
        let born = names(&text).filter(|name| fallback::is_name(name)).count().min(born);
        Ok(names(&text).filter(|name| *name != "lo").count() - born)
    }
}

/// The most fallback devices that a new namespace has: as many as the machine's own
/// namespace, because the same modules create them in both.
fn born_with() -> usize {
    // The parent process has stayed in that one.
    let text = links(&format!("/proc/{}/net/dev", nix::unistd::getppid()));
    text.map_or(fallback::KINDS, |text| names(&text).filter(|name| fallback::is_name(name)).count())
}

/// Reads a list of links of proc_pid_net(5). Names may be any bytes.
fn links(path: &str) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// The names of the links that proc_pid_net(5) lists.
fn names(dev: &str) -> impl Iterator<Item = &str> {
    /// Two lines say what the columns are.
    const HEAD: usize = 2;
    dev.lines().skip(HEAD).filter_map(|line| Some(line.split_once(':')?.0.trim()))
}
