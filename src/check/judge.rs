use super::outcome::{Failure, Outcome, Verdict};
use super::snapshot::Shelf;
use crate::event::{Event, Expectation, Observed, Question, Stop, Unmeasured};
use crate::lab::{Declared, Kind, Lab, Place};
use std::collections::BTreeMap;

/// Receives the events of one lab and decides the outcomes of its checks.
pub struct Judge<'a> {
    lab: &'a Lab,
    shelf: &'a Shelf,
    /// The verdict on each reached check. In a loop, the first failed round
    /// counts.
    reached: BTreeMap<String, (Place, Verdict)>,
    /// The checks that each of them needs.
    needs: BTreeMap<String, Vec<String>>,
    /// The last answer to each question that may be evidence.
    questions: BTreeMap<(Place, String), Question>,
    stop: Option<Stop>,
    ended: bool,
    /// The first thing that failed because the machine lacks a feature. A check
    /// that fails after it is not measured.
    lacked: Option<Unmeasured>,
    /// The same for the submission, which is judged as a whole.
    spoilt: Option<Unmeasured>,
    /// Whether the script in the gap is running.
    in_gap: bool,
    /// The forbidden changes that the submission has made.
    trespasses: Vec<String>,
}

impl<'a> Judge<'a> {
    /// Creates the judge of a lab whose snapshots are on `shelf`.
    pub fn new(lab: &'a Lab, shelf: &'a Shelf) -> Self {
        Self {
            lab,
            shelf,
            reached: BTreeMap::new(),
            needs: BTreeMap::new(),
            questions: BTreeMap::new(),
            stop: None,
            ended: false,
            lacked: None,
            spoilt: None,
            in_gap: false,
            trespasses: Vec::new(),
        }
    }

    /// Takes an event; returns the verdict if it is an expectation.
    pub fn hear(&mut self, event: &Event) -> Option<Verdict> {
        match event {
            Event::Asked(question) => self.keep(question),
            Event::Stopped(stop) => self.stop = Some(stop.clone()),
            Event::Ended => self.ended = true,
            Event::Submitting { .. } => self.in_gap = true,
            Event::Submitted { trespasses, .. } => {
                self.in_gap = false;
                self.trespasses.clone_from(trespasses);
            }
            Event::Withdrawn { place, command } => self.withdraw(*place, command),
            Event::Lacked(what) => {
                let handed_in = self.lab.gap.as_ref().is_some_and(|gap| gap.handed_in.is_some());
                let lacked = if self.in_gap && handed_in { &mut self.spoilt } else { &mut self.lacked };
                lacked.get_or_insert_with(|| what.clone());
            }
            Event::Expected(expectation) => {
                let verdict = match self.trespass(&expectation.name, expectation.place) {
                    Some(verdict) => verdict,
                    None => self.excuse(self.expectation(expectation)),
                };
                let known = self.reached.get(&expectation.name);
                if known.is_none_or(|(_, known)| known.is_passed()) {
                    let entry = (expectation.place, verdict.clone());
                    self.reached.insert(expectation.name.clone(), entry);
                    self.needs.insert(expectation.name.clone(), expectation.needs.clone());
                }
                return Some(verdict);
            }
            _ => {}
        }
        None
    }

    /// Withdraws the checks that passed because of an answer that did not come
    /// again, and those that need one of them.
    fn withdraw(&mut self, place: Place, command: &str) {
        let rests_on_it = |check: &&Declared| {
            check.kind != Kind::Refute && check.evidence.iter().any(|span| span.contains(place))
        };
        let mut taken: Vec<&str> = Vec::new();
        for check in self.lab.judging().filter(rests_on_it) {
            if let Some((at, verdict)) =
                self.reached.get_mut(&check.name).filter(|(_, verdict)| verdict.is_passed())
            {
                *verdict = Verdict::failed(Failure {
                    place: *at,
                    message: format!(
                        "{} `{}` held, and did not when it was asked again",
                        check.kind, check.name
                    ),
                    seen: Some(format!("no answer to `{command}`, to which there was one before")),
                    hints: vec!["what the network lets pass once it has to let pass each time".into()],
                    ..Failure::default()
                });
                taken.push(&check.name);
            }
        }
        while let Some(needed) = taken.pop() {
            for (name, (_, verdict)) in &mut self.reached {
                if verdict.is_passed()
                    && self.needs.get(name).is_some_and(|needs| needs.iter().any(|name| name == needed))
                {
                    *verdict = Verdict::Skipped(format!("it needs `{needed}`, which failed"));
                    taken.extend(
                        self.lab.checks.iter().map(|check| check.name.as_str()).find(|check| check == name),
                    );
                }
            }
        }
    }

