//! The stages in which the floor spends its time: one process reports them, another reads
//! them.

use crate::clock::{Times, milliseconds};
use crate::floor::{self, Work};
use crate::quiet::Quiet;
use crate::table;
use std::env;
use std::fmt;
use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The stages of a floor, each with its duration. Each floor reads the clock, which costs
/// a few dozen nanoseconds a stage.
pub struct Stages {
    last: Instant,
    done: Vec<(&'static str, Duration)>,
}

/// The stage that failed, and the reason.
pub struct Failure {
    pub stage: &'static str,
    pub error: io::Error,
}

impl Stages {
    pub fn begin() -> Self {
        Self { last: Instant::now(), done: Vec::with_capacity(16) }
    }

    /// Does something, and notes how long it took.
    pub fn stage<T>(
        &mut self,
        stage: &'static str,
        act: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, Failure> {
        let result = act().map_err(|error| Failure { stage, error });
        let now = Instant::now();
        self.done.push((stage, now - self.last));
        self.last = now;
        result
    }

    /// Tells all stages, a line each: nanoseconds and name.
    pub fn tell(&self) {
        for (stage, took) in &self.done {
            println!("{}\t{stage}", took.as_nanos());
        }
    }
}

impl Failure {
    pub fn tell(&self) {
        eprintln!("floor: {self}");
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to {}: {}", self.stage, self.error)
    }
}

/// Runs the floor some more times, and prints the median of each stage. Starting the
/// process and taking everything down are not among them.
///
/// # Errors
///
/// If the floor can't be started.
pub fn print(work: Work, runs: usize, quiet: &Quiet) -> io::Result<()> {
    let mut stages: Vec<(String, Times)> = Vec::new();
    let mut command = Command::new(env::current_exe()?);
    command.args([floor::ARGUMENT, &work.argument(), floor::STAGES]).stdin(Stdio::null());
    for _ in 0..runs {
        let told = command.output()?.stdout;
        for (name, took) in String::from_utf8_lossy(&told).lines().filter_map(read) {
            match stages.iter_mut().find(|(known, _)| known == name) {
                Some((_, times)) => times.add(took),
                None => stages.push((name.into(), Times::from(took))),
            }
        }
        quiet.wait()?;
    }
    let head = [format!("the floor of {}", work.argument()), "median ms".into(), String::new()];
    let lines = stages.into_iter().map(|(name, times)| {
        let median = times.median().map_or_else(String::new, milliseconds);
        [name, median, String::new()]
    });
    table::print_aligned(&std::iter::once(head).chain(lines).collect::<Vec<_>>());
    Ok(())
}

fn read(line: &str) -> Option<(&str, Duration)> {
    let (nanoseconds, name) = line.split_once('\t')?;
    Some((name, Duration::from_nanos(nanoseconds.parse().ok()?)))
}
