//! Checks whether all programs of a submission stand still for a while. A thread
//! that runs gets a processor, which the kernel counts (`voluntary_ctxt_switches`
//! of proc_pid_status(5)).

use super::watch::{numbers, open};
use nix::fcntl::OFlag;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// The time limit for all to stop.
const PATIENCE: Duration = Duration::from_millis(500);

/// The number of context switches of each thread.
type Turns = BTreeMap<(i32, i32), u64>;

/// All threads at a moment when none was about to run.
#[derive(Debug)]
pub(super) struct Stills(Option<Turns>);

impl Stills {
    /// Waits until all programs stand still after SIGSTOP. `proc` is the booth's.
    pub fn await_all(proc: BorrowedFd) -> Self {
        let until = Instant::now() + PATIENCE;
        loop {
            match look(proc) {
                Some((turns, true)) => return Self(Some(turns)),
                None => return Self(None),
                Some(_) if Instant::now() > until => return Self(None),
                Some(_) => std::thread::sleep(Duration::from_micros(100)),
            }
        }
    }

    /// Tells whether no thread has run since, and none is new.
    pub fn hold(&self, proc: BorrowedFd) -> bool {
        match (&self.0, look(proc)) {
            (Some(before), Some((now, true))) => {
                now.iter().all(|(thread, turns)| before.get(thread) == Some(turns))
            }
            _ => false,
        }
    }
}

/// Returns all threads but those of the first process, and whether all stand
/// still; `None` if that can't be read.
fn look(proc: BorrowedFd) -> Option<(Turns, bool)> {
    let (mut turns, mut still) = (Turns::new(), true);
    for process in numbers(proc, ".").ok()?.into_iter().filter(|process| *process != 1) {
        // A process that has ended meanwhile can do nothing.
        for thread in numbers(proc, &format!("{process}/task")).unwrap_or_default() {
            let Some(status) = read(proc, &format!("{process}/task/{thread}/status")) else { continue };
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let count = |name| field(name).and_then(|count| count.parse::<u64>().ok());
            let state = field("State:")?.chars().next()?;
            // Stopped by a signal or a tracer, ended, or waiting in the kernel
            // for a stopped thread.
            still &= matches!(state, 'T' | 't' | 'Z' | 'X' | 'D');
            if !matches!(state, 'Z' | 'X') {
                let sum = count("voluntary_ctxt_switches:")? + count("nonvoluntary_ctxt_switches:")?;
                turns.insert((process, thread), sum);
            }
        }
    }
    Some((turns, still))
}

fn read(proc: BorrowedFd, path: &str) -> Option<String> {
    let mut text = String::new();
    File::from(open(proc, path, OFlag::O_RDONLY).ok()?).read_to_string(&mut text).ok()?;
    Some(text)
}
