//! Labs as test cases of `cargo test`, `cargo nextest run` and `nslab test`.
//!
//! Your own test target is these lines in `tests/labs.rs`, with `harness = false`
//! for it in `Cargo.toml`:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     nslab::harness::main("labs")
//! }
//! ```
//!
//! Each check of each lab below the folder is one test case. A lab runs once,
//! however many of its checks are selected. Labs run in parallel, ahead of the
//! test cases that wait for them.

mod pool;
mod print;
mod stale;

use self::pool::Pool;
use crate::check::{Outcome, Shelf, Update, Verdict};
use crate::lab::{Lab, ToolUse, visible_in_line};
use crate::report;
use crate::run::{self, Invalid, Settings};
use crate::sandbox::{For, SandboxError, doctor};
use crate::script::{Compiler, Stage};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The main function of a test target: runs the labs below `folder` with the
/// flags of `cargo test`.
///
/// Call it first in `main`: a sandbox must be started before other threads.
pub fn main(folder: impl AsRef<Path>) -> ExitCode {
    let arguments = Arguments::from_args();
    let asked = Asked { paths: vec![folder.as_ref().into()], ..Asked::default() };
    match run(&asked, &arguments) {
        Ok(summary) if summary.failed => ExitCode::from(101),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(101)
        }
    }
}

/// The selection of labs to run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// Labs, and folders of labs.
    pub paths: Vec<PathBuf>,
    /// Whether each new text of a snapshot is accepted.
    pub accept: bool,
    /// The settings of the runs.
    pub settings: Settings,
}

/// The result of a run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Summary {
    /// Whether a test case failed.
    pub failed: bool,
    /// Whether a lab is invalid.
    pub invalid: bool,
    /// Whether there was no sandbox, so that nothing could be measured.
    pub nothing_measured: bool,
    /// Whether there was a bug in nslab.
    pub bug: bool,
}

/// Runs labs as test cases, and prints each result.
pub(crate) fn run(asked: &Asked, arguments: &Arguments) -> Result<Summary, String> {
    if arguments.test_threads == Some(0) {
        return Err("--test-threads is at least 1".into());
    }
    die_with_a_closed_pipe();
    crate::check::prepare(asked.accept);
    // Before any thread. The first sandbox prepares itself while the labs are
    // read, and shows whether sandboxes are possible.
    let mut stage = Stage::new();
    let prepared = run::prepare(For::Labs, &mut stage);
    let paths = find(&asked.paths)?;
    let compiler = Compiler::new(stage);
    let update = if arguments.list { Update::Never } else { Update::Insta };
    let entries: Vec<Entry> =
        paths.iter().map(|path| Entry::read(&compiler, path, update, arguments)).collect();
    // The process ends soon; freeing each function of the vocabulary takes longer
    // than reading a lab.
    std::mem::forget(compiler);
    let runs: Vec<Arc<LabRun>> = entries.iter().filter_map(Entry::lab_run).collect();
    let wanted: Vec<Arc<LabRun>> =
        runs.iter().filter(|lab_run| !arguments.list && lab_run.is_wanted(arguments)).cloned().collect();
    let settings = Settings { linger: wanted.len() > 1, ..asked.settings.clone() };
    let (launcher, first, able) = match prepared {
        Ok((launcher, mut first)) => {
            if let Some(lab_run) = wanted.first() {
                first.order(&run::order(&lab_run.lab, &settings));
            }
            let threads = || if wanted.len() > 1 { doctor::try_thread() } else { Ok(()) };
            let able = first.await_standing().and_then(|()| threads());
            (Some(launcher), Some(first), able)
        }
        Err(error) => (None, None, Err(error)),
    };

    let untouched: Vec<PathBuf> = entries.iter().filter_map(Entry::untouched).collect();
    let tally = Arc::new(Tally::default());
    let mut trials = Vec::new();
    for entry in entries {
        match entry {
            Entry::Lab(lab_run) => trials.extend(lab_trials(&lab_run, &able, &tally, arguments)),
            Entry::Invalid(invalid) => trials.push(invalid_trial(*invalid, &tally)),
        }
    }
    // Accepting some of the checks does not make the other snapshots stale.
    let all = arguments.filter.is_none() && arguments.skip.is_empty();
    if !asked.accept || all || arguments.list {
        trials.extend(stale::trials(&asked.paths, &runs, untouched, asked.accept && !arguments.list));
    }
    check_names(&trials)?;

    let conclusion = match (launcher, first, able.is_ok()) {
        (Some(launcher), Some(first), true) => {
            let pool = Pool::new(wanted, first, launcher);
            run_trials(pool, &settings, arguments, trials)
        }
        // There is nothing to wait for, and threads may be unavailable.
        _ => print::run(&Arguments { test_threads: Some(1), ..arguments.clone() }, trials),
    };
    // Once, below the lines of the test cases.
    let remedy = able.as_ref().err().filter(|_| !arguments.list).and_then(doctor::remedy);
    if let Some(remedy) = remedy.filter(|remedy| !remedy.copied.is_empty()) {
        eprint!("{}", remedy.texts());
    }
    Ok(Summary {
        failed: conclusion.map_or_else(
            |error| {
                eprintln!("error: {error}");
                true
            },
            |conclusion| conclusion.has_failed(),
        ),
        invalid: tally.invalid.load(Ordering::Relaxed),
        nothing_measured: able.is_err(),
        bug: tally.bug.load(Ordering::Relaxed),
    })
}

