//! Grades as text for people, and in formats for programs.

mod gradescope;
mod json;
mod junit;
mod spreadsheet;

pub use gradescope::{gradescope, one_student};
pub use json::json;
pub use junit::junit;
pub use spreadsheet::csv;

use super::explanation::Ink;
use super::failure::set_in;
use crate::exercise::{Gradebook, Graded, Mark};
use crate::lab::{visible, visible_in_line};
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// The most lines of an observed value.
const MOST: usize = 100;

/// Formats the result of one student: each check, and for those not passed the
/// expected and the observed value, and the hint.
pub fn student(graded: &Graded, coloured: bool) -> String {
    told(graded, ink(coloured))
}

/// Formats the part after the last student: the class as a table, and the
/// unmeasured checks.
pub fn closing(book: &Gradebook, coloured: bool) -> String {
    let ink = ink(coloured);
    format!("{}{}", table(book, ink), unmeasured(book, ink))
}

/// Formats a whole gradebook for a person.
pub fn text(book: &Gradebook, coloured: bool) -> String {
    let students: String =
        book.results.iter().map(|graded| format!("{}\n", student(graded, coloured))).collect();
    format!("{students}{}", closing(book, coloured))
}

fn ink(coloured: bool) -> Ink {
    if coloured { Ink::Coloured } else { Ink::Plain }
}

fn told(graded: &Graded, ink: Ink) -> String {
    let name = visible_in_line(&graded.student);
    let mut text = format!("{}: {}\n", ink.bold(&name), earned(graded.points, graded.max));
    for remark in &graded.remarks {
        set_in(&mut text, "  ", &visible(remark), MOST);
    }
    for mark in &graded.checks {
        let name = visible(&mark.name);
        let points = format!("{} of {}", mark.points, mark.max);
        let _ = match (&mark.unmeasured, mark.passed) {
            (Some(reason), _) => writeln!(text, "  ? {name}: not measured: {}", visible(reason)),
            (None, Some(true)) => writeln!(text, "  {} {name}: {points}", ink.good("✓")),
            (None, Some(false)) => writeln!(text, "  {} {name}: {points}", ink.bad("✗")),
            (None, None) => {
                let reason = visible(mark.rationale.as_deref().unwrap_or("nobody could say"));
                writeln!(text, "  - {name}: {points}: skipped: {reason}")
            }
        };
        if mark.passed == Some(false) {
            reasons(&mut text, graded, mark, ink);
        }
    }
    text
}

/// Formats the reasons why a check failed.
fn reasons(text: &mut String, graded: &Graded, mark: &Mark, ink: Ink) {
    let mut part = |label: &str, value: &Option<String>| {
        let Some(value) = value.as_deref().filter(|value| !value.trim().is_empty()) else { return };
        let value = visible(value);
        if value.contains('\n') {
            let _ = writeln!(text, "      {}", ink.faint(&format!("{label}:")));
            set_in(text, "        ", &value, MOST);
        } else {
            let _ = writeln!(text, "      {} {value}", ink.faint(&format!("{label}:")));
        }
    };
    part("why", &why(graded, mark));
    part("expected", &mark.expected);
    part("seen", &mark.actual);
    part("hint", &mark.hint);
}

/// Returns the rationale without what the line above it says already.
fn why(graded: &Graded, mark: &Mark) -> Option<String> {
    let rationale = mark.rationale.as_deref()?;
    if graded.remarks.iter().any(|remark| remark == rationale) {
        return None;
    }
    let (first, others) = rationale.split_once("\n\n").unwrap_or((rationale, ""));
    let said = first.ends_with(&format!("`{}` failed", mark.name));
    Some(if said { others.into() } else { rationale.into() })
}

fn earned(points: u64, max: u64) -> String {
    match max {
        0 => "nothing was measured".into(),
        1 => format!("{points} of 1 point"),
        max => format!("{points} of {max} points"),
    }
}

