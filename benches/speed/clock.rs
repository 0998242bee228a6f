//! Whole processes, from the call that starts one to its end.

use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs a command in silence. Gives the time that it took, and whether it
/// ended well.
pub fn time(command: &mut Command) -> io::Result<(Duration, bool)> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status()?;
    Ok((begun.elapsed(), status.success()))
}

/// Times of the same thing.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl From<Duration> for Times {
    fn from(time: Duration) -> Self {
        Self(vec![time])
    }
}

impl Times {
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn least(&self) -> Option<Duration> {
        self.at(0.0)
    }

    /// The median; `None` if there are no times.
    pub fn median(&self) -> Option<Duration> {
        self.at(0.5)
    }

    /// The time that only one in ten exceeds.
    pub fn p90(&self) -> Option<Duration> {
        self.at(0.9)
    }

    pub fn longest(&self) -> Option<Duration> {
        self.at(1.0)
    }

    fn at(&self, quantile: f64) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        // Interpolates if the quantile lies between two times.
        let place = quantile * last as f64;
        let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        Some(below + (above - below).mul_f64(place.fract()))
    }
}

/// A time in milliseconds, as the tables show it.
pub fn milliseconds(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 100.0 { format!("{milliseconds:.2}") } else { format!("{milliseconds:.0}") }
}
