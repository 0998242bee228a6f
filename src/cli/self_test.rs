//! `nslab grade --self-test`: tests whether an exercise can be solved, and
//! whether its checks notice errors.

use super::exit::{Findings, USAGE};
use super::grade::{INTERRUPTED, Progress};
use super::grader::Grader;
use crate::event::Fault;
use crate::exercise::{Example, Graded, HandedIn, Mutant, examples, mutants};
use crate::lab::{Language, Solution, visible};
use crate::run::{self, Supply};
use crate::sandbox::{Launcher, Sandbox};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

/// A solution to try, and its required result.
enum Tried {
    /// The reference of this seed's variant: full marks.
    Reference(String),
    /// An empty solution: not full marks.
    Nothing,
    /// The reference with one error: not full marks.
    Mutant(Mutant),
    /// Another solution, or a counter-example: exactly the points that it
    /// deserves.
    Example(Example),
}

/// The number of variants that the reference must solve, if something is drawn.
const VARIANTS: usize = 12;

/// Tests an exercise, and prints what is wrong with it.
pub(super) fn run(grader: &Grader, launcher: &Launcher, first: Sandbox) -> ExitCode {
    let Some(reference) = grader.lab.reference("") else { return ExitCode::from(USAGE) };
    let examples = match examples(&grader.lab) {
        Ok(found) => found,
        Err(unsound) => {
            eprintln!("error: {unsound}");
            if let Some(hint) = unsound.hint {
                eprintln!("hint: {hint}");
            }
            return Findings { invalid: true, ..Findings::default() }.into();
        }
    };
    // The slowest ones start first, so that the others run in parallel.
    let mut all: Vec<Tried> = examples.into_iter().map(Tried::Example).collect();
    all.extend([Tried::Reference(String::new()), Tried::Nothing]);
    if !grader.lab.draws.is_empty() {
        all.extend((1..=VARIANTS).map(|n| Tried::Reference(format!("student{n}"))));
    }
    all.extend(mutants(&reference).into_iter().map(Tried::Mutant));
    let progress = Progress::of(all.len());
    let mut graded: Vec<Option<Graded>> = vec![None; all.len()];
    let work = |tried: &Tried, supply: &mut Supply| {
        let (seed, solution) = tried.solution(grader, &reference);
        grader.grade(launcher, supply, ("self-test", &seed), &HandedIn { solution, remarks: Vec::new() })
    };
    run::class(launcher, first, &all, &INTERRUPTED, work, |number, one| {
        graded[number] = Some(one);
        progress.one_more();
    });
    progress.end();
    if INTERRUPTED.load(Ordering::Relaxed) {
        eprintln!("error: interrupted");
        return ExitCode::from(130);
    }
    let tried: Vec<(Tried, Graded)> =
        all.into_iter().zip(graded).filter_map(|(tried, graded)| Some((tried, graded?))).collect();
    let report = Report::of(grader, &reference.path, &tried);
    print!("{}", visible(&report.text));
    Findings { failed: report.failed, nothing_measured: report.nothing_measured, ..Findings::default() }
        .into()
}

impl Tried {
    /// Returns the script to run, and the seed of the variant.
    fn solution(&self, grader: &Grader, reference: &Solution) -> (String, Solution) {
        match self {
            Self::Reference(seed) => {
                let own = grader.lab.reference(seed).unwrap_or_else(|| reference.clone());
                (seed.clone(), own)
            }
            Self::Nothing => {
                let (path, language) = ("nothing.sh".into(), Language::Shell);
                (String::new(), Solution { path, text: String::new(), language })
            }
            Self::Example(example) => (String::new(), example.solution.clone()),
            Self::Mutant(mutant) => {
                (String::new(), Solution { text: mutant.text.clone(), ..reference.clone() })
            }
        }
    }

    /// Returns the name of the solution in the report.
    fn told(&self, path: &str) -> String {
        match self {
            Self::Reference(seed) if seed.is_empty() => "the reference solution".into(),
            Self::Reference(seed) => format!("the reference solution of --seed {seed}"),
            Self::Nothing => "a solution that does nothing".into(),
            Self::Mutant(mutant) => format!("{path}:{}: {}", mutant.line, mutant.what),
            Self::Example(example) => example.solution.path.clone(),
        }
    }
}

