use super::Export;
use super::exit::Findings;
use super::one;
use crate::check::{Shelf, Update};
use crate::event::{Event, Stop};
use crate::lab::{Lab, Language};
use crate::net::CHOSEN;
use crate::report;
use crate::run::{self, Settings};
use crate::sandbox::For;
use std::io::{self, Write};
use std::process::ExitCode;

/// `nslab export`
pub(super) fn run(typed: &Export) -> ExitCode {
    if let Err(code) = one::look_at(&typed.lab) {
        return code;
    }
    let (lab, prepared) = match one::read(&typed.lab, For::Labs) {
        Ok(read) => read,
        Err(code) => return code,
    };
    if lab.language == Language::Shell {
        // It is a shell script already.
        return print(&lab.source.text, Findings::default());
    }
    let shelf = Shelf::of(&typed.lab, &lab.source.name, Update::Never);
    let settings = Settings { timeout_ms: typed.deadline.timeout, watched: true, ..Settings::default() };
    let sysctls = CHOSEN.map(|(key, value, _)| (key, value));
    let mut export = report::Export::new(&lab, &sysctls);
    let mut stop = None;
    let ran = prepared.and_then(|(launcher, mut sandbox)| {
        let outcomes = run::lab(&lab, &launcher, &mut sandbox, &shelf, &settings, |event, _| match event {
            Event::Stopped(stopped) => stop = Some(stopped.clone()),
            event => export.event(event),
        });
        drop(sandbox);
        drop(launcher);
        outcomes
    });
    if let Err(error) = ran {
        return one::without_sandbox(&error);
    }
    let bug = matches!(stop, Some(Stop::Bug(_)));
    if let Some(stop) = &stop {
        eprintln!("error: {}\nhint: the script goes as far as the lab did", words(&lab, stop));
    }
    print(&export.script(), Findings { failed: stop.is_some(), bug, ..Findings::default() })
}

fn print(text: &str, findings: Findings) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => findings.into(),
        Err(error) => {
            eprintln!("error: failed to print the script: {}", run::words(&error));
            Findings { failed: true, ..findings }.into()
        }
    }
}

/// Returns the reason why a lab stopped half-way.
fn words(lab: &Lab, stop: &Stop) -> String {
    match stop {
        Stop::Fault(fault) => {
            let helper = fault.helper.as_ref();
            let helper = helper.and_then(|path| lab.helpers.iter().find(|helper| helper.path == *path));
            report::fault(&lab.source, helper.map(|helper| helper.text.as_str()), fault)
        }
        Stop::NotMeasured(what) => report::not_measured(&what.reason, what.remedy.as_deref()),
        Stop::Deadline { timeout_ms, .. } => {
            let seconds = *timeout_ms as f64 / 1000.0;
            format!("{}: the lab was not done after {seconds} s", lab.source.path.display())
        }
        Stop::Bug(what) => format!("a fault of nslab: {what}"),
    }
}
