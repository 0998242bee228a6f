use super::Why;
use super::exit::{Findings, USAGE};
use super::one;
use super::progress::Progress;
use crate::event::{Asked, Moment, PendingWhy, Probe, Scope, Stop};
use crate::lab::{Lab, visible, visible_in_line};
use crate::report::{self, WhyJson};
use crate::run::{self, Record, Settings, WhyError};
use crate::sandbox::{For, Launcher, Sandbox};
use crate::why::pages;
use std::io::Write;
use std::process::ExitCode;

/// `nslab why`
pub(super) fn run(typed: &Why) -> ExitCode {
    let Some(path) = &typed.lab else {
        return explain(typed.explain.as_ref().and_then(|name| name.as_deref()));
    };
    if let Err(code) = one::look_at(path) {
        return code;
    }
    let (lab, prepared) = match one::read(path, For::Labs) {
        Ok(read) => read,
        Err(code) => return code,
    };
    let (launcher, sandbox) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return one::without_sandbox(&error),
    };
    let settings = Settings {
        timeout_ms: typed.deadline.timeout,
        patience_ms: typed.patience.patience,
        evidence: if typed.evidence.is_some() { Record::Kept } else { Record::Dropped },
        scope: Scope { only: typed.only.clone(), outside: typed.outside.clone() },
        ..Settings::default()
    };
    let (sandbox, probe, at) = match question(typed) {
        Some((probe, at)) => (sandbox, probe, at),
        None => match own_question(typed, &lab, &launcher, sandbox, &settings) {
            Ok(found) => found,
            Err(code) => return code,
        },
    };
    let progress = Progress::start();
    let explained = run::why(&lab, &launcher, sandbox, &settings, &probe, &at, &|what| progress.tell(what));
    drop(progress);
    drop(launcher);
    match explained {
        Ok(explanation) => {
            if let Some(file) = &typed.evidence
                && let Err(error) = run::write_evidence(file, &lab.source.name, &explanation)
            {
                eprintln!("error: failed to write {}: {}", file.display(), run::words(&error));
                return Findings { failed: true, ..Findings::default() }.into();
            }
            let mut out = anstream::stdout();
            let printed = match typed.json {
                true => {
                    let json = serde_json::to_string(&WhyJson::from(&explanation)).expect("plain data");
                    writeln!(out, "{json}")
                }
                // No colour if the output is not a terminal.
                false => write!(out, "{}", report::explanation_in_colour(&lab, &explanation)),
            };
            if let Err(error) = printed.and_then(|()| out.flush()) {
                eprintln!("error: failed to print why: {}", run::words(&error));
                return Findings { failed: true, ..Findings::default() }.into();
            }
            ExitCode::from(u8::from(!explanation.reached))
        }
        Err(WhyError::Sandbox(error)) => one::without_sandbox(&error),
        Err(WhyError::Misuse(misuse)) => {
            eprintln!("error: {}", visible(&misuse.message));
            if let Some(hint) = misuse.hint {
                eprintln!("hint: {}", visible(&hint));
            }
            ExitCode::from(USAGE)
        }
        Err(WhyError::Stopped(Stop::NotMeasured(what))) => {
            eprintln!("error: not measured: {}", visible(&what.reason));
            if let Some(remedy) = what.remedy {
                eprintln!("hint: {remedy}");
            }
            Findings { nothing_measured: true, ..Findings::default() }.into()
        }
        Err(error @ WhyError::Stopped(_)) => {
            eprintln!("error: {}", visible(&error.to_string()));
            Findings { bug: true, ..Findings::default() }.into()
        }
    }
}

/// Returns the question that was typed.
fn question(typed: &Why) -> Option<(Probe, Moment)> {
    let probe = Probe {
        tcp: typed.tcp,
        udp: typed.udp,
        size: typed.size,
        df: typed.df,
        interface: typed.interface.clone(),
        broadcast: typed.broadcast,
        ..Probe::to(typed.from.as_ref()?, typed.to.as_ref()?)
    };
    Some((probe, typed.at.clone().map_or(Moment::End, Moment::Step)))
}

/// Returns the last question of the lab that got no answer, and says which one it is.
fn own_question(
    typed: &Why,
    lab: &Lab,
    launcher: &Launcher,
    sandbox: Sandbox,
    settings: &Settings,
) -> Result<(Sandbox, Probe, Moment), ExitCode> {
    let found = run::unanswered(lab, launcher, sandbox, settings);
    let found = found.and_then(|asked| Ok((asked, launcher.open()?)));
    let ((asked, stopped), sandbox) = found.map_err(|error| one::without_sandbox(&error))?;
    let path = visible_in_line(&lab.source.path.display().to_string());
    let Some(Asked { command, pending_why: PendingWhy { probe, call_site }, .. }) = asked else {
        if let Some(stop) = stopped {
            eprintln!(
                "error: the lab stopped before a question of it was left without an answer\n{}",
                report::stop(lab, &stop)
            );
            return Err(Findings { failed: true, ..Findings::default() }.into());
        }
        eprintln!(
            "error: no question of `{path}` is left without an answer: no ping, curl, nc and the like has failed"
        );
        eprintln!("hint: name the one that asks, and the other end: `nslab why {path} red 10.0.0.2`");
        return Err(ExitCode::from(USAGE));
    };
    if !typed.json {
        let path = call_site.helper.as_deref().map_or(path, visible_in_line);
        println!("{path}:{}: {}", call_site.place.line, visible_in_line(&command));
    }
    Ok((sandbox, probe, Moment::CallSite(call_site)))
}

/// `nslab why --explain`
fn explain(name: Option<&str>) -> ExitCode {
    let Some(name) = name else {
        print!("{}", pages::contents());
        return ExitCode::SUCCESS;
    };
    if let Some(page) = pages::page(name) {
        print!("{page}");
        return ExitCode::SUCCESS;
    }
    eprintln!("error: there is no cause `{name}`");
    let near = pages::nearest(name);
    let near: Vec<String> = near.iter().map(|id| format!("`{id}`")).collect();
    match near.is_empty() {
        false => eprintln!("hint: is it {}?", near.join(" or ")),
        true => eprintln!("hint: `nslab why --explain` lists them all"),
    }
    ExitCode::from(USAGE)
}
