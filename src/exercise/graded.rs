use super::brief::brief;
use super::handed_in::Unfit;
use crate::check::{Failure, Outcome, Verdict};
use crate::event::Fault;
use crate::lab::{Declared, Kind, Lab};
use serde::{Deserialize, Serialize};

/// The most bytes of a text that is kept with a grade.
const TEXT: usize = 8 << 10;
/// The most bytes of a remark, of which there may be several.
const REMARK: usize = 2 << 10;

/// The result of one student.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graded {
    /// The student's name.
    pub student: String,
    /// The points that were earned.
    pub points: u64,
    /// The points that could be earned: those of the checks that were measured,
    /// or that failed through the student's own doing.
    pub max: u64,
    /// Each check that judges, in the order of the exercise.
    pub checks: Vec<Mark>,
    /// Faults of the submission, beyond what the checks say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// The fault that stopped the exercise itself during judging.
    #[serde(skip)]
    pub stopped: Option<Fault>,
}

/// The result of one check of one student.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The name of the check.
    pub name: String,
    /// Whether it passed; `None` if it could not be measured.
    pub passed: Option<bool>,
    /// The points that it earned.
    pub points: u64,
    /// The points that it could earn: 0 if it was not measured.
    pub max: u64,
    /// The reason why it has not passed.
    pub rationale: Option<String>,
    /// The expected value.
    pub expected: Option<String>,
    /// The observed value: the output of a command, or a table.
    pub actual: Option<String>,
    /// Help for the student.
    pub hint: Option<String>,
    /// The check that it needs; of several, the one that has not passed.
    pub dependency: Option<String>,
    /// The reason why it was not measured, for the instructor. It is never the
    /// student's fault, and costs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmeasured: Option<String>,
}

impl Graded {
    /// Returns the marks for the outcomes of an exercise.
    ///
    /// `remarks` are the faults of the submission; `None` if the lab has never
    /// reached its gap. Checks before the gap are about the given part, and earn
    /// nothing. If one of them has not passed, the given part is broken, and
    /// nothing of the submission is measured.
    pub fn of(student: &str, lab: &Lab, outcomes: &[Outcome], remarks: Option<&[String]>) -> Self {
        let outcome = |check: &Declared| {
            outcomes.iter().find(|outcome| outcome.name.as_deref() == Some(check.name.as_str()))
        };
        let broken = given(lab, outcomes, remarks.is_some());
        let ours = outcomes.iter().find_map(|outcome| match &outcome.verdict {
            Verdict::Failed(failure) if failure.bug => Some(failure.message.as_str()),
            _ => None,
        });
        let mut checks: Vec<Mark> = Vec::new();
        for check in lab.judging() {
            let mark = match (&broken, outcome(check)) {
                (Some(reason), _) => Mark::unmeasured(check, reason.clone()),
                (None, Some(outcome)) => Mark::of(check, outcome, &checks, ours),
                (None, None) => Mark::unmeasured(check, "a fault of nslab: the check has no outcome".into()),
            };
            checks.push(mark);
        }
        let remarks = remarks.unwrap_or_default().iter().map(|remark| brief(remark, REMARK)).collect();
        Self::adding_up(student, checks, remarks)
    }

    /// Returns the marks of a submission that can't be run.
    pub fn unfit(student: &str, lab: &Lab, unfit: &Unfit) -> Self {
        let mark = |check: &Declared| match unfit {
            Unfit::Work(reason) => {
                Mark { passed: Some(false), rationale: Some(reason.clone()), ..Mark::blank(check) }
            }
            Unfit::Machine(reason) => Mark::unmeasured(check, reason.clone()),
        };
        let remarks = match unfit {
            Unfit::Work(reason) => vec![reason.clone()],
            Unfit::Machine(_) => Vec::new(),
        };
        Self::adding_up(student, lab.judging().map(mark).collect(), remarks)
    }

