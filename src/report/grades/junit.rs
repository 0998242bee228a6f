use super::earned;
use crate::exercise::{Gradebook, Graded, Mark};
use crate::lab::visible;
use std::fmt::Write;

/// Returns a gradebook as JUnit XML: a suite for each student, a case for each
/// check.
///
/// A check that was not measured, or whose `needs` failed, is skipped.
pub fn junit(book: &Gradebook) -> String {
    let all = || book.results.iter().flat_map(|graded| &graded.checks);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let name = attribute(&book.exercise);
    let _ = writeln!(text, "<testsuites name=\"{name}\" {}>", counts(all()));
    for graded in &book.results {
        suite(&mut text, book, graded);
    }
    text.push_str("</testsuites>\n");
    text
}

fn suite(text: &mut String, book: &Gradebook, graded: &Graded) {
    let name = attribute(&graded.student);
    let counts = counts(graded.checks.iter());
    let skipped = graded.checks.iter().filter(|mark| mark.passed.is_none()).count();
    let _ = writeln!(text, "  <testsuite name=\"{name}\" {counts} skipped=\"{skipped}\">");
    text.push_str("    <properties>\n");
    for (name, value) in [("points", graded.points), ("max", graded.max)] {
        let _ = writeln!(text, "      <property name=\"{name}\" value=\"{value}\"/>");
    }
    text.push_str("    </properties>\n");
    // Viewers group cases by their class.
    let class = attribute(&format!("{}.{}", book.exercise, graded.student));
    for mark in &graded.checks {
        case(text, &class, mark);
    }
    if !graded.remarks.is_empty() {
        let remarks = body(&graded.remarks.join("\n"));
        let _ = writeln!(text, "    <system-out>{remarks}</system-out>");
    }
    text.push_str("  </testsuite>\n");
}

fn case(text: &mut String, class: &str, mark: &Mark) {
    let begin = format!("    <testcase name=\"{}\" classname=\"{class}\"", attribute(&mark.name));
    let rationale = mark.rationale.as_deref().unwrap_or_default();
    let first = rationale.lines().next().unwrap_or_default();
    let within = match (&mark.unmeasured, mark.passed) {
        (Some(reason), _) => {
            format!("<skipped message=\"{}\"/>", attribute(&format!("not measured: {reason}")))
        }
        (None, Some(true)) => {
            let _ = writeln!(text, "{begin}/>");
            return;
        }
        (None, None) => format!("<skipped message=\"{}\"/>", attribute(rationale)),
        (None, Some(false)) => {
            let points = format!("{}: {first}", earned(mark.points, mark.max));
            let details = body(&details(mark));
            format!("<failure message=\"{}\" type=\"check\">{details}</failure>", attribute(&points))
        }
    };
    let _ = writeln!(text, "{begin}>\n      {within}\n    </testcase>");
}

fn details(mark: &Mark) -> String {
    let part = |label: &str, value: &Option<String>| {
        value
            .as_ref()
            .map(|value| format!("{label}:{}{value}", if value.contains('\n') { "\n" } else { " " }))
    };
    let parts = [
        mark.rationale.clone(),
        part("expected", &mark.expected),
        part("seen", &mark.actual),
        part("hint", &mark.hint),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn counts<'a>(marks: impl Iterator<Item = &'a Mark>) -> String {
    let marks: Vec<&Mark> = marks.collect();
    let failed = marks.iter().filter(|mark| mark.passed == Some(false)).count();
    format!("tests=\"{}\" failures=\"{failed}\" errors=\"0\"", marks.len())
}

/// Escapes a text between quotes, where a raw line break would become a space.
fn attribute(text: &str) -> String {
    escaped(text).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}

/// Escapes a text between tags.
fn body(text: &str) -> String {
    escaped(text)
}

/// Escapes a text, without the characters that XML forbids even in escaped form.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            // `]]>` is special in XML.
            '>' => shown.push_str("&gt;"),
            '\u{fffe}' | '\u{ffff}' => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}
