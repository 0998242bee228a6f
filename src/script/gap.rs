//! The gap of an exercise: the reference solution that a lab names, and the tools
//! that it needs.

use super::fault::at;
use super::survey::Read;
use crate::event::Fault;
use crate::lab::{Declared, Gap, Language, Place, Solution, ToolUse, read_beside};
use crate::net::{is_installed, missing_program};
use std::io;
use std::path::{Component, Path};

/// Reads the gap of a lab, if it has one.
pub(super) fn read(lab: &Path, read: &Read) -> Result<Option<Gap>, Fault> {
    let Some((name, place)) = &read.gap else { return Ok(None) };
    let place = *place;
    if let Some(check) = read.pointless.iter().find(|check| **check > place) {
        let hint = "they are counted also where the check is never reached: write `#{points: 2}`";
        return Err(at(*check, "the points of a check are a number, and not below 0", Some(hint.into())));
    }
    if let Some(check) = read.hidden.first() {
        let hint = "its place says whether it judges what was handed in: before the gap it does not";
        return Err(at(*check, "a check of an exercise stands outside of functions", Some(hint.into())));
    }
    let judging = || read.checks.iter().filter(|check| check.place > place);
    if judging().next().is_none() {
        let hint = "what stands after `submission(…)` is judged: write a `check` there";
        return Err(at(place, "nothing judges what is handed in", Some(hint.into())));
    }
    if judging().all(|check| check.points == 0) {
        let hint = "a check is worth 1 where it says nothing else";
        return Err(at(place, "there is no point to be had in this exercise", Some(hint.into())));
    }
    let reference = reference(lab, name, place)?;
    Ok(Some(Gap { place, reference, handed_in: None }))
}

/// Marks the checks after the gap with the missing tools of the reference
/// solution.
pub(super) fn need_tools(gap: &Gap, checks: &mut [Declared]) {
    if gap.reference.language != Language::Shell {
        return;
    }
    let bash = (!is_installed("bash")).then(|| "bash".to_string());
    let Some(program) = bash.or_else(|| missing_program(&gap.reference.text)) else { return };
    for check in checks.iter_mut().filter(|check| check.place > gap.place) {
        check.tool.get_or_insert_with(|| ToolUse { program: program.clone(), place: gap.place });
    }
}

/// Reads the reference solution.
fn reference(lab: &Path, name: &str, place: Place) -> Result<Solution, Fault> {
    let folder = lab.parent().unwrap_or(Path::new(""));
    let path = folder.join(name);
    let shown = path.display().to_string();
    if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
        let hint = "it is a file beside the exercise or below it, as `solutions/mask.sh`";
        return Err(at(place, format!("`{name}` leads away from the exercise"), Some(hint.into())));
    }
    let bytes = read_beside(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let hint = format!("write one into `{shown}`: an exercise is proved solvable by it");
            at(place, format!("there is no reference solution `{name}`"), Some(hint))
        }
        _ => at(place, format!("failed to read the reference solution `{shown}`: {error}"), None),
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        let message = format!("the reference solution `{name}` is not UTF-8 text");
        at(place, message, Some("save it as UTF-8".into()))
    })?;
    let language = Language::of(&path).unwrap_or_else(|| Language::of_text(&text));
    Ok(Solution { path: shown, text, language })
}
