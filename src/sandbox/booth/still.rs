//! Whether all programs of a submission stand still for a while: who runs has
//! been given a processor, which the kernel counts (`voluntary_ctxt_switches`
//! of proc_pid_status(5)).

use super::watch::{numbers, open};
use nix::fcntl::OFlag;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// How long all may take to stop.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often each thread was given a processor, or gave it back.
type Turns = BTreeMap<(i32, i32), u64>;

/// All threads at one moment, none of which was about to run.
#[derive(Debug)]
pub(super) struct Stills(Option<Turns>);

impl Stills {
    /// Waits until all stand still who have been told to. `proc` is the booth's.
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

    /// Tells whether nobody has run since, and nobody has come.
    pub fn hold(&self, proc: BorrowedFd) -> bool {
        match (&self.0, look(proc)) {
            (Some(before), Some((now, true))) => {
                now.iter().all(|(thread, turns)| before.get(thread) == Some(turns))
            }
            _ => false,
        }
    }
}

/// All threads but those of the first process, and whether all stand still;
/// nothing where it can't be told.
fn look(proc: BorrowedFd) -> Option<(Turns, bool)> {
    let (mut turns, mut still) = (Turns::new(), true);
    for process in numbers(proc, ".").ok()?.into_iter().filter(|process| *process != 1) {
        // One that has ended meanwhile does nothing any more.
        for thread in numbers(proc, &format!("{process}/task")).unwrap_or_default() {
            let Some(status) = read(proc, &format!("{process}/task/{thread}/status")) else { continue };
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let count = |name| field(name).and_then(|count| count.parse::<u64>().ok());
            let state = field("State:")?.chars().next()?;
            // Stopped, by a signal or a tracer; ended; or waiting in the kernel
            // for one that is.
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
