//! The race: every variant in turn, round after round, so that whatever else
//! this machine does hits them all alike.

use crate::clock::{self, Times};
use crate::variant::{Variant, Who};
use std::io;

/// What came of one variant.
pub struct Row {
    pub who: Who,
    pub name: &'static str,
    pub times: Times,
    /// Whether it does what it is to do, as far as that can be seen here.
    pub works: bool,
    /// What a reader of the times must know.
    pub note: String,
}

/// Runs each variant once, with its output looked at. A variant that can't
/// run here, or does not work, is given up.
///
/// # Errors
///
/// Where a process can't be started.
pub fn rehearse(variants: Vec<Variant>) -> io::Result<(Vec<Variant>, Vec<Row>)> {
    let (mut able, mut rows) = (Vec::new(), Vec::new());
    for variant in variants {
        let (who, name) = (variant.who, variant.name);
        let mut row = Row { who, name, times: Times::default(), works: true, note: String::new() };
        if let Some(why) = variant.why_missing() {
            row.note = format!("not measured: {why}");
        } else if let Err(said) = variant.rehearse()? {
            eprintln!("error: `{name}` does not work: {said}");
            row.works = false;
            row.note = "does not work".into();
        } else {
            able.push(variant);
        }
        rows.push(row);
        clock::rest();
    }
    Ok((able, rows))
}

/// Runs the rounds.
///
/// # Errors
///
/// Where a process can't be started.
pub fn run(variants: &[Variant], rows: &mut [Row], rounds: usize) -> io::Result<()> {
    let mut failed = vec![0; variants.len()];
    for round in 0..rounds {
        // Each round begins with another, so that nobody always follows the
        // same one.
        for turn in 0..variants.len() {
            let index = (round + turn) % variants.len();
            let variant = &variants[index];
            if round % variant.every != 0 {
                continue;
            }
            match clock::time(&mut variant.command())? {
                (took, true) => row(rows, variant).times.add(took),
                // It has no time: what it did was something else.
                (_, false) => failed[index] += 1,
            }
            clock::rest();
        }
    }
    for (variant, failed) in variants.iter().zip(failed).filter(|(_, failed)| *failed > 0) {
        let row = row(rows, variant);
        row.works = variant.may_fail && row.times.len() > 0;
        row.note = format!("{failed} more failed");
    }
    Ok(())
}

fn row<'a>(rows: &'a mut [Row], variant: &Variant) -> &'a mut Row {
    let row = rows.iter_mut().find(|row| row.who == variant.who);
    row.expect("every variant has its row")
}
