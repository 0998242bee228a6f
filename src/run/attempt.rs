//! One submission: it runs in the gap of its exercise, and is judged.

use super::{Machine, Settings, explain, inquiry::WhyCache, order};
use crate::check::{Judge, Outcome, Shelf, Verdict};
use crate::event::{Event, Fault, Ran, Stop};
use crate::lab::{self, Lab};
use crate::report;
use crate::sandbox::{Launcher, Sandbox, SandboxError};
use crate::shell;
use nix::errno::Errno;
use std::time::{Duration, Instant};

/// The result of one submission.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The outcome of each check of the exercise.
    pub outcomes: Vec<Outcome>,
    /// The faults of the submission itself, one text each; `None` if the lab
    /// has not reached its gap.
    pub remarks: Option<Vec<String>>,
    /// The fault that stopped the exercise's own script after its gap. Checks
    /// that it had not reached by then earn nothing.
    pub stopped: Option<Fault>,
    /// Whether a resource that all sandboxes share ran out at a time that
    /// matters: the neighbour table was full during the judging, or a command,
    /// an answer or a failure reports it. Also set if a question was answered
    /// and not answered when asked again.
    pub ran_out: bool,
}

/// The most remarks on one submission: a loop can fail endlessly.
const MOST_REMARKS: usize = 20;

/// The longest run time of a submission that is replayed to find out why a
/// target is not reached.
const QUICK: Duration = Duration::from_secs(3);

/// The time limit of that search: the other submissions wait.
const SEARCH: Duration = Duration::from_secs(10);

/// Runs an exercise with a submission ([`Lab::with`]).
///
/// # Errors
///
/// If there is no sandbox to run it in.
pub fn attempt(
    lab: &Lab,
    launcher: &Launcher,
    sandbox: &mut Sandbox,
    shelf: &Shelf,
    settings: &Settings,
) -> Result<Attempt, SandboxError> {
    let mut judge = Judge::new(lab, shelf);
    let cache = WhyCache::new(lab, launcher, settings).within(SEARCH);
    let mut gap = Gap { blank: blank(lab, settings), ..Gap::default() };
    let hear = |event: Event| {
        gap.hear(&event, lab);
        judge.hear(&event);
    };
    sandbox.run_with(&order(lab, settings), hear, |pending_why| cache.answer(pending_why))?;
    let mut outcomes = judge.finish();
    let ran_out =
        gap.judged_from.is_some_and(Machine::has_refused) || gap.is_doubtful || outcomes.iter().any(says_so);
    let is_failed = outcomes.iter().any(|outcome| matches!(outcome.verdict, Verdict::Failed(_)));
    if settings.explains && is_failed {
        // A search replays the submission many times, beside the rest of the
        // class.
        let hindrance = if ran_out {
            Some("what all labs of the machine share was used up".into())
        } else if gap.took >= QUICK {
            Some(format!("it has taken {:.0} s", gap.took.as_secs_f64()))
        } else {
            None
        };
        match hindrance {
            None => explain(&cache, &mut outcomes),
            Some(hindrance) => gap.remark(format!(
                "{hindrance}, so it was not run again to find out why something is not reached"
            )),
        }
    }
    let Gap { remarks, stopped, .. } = gap;
    Ok(Attempt { outcomes, remarks: remarks.map(Remarks::finish), stopped, ran_out })
}

/// Returns a remark if the submission has a `{key}` of a draw. Only the reference
/// solution gets the drawn values filled in; a submission must have its own.
fn blank(lab: &Lab, settings: &Settings) -> Option<String> {
    let handed_in = lab.gap.as_ref()?.handed_in.as_ref()?;
    let picks = lab.picks(&settings.seed);
    let mut blanks = lab::blanks(&handed_in.text);
    let (key, pick) = blanks.find_map(|(_, blank)| picks.iter().find(|(key, _)| *key == blank))?;
    Some(format!("`{{{key}}}` is not filled in in what is handed in: write `{pick}`"))
}