    fn expectation(&self, expectation: &Expectation) -> Verdict {
        for needed in &expectation.needs {
            let found = self.reached.get(needed).map(|(_, verdict)| verdict);
            match found {
                Some(Verdict::Passed) => {}
                Some(Verdict::NotMeasured { reason, remedy }) => {
                    let reason = format!("it needs `{needed}`, which was not measured: {reason}");
                    return Verdict::NotMeasured { reason, remedy: remedy.clone() };
                }
                Some(Verdict::Failed(_)) => {
                    return Verdict::Skipped(format!("it needs `{needed}`, which failed"));
                }
                Some(Verdict::Skipped(_)) => {
                    return Verdict::Skipped(format!("it needs `{needed}`, which was skipped"));
                }
                None => {
                    let declared = self.lab.checks.iter().any(|check| check.name == *needed);
                    let why = if declared { "was not reached before it" } else { "is no check of this lab" };
                    return Verdict::failed(Failure {
                        place: expectation.place,
                        message: format!("`{}` needs `{needed}`, which {why}", expectation.name),
                        ..Failure::default()
                    });
                }
            }
        }
        let Some(declared) = self.lab.checks.iter().find(|declared| declared.name == expectation.name) else {
            return Verdict::failed(Failure {
                place: expectation.place,
                message: format!("the check `{}` is not declared in the lab", expectation.name),
                bug: true,
                ..Failure::default()
            });
        };
        let hints = expectation.hint.iter().cloned().collect();
        match &expectation.found {
            Observed::Value { met: true, .. } => Verdict::Passed,
            Observed::Value { expected, seen, .. } => {
                let evidence = self.evidence(declared);
                // The value of a check with the question in its own call already
                // shows the answer.
                let told = evidence
                    .iter()
                    .any(|question| seen.ends_with(&question.text) && !question.text.is_empty());
                let only_bool = seen == "true" || seen == "false";
                Verdict::failed(Failure {
                    place: expectation.place,
                    message: format!("{} `{}` failed", declared.kind, declared.name),
                    expected: Some(expected.clone()),
                    seen: (only_bool || !told).then(|| seen.clone()),
                    evidence,
                    hints,
                    ..Failure::default()
                })
            }
            // It may not even be accepted.
            Observed::Text(_) if self.lacked.is_some() => self.excuse(Verdict::failed(Failure::default())),
            Observed::Text(text) => match self.shelf.compare(&declared.name, text, expectation.place) {
                Ok(()) => Verdict::Passed,
                Err(mut failure) => {
                    failure.place = expectation.place;
                    failure.hints.extend(hints);
                    Verdict::Failed(failure)
                }
            },
        }
    }

    /// Turns a failure into "not measured" if a feature was missing before it.
    fn excuse(&self, verdict: Verdict) -> Verdict {
        match (&self.lacked, verdict) {
            (Some(what), Verdict::Failed(failure)) if !failure.bug => not_measured(what),
            (_, verdict) => verdict,
        }
    }

    /// A submission that was refused something because the machine lacks it is
    /// not whole. If one of its checks has not passed, none of them is measured:
    /// otherwise a student would gain by asking for something that is missing.
    fn spoil(&self, outcomes: &mut [Outcome]) {
        let Some(what) = self.spoilt.as_ref().filter(|_| self.trespasses.is_empty()) else { return };
        let judging: Vec<&str> = self.lab.judging().map(|check| check.name.as_str()).collect();
        let of_it = |outcome: &Outcome| outcome.name.as_deref().is_some_and(|name| judging.contains(&name));
        if outcomes.iter().any(|outcome| of_it(outcome) && !outcome.verdict.is_passed()) {
            outcomes.iter_mut().filter(|outcome| of_it(outcome)).for_each(|outcome| {
                outcome.verdict = not_measured(what);
            });
        }
    }

    /// Returns the verdict on a check if the submission has changed things that
    /// it must leave alone: it has then done another task, and the checks say
    /// nothing about this one.
    fn trespass(&self, name: &str, place: Place) -> Option<Verdict> {
        let first = self.trespasses.first()?;
        self.lab.judging().find(|check| check.name == name)?;
        let more = match self.trespasses.len() {
            1 => String::new(),
            count => format!(", and {} more", count - 1),
        };
        let message = format!("the submission has changed what it must leave alone: {first}{more}");
        Some(Verdict::failed(Failure { place, message, elsewhere: true, ..Failure::default() }))
    }

    /// Keeps a question that a check may be about. Others are dropped: a loop can
    /// ask endlessly, and an answer may be long.
    fn keep(&mut self, question: &Question) {
        if question.helper.is_some() {
            // Its place is in another file.
            return;
        }
        let place = question.place;
        if self.lab.checks.iter().flat_map(|check| &check.evidence).any(|span| span.contains(place)) {
            self.questions.insert((place, question.command.clone()), question.clone());
        }
    }

    /// Returns the questions that a check is about: the last one asked at each
    /// place from which its value comes.
    fn evidence(&self, declared: &Declared) -> Vec<Question> {
        let is_evidence =
            |question: &&Question| declared.evidence.iter().any(|span| span.contains(question.place));
        self.questions.values().filter(is_evidence).cloned().collect()
    }