/// Formats the class as a table. A name may have letters that are two columns
/// wide.
fn table(book: &Gradebook, ink: Ink) -> String {
    let rows: Vec<[String; 3]> = book
        .results
        .iter()
        .map(|graded| {
            let name = visible_in_line(&graded.student);
            [name, graded.points.to_string(), graded.max.to_string()]
        })
        .collect();
    let head = ["student", "points", "max"].map(String::from);
    let mut widths = [0; 3];
    for row in rows.iter().chain([&head]) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let line = |row: &[String; 3]| {
        let [name, points, max] = row;
        let gap = " ".repeat(widths[0] - name.width());
        format!("{name}{gap}  {points:>0$}  {max:>1$}", widths[1], widths[2])
    };
    let count = match book.results.len() {
        1 => "1 student".to_string(),
        count => format!("{count} students"),
    };
    let part = book.shard.map(|shard| format!(" (part {shard} of the class)")).unwrap_or_default();
    let lacks = match book.missing {
        0 => String::new(),
        missing => format!(", {missing} not graded"),
    };
    let mut text =
        format!("{}: {count}{lacks}{part}\n\n{}\n", visible(&book.exercise), ink.faint(&line(&head)));
    for row in &rows {
        let _ = writeln!(text, "{}", line(row));
    }
    text
}

/// Formats the unmeasured checks, for the instructor.
fn unmeasured(book: &Gradebook, ink: Ink) -> String {
    let lines = not_measured(book);
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("\n{}\n{lines}", ink.bold("For the instructor: not measured, and taken out of the points"))
}

