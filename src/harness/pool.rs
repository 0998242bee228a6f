//! Labs that run ahead of their test cases.

use super::LabRun;
use crate::check::{Outcome, Verdict};
use crate::run::{self, Finished, Machine, Settings};
use crate::sandbox::{Launcher, Sandbox, SandboxError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The number of sandboxes that are dropped together: all, after all results.
const TOGETHER: usize = 256;

/// The labs to run. Each worker takes the next one.
pub(super) struct Pool {
    pub wanted: Vec<Arc<LabRun>>,
    next: AtomicUsize,
    /// The sandbox of the first lab, which has its order already.
    first: Mutex<Option<Sandbox>>,
    finished: Finished,
    launcher: Launcher,
}

impl Pool {
    /// Creates a pool whose first lab has a sandbox already.
    pub fn new(wanted: Vec<Arc<LabRun>>, first: Sandbox, launcher: Launcher) -> Self {
        let (next, finished) = (AtomicUsize::default(), Finished::of(TOGETHER));
        Self { wanted, next, first: Mutex::new(Some(first)), finished, launcher }
    }

    /// Runs labs until none is left, as one of several workers.
    pub fn work(&self, settings: &Settings) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(lab_run) = self.wanted.get(number) else { return };
            // This sandbox has the order of the first lab, so no other lab may
            // use it.
            let first = self.first.lock().ok().filter(|_| number == 0).and_then(|mut first| first.take());
            let before = Machine::now();
            let mut outcome = self.run(lab_run, first, settings);
            let failed = |outcomes: &Vec<Outcome>| {
                outcomes.iter().any(|one| matches!(one.verdict, Verdict::Failed(_)))
            };
            if outcome.as_ref().is_ok_and(failed) && before.has_changed() {
                outcome = self.run(lab_run, None, settings);
            }
            let outcome = outcome.map(|outcomes| {
                outcomes
                    .into_iter()
                    .map(|outcome| (outcome.name.clone().unwrap_or_default(), outcome))
                    .collect()
            });
            // Set only once: one worker takes each lab.
            let _ = lab_run.outcomes.set(outcome);
        }
    }

    /// Runs a lab in a sandbox of its own.
    fn run(
        &self,
        lab_run: &LabRun,
        ready: Option<Sandbox>,
        settings: &Settings,
    ) -> Result<Vec<Outcome>, SandboxError> {
        let mut sandbox = ready.map_or_else(|| self.launcher.open(), Ok)?;
        let outcome =
            run::lab(&lab_run.lab, &self.launcher, &mut sandbox, &lab_run.shelf, settings, |_, _| {});
        self.finished.let_go(sandbox);
        outcome
    }
}
