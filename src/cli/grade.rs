use super::exit::{Findings, USAGE};
use super::grader::Grader;
use super::{Format, Grade, one, self_test, sheet};
use crate::exercise::{self, Entry, Fingerprint, Gradebook, Graded, Heading, Results, ResultsError};
use crate::lab::{Lab, visible};
use crate::report::grades;
use crate::run::{self, Settings, Supply};
use crate::sandbox::{For, Launcher, Sandbox};
use indicatif::{ProgressBar, ProgressStyle};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by Ctrl-C.
pub(super) static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// `nslab grade`
pub(super) fn run(typed: &Grade) -> ExitCode {
    let Some(path) = &typed.exercise else { return merge(typed) };
    if let Err(code) = one::look_at(path) {
        return code;
    }
    // Before the launcher starts, so that Ctrl-C does not kill it first.
    hear_interrupts();
    let (lab, prepared) = match one::read(path, For::Strangers) {
        Ok(read) => read,
        Err(code) => return code,
    };
    if lab.gap.is_none() {
        eprintln!("error: `{}` is no exercise: it has no gap", path.display());
        eprintln!("hint: write `submission(\"solutions/NAME.sh\");` where what is handed in is to run");
        return Findings { invalid: true, ..Findings::default() }.into();
    }
    if typed.sheet {
        return sheet::print(typed, &lab);
    }
    if typed.self_test {
        return test_itself(typed, lab, prepared);
    }
    let class = match Class::of(typed, lab) {
        Ok(class) => class,
        Err(error) => {
            eprintln!("error: {}", visible(&error));
            return ExitCode::from(USAGE);
        }
    };
    match prepared {
        Ok((launcher, first)) => class.grade(&launcher, first),
        Err(error) => one::without_sandbox(&error),
    }
}

/// `nslab grade EXERCISE --self-test`
fn test_itself(typed: &Grade, lab: Lab, prepared: one::Prepared) -> ExitCode {
    let settings = Settings {
        submission_ms: typed.deadline.timeout,
        patience_ms: typed.patience.patience,
        linger: true,
        explains: false,
        // A fixed secret, so that the result is the same each time.
        secret: "self-test".into(),
        ..Settings::default()
    };
    match prepared {
        Ok((launcher, first)) => self_test::run(&Grader::new(lab, settings), &launcher, first),
        Err(error) => one::without_sandbox(&error),
    }
}

/// Returns a seed that nobody can predict: a new hasher's keys are random bytes
/// from the kernel.
fn unforeseen() -> String {
    let number = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", number(), number())
}

/// Makes Ctrl-C and `kill` end the grading cleanly. A second one kills it at
/// once.
fn hear_interrupts() {
    extern "C" fn interrupted(_: nix::libc::c_int) {
        INTERRUPTED.store(true, Ordering::Relaxed);
    }
    let handler = SigHandler::Handler(interrupted);
    let action = SigAction::new(handler, SaFlags::SA_RESTART | SaFlags::SA_RESETHAND, SigSet::empty());
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        // SAFETY: the handler only sets an atomic.
        let _ = unsafe { sigaction(signal, &action) };
    }
}

/// Joins results into one gradebook.
fn merge(typed: &Grade) -> ExitCode {
    match exercise::merge(&typed.merge) {
        Ok(merged) => {
            for notice in &merged.notices {
                eprintln!("note: {}", visible(notice));
            }
            print(&merged.book, typed.format)
        }
        Err(error) => {
            eprintln!("error: {}", visible(&error.to_string()));
            ExitCode::from(USAGE)
        }
    }
}

/// Prints a whole gradebook, and returns the exit code.
fn print(book: &Gradebook, format: Format) -> ExitCode {
    let text = match format {
        Format::Text => grades::text(book, is_coloured()),
        Format::Json => grades::json(book),
        Format::Junit => grades::junit(book),
        Format::Csv => grades::csv(book),
        Format::Gradescope => match grades::gradescope(book) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::from(USAGE);
            }
        },
    };
    say(&text);
    // The text format has this at its end; programs read the other formats.
    if !matches!(format, Format::Text) {
        for line in grades::not_measured(book) {
            eprintln!("note: not measured: {line}");
        }
    }
    found(book)
}

/// Returns the exit code for a gradebook.
fn found(book: &Gradebook) -> ExitCode {
    let failed = !book.results.iter().all(Graded::is_full);
    let nothing_measured = failed && book.results.iter().all(|graded| graded.max == 0);
    Findings { failed, nothing_measured, ..Findings::default() }.into()
}

fn is_coloured() -> bool {
    anstream::stdout().current_choice() != anstream::ColorChoice::Never
}

/// Prints text to stdout; exits if that fails.
pub(super) fn say(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        eprintln!("error: failed to print the grades: {}", run::words(&error));
        std::process::exit(USAGE.into());
    }
}

/// An exercise with its submissions.
struct Class<'a> {
    typed: &'a Grade,
    heading: Heading,
    students: Vec<Entry>,
    /// The file that keeps the grades.
    results: Mutex<Option<Results>>,
    grader: Grader,
}

