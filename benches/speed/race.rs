//! A race: every variant of a workload in turn, round after round, so that
//! whatever else this machine does hits them all alike.

use crate::clock::{self, Times};
use crate::floor::Work;
use crate::quiet::Quiet;
use crate::variant::{Variant, Who};
use std::io;

/// A bound that a measurement has to keep.
#[derive(Clone, Copy)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A requirement of a race: a bound of the ratio of two medians.
pub struct Requirement {
    pub of: Who,
    pub to: Who,
    pub bound: Bound,
}

/// A workload, and all its variants.
pub struct Race {
    pub title: String,
    pub work: Work,
    /// The default number of rounds.
    pub rounds: usize,
    pub requirements: &'static [Requirement],
    pub rows: Vec<Row>,
    variants: Vec<Variant>,
}

/// The results of one variant.
pub struct Row {
    pub who: Who,
    pub times: Times,
    /// Whether it does its work, as far as that can be seen here.
    pub works: bool,
    /// A remark for the reader of the times.
    pub note: String,
}

impl Race {
    pub fn new(
        title: &str,
        work: Work,
        rounds: usize,
        variants: Vec<Variant>,
        requirements: &'static [Requirement],
    ) -> Self {
        Self { title: title.into(), work, rounds, requirements, rows: Vec::new(), variants }
    }

    /// Whether all variants do what they are to do.
    pub fn works(&self) -> bool {
        self.rows.iter().all(|row| row.works)
    }

    /// Runs each variant once, and checks its output. Drops a variant that can't run here
    /// or does not work.
    ///
    /// # Errors
    ///
    /// If a process can't be started.
    pub fn rehearse(&mut self, quiet: &Quiet) -> io::Result<()> {
        for variant in std::mem::take(&mut self.variants) {
            let mut row = Row { who: variant.who, times: Times::default(), works: true, note: String::new() };
            if let Some(why) = variant.why_missing() {
                row.note = format!("not measured: {why}");
            } else if let Err(said) = variant.rehearse()? {
                eprintln!("error: {}: `{}` does not work: {said}", self.title, variant.who.name());
                row.works = false;
                row.note = "does not work".into();
            } else {
                self.variants.push(variant);
            }
            self.rows.push(row);
            quiet.wait()?;
        }
        Ok(())
    }

    /// Returns the number of variants that can be measured here.
    pub fn able(&self) -> usize {
        self.variants.len()
    }

    /// Runs the rounds.
    ///
    /// # Errors
    ///
    /// If a process can't be started.
    pub fn run(&mut self, rounds: usize, quiet: &Quiet) -> io::Result<()> {
        let mut failed = vec![0; self.variants.len()];
        for round in 0..rounds {
            // Each round begins with another variant, so that none always follows the
            // same one.
            for turn in 0..self.variants.len() {
                let index = (round + turn) % self.variants.len();
                let variant = &self.variants[index];
                if round % variant.every != 0 {
                    continue;
                }
                match clock::time(&mut variant.command())? {
                    (took, true) => row(&mut self.rows, variant).times.add(took),
                    // A failed run has no time, as it did something else.
                    (_, false) => failed[index] += 1,
                }
                quiet.wait()?;
            }
        }
        for (variant, failed) in self.variants.iter().zip(failed).filter(|(_, failed)| *failed > 0) {
            let row = row(&mut self.rows, variant);
            row.works = variant.may_fail && row.times.len() > 0;
            row.note = format!("{failed} more failed");
        }
        Ok(())
    }
}

fn row<'a>(rows: &'a mut [Row], variant: &Variant) -> &'a mut Row {
    let row = rows.iter_mut().find(|row| row.who == variant.who);
    row.expect("every variant has its row")
}
