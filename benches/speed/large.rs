//! W4 with very many namespaces: the cost of the biggest lab for the rest of the machine.

use crate::clock::{self, Times};
use crate::setting::Setting;
use crate::w4;
use std::fs;
use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// The numbers of namespaces, each with its time limit.
pub const SIZES: [(u16, Duration); 2] =
    [(500, Duration::from_millis(1500)), (1000, Duration::from_millis(3000))];

/// The number of neighbour entries that a lab may have: half of the machine's limit.
pub const NEIGHBOURS: f64 = 512.0;

/// How often to look at the machine.
const INTERVAL: Duration = Duration::from_millis(3);

/// The results of one size.
pub struct Large {
    pub namespaces: u16,
    pub allowed: Duration,
    pub times: Times,
    /// The number of failures, such as lost pings.
    pub failed: usize,
    /// The largest growth of the machine's neighbour tables, for IPv4 and IPv6.
    pub arp: Option<u64>,
    pub ndisc: Option<u64>,
    /// The peak memory of each run, in KiB.
    memory: Vec<u64>,
}

impl Large {
    /// The median of the memory per namespace, in KiB. It includes what other programs on
    /// this machine take meanwhile.
    pub fn memory(&self) -> Option<u64> {
        let mut sorted = self.memory.clone();
        sorted.sort_unstable();
        Some(sorted.get(sorted.len() / 2)? / u64::from(self.namespaces))
    }
}

/// The state of the machine; values that it does not tell are `None`.
#[derive(Clone, Copy)]
struct Machine {
    arp: Option<u64>,
    ndisc: Option<u64>,
    memory: Option<u64>,
}

impl Machine {
    fn look() -> Self {
        Self { arp: entries("arp_cache"), ndisc: entries("ndisc_cache"), memory: available() }
    }

    /// Returns the more loaded of two states.
    fn worse(self, other: Self) -> Self {
        let memory = match (self.memory, other.memory) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self { arp: self.arp.max(other.arp), ndisc: self.ndisc.max(other.ndisc), memory }
    }
}

/// Returns the number of entries in a neighbour table of the kernel, for all namespaces:
/// the first number of each line, in hex, the same for each processor.
fn entries(table: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/net/stat/{table}")).ok()?;
    u64::from_str_radix(text.lines().nth(1)?.split_whitespace().next()?, 16).ok()
}

/// Returns the available memory, in KiB.
fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Runs W4 with this number of namespaces a few times.
///
/// # Errors
///
/// If a process can't be started.
pub fn run(setting: &Setting, namespaces: u16, allowed: Duration, repeats: usize) -> io::Result<Large> {
    let lab = w4::lab(setting, namespaces)?;
    let mut large = Large {
        namespaces,
        allowed,
        times: Times::none(),
        failed: 0,
        arp: None,
        ndisc: None,
        memory: Vec::new(),
    };
    for _ in 0..repeats {
        setting.quiet.wait()?;
        let mut command = Command::new(&setting.nslab);
        command.arg("test").arg(&lab).env("NSLAB_REQUIRE", "1");
        let before = Machine::look();
        let ((took, well), worst) = watched(before, || clock::time(&mut command))?;
        if well {
            large.times.add(took);
        } else {
            large.failed += 1;
        }
        let more = |worst: Option<u64>, before: Option<u64>| Some(worst?.saturating_sub(before?));
        large.arp = large.arp.max(more(worst.arp, before.arp));
        large.ndisc = large.ndisc.max(more(worst.ndisc, before.ndisc));
        large.memory.extend(more(before.memory, worst.memory));
    }
    Ok(large)
}

/// Runs a function, and samples the machine's state meanwhile.
fn watched<T>(before: Machine, act: impl FnOnce() -> io::Result<T>) -> io::Result<(T, Machine)> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut worst = before;
            while !stop.load(Ordering::Relaxed) {
                worst = worst.worse(Machine::look());
                thread::sleep(INTERVAL);
            }
            worst
        });
        let done = act();
        stop.store(true, Ordering::Relaxed);
        let worst = watch.join().expect("it only looks");
        Ok((done?, worst))
    })
}