/// Runs the test cases, and in parallel the labs that they wait for.
fn run_trials(
    pool: Pool,
    settings: &Settings,
    arguments: &Arguments,
    trials: Vec<Trial>,
) -> Result<libtest_mimic::Conclusion, String> {
    if let [lab_run] = &pool.wanted[..] {
        // Nothing runs in parallel, and a thread costs more than running the
        // checks one by one: the first of them runs the lab.
        let (lab_run, pool, settings) = (lab_run.clone(), Arc::new(pool), settings.clone());
        // Weak: the pool owns this closure, and must end with this function.
        let worker = Arc::downgrade(&pool);
        let _ = lab_run.begin.set(Box::new(move || {
            if let Some(pool) = worker.upgrade() {
                pool.work(&settings);
            }
        }));
        let arguments = Arguments { test_threads: Some(1), ..arguments.clone() };
        return print::run(&arguments, trials);
    }
    let workers = arguments.test_threads.unwrap_or_else(run::at_a_time);
    let workers = workers.clamp(1, pool.wanted.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| pool.work(settings));
        }
        print::run(arguments, trials)
    })
}

/// The observations of the test cases.
#[derive(Default)]
struct Tally {
    invalid: AtomicBool,
    bug: AtomicBool,
}

/// A file, as a lab or as an error.
enum Entry {
    Lab(Arc<LabRun>),
    Invalid(Box<Invalid>),
}

/// A lab, with its outcomes once it has run.
struct LabRun {
    lab: Lab,
    shelf: Shelf,
    outcomes: OnceLock<Result<BTreeMap<String, Outcome>, SandboxError>>,
    /// Runs the lab, if no worker does.
    begin: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Entry {
    fn read(compiler: &Compiler, path: &Path, update: Update, arguments: &Arguments) -> Self {
        match run::read(compiler, path) {
            Ok(lab) => {
                let asked = lab.checks.iter().map(|check| check.name.clone());
                let asked = asked.filter(|name| is_selected(arguments, &test_name(&lab, name)));
                let shelf = Shelf::of(path, &lab.source.name, update).only(asked);
                Self::Lab(Arc::new(LabRun { lab, shelf, outcomes: OnceLock::new(), begin: OnceLock::new() }))
            }
            Err(invalid) => Self::Invalid(invalid),
        }
    }

    /// Returns the snapshot folder of a lab that can't be read.
    fn untouched(&self) -> Option<PathBuf> {
        match self {
            Self::Lab(_) => None,
            Self::Invalid(invalid) => {
                let source = &invalid.source;
                Some(Shelf::of(&source.path, &source.name, Update::Never).folder().to_path_buf())
            }
        }
    }

    fn lab_run(&self) -> Option<Arc<LabRun>> {
        match self {
            Self::Lab(lab_run) => Some(lab_run.clone()),
            Self::Invalid(_) => None,
        }
    }
}

impl LabRun {
    /// Returns the names of the lab's checks; one empty name if it has none.
    fn checks(&self) -> Vec<&str> {
        let checks: Vec<&str> = self.lab.checks.iter().map(|check| check.name.as_str()).collect();
        if checks.is_empty() { vec![""] } else { checks }
    }

