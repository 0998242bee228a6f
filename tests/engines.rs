//! The files below `book/grading` have an engine grade a class: their commands are run
//! here as they stand there, one after the other. (Slurm's is run by Slurm, in
//! `.ci/slurm`.)

use crate::measured::skip;
use crate::support::{Scratch, forget_others, output, sandbox_lack};
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

const STUDENTS: [&str; 5] = ["ann", "ben", "cleo", "dan", "eva"];

fn book(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/grading").join(file);
    fs::read_to_string(path).expect("a file to copy")
}

/// Creates a class below `folder`; returns nothing, and reports that, if nobody can be
/// graded here.
fn class(folder: &str) -> Option<Scratch> {
    if let Some(lack) = sandbox_lack() {
        skip(lack);
        return None;
    }
    let scratch = Scratch::new();
    let exercises = Path::new(env!("CARGO_MANIFEST_DIR")).join("labs/exercises");
    for file in ["mask.rhai", "solutions/mask.sh"] {
        let text = fs::read_to_string(exercises.join(file)).expect("an exercise");
        scratch.write(&format!("{folder}/{file}"), text);
    }
    Some(scratch)
}

/// Runs a command line in a shell that finds `nslab` as if it were installed.
#[track_caller]
fn run(scratch: &Scratch, options: &str, line: &str, index: usize) {
    let own = Path::new(env!("CARGO_BIN_EXE_nslab")).parent().expect("a folder").to_path_buf();
    let others = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([own].into_iter().chain(env::split_paths(&others))).expect("a path");
    let mut command = Command::new("sh");
    forget_others(&mut command);
    command.args([options, line]).current_dir(scratch.path());
    command.env("PATH", path).env("JOB_COMPLETION_INDEX", index.to_string());
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}\n{}{said}", String::from_utf8_lossy(&output.stdout));
}

/// Everybody is in the gradebook, once.
#[track_caller]
fn has_everybody(grades: &str) {
    let rows: Vec<&str> = grades.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
    assert_eq!(rows, STUDENTS);
}

/// The lines that follow the one with these words and are indented deeper,
/// without their indentation.
fn below<'a>(text: &'a str, words: &str) -> Vec<&'a str> {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| !line.contains(words));
    let first = lines.next().unwrap_or_else(|| panic!("{words:?} is in:\n{text}"));
    lines.take_while(|line| indentation(line) > indentation(first)).map(str::trim_start).collect()
}

#[test]
fn a_matrix_of_github_actions() {
    let Some(scratch) = class("exercises") else { return };
    for student in STUDENTS {
        scratch.write(&format!("submissions/{student}.rhai"), "note(\"?\");");
    }
    let text = book("github.yml");
    assert!(text.contains("part: [1, 2, 3, 4]"), "{text}");
    let line = below(&text, "run: >-").join(" ");
    for part in 1..=4 {
        run(&scratch, "-ec", &line.replace("${{ matrix.part }}", &part.to_string()), 0);
    }
    let merge = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("- run: ").filter(|run| run.contains("--merge")));
    run(&scratch, "-ec", merge.expect("the parts are joined"), 0);
    has_everybody(&scratch.read("grades.csv").expect("a gradebook"));
}

#[test]
fn an_indexed_job_of_kubernetes() {
    let Some(scratch) = class("class") else { return };
    for student in STUDENTS {
        scratch.write(&format!("class/submissions/{student}.rhai"), "note(\"?\");");
    }
    fs::create_dir(scratch.path().join("results")).expect("a volume");
    let text = book("kubernetes.yaml");
    assert!(text.contains("completions: 20\n"), "{text}");
    let script = below(&text, "- |").join("\n").replace("/class/", "class/").replace("/results/", "results/");
    for index in 0..20 {
        run(&scratch, "-c", &script, index);
    }
    let merge =
        text.lines().find_map(|line| line.trim_start_matches(['#', ' ']).strip_prefix("nslab grade --merge"));
    let merge = format!("nslab grade --merge{} || [ $? = 1 ]", merge.expect("the parts are joined"));
    run(&scratch, "-c", &merge, 0);
    has_everybody(&scratch.read("grades.csv").expect("a gradebook"));
}