    fn adding_up(student: &str, checks: Vec<Mark>, remarks: Vec<String>) -> Self {
        let points = checks.iter().map(|mark| mark.points).sum();
        let max = checks.iter().map(|mark| mark.max).sum();
        Self { student: student.into(), points, max, checks, remarks, stopped: None }
    }

    /// Tells whether each check has passed.
    pub fn is_full(&self) -> bool {
        self.checks.iter().all(|mark| mark.passed == Some(true))
    }

    /// Returns the names of the unmeasured checks by reason, in their order.
    pub fn unmeasured(&self) -> Vec<(&str, Vec<&str>)> {
        let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
        for mark in &self.checks {
            let Some(reason) = mark.unmeasured.as_deref() else { continue };
            match found.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, names)) => names.push(&mark.name),
                None => found.push((reason, vec![&mark.name])),
            }
        }
        found
    }

    /// Tells whether the points are the sum of the checks' points.
    pub(super) fn adds_up(&self) -> bool {
        let sum =
            |of: fn(&Mark) -> u64| self.checks.iter().try_fold(0_u64, |sum, mark| sum.checked_add(of(mark)));
        let sound = self.checks.iter().all(|mark| mark.points <= mark.max);
        sound && sum(|mark| mark.points) == Some(self.points) && sum(|mark| mark.max) == Some(self.max)
    }
}

impl Mark {
    fn blank(check: &Declared) -> Self {
        Self {
            name: check.name.clone(),
            max: check.points.into(),
            dependency: check.needs.first().cloned(),
            ..Self::default()
        }
    }

    fn unmeasured(check: &Declared, reason: String) -> Self {
        Self { max: 0, unmeasured: Some(reason), ..Self::blank(check) }
    }

    /// Returns the mark of one check, given those before it. `ours` is the bug in
    /// nslab that stopped the lab, if any.
    fn of(check: &Declared, outcome: &Outcome, before: &[Self], ours: Option<&str>) -> Self {
        let blank = Self::blank(check);
        match &outcome.verdict {
            Verdict::Passed => Self { passed: Some(true), points: blank.max, ..blank },
            Verdict::Failed(failure) if failure.bug => Self::unmeasured(check, failure.message.clone()),
            Verdict::Failed(failure) => Self {
                passed: Some(false),
                rationale: Some(rationale(failure)),
                expected: failure.expected.as_deref().map(|text| brief(text, TEXT)),
                actual: actual(failure),
                hint: hint(check, failure),
                ..blank
            },
            Verdict::NotMeasured { reason, remedy } => {
                let remedy = remedy.as_ref().map(|remedy| format!("; {remedy}"));
                Self::unmeasured(check, format!("{reason}{}", remedy.unwrap_or_default()))
            }
            Verdict::Skipped(reason) => {
                let of = |name: &str| before.iter().find(|mark| mark.name == name);
                let in_the_way =
                    check.needs.iter().find(|need| of(need).is_some_and(|mark| mark.passed != Some(true)));
                let dependency = in_the_way.or(check.needs.first()).cloned();
                // A check that needs an unmeasured check costs nothing, either.
                let free = match in_the_way.and_then(|need| of(need)) {
                    Some(needed) => needed
                        .unmeasured
                        .as_ref()
                        .map(|_| format!("it needs `{}`, which was not measured", needed.name)),
                    // The lab stopped before it.
                    None => ours.map(String::from),
                };
                match free {
                    Some(reason) => Self { dependency, ..Self::unmeasured(check, reason) },
                    None => Self { rationale: Some(reason.clone()), dependency, ..blank },
                }
            }
        }
    }
}

