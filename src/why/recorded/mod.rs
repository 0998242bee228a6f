//! Tests of the finders with recorded facts in place of a kernel.
//!
//! `tests/evidence` has a file for each diagnosis: the facts, and the suspects that
//! followed from them. `tests/evidence/record` makes the files. After an intended change
//! of the finders, `NSLAB_EVIDENCE=accept cargo test --lib why::recorded` writes the new
//! suspects; the difference is read in review.

mod usual;

use super::cause::suspects;
use super::evidence::Evidence;
use super::evidence::known::Known;
use crate::event::Suspect;
use crate::why::Cause;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::thread;
use usual::Usual;

/// The least number of recorded diagnoses.
const LEAST: usize = 300;

/// A recorded diagnosis.
struct Case {
    path: PathBuf,
    lab: Value,
    /// The rounds of the search; the fields of each are those of [`Known`].
    rounds: Vec<Value>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evidence")
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(path: &Path, value: &Value) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
    fs::write(path, format!("{}\n", layout(value, 0))).expect("the file can be written");
}

/// Formats JSON; a value that fits into one line gets one.
fn layout(value: &Value, indent: usize) -> String {
    const WIDTH: usize = 120;
    let flat = value.to_string();
    if indent + flat.len() <= WIDTH {
        return flat;
    }
    let inner = " ".repeat(indent + 1);
    let (open, items, close) = match value {
        Value::Object(fields) => {
            let item = |(key, value)| format!("{inner}{}:{}", Value::from(key), layout(value, indent + 1));
            ('{', fields.iter().map(|(key, value)| item((key.as_str(), value))).collect::<Vec<_>>(), '}')
        }
        Value::Array(items) => {
            ('[', items.iter().map(|item| format!("{inner}{}", layout(item, indent + 1))).collect(), ']')
        }
        _ => return flat,
    };
    format!("{open}\n{}\n{}{close}", items.join(",\n"), " ".repeat(indent))
}

/// Returns the path of the file with the usual values, which the other files leave out.
fn usual_file() -> PathBuf {
    folder().join("usual.json")
}

/// Returns the files below a folder whose names have this ending.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path, end)),
            false if path.to_string_lossy().ends_with(end) => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}

/// All cases, which are read once.
static CASES: LazyLock<(Usual, Vec<Case>)> = LazyLock::new(|| {
    let usual = Usual::read(read(&usual_file()));
    let files = files(&folder(), ".case.json");
    let case = |path: PathBuf| {
        let mut file = read(&path);
        let rounds = file["rounds"].as_array_mut().expect("rounds").iter_mut();
        let rounds = rounds.map(|round| usual.unpack(round.take())).collect();
        Case { lab: file["lab"].take(), path, rounds }
    };
    let cases = side_by_side(&files, |path| case(path.clone()));
    (usual, cases)
});

/// Applies a function to all items in several threads, and returns the results in the
/// same order.
fn side_by_side<T: Sync, U: Send>(all: &[T], of: impl Fn(&T) -> U + Sync) -> Vec<U> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let parts = all.chunks(all.len().div_ceil(threads).max(1));
    thread::scope(|scope| {
        let run = |part: &'_ [T]| part.iter().map(&of).collect::<Vec<U>>();
        let running: Vec<_> = parts.map(|part| scope.spawn(move || run(part))).collect();
        running.into_iter().flat_map(|one| one.join().expect("no thread panics")).collect()
    })
}

impl Case {
    fn write(&self, usual: &Usual) {
        let rounds = self.rounds.iter().map(|round| usual.pack(round)).collect();
        let fields = [("lab".into(), self.lab.clone()), ("rounds".into(), Value::Array(rounds))];
        write(&self.path, &Value::Object(Map::from_iter(fields)));
    }
}

/// Returns the suspects that the finders now find in a round.
fn found(known: &Known) -> Vec<Suspect> {
    let evidence = Evidence::new(known, &known.survey, &known.lab_commands, &known.probe, &known.shot);
    suspects(&evidence).into_iter().map(|found| found.suspect).collect()
}

#[test]
fn recorded_facts_lead_to_the_same_suspects() {
    let accept = std::env::var("NSLAB_EVIDENCE").is_ok_and(|value| value == "accept");
    let (usual, cases) = &*CASES;
    assert!(cases.len() >= LEAST, "there are {} cases", cases.len());
    let differences = side_by_side(cases, |case| {
        let mut wrong = Vec::new();
        let mut now = case.rounds.clone();
        for round in &mut now {
            let known = Known::deserialize(&*round)
                .unwrap_or_else(|error| panic!("{}: {error}", case.path.display()));
            let found = found(&known);
            if found != known.suspects {
                wrong.push(format!(
                    "{}\nrecorded: {:#?}\nnow: {found:#?}",
                    case.path.display(),
                    known.suspects
                ));
                round["suspects"] = serde_json::to_value(found).expect("plain data");
            }
        }
        if accept && now != case.rounds {
            Case { path: case.path.clone(), lab: case.lab.clone(), rounds: now }.write(usual);
        }
        wrong
    });
    let wrong: Vec<String> = differences.concat();
    assert!(accept || wrong.is_empty(), "{} rounds differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_cause_is_in_a_recorded_diagnosis() {
    let mut seen = BTreeSet::new();
    for case in &CASES.1 {
        for suspect in case.rounds.iter().flat_map(|round| round["suspects"].as_array()).flatten() {
            seen.extend(suspect["id"].as_str().and_then(Cause::of));
        }
    }
    let missing: Vec<&Cause> = Cause::ALL.iter().filter(|cause| !seen.contains(*cause)).collect();
    assert!(missing.is_empty(), "no recorded diagnosis has these: {missing:?}");
}

/// Adds the output of `nslab why --evidence` below a folder to the cases; a case of the
/// same name is replaced.
#[test]
#[ignore = "called by tests/evidence/record"]
fn keep() {
    let from = PathBuf::from(std::env::var("NSLAB_EVIDENCE_FROM").expect("a folder"));
    let mut cases = Vec::new();
    for path in files(&from, ".json") {
        let mut file = read(&path);
        let mut rounds: Vec<Value> = Vec::new();
        for round in file["rounds"].as_array_mut().expect("rounds") {
            // Rounds with the same suspects differ only in the cures that were tried
            // before.
            if rounds.iter().all(|known| known["suspects"] != round["suspects"]) {
                rounds.push(round.take());
            }
        }
        let relative = path.strip_prefix(&from).expect("a file below the folder");
        let path = folder().join(relative).with_extension("case.json");
        cases.push(Case { path, lab: file["lab"].take(), rounds });
    }
    let anew = std::env::var_os("NSLAB_EVIDENCE_ANEW").is_some();
    let (usual, old) = &*CASES;
    // With other usual values, the cases that stay are other files.
    let new_usual = anew.then(|| Usual::of(cases.iter().chain(old).flat_map(|case| &case.rounds)));
    let usual = new_usual.as_ref().unwrap_or(usual);
    if anew {
        write(&usual_file(), &usual.to_value());
        old.iter().for_each(|case| case.write(usual));
    }
    for case in &cases {
        case.write(usual);
        for round in &case.rounds {
            assert_eq!(&usual.unpack(usual.pack(round)), round, "{}", case.path.display());
        }
    }
}
