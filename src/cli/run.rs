use super::Run;
use super::captures::Captures;
use super::exit::{Findings, USAGE};
use super::one;
use crate::check::{Shelf, Update, Verdict};
use crate::event::Event;
use crate::lab::visible;
use crate::report::Narration;
use crate::run::{self, Settings};
use crate::sandbox::For;
use std::io::{self, Write};
use std::process::ExitCode;

/// `nslab run`
pub(super) fn run(typed: &Run) -> ExitCode {
    if let Err(code) = one::look_at(&typed.lab) {
        return code;
    }
    let mut captures = match typed.captures.as_deref().map(Captures::in_folder).transpose() {
        Ok(captures) => captures,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    let (lab, prepared) = match one::read(&typed.lab, For::Labs) {
        Ok(read) => read,
        Err(code) => return code,
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
        let outcomes = run::lab(&lab, &launcher, &mut sandbox, &shelf, &settings, |event, verdict| {
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
        Err(error) => return one::without_sandbox(&error),
    };
    if !written.is_empty() {
        say(&visible(&format!("\nWhat was captured\n{written}")));
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
