//! `nslab grade --sheet`: prints each student's task, and the answer key.

use super::Grade;
use super::exit::USAGE;
use super::grade::say;
use crate::exercise;
use crate::lab::{Lab, visible};
use std::fmt::Write;
use std::process::ExitCode;

/// Prints the tasks, then the answer key.
pub(super) fn print(typed: &Grade, lab: &Lab) -> ExitCode {
    let students = match students(typed) {
        Ok(students) => students,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    let (mut tasks, mut key) = (String::new(), String::from("ANSWER KEY\n"));
    for student in &students {
        let seed = typed.seed.as_deref().unwrap_or(student);
        let of = if student.is_empty() { String::new() } else { format!(" for {student}") };
        let heading = format!("{}{of}", lab.source.name);
        let _ = write!(tasks, "{heading}\n{}\n{}\n\n", "=".repeat(heading.chars().count()), lab.task(seed));
        for check in lab.judging() {
            let _ = writeln!(tasks, "  {:>3}  {}", check.points, check.name);
        }
        let worth: u32 = lab.judging().map(|check| check.points).sum();
        let _ = write!(tasks, "  {worth:>3}  points in all\n\n\n");
        let _ = write!(key, "\n{heading}\n");
        for (name, drawn) in lab.picks(seed).iter() {
            let _ = writeln!(key, "  {name} = {drawn}");
        }
        let solution = lab.reference(seed).map(|solution| solution.text).unwrap_or_default();
        for line in solution.lines() {
            let _ = writeln!(key, "{}", format!("    {line}").trim_end());
        }
    }
    say(&visible(&tasks));
    say(&visible(&key));
    ExitCode::SUCCESS
}

/// Returns the students: those with submissions, and those given by name only.
/// Without any, returns one empty name.
fn students(typed: &Grade) -> Result<Vec<String>, String> {
    let (paths, names): (Vec<_>, Vec<_>) = typed.submissions.iter().cloned().partition(|path| path.exists());
    let mut students: Vec<String> = names.iter().map(|name| name.display().to_string()).collect();
    if !paths.is_empty() {
        let found = exercise::roster(&paths).map_err(|error| error.to_string())?;
        students.extend(found.into_iter().map(|entry| entry.student));
    }
    if students.is_empty() {
        students.push(String::new());
    }
    Ok(students)
}
