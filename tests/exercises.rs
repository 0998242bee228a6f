//! The exercises of this project: each is sound, sees what is wrong, and gives
//! all points to whoever does the job, by whatever means.

use crate::measured::{lacking, skip};
use crate::support::{forget_others, output, sandbox_lack, side_by_side};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn exercises() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("labs/exercises");
    let files = fs::read_dir(folder).expect("the exercises").flatten().map(|file| file.path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "rhai")).collect();
    files.sort();
    files
}

fn lack() -> Option<String> {
    sandbox_lack().map(String::from).or(lacking(&["bash", "ip", "iptables", "nft"]))
}

/// Returns the output of `nslab grade`, and whether it succeeded.
fn grade(arguments: &[&str], folder: &Path) -> (String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.arg("grade").args(arguments).current_dir(folder);
    forget_others(&mut command);
    let output = output(command);
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (said.concat(), output.status.success())
}

#[test]
fn each_is_sound_and_sees_what_is_wrong() {
    if let Some(lack) = lack() {
        return skip(lack);
    }
    let exercises = exercises();
    assert!(exercises.len() >= 12);
    side_by_side(2, &exercises, |exercise| is_sound(exercise));
}

fn is_sound(exercise: &Path) {
    let (said, sound) = grade(&["--self-test", &exercise.display().to_string()], Path::new("/"));
    assert!(sound, "{said}");
    // A solution that does nothing gets no points.
    assert!(said.contains("\n✓ a solution that does nothing has 0 of "), "{said}");
    // Counter-examples get the points that they deserve.
    let tried = said.lines().any(|line| line.contains(" counter-examples has the points that it deserves"));
    assert!(tried, "{said}");
    // A solution in another way gets all points.
    let other = said.lines().any(|line| line.contains(" other solution") && line.ends_with(" full marks"));
    assert!(other, "{said}");
}