    /// Returns an outcome for each declared check, in the order of their places.
    pub fn finish(mut self) -> Vec<Outcome> {
        let lab = self.lab;
        let mut stopped = self.stop.take();
        if stopped.is_none() && !self.ended {
            stopped = Some(Stop::Bug("the lab did not say how it ended".into()));
        }
        if let (Some(Stop::Fault(_) | Stop::Deadline { .. }), Some(what)) = (&stopped, &self.lacked) {
            stopped = Some(Stop::NotMeasured(what.clone()));
        }
        let mut outcomes = Vec::new();
        for declared in &lab.checks {
            let (place, verdict) = match self.reached.remove(&declared.name) {
                Some(reached) => reached,
                None => {
                    let verdict = self.unreached(declared, &mut stopped);
                    let is_bug = matches!(&verdict, Verdict::Failed(failure) if failure.bug);
                    let trespass = self.trespass(&declared.name, declared.place).filter(|_| !is_bug);
                    (declared.place, trespass.unwrap_or_else(|| self.excuse(verdict)))
                }
            };
            outcomes.push(Outcome { name: Some(declared.name.clone()), place, verdict });
        }
        if lab.checks.is_empty() {
            let verdict = match (&stopped, &self.lacked) {
                (Some(stop), _) => stop_verdict(stop),
                (None, Some(what)) => not_measured(what),
                (None, None) => Verdict::Passed,
            };
            outcomes.push(Outcome { name: None, place: Place::new(1, 1), verdict });
        } else if let Some(stop) = stopped.filter(|_| self.stop.is_none()) {
            self.stopped_late(&stop, &mut outcomes);
        }
        self.spoil(&mut outcomes);
        outcomes
    }

    /// Returns the verdict on an unreached check: the first one fails with the
    /// reason for the stop, the others are skipped. If the machine lacks a
    /// feature, all are not measured.
    fn unreached(&mut self, declared: &Declared, stopped: &mut Option<Stop>) -> Verdict {
        match (stopped.take(), &self.stop) {
            (Some(stop @ Stop::NotMeasured(_)), _) => {
                let verdict = stop_verdict(&stop);
                *stopped = Some(stop);
                verdict
            }
            (Some(stop), _) => {
                let verdict = stop_verdict(&stop);
                self.stop = Some(stop);
                verdict
            }
            (None, Some(_)) => Verdict::Skipped("the lab stopped before it".into()),
            (None, None) => Verdict::failed(Failure {
                place: declared.place,
                message: format!("{} `{}` was never reached", declared.kind, declared.name),
                hints: vec![
                    "the lab ended without coming here; a check in a branch must be reached all the same"
                        .into(),
                ],
                ..Failure::default()
            }),
        }
    }

    /// Fails the last check if the lab stopped after it: the lab is broken
    /// anyway.
    fn stopped_late(&self, stop: &Stop, outcomes: &mut [Outcome]) {
        if matches!(stop, Stop::NotMeasured(_)) {
            return;
        }
        let (Some(last), Verdict::Failed(failure)) = (outcomes.last_mut(), stop_verdict(stop)) else {
            return;
        };
        match &mut last.verdict {
            Verdict::Failed(known) => {
                let place =
                    if failure.place.is_known() { format!(" at {}", failure.place) } else { String::new() };
                known
                    .hints
                    .push(format!("the lab also stopped after this check{place}: {}", failure.message));
            }
            verdict => {
                let message = format!("the lab stopped after this check: {}", failure.message);
                *verdict = Verdict::failed(Failure { message, ..*failure });
            }
        }
    }
}

fn not_measured(what: &Unmeasured) -> Verdict {
    Verdict::NotMeasured { reason: what.reason.clone(), remedy: what.remedy.clone() }
}

/// Returns the verdict on an unreached check, from the reason for the stop.
fn stop_verdict(stop: &Stop) -> Verdict {
    match stop {
        Stop::NotMeasured(what) => not_measured(what),
        Stop::Fault(fault) => Verdict::failed(Failure {
            place: fault.place,
            helper: fault.helper.clone(),
            message: fault.message.clone(),
            command: fault.command.clone(),
            hints: fault.hint.iter().cloned().collect(),
            ..Failure::default()
        }),
        Stop::Deadline { place, timeout_ms } => Verdict::failed(Failure {
            place: *place,
            message: format!("the lab was not done after {} s", *timeout_ms as f64 / 1000.0),
            hints: vec!["give it longer with `--timeout`, or look for what does not end".into()],
            ..Failure::default()
        }),
        Stop::Bug(what) => Verdict::failed(Failure {
            message: format!("a fault of nslab: {what}"),
            bug: true,
            ..Failure::default()
        }),
    }
}
