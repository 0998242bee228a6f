//! Labs that run ahead of the test cases that ask for them.

use super::Course;
use crate::run::{self, Settings};
use crate::sandbox::{Launcher, Sandbox};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The most sandboxes that are done with and let go together. To take their
/// namespaces down keeps the kernel busy and stalls the labs at work: it is
/// best done once, when all results are out. Each holds about a megabyte.
const TOGETHER: usize = 256;

/// The most of them where nobody says how full the neighbour table is.
const TOGETHER_BLIND: usize = 16;

/// The most entries that the machine's neighbour table, one for everybody, may
/// have while sandboxes are held: it takes 1,024.
const NEIGHBOURS: u32 = 400;

/// Labs that are to be run, by workers that take the next one each.
pub(super) struct Pool {
    pub wanted: Vec<Arc<Course>>,
    next: AtomicUsize,
    first: Mutex<Option<Sandbox>>,
    finished: Mutex<Vec<Sandbox>>,
    launcher: Launcher,
}

impl Pool {
    /// A pool whose first lab has a sandbox already.
    pub fn new(wanted: Vec<Arc<Course>>, first: Sandbox, launcher: Launcher) -> Self {
        let (next, finished) = (AtomicUsize::default(), Mutex::default());
        Self { wanted, next, first: Mutex::new(Some(first)), finished, launcher }
    }

    /// Runs labs until all are taken, as one of several workers.
    pub fn work(&self, settings: &Settings) {
        while let Some(course) = self.wanted.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let first = self.first.lock().ok().and_then(|mut first| first.take());
            let outcome = first.map_or_else(|| self.launcher.open(), Ok).and_then(|mut sandbox| {
                let outcome = run::lab(&course.lab, &mut sandbox, &course.shelf, settings, |_, _| {});
                self.let_go(sandbox);
                outcome
            });
            let outcome = outcome.map(|outcomes| {
                outcomes
                    .into_iter()
                    .map(|outcome| (outcome.name.clone().unwrap_or_default(), outcome))
                    .collect()
            });
            // Each is set once: a course is taken by one worker.
            let _ = course.outcomes.set(outcome);
        }
    }

    /// Lets a sandbox go, with some others.
    fn let_go(&self, sandbox: Sandbox) {
        let Ok(mut finished) = self.finished.lock() else { return };
        finished.push(sandbox);
        let many = match neighbours() {
            Some(entries) => entries > NEIGHBOURS || finished.len() >= TOGETHER,
            None => finished.len() >= TOGETHER_BLIND,
        };
        if many {
            finished.clear();
        }
    }
}

/// How many entries the fuller one of the machine's neighbour tables has, of
/// IPv4 and IPv6. Within a container the kernel does not say.
fn neighbours() -> Option<u32> {
    let entries = |table: &str| {
        let text = std::fs::read_to_string(format!("/proc/net/stat/{table}")).ok()?;
        // A line of titles, then one for each processor; the entries are the
        // machine's in each.
        u32::from_str_radix(text.lines().nth(1)?.split_whitespace().next()?, 16).ok()
    };
    Some(entries("arp_cache")?.max(entries("ndisc_cache").unwrap_or(0)))
}