/// The report of the self-test.
#[derive(Default)]
struct Report {
    text: String,
    failed: bool,
    nothing_measured: bool,
}

impl Report {
    fn of(grader: &Grader, path: &str, tried: &[(Tried, Graded)]) -> Self {
        let mut report = Self::default();
        let worth: u64 = grader.lab.judging().map(|check| u64::from(check.points)).sum();
        let checks = grader.lab.judging().count();
        report.text = format!(
            "{}: {}, {}\n\n",
            grader.lab.source.name,
            counted(checks as u64, "check"),
            counted(worth, "point")
        );
        let mut solved = 0;
        for (tried, graded) in tried {
            let earned = format!("{} of {}", graded.points, counted(worth, "point"));
            match tried {
                Tried::Reference(seed) if seed.is_empty() => {
                    report.say(graded.points == worth, &format!("the reference solution has {earned}"));
                    report.details(graded);
                }
                Tried::Reference(seed) if graded.points < worth => {
                    report.say(false, &format!("the reference solution of --seed {seed} has {earned}"));
                    report.details(graded);
                }
                Tried::Reference(_) => solved += 1,
                Tried::Nothing => {
                    report.say(graded.points < worth, &format!("a solution that does nothing has {earned}"));
                }
                Tried::Mutant(_) | Tried::Example(_) => {}
            }
            report.nothing_measured |= graded.max == 0 && !graded.unmeasured().is_empty();
        }
        if solved > 0 {
            report.say(true, &format!("the reference solution solves {solved} other variants"));
        }
        report.promised(grader, worth);
        report.mutants(path, tried, worth);
        report.examples(tried, worth, true);
        report.examples(tried, worth, false);
        report.blind(grader, tried);
        report.stops(grader, path, tried);
        report
    }

    fn say(&mut self, good: bool, text: &str) {
        self.failed |= !good;
        self.text += &format!("{} {text}\n", if good { "✓" } else { "✗" });
    }

    /// Adds the reasons why the reference has no full marks.
    fn details(&mut self, graded: &Graded) {
        for mark in graded.checks.iter().filter(|mark| mark.passed != Some(true)) {
            let why = mark.unmeasured.as_ref().or(mark.rationale.as_ref());
            let why = why.and_then(|why| why.lines().next()).unwrap_or("nobody could say");
            self.text += &format!("    {}: {why}\n", mark.name);
        }
        for remark in &graded.remarks {
            self.text += &format!("    {}\n", remark.lines().next().unwrap_or_default());
        }
    }

    /// Checks that the task's text states the right points.
    fn promised(&mut self, grader: &Grader, worth: u64) {
        let task = grader.lab.source.description();
        let words: Vec<&str> = task.split_whitespace().collect();
        for pair in words.windows(2) {
            let is_points = pair[1].trim_matches(|c: char| !c.is_alphanumeric()) == "points";
            if let (true, Ok(promised)) = (is_points, pair[0].trim_start_matches('(').parse::<u64>())
                && promised != worth
            {
                self.say(
                    false,
                    &format!("the task speaks of {promised} points, and the checks are worth {worth}"),
                );
            }
        }
    }

    /// Checks that each mutant loses a point.
    fn mutants(&mut self, path: &str, tried: &[(Tried, Graded)], worth: u64) {
        let mutants: Vec<(&Mutant, &Graded)> = tried
            .iter()
            .filter_map(|(tried, graded)| match tried {
                Tried::Mutant(mutant) => Some((mutant, graded)),
                _ => None,
            })
            .collect();
        let unseen: Vec<&Mutant> =
            mutants.iter().filter(|(_, graded)| graded.points == worth).map(|(mutant, _)| *mutant).collect();
        let unmeasured = mutants.iter().filter(|(_, graded)| !graded.unmeasured().is_empty()).count();
        let count = mutants.len();
        match (unseen.len(), count) {
            (_, 0) => self.say(false, "there is nothing in the reference solution that could be wrong"),
            (0, _) => {
                self.say(true, &format!("each of {count} solutions with one thing wrong loses a point"))
            }
            (unseen, _) => {
                self.say(
                    false,
                    &format!("of {count} solutions with one thing wrong, no check sees {unseen}"),
                );
            }
        }
        for mutant in unseen {
            self.text += &format!("    {path}:{}: {}\n", mutant.line, mutant.what);
        }
        if unmeasured > 0 {
            self.say(false, &format!("{unmeasured} of them could not be measured"));
        }
    }