/// Returns the reason why nothing of the submission is measured, if the given
/// part is broken.
fn given(lab: &Lab, outcomes: &[Outcome], came_to_the_gap: bool) -> Option<String> {
    let judging: Vec<&str> = lab.judging().map(|check| check.name.as_str()).collect();
    let before = |outcome: &&Outcome| outcome.name.as_deref().is_none_or(|name| !judging.contains(&name));
    let said = |outcome: &Outcome| match &outcome.verdict {
        Verdict::Passed => None,
        Verdict::Failed(failure) => Some(failure.message.clone()),
        Verdict::Skipped(reason) | Verdict::NotMeasured { reason, .. } => {
            Some(format!("`{}`: {reason}", outcome.name.as_deref().unwrap_or("the lab")))
        }
    };
    if came_to_the_gap {
        let found = outcomes.iter().filter(before).find_map(said)?;
        return Some(format!("what is given was not as it must be: {found}"));
    }
    let found = outcomes.iter().find_map(said).unwrap_or_else(|| "nobody knows why".into());
    Some(format!("the exercise has stopped before the submission: {found}"))
}

/// Returns the reason why a check failed: its own message, and the answer of
/// `why`.
fn rationale(failure: &Failure) -> String {
    let said = [Some(&failure.message), failure.why.as_ref()];
    said.into_iter().flatten().map(|text| brief(text, TEXT)).collect::<Vec<_>>().join("\n\n")
}

/// Returns the observation in the order in which a person reads it: the value,
/// the answers behind it, the difference.
fn actual(failure: &Failure) -> Option<String> {
    let command = failure.command.as_ref().map(|command| format!("$ {command}"));
    let seen = failure.seen.clone();
    let answers = failure.evidence.iter().map(|question| {
        let text = if question.text.trim().is_empty() { "(nothing)" } else { question.text.trim_end() };
        format!("$ {}\n{text}", question.command)
    });
    // The first line explains the two sides.
    let diff = failure.diff.as_ref().map(|diff| {
        let diff = diff.trim_end().replacen("left", "accepted", 1).replacen("right", "seen", 1);
        anstream::adapter::strip_str(&diff).to_string()
    });
    let parts: Vec<String> =
        command.into_iter().chain(seen).chain(answers).chain(diff).map(|part| brief(&part, TEXT)).collect();
    (!parts.is_empty()).then(|| brief(&parts.join("\n"), 2 * TEXT))
}

