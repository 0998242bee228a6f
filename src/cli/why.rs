use super::Why;
use super::exit::{Findings, USAGE};
use super::one;
use crate::event::{Moment, Probe, Stop};
use crate::lab::visible;
use crate::report::{self, WhyJson};
use crate::run::{self, Record, Settings, WhyError};
use crate::sandbox::For;
use crate::why::pages;
use std::io::Write;
use std::process::ExitCode;

/// `nslab why`
pub(super) fn run(typed: &Why) -> ExitCode {
    let (Some(path), Some(from), Some(to)) = (&typed.lab, &typed.from, &typed.to) else {
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
        ..Settings::default()
    };
    let probe = Probe {
        from: from.clone(),
        to: to.clone(),
        tcp: typed.tcp,
        size: typed.size,
        df: typed.df,
        interface: typed.interface.clone(),
        broadcast: typed.broadcast,
    };
    let at = typed.at.clone().map_or(Moment::End, Moment::Step);
    let explained = run::why(&lab, &launcher, sandbox, &settings, &probe, &at);
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
