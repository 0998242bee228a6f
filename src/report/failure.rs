use crate::check::{Failure, Outcome, Verdict};
use crate::event::{Fault, Stop};
use crate::lab::{Lab, LabSource, Place, excerpt, visible, visible_in_line};
use std::fmt::Write;

/// Formats a failed check for a reader: the message and place, the expected and
/// the observed value, and the hints.
pub fn failure(lab: &Lab, outcome: &Outcome) -> String {
    let Verdict::Failed(failure) = &outcome.verdict else { return String::new() };
    let Failure { place, message, expected, seen, diff, evidence, command, hints, .. } = &**failure;
    let mut text = headline(&lab.source, helper_text(lab, failure), *place, message);
    if let Some(command) = command {
        let _ = writeln!(text, "command: {command}");
    }
    if let Some(expected) = expected {
        let _ = writeln!(text, "expected: {expected}");
    }
    if let Some(seen) = seen {
        labelled(&mut text, "seen", seen);
    }
    for question in evidence {
        labelled(&mut text, &format!("$ {}", question.command), &question.text);
    }
    if let Some(why) = &failure.why {
        labelled(&mut text, "why", why);
    }
    if let Some(diff) = diff {
        // The first line explains the two sides.
        let diff = diff.trim_end().replacen("left", "accepted", 1).replacen("right", "seen", 1);
        let _ = writeln!(text, "{}", anstream::adapter::strip_str(&diff));
    }
    for hint in hints {
        let _ = writeln!(text, "hint: {hint}");
    }
    visible(text.trim_end())
}

/// Formats an invalid lab, or a refused action, with its place.
pub fn fault(source: &LabSource, helper: Option<&str>, fault: &Fault) -> String {
    let helper = fault.helper.as_deref().zip(helper);
    let mut text = headline(source, helper, fault.place, &fault.message);
    if let Some(command) = &fault.command {
        let _ = writeln!(text, "command: {command}");
    }
    if let Some(hint) = &fault.hint {
        let _ = writeln!(text, "hint: {hint}");
    }
    visible(text.trim_end())
}

/// Formats the reason why a script did not reach its end.
pub fn stop(lab: &Lab, stop: &Stop) -> String {
    match stop {
        Stop::Fault(fault) => {
            let helper = fault.helper.as_deref().and_then(|path| text_of(lab, path));
            self::fault(&lab.source, helper, fault)
        }
        Stop::NotMeasured(what) => not_measured(&what.reason, what.remedy.as_deref()),
        Stop::Deadline { timeout_ms, .. } => {
            format!("it was not done after {} s, and was ended there", *timeout_ms as f64 / 1000.0)
        }
        Stop::Bug(what) => visible(&format!("a fault of nslab: {what}")),
    }
}

/// Formats the reason why a check was not measured, in one line.
pub fn not_measured(reason: &str, remedy: Option<&str>) -> String {
    visible(&match remedy {
        Some(remedy) => format!("not measured: {reason}; {remedy}"),
        None => format!("not measured: {reason}"),
    })
}

fn helper_text<'a>(lab: &'a Lab, failure: &'a Failure) -> Option<(&'a str, &'a str)> {
    let path = failure.helper.as_deref()?;
    Some((path, text_of(lab, path)?))
}

/// Returns the text of a file that belongs to a lab.
fn text_of<'a>(lab: &'a Lab, path: &str) -> Option<&'a str> {
    let helpers = lab.helpers.iter().map(|helper| (&helper.path, &helper.text));
    let solutions = lab.gap.iter().flat_map(|gap| [Some(&gap.reference), gap.handed_in.as_ref()]);
    let solutions = solutions.flatten().map(|solution| (&solution.path, &solution.text));
    helpers.chain(solutions).find(|(known, _)| *known == path).map(|(_, text)| text.as_str())
}

/// Formats `labs/cable/first.rhai:12:5: …`, with the source line.
fn headline(source: &LabSource, helper: Option<(&str, &str)>, place: Place, message: &str) -> String {
    let path = visible_in_line(&source.path.display().to_string());
    let (path, lines) = helper.unwrap_or((&path, &source.text));
    if !place.is_known() {
        return format!("{path}: {message}\n");
    }
    let mut text = format!("{path}:{place}: {message}\n");
    if let Some(excerpt) = excerpt(lines, place) {
        let _ = writeln!(text, "{excerpt}");
    }
    text
}

/// Adds a label with the indented text below it.
fn labelled(text: &mut String, label: &str, value: &str) {
    if value.trim().is_empty() {
        let _ = writeln!(text, "{label}\n    (nothing)");
    } else if label == "seen" && !value.contains('\n') {
        let _ = writeln!(text, "{label}: {value}");
    } else {
        let _ = writeln!(text, "{label}");
        set_in(text, "    ", value, MOST);
    }
}

/// Adds indented lines; of more than `most`, the first and the last.
pub(super) fn set_in(text: &mut String, indent: &str, value: &str, most: usize) {
    let lines: Vec<&str> = value.lines().collect();
    let more = lines.len().saturating_sub(most);
    // The beginning usually says more than the end.
    let first = most - most / 5;
    for (n, line) in lines.iter().enumerate() {
        if more == 0 || n < first || n >= first + more {
            let _ = writeln!(text, "{}", format!("{indent}{line}").trim_end());
        } else if n == first {
            let _ = writeln!(text, "{indent}[{more} more lines]");
        }
    }
}

/// The most lines of a text: a program may print millions.
const MOST: usize = 100;