/// The state collected from the events of one submission.
#[derive(Debug, Default)]
struct Gap {
    began: Option<Instant>,
    took: Duration,
    /// The state of the machine when the submission had ended.
    judged_from: Option<Machine>,
    /// Whether the result may have an outside cause: a command, or an answer to
    /// the judge, reported that something is used up, or a question was
    /// answered and not answered again.
    is_doubtful: bool,
    /// The remark about a `{key}` left in it.
    blank: Option<String>,
    remarks: Option<Remarks>,
    /// The fault that stopped the exercise's script.
    stopped: Option<Fault>,
}

#[derive(Debug, Default)]
struct Remarks {
    texts: Vec<String>,
    left_out: usize,
}

impl Gap {
    fn hear(&mut self, event: &Event, lab: &Lab) {
        match event {
            Event::Submitting { .. } => {
                self.began = Some(Instant::now());
                self.remarks = Some(Remarks::default());
                if let Some(blank) = self.blank.take() {
                    self.remark(blank);
                }
            }
            Event::Submitted { stop, trespasses } => {
                self.took = self.began.take().map(|began| began.elapsed()).unwrap_or_default();
                self.judged_from = Some(Machine::now());
                if let Some(stop) = stop {
                    self.remark(report::stop(lab, stop));
                }
                for trespass in trespasses {
                    self.remark(format!("it has changed what it must leave alone: {trespass}"));
                }
            }
            Event::Ran(ran) if self.began.is_some() => {
                self.is_doubtful |= says_exhausted(&ran.output);
                if let Some(remark) = failed(ran) {
                    self.remark(remark);
                }
            }
            Event::Stopped(Stop::Fault(fault)) if self.judged_from.is_some() => {
                self.stopped = Some(fault.clone());
            }
            // An answer that did not come again was perhaps lost, not blocked.
            Event::Withdrawn { .. } => self.is_doubtful = true,
            Event::Asked(question) => self.is_doubtful |= says_exhausted(&question.text),
            _ => {}
        }
    }

    fn remark(&mut self, text: String) {
        let Some(remarks) = &mut self.remarks else { return };
        // A loop repeats the same remark.
        if remarks.texts.contains(&text) {
            return;
        }
        match remarks.texts.len() < MOST_REMARKS {
            true => remarks.texts.push(text),
            false => remarks.left_out += 1,
        }
    }
}

impl Remarks {
    fn finish(mut self) -> Vec<String> {
        if self.left_out > 0 {
            self.texts.push(format!("and {} more", self.left_out));
        }
        self.texts
    }
}

/// The kernel's errors when a resource runs out that is counted for the whole
/// machine or for one of its users: tables, watches, memory, files.
const EXHAUSTED: [Errno; 6] =
    [Errno::ENOBUFS, Errno::ENOSPC, Errno::ENOMEM, Errno::EMFILE, Errno::ENFILE, Errno::ETOOMANYREFS];

/// Tells whether a text reports that something is used up. A false report costs
/// one more run, and no more.
fn says_exhausted(text: &str) -> bool {
    EXHAUSTED.iter().any(|errno| text.contains(errno.desc()))
}

fn says_so(outcome: &Outcome) -> bool {
    matches!(&outcome.verdict, Verdict::Failed(failure) if says_exhausted(&failure.message))
}

/// Returns the remark about a failed command.
fn failed(ran: &Ran) -> Option<String> {
    let code = ran.code.filter(|code| *code != 0);
    if ran.asks || (code.is_none() && ran.ended.is_none()) {
        return None;
    }
    let path = ran.helper.as_deref().unwrap_or_default();
    let said = match (&ran.ended, shell::said(ran), code) {
        (Some(ended), ..) => ended.clone(),
        (None, Some(said), _) => said.to_string(),
        (None, None, code) => format!("exit code {}", code.unwrap_or_default()),
    };
    Some(format!("{path}:{}: `{}`: {said}", ran.place, ran.command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_up_is_said_by_the_kernel() {
        assert!(says_exhausted("ping: sendmsg: No buffer space available"));
        assert!(says_exhausted(
            "failed to start a thread for services: No space left on device (os error 28)"
        ));
        assert!(!says_exhausted("ping: connect: Network is unreachable"));
    }
}
