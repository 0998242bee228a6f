use super::why;
use crate::exercise::{Gradebook, Graded, Mark};
use crate::lab::visible;
use serde_json::{Value, json};

/// Returns Gradescope's `results.json`, which is for one student.
///
/// Gradescope fixes the points of an assignment, so unmeasured checks can't be
/// subtracted from them. The student gets a note, and the instructor finds the
/// checks in `extra_data`.
///
/// # Errors
///
/// If there is not exactly one student.
pub fn gradescope(book: &Gradebook) -> Result<String, String> {
    one_student(book.results.len())?;
    let Some(graded) = book.results.first() else { return Err("nobody was graded".into()) };
    let tests: Vec<Value> = graded.checks.iter().map(|mark| test(graded, mark)).collect();
    let unmeasured: Vec<Value> = graded
        .unmeasured()
        .into_iter()
        .map(|(reason, checks)| {
            let checks: Vec<String> = checks.into_iter().map(visible).collect();
            json!({ "checks": checks, "reason": visible(reason) })
        })
        .collect();
    let mut output = graded.remarks.clone();
    if !unmeasured.is_empty() {
        output.push(format!(
            "Not all could be measured, which is not your fault: your points are out of {}.",
            graded.max
        ));
    }
    let results = json!({
        "score": graded.points,
        "output": visible(&output.join("\n")),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {
            "exercise": visible(&book.exercise),
            "student": visible(&graded.student),
            "max": graded.max,
            "unmeasured": unmeasured,
        },
    });
    Ok(format!("{results:#}\n"))
}

/// Checks that there is one student: Gradescope runs a grader for each
/// submission.
///
/// # Errors
///
/// If there is another number of students.
pub fn one_student(count: usize) -> Result<(), String> {
    match count {
        1 => Ok(()),
        count => Err(format!(
            "Gradescope takes the results of one submission, and there are {count}\n\
             hint: name one submission, or take `--format json`"
        )),
    }
}

fn test(graded: &Graded, mark: &Mark) -> Value {
    let mut test = json!({
        "name": visible(&mark.name),
        "score": mark.points,
        "max_score": mark.max,
        "output": visible(&output(graded, mark)),
        "output_format": "text",
        "visibility": "visible",
    });
    // Without a status, Gradescope computes one from the points, and 0 of 0 would
    // be full marks.
    let status = if mark.passed == Some(true) { "passed" } else { "failed" };
    if mark.unmeasured.is_none() {
        test["status"] = status.into();
    }
    test
}

/// Returns the text for the student below a check.
fn output(graded: &Graded, mark: &Mark) -> String {
    if mark.unmeasured.is_some() {
        return "This could not be measured, and costs you nothing.".into();
    }
    let part = |label: &str, value: Option<String>| {
        let value = value.filter(|value| !value.trim().is_empty())?;
        let gap = if value.contains('\n') { "\n" } else { " " };
        Some(format!("{label}:{gap}{value}"))
    };
    let why = if mark.passed.is_none() { mark.rationale.clone() } else { why(graded, mark) };
    let parts = [
        part("why", why),
        part("expected", mark.expected.clone()),
        part("seen", mark.actual.clone()),
        part("hint", mark.hint.clone()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}
