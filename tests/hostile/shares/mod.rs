//! A sandbox's own user and cgroup, on machines that can give them. `nslab doctor` says
//! which can.

use crate::measured::skip;
use crate::support::Scratch;
use crate::{EXERCISE, graded_within, lacking_ability, submissions};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Grades these side by side, and one who is honest; gives the results by name.
fn graded(students: &[&str]) -> impl Fn(&str) -> Value {
    let scratch = Scratch::new();
    let honest = fs::read_to_string(submissions().join("honest.sh")).expect("somebody is honest");
    scratch.write("labs/x/lab.rhai", EXERCISE);
    scratch.write("labs/x/solutions/way.sh", &honest);
    scratch.write("class/honest.sh", &honest);
    for student in students {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/hostile/shares/{student}.sh"));
        scratch.write(&format!("class/{student}.sh"), fs::read_to_string(path).expect("its script"));
    }
    let graded = graded_within(20, &scratch);
    let results: Value = serde_json::from_slice(&graded.stdout)
        .unwrap_or_else(|error| panic!("no gradebook: {error}\n{}", String::from_utf8_lossy(&graded.stderr)));
    move |student: &str| {
        let results = results["results"].as_array().expect("results");
        results.iter().find(|result| result["student"] == student).expect("it was graded").clone()
    }
}

#[track_caller]
fn has_all_points(result: &Value) {
    assert_eq!(result["points"], result["max"], "{result:#}");
}

#[test]
fn memory_of_the_kernel_is_bounded() {
    if let Some(lack) = lacking_ability("a cgroup for each submission") {
        return skip(lack);
    }
    let result = graded(&["fills_sockets"]);
    let filler = result("fills_sockets");
    let remarks = filler["remarks"].to_string();
    assert!(remarks.contains("more than 1024 MiB of memory, the kernel's for it included"), "{filler:#}");
    has_all_points(&result("honest"));
}

#[test]
fn what_is_counted_by_user_is_each_ones_own() {
    if let Some(lack) = lacking_ability("a user for each submission") {
        return skip(lack);
    }
    let result = graded(&["fills_pipes", "has_pipes"]);
    has_all_points(&result("has_pipes"));
    has_all_points(&result("honest"));
}
