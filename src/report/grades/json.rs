use crate::exercise::{Gradebook, Graded, Mark};
use crate::lab::visible;

/// Returns a gradebook as one JSON object.
///
/// Terminal control characters are escaped here, too: `jq -r` prints strings as
/// they are.
pub fn json(book: &Gradebook) -> String {
    let mut shown = book.clone();
    show(&mut shown.exercise);
    shown.results.iter_mut().for_each(student);
    // Plain data of strings and numbers, which JSON can represent.
    let text = serde_json::to_string_pretty(&shown).unwrap_or_default();
    format!("{text}\n")
}

fn student(graded: &mut Graded) {
    let Graded { student, remarks, checks, points: _, max: _, stopped: _ } = graded;
    show(student);
    remarks.iter_mut().for_each(show);
    for mark in checks {
        let Mark { name, rationale, expected, actual, hint, dependency, unmeasured, .. } = mark;
        show(name);
        let maybe = [rationale, expected, actual, hint, dependency, unmeasured];
        maybe.into_iter().flatten().for_each(show);
    }
}

fn show(text: &mut String) {
    *text = visible(text);
}