/// A student graded now or before; or the reason why that can't be kept.
type Done = Result<Graded, ResultsError>;

impl<'a> Class<'a> {
    fn of(typed: &'a Grade, lab: Lab) -> Result<Self, String> {
        let mut students = exercise::roster(&typed.submissions).map_err(|error| error.to_string())?;
        if let Some(shard) = typed.shard {
            students.retain(|entry| shard.holds(&entry.student));
        }
        if matches!(typed.format, Format::Gradescope) {
            grades::one_student(students.len())?;
        }
        let fingerprint = exercise::of_exercise(&lab, typed.seed.as_deref());
        let heading = Heading { exercise: lab.source.name.to_string(), fingerprint };
        let results = typed.resume.as_deref().map(|path| Results::open(path, &heading)).transpose();
        let settings = Settings {
            submission_ms: typed.deadline.timeout,
            patience_ms: typed.patience.patience,
            linger: students.len() > 1,
            secret: typed.judging_seed.clone().unwrap_or_else(unforeseen),
            ..Settings::default()
        };
        let results = Mutex::new(results.map_err(|error| error.to_string())?);
        Ok(Self { typed, heading, students, results, grader: Grader::new(lab, settings) })
    }

    fn grade(self, launcher: &Launcher, first: Sandbox) -> ExitCode {
        let progress = Progress::of(self.students.len());
        let mut graded: BTreeMap<usize, Graded> = BTreeMap::new();
        let mut told = 0;
        let mut lost = None;
        let work = |entry: &Entry, supply: &mut Supply| self.student(launcher, entry, supply);
        run::class(launcher, first, &self.students, &INTERRUPTED, work, |number, done: Done| match done {
            Ok(one) => {
                graded.insert(number, one);
                progress.one_more();
                // In the order of names, as far as all before are known.
                while let Some(one) = graded.get(&told).filter(|_| matches!(self.typed.format, Format::Text))
                {
                    progress.beside(|| say(&format!("{}\n", grades::student(one, is_coloured()))));
                    told += 1;
                }
            }
            Err(error) => {
                // Grades that can't be kept are useless, so the run ends.
                lost.get_or_insert(error);
                INTERRUPTED.store(true, Ordering::Relaxed);
            }
        });
        progress.end();
        let all = self.students.len();
        let count = graded.len();
        let rest: Vec<Graded> = graded.split_off(&told).into_values().collect();
        let is_text = matches!(self.typed.format, Format::Text);
        if is_text {
            rest.iter().for_each(|one| say(&format!("{}\n", grades::student(one, is_coloured()))));
        }
        let results = graded.into_values().chain(rest).collect();
        let mut book = Gradebook::new(&self.heading, self.typed.shard, results);
        book.missing = all - count;
        let code = match is_text {
            true => {
                say(&grades::closing(&book, is_coloured()));
                found(&book)
            }
            false => print(&book, self.typed.format),
        };
        if let Some(error) = lost {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
        if count < all {
            eprintln!("error: interrupted: {count} of {all} are graded");
            match &self.typed.resume {
                Some(path) => eprintln!(
                    "hint: the same command goes on with the others: `{}` keeps these",
                    path.display()
                ),
                None => eprintln!("hint: `--resume FILE` keeps what is graded, and goes on there"),
            }
            return ExitCode::from(130);
        }
        match self.results.into_inner().ok().flatten().map(|results| results.done(self.typed.shard)) {
            Some(Err(error)) => {
                eprintln!("error: {error}");
                ExitCode::from(USAGE)
            }
            _ => code,
        }
    }

    /// Grades a student, and keeps the grade.
    fn student(&self, launcher: &Launcher, entry: &Entry, supply: &mut Supply) -> Done {
        let student = &entry.student;
        let seed = self.typed.seed.as_deref().unwrap_or(student);
        let handed_in = entry.read();
        let print = match &handed_in {
            Ok(handed_in) => handed_in.fingerprint(),
            Err(unfit) => unfit.fingerprint(),
        };
        if let Some(known) = self.known(student, &print) {
            return Ok(known);
        }
        let graded = match &handed_in {
            Ok(handed_in) => self.grader.grade(launcher, supply, (student, seed), handed_in),
            Err(unfit) => Graded::unfit(student, &self.grader.lab, unfit),
        };
        if !INTERRUPTED.load(Ordering::Relaxed)
            && let Ok(mut results) = self.results.lock()
            && let Some(results) = &mut *results
        {
            results.keep(&print, &graded)?;
        }
        Ok(graded)
    }

    fn known(&self, student: &str, print: &Fingerprint) -> Option<Graded> {
        self.results.lock().ok()?.as_ref()?.known(student, print).cloned()
    }
}

/// A progress bar on a terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub fn of(count: usize) -> Self {
        if !io::stderr().is_terminal() || count < 2 {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{bar:30} {pos} of {len} graded, {per_sec}, {eta} to go");
        let bar = ProgressBar::new(count as u64);
        bar.set_style(style.expect("the template is sound"));
        Self(bar)
    }

    pub fn one_more(&self) {
        self.0.inc(1);
    }

    /// Prints in place of the bar.
    pub fn beside(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}