    /// Checks that each other solution has full marks, and each counter-example
    /// the points that it deserves.
    fn examples(&mut self, tried: &[(Tried, Graded)], worth: u64, are_right: bool) {
        let examples: Vec<(&Example, &Graded)> = tried
            .iter()
            .filter_map(|(tried, graded)| match tried {
                Tried::Example(example) if example.is_right == are_right => Some((example, graded)),
                _ => None,
            })
            .collect();
        // A lack of this machine is no fault of the exercise.
        let (measured, rest): (Vec<_>, Vec<_>) =
            examples.into_iter().partition(|(_, graded)| graded.unmeasured().is_empty());
        let wrong: Vec<_> =
            measured.iter().filter(|(example, graded)| graded.points != example.deserves).collect();
        let (one, has) = match are_right {
            true => ("other solution", "full marks"),
            false => ("counter-example", "the points that it deserves"),
        };
        match (wrong.len(), measured.len()) {
            (_, 0) => {}
            (0, 1) => self.say(true, &format!("the {one} has {has}")),
            (0, count) => self.say(true, &format!("each of {count} {one}s has {has}")),
            (wrong, count) => {
                self.say(false, &format!("of {}, {wrong} got something else", counted(count as u64, one)));
            }
        }
        for (example, graded) in wrong {
            let (path, points) = (&example.solution.path, graded.points);
            self.text += &format!("    {path}: {points} of {worth}; it deserves {}\n", example.deserves);
        }
        for (example, graded) in rest {
            let (path, unmeasured) = (&example.solution.path, graded.unmeasured());
            let reason = unmeasured.first().map_or("", |(reason, _)| reason);
            self.text += &format!("? {path}: not measured: {reason}\n");
        }
    }

    /// Checks that each check can fail.
    fn blind(&mut self, grader: &Grader, tried: &[(Tried, Graded)]) {
        let never_fails = |name: &str| {
            let of = |graded: &Graded| {
                graded.checks.iter().any(|mark| mark.name == name && mark.passed != Some(true))
            };
            !tried.iter().any(|(_, graded)| of(graded))
        };
        let blind: Vec<&str> =
            grader.lab.judging().map(|check| check.name.as_str()).filter(|name| never_fails(name)).collect();
        match blind.is_empty() {
            true => self.say(true, "each check fails where something is wrong"),
            false => {
                self.say(false, "these checks pass whatever is wrong");
                blind.iter().for_each(|name| self.text += &format!("    {name}\n"));
            }
        }
    }

    /// Checks that the exercise reaches its end with every solution: a check that
    /// is not reached shows nothing and earns nothing.
    fn stops(&mut self, grader: &Grader, path: &str, tried: &[(Tried, Graded)]) {
        let mut stops: Vec<(&Fault, Vec<String>)> = Vec::new();
        for (tried, graded) in tried {
            let Some(fault) = &graded.stopped else { continue };
            let of = tried.told(path);
            match stops.iter_mut().find(|(known, _)| known.place == fault.place) {
                Some((_, solutions)) => solutions.push(of),
                None => stops.push((fault, vec![of])),
            }
        }
        if stops.is_empty() {
            return;
        }
        let count: usize = stops.iter().map(|(_, solutions)| solutions.len()).sum();
        self.say(
            false,
            &format!(
                "with {count} of these solutions the exercise stops by itself, and what it has not asked \
                 earns nothing"
            ),
        );
        for (fault, solutions) in stops {
            let lab = grader.lab.source.path.display();
            let file = fault.helper.as_ref().map_or_else(|| lab.to_string(), Clone::clone);
            self.text += &format!("    {file}:{}: {}\n", fault.place, fault.message);
            self.text += &format!("        {}", solutions[0]);
            match solutions.len() - 1 {
                0 => self.text += "\n",
                more => self.text += &format!(", and {more} more\n"),
            }
        }
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