/// Lists the unmeasured checks, a line for each student and reason.
pub fn not_measured(book: &Gradebook) -> Vec<String> {
    let mut lines = Vec::new();
    for graded in &book.results {
        for (reason, checks) in graded.unmeasured() {
            let all = checks.len() == graded.checks.len();
            let checks: Vec<String> = checks.iter().map(|check| format!("`{check}`")).collect();
            let which = if all { String::new() } else { format!(": {}", checks.join(", ")) };
            let line = format!("{}{which}: {reason}", graded.student);
            lines.push(visible(&line).replace('\n', " "));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercise::{Fingerprint, Shard};

    fn mark(name: &str, passed: Option<bool>, points: u64, max: u64) -> Mark {
        Mark { name: name.into(), passed, points, max, ..Mark::default() }
    }

    fn of(student: &str, checks: Vec<Mark>) -> Graded {
        let points = checks.iter().map(|mark| mark.points).sum();
        let max = checks.iter().map(|mark| mark.max).sum();
        Graded { student: student.into(), points, max, checks, ..Graded::default() }
    }

    /// Returns a class in which each student has another case, some of them odd.
    pub(super) fn class() -> Gradebook {
        let failed = Mark {
            rationale: Some("check `blue reaches red` failed\n\nblue can't reach 10.0.0.1: eth0 is DOWN".into()),
            expected: Some("an answer".into()),
            actual: Some("$ ip netns exec blue ping -c1 10.0.0.1\n\x1b[31m1 packets <transmitted>\u{85}, 0 received & lost]]>".into()),
            hint: Some("is its link up?".into()),
            ..mark("blue reaches red", Some(false), 0, 3)
        };
        let skipped = Mark {
            rationale: Some("it needs `blue reaches red`, which failed".into()),
            dependency: Some("blue reaches red".into()),
            ..mark("=1+1", None, 0, 1)
        };
        let unmeasured =
            |name, reason: &str| Mark { unmeasured: Some(reason.into()), ..mark(name, None, 0, 0) };
        let empty = |name, max| Mark {
            rationale: Some("the submission is empty".into()),
            ..mark(name, Some(false), 0, max)
        };
        let bob = Graded {
            remarks: vec!["the submission is empty".into()],
            ..of(
                "=cmd|' /C calc'!A0",
                vec![empty("red reaches blue", 1), empty("blue reaches red", 3), empty("=1+1", 1)],
            )
        };
        let results = vec![
            of("alice", vec![mark("red reaches blue", Some(true), 1, 1), failed, skipped]),
            bob,
            of(
                "\u{ae40}\u{cca0}\u{c218}",
                vec![
                    mark("red reaches blue", Some(true), 1, 1),
                    unmeasured("blue reaches red", "the neighbour table is full"),
                    unmeasured(
                        "=1+1",
                        "it needs `blue reaches red`, which was not measured: the neighbour table is full",
                    ),
                ],
            ),
            of(
                "o'\"<b>&\x1b[2J",
                ["red reaches blue", "blue reaches red", "=1+1"]
                    .map(|name| unmeasured(name, "failed to read the submission: Permission denied"))
                    .to_vec(),
            ),
        ];
        Gradebook {
            exercise: "exercises/mask".into(),
            fingerprint: Some(Fingerprint::of(["text"])),
            shard: None,
            missing: 0,
            results,
        }
    }

    #[test]
    fn as_a_person_reads_it() {
        assert_eq!(
            text(&class(), false),
            r#"alice: 1 of 5 points
  ✓ red reaches blue: 1 of 1
  ✗ blue reaches red: 0 of 3
      why: blue can't reach 10.0.0.1: eth0 is DOWN
      expected: an answer
      seen:
        $ ip netns exec blue ping -c1 10.0.0.1
        ^[[31m1 packets <transmitted>\u{85}, 0 received & lost]]>
      hint: is its link up?
  - =1+1: 0 of 1: skipped: it needs `blue reaches red`, which failed

=cmd|' /C calc'!A0: 0 of 5 points
  the submission is empty
  ✗ red reaches blue: 0 of 1
  ✗ blue reaches red: 0 of 3
  ✗ =1+1: 0 of 1

김철수: 1 of 1 point
  ✓ red reaches blue: 1 of 1
  ? blue reaches red: not measured: the neighbour table is full
  ? =1+1: not measured: it needs `blue reaches red`, which was not measured: the neighbour table is full

o'"<b>&^[[2J: nothing was measured
  ? red reaches blue: not measured: failed to read the submission: Permission denied
  ? blue reaches red: not measured: failed to read the submission: Permission denied
  ? =1+1: not measured: failed to read the submission: Permission denied

exercises/mask: 4 students

student             points  max
alice                    1    5
=cmd|' /C calc'!A0       0    5
김철수                   1    1
o'"<b>&^[[2J             0    0

For the instructor: not measured, and taken out of the points
  김철수: `blue reaches red`: the neighbour table is full
  김철수: `=1+1`: it needs `blue reaches red`, which was not measured: the neighbour table is full
  o'"<b>&^[[2J: failed to read the submission: Permission denied
"#
        );
    }

    #[test]
    fn colours_only_stress_what_the_words_say() {
        let painted = text(&class(), true);
        assert!(painted.contains("\x1b[32m✓\x1b[0m red reaches blue"), "{painted}");
        assert_eq!(anstream::adapter::strip_str(&painted).to_string(), text(&class(), false));
    }

    #[test]
    fn one_student_of_a_part() {
        let book = Gradebook {
            shard: Some(Shard { parts: 3, part: 2 }),
            results: vec![of("al\nice", vec![mark("it works", Some(true), 1, 1)])],
            ..class()
        };
        assert_eq!(
            text(&book, false),
            r#"al^Jice: 1 of 1 point
  ✓ it works: 1 of 1

exercises/mask: 1 student (part 2/3 of the class)

student  points  max
al^Jice       1    1
"#
        );
    }

    #[test]
    fn as_json() {
        let text = json(&class());
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text}");
        let mut read: Gradebook = serde_json::from_str(&text).unwrap();
        assert_eq!(read.results[3].student, "o'\"<b>&^[[2J");
        read.results.truncate(1);
        assert_eq!(
            json(&read),
            r#"{
  "exercise": "exercises/mask",
  "fingerprint": "6245c37087ebdfbe7638be16dfb5323b",
  "results": [
    {
      "student": "alice",
      "points": 1,
      "max": 5,
      "checks": [
        {
          "name": "red reaches blue",
          "passed": true,
          "points": 1,
          "max": 1,
          "rationale": null,
          "expected": null,
          "actual": null,
          "hint": null,
          "dependency": null
        },
        {
          "name": "blue reaches red",
          "passed": false,
          "points": 0,
          "max": 3,
          "rationale": "check `blue reaches red` failed\n\nblue can't reach 10.0.0.1: eth0 is DOWN",
          "expected": "an answer",
          "actual": "$ ip netns exec blue ping -c1 10.0.0.1\n^[[31m1 packets <transmitted>\\u{85}, 0 received & lost]]>",
          "hint": "is its link up?",
          "dependency": null
        },
        {
          "name": "=1+1",
          "passed": null,
          "points": 0,
          "max": 1,
          "rationale": "it needs `blue reaches red`, which failed",
          "expected": null,
          "actual": null,
          "hint": null,
          "dependency": "blue reaches red"
        }
      ]
    }
  ]
}
"#
        );
    }

    #[test]
    fn as_a_spreadsheet() {
        assert_eq!(
            csv(&class()),
            r#"student,points,max,red reaches blue,blue reaches red,'=1+1
alice,1,5,1,0,0
'=cmd|' /C calc'!A0,0,5,0,0,0
김철수,1,1,1,,
"o'""<b>&^[[2J",0,0,,,
"#
        );
    }

    #[test]
    fn as_junit() {
        let text = junit(&class());
        // A parser as strict as the standard.
        let read = roxmltree::Document::parse(&text).unwrap();
        let suites: Vec<_> = read.root_element().children().filter(|node| node.is_element()).collect();
        assert_eq!(suites.len(), 4);
        let message = suites[0].descendants().find(|node| node.has_tag_name("failure")).unwrap();
        assert_eq!(message.text().unwrap().lines().last().unwrap(), "hint: is its link up?");
        assert!(
            message.text().unwrap().contains("^[[31m1 packets <transmitted>\\u{85}, 0 received & lost]]>")
        );
        assert_eq!(suites[3].attribute("name"), Some("o'\"<b>&^[[2J"));
        for suite in &suites {
            let count = |name: &str| suite.descendants().filter(|node| node.has_tag_name(name)).count();
            let said = |name: &str| suite.attribute(name).unwrap().parse::<usize>().unwrap();
            assert_eq!(said("tests"), count("testcase"));
            assert_eq!(said("failures"), count("failure"));
            assert_eq!(said("skipped"), count("skipped"));
        }
        assert_eq!(
            text,
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="exercises/mask" tests="12" failures="4" errors="0">
  <testsuite name="alice" tests="3" failures="1" errors="0" skipped="1">
    <properties>
      <property name="points" value="1"/>
      <property name="max" value="5"/>
    </properties>
    <testcase name="red reaches blue" classname="exercises/mask.alice"/>
    <testcase name="blue reaches red" classname="exercises/mask.alice">
      <failure message="0 of 3 points: check `blue reaches red` failed" type="check">check `blue reaches red` failed

blue can't reach 10.0.0.1: eth0 is DOWN
expected: an answer
seen:
$ ip netns exec blue ping -c1 10.0.0.1
^[[31m1 packets &lt;transmitted&gt;\u{85}, 0 received &amp; lost]]&gt;
hint: is its link up?</failure>
    </testcase>
    <testcase name="=1+1" classname="exercises/mask.alice">
      <skipped message="it needs `blue reaches red`, which failed"/>
    </testcase>
  </testsuite>
  <testsuite name="=cmd|' /C calc'!A0" tests="3" failures="3" errors="0" skipped="0">
    <properties>
      <property name="points" value="0"/>
      <property name="max" value="5"/>
    </properties>
    <testcase name="red reaches blue" classname="exercises/mask.=cmd|' /C calc'!A0">
      <failure message="0 of 1 point: the submission is empty" type="check">the submission is empty</failure>
    </testcase>
    <testcase name="blue reaches red" classname="exercises/mask.=cmd|' /C calc'!A0">
      <failure message="0 of 3 points: the submission is empty" type="check">the submission is empty</failure>
    </testcase>
    <testcase name="=1+1" classname="exercises/mask.=cmd|' /C calc'!A0">
      <failure message="0 of 1 point: the submission is empty" type="check">the submission is empty</failure>
    </testcase>
    <system-out>the submission is empty</system-out>
  </testsuite>
  <testsuite name="김철수" tests="3" failures="0" errors="0" skipped="2">
    <properties>
      <property name="points" value="1"/>
      <property name="max" value="1"/>
    </properties>
    <testcase name="red reaches blue" classname="exercises/mask.김철수"/>
    <testcase name="blue reaches red" classname="exercises/mask.김철수">
      <skipped message="not measured: the neighbour table is full"/>
    </testcase>
    <testcase name="=1+1" classname="exercises/mask.김철수">
      <skipped message="not measured: it needs `blue reaches red`, which was not measured: the neighbour table is full"/>
    </testcase>
  </testsuite>
  <testsuite name="o'&quot;&lt;b&gt;&amp;^[[2J" tests="3" failures="0" errors="0" skipped="3">
    <properties>
      <property name="points" value="0"/>
      <property name="max" value="0"/>
    </properties>
    <testcase name="red reaches blue" classname="exercises/mask.o'&quot;&lt;b&gt;&amp;^[[2J">
      <skipped message="not measured: failed to read the submission: Permission denied"/>
    </testcase>
    <testcase name="blue reaches red" classname="exercises/mask.o'&quot;&lt;b&gt;&amp;^[[2J">
      <skipped message="not measured: failed to read the submission: Permission denied"/>
    </testcase>
    <testcase name="=1+1" classname="exercises/mask.o'&quot;&lt;b&gt;&amp;^[[2J">
      <skipped message="not measured: failed to read the submission: Permission denied"/>
    </testcase>
  </testsuite>
</testsuites>
"#
        );
    }

    /// Programs may print any character.
    #[test]
    fn each_character_can_be_said() {
        let all: String =
            ('\0'..'\u{500}').chain('\u{2000}'..'\u{2100}').chain('\u{fdd0}'..='\u{10000}').collect();
        let mut book = class();
        book.exercise = all.clone();
        for graded in &mut book.results {
            graded.student += &all;
            graded.remarks.push(all.clone());
            for mark in &mut graded.checks {
                mark.name += &all;
                mark.rationale = Some(all.clone());
                mark.hint = Some(all.clone());
            }
        }
        roxmltree::Document::parse(&junit(&book)).unwrap();
        let read: Gradebook = serde_json::from_str(&json(&book)).unwrap();
        assert_eq!(json(&read), json(&book));
        let sheet = csv(&book);
        let mut read = csv::Reader::from_reader(sheet.as_bytes());
        assert_eq!(read.records().map(|row| row.unwrap().len()).collect::<Vec<_>>(), [6; 4]);
        let steers = |c: char| crate::lab::steers(c) && !matches!(c, '\n' | '\t');
        for text in [text(&book, false), junit(&book), json(&book), csv(&book)] {
            assert!(!text.contains(steers));
        }
        for graded in &mut book.results {
            graded.checks[0].unmeasured = Some(all.clone());
        }
        for graded in &book.results {
            let of_one = Gradebook { results: vec![graded.clone()], ..book.clone() };
            assert!(!gradescope(&of_one).unwrap().contains(steers));
        }
    }

    #[test]
    fn as_gradescope() {
        let book = Gradebook { results: class().results[..1].to_vec(), ..class() };
        assert_eq!(gradescope(&book), Ok(r#"{
  "extra_data": {
    "exercise": "exercises/mask",
    "max": 5,
    "student": "alice",
    "unmeasured": []
  },
  "output": "",
  "output_format": "text",
  "score": 1,
  "stdout_visibility": "hidden",
  "tests": [
    {
      "max_score": 1,
      "name": "red reaches blue",
      "output": "",
      "output_format": "text",
      "score": 1,
      "status": "passed",
      "visibility": "visible"
    },
    {
      "max_score": 3,
      "name": "blue reaches red",
      "output": "why: blue can't reach 10.0.0.1: eth0 is DOWN\nexpected: an answer\nseen:\n$ ip netns exec blue ping -c1 10.0.0.1\n^[[31m1 packets <transmitted>\\u{85}, 0 received & lost]]>\nhint: is its link up?",
      "output_format": "text",
      "score": 0,
      "status": "failed",
      "visibility": "visible"
    },
    {
      "max_score": 1,
      "name": "=1+1",
      "output": "why: it needs `blue reaches red`, which failed",
      "output_format": "text",
      "score": 0,
      "status": "failed",
      "visibility": "visible"
    }
  ],
  "visibility": "visible"
}
"#.into()));
        let lost = Gradebook { results: class().results[2..3].to_vec(), ..class() };
        let lost: serde_json::Value = serde_json::from_str(&gradescope(&lost).unwrap()).unwrap();
        assert_eq!(
            lost["output"],
            "Not all could be measured, which is not your fault: your points are out of 1."
        );
        assert_eq!(lost["tests"][1]["status"], serde_json::Value::Null);
        assert_eq!(
            gradescope(&class()),
            Err("Gradescope takes the results of one submission, and there are 4\nhint: name one submission, or take `--format json`".into())
        );
    }
}