/// Returns the hint: the exercise's, or else the failure's. A student can't
/// accept a snapshot, so that hint is left out.
fn hint(check: &Declared, failure: &Failure) -> Option<String> {
    let found = || (!failure.hints.is_empty()).then(|| failure.hints.join("\n"));
    if failure.elsewhere {
        return None;
    }
    check.hint.clone().or_else(|| if check.kind == Kind::Snapshot { None } else { found() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Question;
    use crate::lab::{Gap, LabName, LabSource, Language, Place, Solution};

    fn declared(line: u32, name: &str, points: u32, needs: &[&str]) -> Declared {
        Declared {
            name: name.into(),
            kind: Kind::Check,
            place: Place::new(line, 1),
            evidence: Vec::new(),
            tool: None,
            points,
            hint: None,
            needs: needs.iter().map(ToString::to_string).collect(),
        }
    }

    /// Returns an exercise with its gap in line 5.
    fn lab(checks: Vec<Declared>) -> Lab {
        let source =
            LabSource { name: LabName::of("x.rhai".as_ref()), path: "x.rhai".into(), text: String::new() };
        let reference = Solution { path: "x.sh".into(), text: String::new(), language: Language::Shell };
        let gap = Gap { place: Place::new(5, 1), reference, handed_in: None };
        let (language, helpers, draws) = (Language::Rhai, Vec::new(), Vec::new());
        Lab { source, language, tool: None, checks, helpers, draws, gap: Some(gap) }
    }

    fn outcome(name: &str, verdict: Verdict) -> Outcome {
        Outcome { name: Some(name.into()), place: Place::default(), verdict }
    }

    fn failed(message: &str) -> Verdict {
        Verdict::failed(Failure { message: message.into(), ..Failure::default() })
    }

    fn skipped(reason: &str) -> Verdict {
        Verdict::Skipped(reason.into())
    }

    fn not_measured(reason: &str) -> Verdict {
        Verdict::NotMeasured { reason: reason.into(), remedy: Some("get more".into()) }
    }

    /// Returns each check in a line: its mark, its points, and the reason.
    fn shown(graded: &Graded) -> String {
        let mut text = format!("{} of {}", graded.points, graded.max);
        for mark in &graded.checks {
            let passed = mark.passed.map_or("null".into(), |passed| passed.to_string());
            let why = mark.rationale.as_deref().map(|why| format!(", {why}")).unwrap_or_default();
            let lost = mark.unmeasured.as_deref().map(|why| format!(", lost: {why}")).unwrap_or_default();
            let needs = mark.dependency.as_deref().map(|name| format!(", needs {name}")).unwrap_or_default();
            text += &format!("\n{}: {passed} {}/{}{why}{lost}{needs}", mark.name, mark.points, mark.max);
        }
        assert!(graded.adds_up());
        text
    }

    fn graded(lab: &Lab, outcomes: &[Outcome]) -> String {
        shown(&Graded::of("alice", lab, outcomes, Some(&[])))
    }

    #[test]
    fn what_is_given_earns_nothing() {
        let lab = lab(vec![declared(1, "given", 7, &[]), declared(6, "done", 2, &[])]);
        let outcomes = [outcome("given", Verdict::Passed), outcome("done", Verdict::Passed)];
        assert_eq!(graded(&lab, &outcomes), "2 of 2\ndone: true 2/2");
        let broken = [outcome("given", failed("check `given` failed")), outcome("done", failed("no"))];
        assert_eq!(
            graded(&lab, &broken),
            "0 of 0\ndone: null 0/0, lost: what is given was not as it must be: check `given` failed"
        );
    }

    #[test]
    fn what_fails_earns_nothing_and_what_needs_it_neither() {
        let lab = lab(vec![
            declared(6, "a", 1, &[]),
            declared(7, "b", 2, &["a"]),
            declared(8, "c", 4, &["b"]),
            declared(9, "d", 8, &["e", "a"]),
        ]);
        let outcomes = [
            outcome("a", failed("check `a` failed")),
            outcome("b", skipped("it needs `a`, which failed")),
            outcome("c", skipped("it needs `b`, which was skipped")),
            outcome("d", skipped("it needs `a`, which failed")),
        ];
        assert_eq!(
            graded(&lab, &outcomes),
            "0 of 15\n\
             a: false 0/1, check `a` failed\n\
             b: null 0/2, it needs `a`, which failed, needs a\n\
             c: null 0/4, it needs `b`, which was skipped, needs b\n\
             d: null 0/8, it needs `a`, which failed, needs a"
        );
    }

    #[test]
    fn what_was_not_measured_costs_nothing() {
        let lab = lab(vec![
            declared(6, "a", 1, &[]),
            declared(7, "b", 2, &["a"]),
            declared(8, "c", 4, &["b"]),
            declared(9, "d", 8, &[]),
        ]);
        let outcomes = [
            outcome("a", not_measured("no memory")),
            outcome("b", not_measured("it needs `a`, which was not measured: no memory")),
            outcome("c", skipped("it needs `b`, which was skipped")),
            outcome("d", Verdict::Passed),
        ];
        assert_eq!(
            graded(&lab, &outcomes),
            "8 of 8\n\
             a: null 0/0, lost: no memory; get more\n\
             b: null 0/0, lost: it needs `a`, which was not measured: no memory; get more, needs a\n\
             c: null 0/0, lost: it needs `b`, which was not measured, needs b\n\
             d: true 8/8"
        );
    }

    #[test]
    fn a_fault_of_ours_costs_nothing() {
        let lab = lab(vec![declared(6, "a", 1, &[]), declared(7, "b", 2, &[]), declared(8, "c", 4, &[])]);
        let bug = Failure { message: "a fault of nslab: it died".into(), bug: true, ..Failure::default() };
        let outcomes = [
            outcome("a", failed("check `a` failed")),
            outcome("b", Verdict::failed(bug)),
            outcome("c", skipped("the lab stopped before it")),
        ];
        assert_eq!(
            graded(&lab, &outcomes),
            "0 of 1\n\
             a: false 0/1, check `a` failed\n\
             b: null 0/0, lost: a fault of nslab: it died\n\
             c: null 0/0, lost: a fault of nslab: it died"
        );
        assert_eq!(
            graded(&lab, &[]),
            "0 of 0\n\
             a: null 0/0, lost: a fault of nslab: the check has no outcome\n\
             b: null 0/0, lost: a fault of nslab: the check has no outcome\n\
             c: null 0/0, lost: a fault of nslab: the check has no outcome"
        );
    }

    #[test]
    fn what_never_came_to_the_gap_says_nothing_of_the_student() {
        let lab = lab(vec![declared(6, "a", 1, &[]), declared(7, "b", 2, &[])]);
        let outcomes = [
            outcome("a", failed("RTNETLINK answers: File exists")),
            outcome("b", skipped("the lab stopped")),
        ];
        assert_eq!(
            shown(&Graded::of("alice", &lab, &outcomes, None)),
            "0 of 0\n\
             a: null 0/0, lost: the exercise has stopped before the submission: RTNETLINK answers: File exists\n\
             b: null 0/0, lost: the exercise has stopped before the submission: RTNETLINK answers: File exists"
        );
    }

    #[test]
    fn what_can_not_be_run_is_graded() {
        let lab = lab(vec![declared(6, "a", 1, &[]), declared(7, "b", 2, &["a"])]);
        let of = |unfit: &Unfit| Graded::unfit("alice", &lab, unfit);
        let work = of(&Unfit::Work("it is empty".into()));
        assert_eq!(shown(&work), "0 of 3\na: false 0/1, it is empty\nb: false 0/2, it is empty, needs a");
        assert_eq!(work.remarks, ["it is empty"]);
        let machine = of(&Unfit::Machine("no permission".into()));
        assert_eq!(
            shown(&machine),
            "0 of 0\na: null 0/0, lost: no permission\nb: null 0/0, lost: no permission, needs a"
        );
        assert_eq!(machine.unmeasured(), [("no permission", vec!["a", "b"])]);
    }

    #[test]
    fn a_failure_tells_what_was_expected_and_seen() {
        let question = |command: &str, text: &str| Question {
            helper: None,
            place: Place::default(),
            command: command.into(),
            text: text.into(),
            table: None,
            pending_why: None,
            changes: Vec::new(),
        };
        let failure = Failure {
            message: "check `a` failed".into(),
            expected: Some("an answer".into()),
            seen: Some("false".into()),
            evidence: vec![question("ping -c1 10.0.0.1", "no answer\n"), question("ip neigh", "")],
            why: Some("eth0 is DOWN".into()),
            hints: vec!["look at the link".into(), "the lab also stopped".into()],
            ..Failure::default()
        };
        let mut lab = lab(vec![declared(6, "a", 1, &[])]);
        let of = |lab: &Lab| {
            let outcomes = [outcome("a", Verdict::failed(failure.clone()))];
            Graded::of("alice", lab, &outcomes, Some(&["line 2 failed".into()]))
        };
        let found = of(&lab);
        assert_eq!(found.remarks, ["line 2 failed"]);
        let mark = &found.checks[0];
        assert_eq!(mark.rationale.as_deref(), Some("check `a` failed\n\neth0 is DOWN"));
        assert_eq!(mark.expected.as_deref(), Some("an answer"));
        let seen = "false\n$ ping -c1 10.0.0.1\nno answer\n$ ip neigh\n(nothing)";
        assert_eq!(mark.actual.as_deref(), Some(seen));
        assert_eq!(mark.hint.as_deref(), Some("look at the link\nthe lab also stopped"));
        lab.checks[0].kind = Kind::Snapshot;
        assert_eq!(of(&lab).checks[0].hint, None);
        lab.checks[0].hint = Some("is it up?".into());
        assert_eq!(of(&lab).checks[0].hint.as_deref(), Some("is it up?"));
    }
}
