//! Decides the result of a lab from the way its script ended.

use super::session::Story;
use crate::event::{Fault, Ran, Stop};
use crate::lab::Place;
use crate::net::{Exit, last_words};

/// Checks the end of a script: a shell lab passes if bash reaches the end, or
/// stops at an `exit` with success.
pub(super) fn judge(story: &Story, exit: Exit) -> Result<(), Stop> {
    let last = story.ran.as_ref();
    let word = last.and_then(|ran| ran.command.split_whitespace().next()).unwrap_or_default();
    let (message, blamed, hint) = match exit {
        _ if story.reached_end => return Ok(()),
        // The program of this `exec` was interrupted by nslab.
        _ if word == "exec" && last.is_some_and(|ran| ran.ended.is_some()) => return Ok(()),
        Exit::Signal(signal) => (
            format!("bash was killed by {} before it came to the end of the script", name(signal)),
            last,
            None,
        ),
        Exit::Code(0) => return Ok(()),
        Exit::Code(code) if matches!(word, "exit" | "exec" | "return") => {
            (format!("the script left with exit code {code}"), last, None)
        }
        Exit::Code(code) => {
            let blamed = story.failed.as_ref().filter(|failed| failed.code == Some(code)).or(last);
            let hint = story.options.contains('e').then_some(
                "the script asks with `set -e` to end at the first command that fails; `|| true` behind one forgives it",
            );
            let known = blamed.and_then(|ran| ran.hint.as_deref());
            (words(blamed, code), blamed, known.or(hint))
        }
    };
    Err(Stop::Fault(Fault {
        helper: blamed.and_then(|ran| ran.helper.clone()),
        place: blamed.map_or(Place::default(), |ran| ran.place),
        message,
        command: blamed.map(|ran| ran.command.clone()),
        hint: hint.map(String::from),
    }))
}

/// Returns the output line in which a failed command gives the reason.
pub fn said(ran: &Ran) -> Option<&str> {
    last_words(&ran.output)
}

/// Returns the reason of a failed command.
fn words(ran: Option<&Ran>, code: i32) -> String {
    match ran.and_then(said) {
        Some(said) => format!("{said} (exit code {code})"),
        None => format!("exit code {code}"),
    }
}

fn name(signal: i32) -> String {
    nix::sys::signal::Signal::try_from(signal).map_or(format!("signal {signal}"), |signal| signal.to_string())
}
