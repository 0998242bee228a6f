//! The commands of a lab that failed, beside an answer of why.

use super::explanation::Ink;
use crate::event::{Explanation, LabCommand, Stop};
use crate::lab::{Lab, visible};

/// The most refused commands that are told.
const MOST_REFUSED: usize = 3;

/// Formats the commands of the lab that were refused, except those that are told already: by a
/// cause, by the cure, which types them again, or because the lab stopped there.
pub(super) fn refused(lab: &Lab, why: &Explanation, ink: Ink) -> String {
    let is_told = |refused: &&LabCommand| {
        why.causes.iter().any(|cause| cause.text.contains(&refused.command) || cause.id == "output-pasted")
            || why.fix.iter().any(|command| is_same(command, &refused.command))
            || matches!(&why.stopped, Some(Stop::Fault(fault)) if fault.place == refused.place)
    };
    let untold: Vec<&LabCommand> = why.refused.iter().filter(|refused| !is_told(refused)).collect();
    let title = match untold.len() {
        0 => return String::new(),
        1 => "a command of the lab failed: the network is not as it was meant".to_string(),
        n => format!("{n} commands of the lab failed: the network is not as it was meant"),
    };
    let mut text = format!("{}\n", ink.bold(&title));
    let path = lab.source.path.display().to_string();
    for LabCommand { place, command, failed } in untold.iter().take(MOST_REFUSED) {
        let first = visible(command.trim().lines().next().unwrap_or_default());
        text += &format!("    {path}:{}: {first}\n", place.line);
        text += &format!("        {}\n", visible(&complaint(&path, failed.as_deref().unwrap_or_default())));
    }
    if untold.len() > MOST_REFUSED {
        text += &format!("    and {} more\n", untold.len() - MOST_REFUSED);
    }
    text
}

/// Tells whether a cure types a refused command again, perhaps with more words at its end, or
/// with `dev` or `name` before a link's name.
fn is_same(cure: &str, refused: &str) -> bool {
    let words = |command: &str| -> Vec<String> {
        let words = command.split_whitespace().filter(|word| !matches!(*word, "dev" | "name"));
        words.map(String::from).collect()
    };
    words(cure).starts_with(&words(refused))
}

/// Returns the first line of a command's error with its reason, without the place that bash
/// puts before it.
fn complaint(path: &str, said: &str) -> String {
    let mut lines = said.trim().lines();
    let first = lines.next().unwrap_or_default().trim();
    let own = first.strip_prefix(path).and_then(|rest| rest.strip_prefix(": line ")?.split_once(": "));
    let first = own.map_or(first, |(_, said)| said);
    // Some tools give the reason in a line of its own.
    match lines.next().filter(|_| first.ends_with(':')) {
        Some(reason) => format!("{first} {}", reason.trim()),
        None => first.into(),
    }
}
