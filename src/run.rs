//! The whole flow on one page: a file becomes a lab, the lab runs in a
//! sandbox, its events become outcomes.

mod attempt;
mod class;
mod evidence;
mod finished;
mod inquiry;
mod machine;
mod until;

pub use attempt::{Attempt, attempt};
pub use class::{Supply, class};
pub use evidence::{Record, write_evidence};
pub use finished::Finished;
use inquiry::WhyCache;
pub use inquiry::{WhyError, unanswered, why};
pub use machine::Machine;

use crate::check::{Judge, Outcome, Shelf, Verdict};
use crate::event::{Answered, Event, Fault, Order, PendingWhy, Scope, Submission, Unanswered};
use crate::lab::{Lab, LabName, LabSource, Language, Place, read_beside};
use crate::report;
use crate::sandbox::{For, Inside, Launcher, Line, Sandbox, SandboxError};
use crate::script::{self, Compiler, Guests, Stage, Teller};
use crate::shell;
use std::fmt;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Returns how many labs, or submissions, run at a time by default. It is three
/// for each processor, because a lab in which something fails mostly waits for
/// answers that do not come. It exceeds sixteen only with more processors: the
/// kernel's limits for one user of the machine (inotify(7)) suffice for that
/// many submissions that use their whole share.
#[must_use]
pub fn at_a_time() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    processors.max((3 * processors).min(16))
}

/// The settings with which labs run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The deadline of a lab, in milliseconds.
    pub timeout_ms: u64,
    /// The time limit for a command of a shell lab, after which it is
    /// interrupted, in milliseconds.
    pub patience_ms: u64,
    /// The time limit for the script in the gap of an exercise, in
    /// milliseconds. It does not count towards the lab's own.
    pub submission_ms: u64,
    /// The seed of an exercise's variant: the student's name. The empty seed
    /// draws the first of everything.
    pub seed: String,
    /// The seed of what is drawn while a submission is judged. The empty seed
    /// draws the first of everything.
    pub secret: String,
    /// Whether the front end watches each action.
    pub watched: bool,
    /// Whether a sandbox's namespaces stay when its lab has ended, until the
    /// sandbox is dropped.
    pub linger: bool,
    /// Whether failed checks are explained: why there was no answer, if a check
    /// wants one.
    pub explains: bool,
    /// Whether the lab's captures are wanted as files ([`Event::Captured`]).
    pub captures: bool,
    /// Whether the facts behind each diagnosis are recorded.
    pub evidence: Record,
    /// The part of the network that a cure may change.
    pub scope: Scope,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout_ms: 60_000,
            patience_ms: 3000,
            submission_ms: 30_000,
            seed: String::new(),
            secret: String::new(),
            watched: false,
            linger: false,
            explains: true,
            captures: false,
            evidence: Record::Dropped,
            scope: Scope::default(),
        }
    }
}

/// A file that is no lab, and the reason.
#[derive(Debug, Clone)]
pub struct Invalid {
    /// The source, as far as it could be read.
    pub source: LabSource,
    /// The text of the helper file that has the fault.
    pub helper: Option<String>,
    /// The fault.
    pub fault: Fault,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::report::fault(&self.source, self.helper.as_deref(), &self.fault))
    }
}

impl std::error::Error for Invalid {}

/// Reads a file as a lab, without running it: step one.
///
/// # Errors
///
/// If the file can't be read, or its text is no lab.
pub fn read(compiler: &Compiler, path: &Path) -> Result<Lab, Box<Invalid>> {
    let shown = path.strip_prefix("./").unwrap_or(path);
    let mut source = LabSource { name: LabName::of(shown), path: shown.into(), text: String::new() };
    let invalid = |source: &LabSource, place, message: String, hint: Option<&str>| {
        let fault = Fault { helper: None, place, message, command: None, hint: hint.map(Into::into) };
        Box::new(Invalid { source: source.clone(), helper: None, fault })
    };
    let bytes = read_beside(path).map_err(|error| {
        let hint =
            (error.kind() == io::ErrorKind::NotFound).then_some("a lab is a `.rhai` file, or a `.sh` file");
        invalid(&source, Place::default(), format!("failed to read the lab: {}", words(&error)), hint)
    })?;
    source.text = String::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        let (lines, last) = (before.matches('\n').count(), before.rsplit('\n').next().unwrap_or_default());
        let place = Place::new(lines as u32 + 1, last.chars().count() as u32 + 1);
        invalid(&source, place, "the lab is not UTF-8 text".into(), Some("save it as UTF-8"))
    })?;
    let read = match language(&source) {
        Language::Rhai => compiler.read(source.clone()),
        Language::Shell => shell::read(source.clone()),
    };
    read.map_err(|fault| {
        let text = |path: &String| String::from_utf8(read_beside(Path::new(path)).ok()?).ok();
        let helper = fault.helper.as_ref().and_then(text);
        Box::new(Invalid { source, helper, fault })
    })
}

/// Returns the language of a file: by its name, or else by its first line.
fn language(source: &LabSource) -> Language {
    Language::of(&source.path).unwrap_or_else(|| Language::of_text(&source.text))
}

