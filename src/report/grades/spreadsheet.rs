use crate::exercise::{Gradebook, Mark};
use crate::lab::visible;

/// Returns a gradebook as CSV: a row for each student, with the points of each
/// check. An unmeasured check is an empty cell.
pub fn csv(book: &Gradebook) -> String {
    let checks = book.checks();
    let head = ["student", "points", "max"].into_iter().chain(checks.iter().copied());
    let mut rows = vec![head.map(text).collect::<Vec<_>>()];
    for graded in &book.results {
        let earned = |name: &&str| {
            let mark: Option<&Mark> = graded.checks.iter().find(|mark| mark.name == **name);
            let measured = mark.filter(|mark| mark.unmeasured.is_none());
            measured.map(|mark| mark.points.to_string()).unwrap_or_default()
        };
        let first = [text(&graded.student), graded.points.to_string(), graded.max.to_string()];
        rows.push(first.into_iter().chain(checks.iter().map(earned)).collect());
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Writing to memory can't fail, and all rows have the same length.
        let _ = writer.write_record(row);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns a cell that a spreadsheet reads as text: a quote comes before anything
/// like a formula, as OWASP advises.
fn text(text: &str) -> String {
    let shown = visible(text);
    let first = shown.trim_start().chars().next();
    let is_formula =
        first.is_some_and(|c| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '|' | '%'));
    if is_formula || shown.starts_with(['\t', '\n']) { format!("'{shown}") } else { shown }
}
