use super::fingerprint::Fingerprint;
use super::graded::Graded;
use super::results::Heading;
use super::shard::Shard;
use serde::{Deserialize, Serialize};

/// The results of a class in one exercise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gradebook {
    /// The name of the exercise, as `exercises/mask`.
    pub exercise: String,
    /// The fingerprint of the task, to recognize another version of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// The part of the class, if this is a part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// The number of students who were not graded, if the run was interrupted.
    #[serde(default, skip_serializing_if = "is_none")]
    pub missing: usize,
    /// The students, by name.
    pub results: Vec<Graded>,
}

impl Gradebook {
    /// Creates a gradebook of students in any order.
    pub fn new(of: &Heading, shard: Option<Shard>, mut results: Vec<Graded>) -> Self {
        results.sort_by(|a, b| a.student.cmp(&b.student));
        let fingerprint = Some(of.fingerprint);
        Self { exercise: of.exercise.clone(), fingerprint, shard, missing: 0, results }
    }

    /// Returns the names of all checks, in the order of the exercise.
    pub fn checks(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for mark in self.results.iter().flat_map(|graded| &graded.checks) {
            if !names.contains(&mark.name.as_str()) {
                names.push(&mark.name);
            }
        }
        names
    }
}

fn is_none(count: &usize) -> bool {
    *count == 0
}