/// Runs a lab in a sandbox and turns its events into outcomes: step two, in the
/// process that asked. `see` gets each event with its verdict. Questions of
/// why, and checks that failed for lack of an answer, are resolved in replays
/// in further sandboxes of the launcher.
///
/// # Errors
///
/// If there is no sandbox to run it in.
pub fn lab(
    lab: &Lab,
    launcher: &Launcher,
    sandbox: &mut Sandbox,
    shelf: &Shelf,
    settings: &Settings,
    mut see: impl FnMut(&Event, Option<&Verdict>),
) -> Result<Vec<Outcome>, SandboxError> {
    let order = order(lab, settings);
    let mut judge = Judge::new(lab, shelf);
    let cache = WhyCache::new(lab, launcher, settings);
    let mut unanswered = Unanswered::default();
    let hear = |event: Event| {
        unanswered.hear(&event);
        let verdict = judge.hear(&event);
        see(&event, verdict.as_ref());
    };
    sandbox.run_with(&order, hear, |pending_why| cache.answer(pending_why))?;
    let mut outcomes = judge.finish();
    if settings.explains {
        explain(&cache, &mut outcomes);
        offer(lab, &unanswered, &mut outcomes);
    }
    Ok(outcomes)
}

/// Adds the command line that asks why the last question of a shell lab got no answer.
fn offer(lab: &Lab, unanswered: &Unanswered, outcomes: &mut [Outcome]) {
    let Some(asked) = unanswered.last().filter(|_| lab.language == Language::Shell) else { return };
    let failed = outcomes.iter_mut().find_map(|outcome| match &mut outcome.verdict {
        Verdict::Failed(failure) if failure.why.is_none() && Some(failure.place) == asked.place() => {
            Some(failure)
        }
        _ => None,
    });
    if let Some(failure) = failed {
        failure.hints.push(format!("`{}` tells why there was no answer", report::ask_why(lab, asked)));
    }
}

/// The time limit for explanations of one lab's failed checks. Each takes a
/// tenth of a second, unless the network needs time.
const EXPLAINING: Duration = Duration::from_secs(60);

/// Finds out why there was no answer, for each check that wants one.
fn explain(cache: &WhyCache, outcomes: &mut [Outcome]) {
    let until = Instant::now() + EXPLAINING;
    for outcome in outcomes {
        let Verdict::Failed(failure) = &mut outcome.verdict else { continue };
        let pending_why = failure.evidence.iter().find_map(|question| question.pending_why.as_deref());
        if let Some(pending_why) = pending_why.filter(|_| Instant::now() < until) {
            failure.why = cache.answer(pending_why).map(|answered| answered.text);
        }
    }
}

/// Returns the order to a sandbox to run a lab.
pub fn order(lab: &Lab, settings: &Settings) -> Order {
    Order {
        path: lab.source.path.display().to_string(),
        text: lab.source.text.clone(),
        helpers: lab.helpers.clone(),
        timeout_ms: settings.timeout_ms,
        language: lab.language,
        patience_ms: settings.patience_ms,
        watched: settings.watched,
        linger: settings.linger,
        captures: settings.captures,
        inquiry: None,
        submission: submission(lab, settings),
        seed: settings.seed.clone(),
        secret: settings.secret.clone(),
        live: None,
    }
}

/// Returns the script that runs in the gap of an exercise.
fn submission(lab: &Lab, settings: &Settings) -> Option<Submission> {
    let handed_in = lab.gap.as_ref()?.handed_in.clone();
    let is_handed_in = handed_in.is_some();
    let script = handed_in.or_else(|| lab.reference(&settings.seed))?;
    Some(Submission {
        path: script.path,
        text: script.text,
        language: script.language,
        timeout_ms: settings.submission_ms,
        handed_in: is_handed_in,
    })
}

impl Teller for Line {
    fn tell(&self, event: Event) {
        self.emit(event);
    }

    fn flush(&self) {
        Line::flush(self);
    }

    fn ask_why(&self, pending_why: PendingWhy) -> Option<Answered> {
        Line::ask_why(self, pending_why)
    }
}

/// Returns the labs at a path, by name: the file itself, or all labs in a
/// folder, except in folders named `solutions`.
///
/// # Errors
///
/// If the path can't be read.
pub fn find(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut labs = Vec::new();
    if !fs::metadata(path)?.is_dir() {
        labs.push(path.to_path_buf());
        return Ok(labs);
    }
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                // A symbolic link may lead back to a folder above.
                if !path.is_symlink() && !path.ends_with("solutions") {
                    folders.push(path);
                }
            } else if Language::of(&path).is_some() {
                labs.push(path);
            }
        }
    }
    labs.sort();
    Ok(labs)
}

/// Starts the launcher of sandboxes for this kind of labs, and opens the first
/// one, which prepares itself meanwhile. Call it before any thread is started.
/// Each sandbox gets a copy of the stage.
///
/// # Errors
///
/// If no process can be started.
pub fn prepare(sandboxes: For, stage: &mut Stage) -> Result<(Launcher, Sandbox), SandboxError> {
    let launcher = Launcher::start(sandboxes, stage, |stage, order: Order, inside: Inside, line: Line| {
        match order.language {
            Language::Rhai => {
                let order = Rc::new(order);
                let (lab, desk) = (Rc::clone(&order), line.clone());
                let live = Box::new(move |network: &_| {
                    shell::live(network, &lab, desk.terminal(), &|asked| desk.ask(asked))
                });
                let guests = Guests { shell: shell::fill, live };
                script::run(stage, &order, Box::new(inside), guests, || Box::new(line.clone()));
            }
            Language::Shell => shell::run(
                &order,
                Box::new(inside),
                |event| {
                    line.emit(event);
                    // The next command may take a long time.
                    line.flush();
                },
                |network| shell::live(network, &order, line.terminal(), &|asked| line.ask(asked)),
            ),
        }
    })?;
    let first = launcher.open()?;
    Ok((launcher, first))
}

/// Returns the message of an I/O error, without the number.
pub(crate) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.rfind(" (os error").map_or(text.as_str(), |at| &text[..at]);
    text.to_string()
}