    fn test_name(&self, check: &str) -> String {
        test_name(&self.lab, check)
    }

    /// Tells whether one of the lab's test cases will run.
    fn is_wanted(&self, arguments: &Arguments) -> bool {
        self.checks().into_iter().any(|check| {
            let ignored = self.tool(check).is_some() && !is_required();
            let runs = arguments.include_ignored || arguments.ignored == ignored;
            runs && is_selected(arguments, &self.test_name(check))
        })
    }

    /// Returns the tool that a check needs and this machine lacks.
    fn tool(&self, check: &str) -> Option<&ToolUse> {
        let declared = self.lab.checks.iter().find(|declared| declared.name == check);
        self.lab.tool.as_ref().or_else(|| declared?.tool.as_ref())
    }
}

/// Returns a check's name as a test case. A lab without checks is one test case.
fn test_name(lab: &Lab, check: &str) -> String {
    visible_in_line(&match check {
        "" => lab.source.name.to_string(),
        check => format!("{}::{check}", lab.source.name),
    })
}

/// Tells whether libtest's filters select a test case.
fn is_selected(arguments: &Arguments, name: &str) -> bool {
    let fits =
        |filter: &String| if arguments.exact { name == filter } else { name.contains(filter.as_str()) };
    arguments.filter.as_ref().is_none_or(fits) && !arguments.skip.iter().any(fits)
}

/// Tells whether unmeasured checks count as failed.
fn is_required() -> bool {
    std::env::var_os("NSLAB_REQUIRE").is_some_and(|value| value == "1")
}

/// Tells whether nextest runs this process. It shows a test case that turns out
/// ignored as passed, and an unmeasured check must not count as passed.
fn is_nextest() -> bool {
    std::env::var_os("NEXTEST").is_some()
}

fn lab_trials(
    lab_run: &Arc<LabRun>,
    able: &Result<(), SandboxError>,
    tally: &Arc<Tally>,
    arguments: &Arguments,
) -> Vec<Trial> {
    let checks = lab_run.checks().into_iter().map(String::from);
    checks
        .map(|check| {
            let known = known_unmeasured(lab_run, &check, able);
            let name = lab_run.test_name(&check);
            let (lab_run, tally, unmeasured) = (lab_run.clone(), tally.clone(), known.clone());
            let trial = Trial::ignorable_test(name, move || match unmeasured {
                Some(reason) => report_unmeasured(&reason),
                None => report_outcome(&lab_run, &check, &tally),
            });
            // It must run if it has to fail, or to print its reason.
            let silent = arguments.list || arguments.ignored || arguments.include_ignored || is_nextest();
            trial.with_ignored_flag(known.is_some() && !is_required() && silent)
        })
        .collect()
}

/// Returns why a check can't be measured on this machine, if that is known before
/// the lab runs.
fn known_unmeasured(lab_run: &LabRun, check: &str, able: &Result<(), SandboxError>) -> Option<String> {
    if let Err(error) = able {
        let remedy = doctor::remedy(error).map(|remedy| remedy.line);
        return Some(report::not_measured(&error.to_string(), remedy.as_deref()));
    }
    let tool = lab_run.tool(check)?;
    let package = crate::net::package_of(&tool.program).unwrap_or(&tool.program);
    let line = Some(tool.place.line).filter(|_| lab_run.lab.tool.is_none());
    let line = line.map(|line| format!(" (line {line})")).unwrap_or_default();
    let reason = format!("`{}`{line} is not installed", tool.program);
    Some(report::not_measured(&reason, Some(&format!("install it: `apt-get install {package}`"))))
}

fn report_unmeasured(reason: &str) -> Result<Completion, Failed> {
    if is_required() {
        return Err(format!("{reason}\nNSLAB_REQUIRE=1 makes that a failure").into());
    }
    if is_nextest() { Err(reason.into()) } else { Ok(Completion::ignored_with(reason)) }
}

fn report_outcome(lab_run: &LabRun, check: &str, tally: &Tally) -> Result<Completion, Failed> {
    if lab_run.outcomes.get().is_none()
        && let Some(begin) = lab_run.begin.get()
    {
        begin();
    }
    let outcomes = match lab_run.outcomes.wait() {
        Ok(outcomes) => outcomes,
        Err(error) => {
            let remedy = doctor::remedy(error).map(|remedy| remedy.line);
            return report_unmeasured(&report::not_measured(&error.to_string(), remedy.as_deref()));
        }
    };
    let Some(outcome) = outcomes.get(check) else {
        tally.bug.store(true, Ordering::Relaxed);
        return Err("a fault of nslab: the check has no outcome".into());
    };
    match &outcome.verdict {
        Verdict::Passed => Ok(Completion::Completed),
        Verdict::Failed(failure) => {
            if failure.bug {
                tally.bug.store(true, Ordering::Relaxed);
            }
            Err(report::failure(&lab_run.lab, outcome).into())
        }
        Verdict::Skipped(reason) if is_nextest() => Err(format!("skipped: {reason}").into()),
        Verdict::Skipped(reason) => Ok(Completion::ignored_with(format!("skipped: {reason}"))),
        Verdict::NotMeasured { reason, remedy } => {
            report_unmeasured(&report::not_measured(reason, remedy.as_deref()))
        }
    }
}

fn invalid_trial(invalid: Invalid, tally: &Arc<Tally>) -> Trial {
    let tally = tally.clone();
    Trial::test(visible_in_line(invalid.source.name.as_str()), move || {
        tally.invalid.store(true, Ordering::Relaxed);
        Err(invalid.to_string().into())
    })
}

/// Returns the selected labs. None at all is an error, not a pass.
fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut labs = Vec::new();
    for path in paths {
        let found = run::find(path).map_err(|error| {
            let hint = match error.kind() {
                io::ErrorKind::NotFound if path == Path::new("labs") => {
                    "\nhint: labs are looked for below `labs`, unless a path is given"
                }
                _ => "",
            };
            format!("failed to read `{}`: {}{hint}", path.display(), run::words(&error))
        })?;
        if found.is_empty() {
            return Err(format!(
                "there is no lab below `{}`\nhint: a lab is a file that ends in `.rhai` or `.sh`",
                path.display()
            ));
        }
        labs.extend(found);
    }
    Ok(labs)
}

/// Checks that names are unique: two labs of one name would be one test case.
fn check_names(trials: &[Trial]) -> Result<(), String> {
    let mut names: Vec<&str> = trials.iter().map(Trial::name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!(
            "two test cases are named `{}`\nhint: a lab's name is its path below `labs`; ask for each file once, and for labs of the same name one at a time",
            pair[0]
        )),
        None => Ok(()),
    }
}

/// Ends this process silently when its output pipe is closed, as other programs
/// do (`nslab test | head -1`).
pub(crate) fn die_with_a_closed_pipe() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: the default action is no handler of ours.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
}
