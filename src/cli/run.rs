use super::Run;
use super::captures::Captures;
use super::exit::{Findings, USAGE};
use crate::check::{Shelf, Update, Verdict};
use crate::event::Event;
use crate::report::Narration;
use crate::run::{self, Settings};
use crate::sandbox::doctor;
use crate::script::{Compiler, Stage};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// `nslab run`
pub(super) fn run(typed: &Run) -> ExitCode {
    if let Some(error) = misuse(&typed.lab) {
        eprintln!("error: {error}");
        return ExitCode::from(USAGE);
    }
    let mut captures = match typed.captures.as_deref().map(Captures::in_folder).transpose() {
        Ok(captures) => captures,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    let mut stage = Stage::new();
    let prepared = run::prepare(&mut stage);
    let lab = match run::read(&Compiler::new(stage), &typed.lab) {
        Ok(lab) => lab,
        Err(invalid) => {
            eprintln!("error: {invalid}");
            return Findings { invalid: true, ..Findings::default() }.into();
        }
    };
    let shelf = Shelf::of(&typed.lab, &lab.source.name, Update::Never);
    let settings = Settings {
        timeout_ms: typed.deadline.timeout,
        patience_ms: typed.patience.patience,
        watched: true,
        captures: captures.is_some(),
        ..Settings::default()
    };
    let mut written = String::new();
    let mut narration = Narration::default();
    let mut out = io::stdout().lock();
    let mut lost = None;
    let mut say = |text: &str| {
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            lost.get_or_insert(error);
        }
    };
    say(&narration.opening(&lab));
    let outcomes = prepared.and_then(|(launcher, mut sandbox)| {
        let outcomes = run::lab(&lab, &mut sandbox, &shelf, &settings, |event, verdict| {
            if let (Event::Captured(captured), Some(captures)) = (event, &mut captures) {
                written += &captures.write(captured);
            }
            say(&narration.event(event, verdict));
        });
        drop(sandbox);
        drop(launcher);
        outcomes
    });
    let outcomes = match outcomes {
        Ok(outcomes) => outcomes,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(remedy) = doctor::remedy(&error) {
                eprintln!("hint: {remedy}");
            }
            return Findings { nothing_measured: true, ..Findings::default() }.into();
        }
    };
    if !written.is_empty() {
        say(&format!("\nWhat was captured\n{written}"));
    }
    say(&narration.closing(&lab, &outcomes));
    if let Some(error) = captures.and_then(|captures| captures.failed) {
        eprintln!("error: {error}");
        return ExitCode::from(USAGE);
    }
    let failed = |outcome: &crate::check::Outcome| match &outcome.verdict {
        Verdict::Failed(failure) => Some(failure.bug),
        _ => None,
    };
    let failures: Vec<bool> = outcomes.iter().filter_map(failed).collect();
    if let Some(error) = &lost {
        eprintln!("error: failed to print what happened: {}", run::words(error));
    }
    Findings {
        failed: !failures.is_empty() || lost.is_some(),
        bug: failures.contains(&true),
        ..Findings::default()
    }
    .into()
}

/// Says why what was typed is no lab's path.
pub(super) fn misuse(path: &Path) -> Option<String> {
    let shown = path.display();
    match fs::metadata(path) {
        Err(error) => Some(format!("failed to read `{shown}`: {}", run::words(&error))),
        Ok(found) if found.is_dir() => Some(format!(
            "`{shown}` is a folder\nhint: name one lab in it, or run them all with `nslab test {shown}`"
        )),
        Ok(_) => None,
    }
}
