//! Differences between kernels, in timing or in words, do not show in a lab. The labs
//! below `tests/kernels` check that under other kernels; these hold on each. (The others
//! want the modules for tunnels.)

use crate::measured::skip;
use crate::support::{output, sandbox_lack};
use std::path::Path;
use std::process::Command;

#[track_caller]
fn holds(lab: &str) {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels").join(lab);
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.arg("test").arg(lab);
    let output = output(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn link_states_are_there_at_once() {
    holds("states.rhai");
}

#[test]
fn a_number_that_is_taken_is_not_insisted_on() {
    holds("taken.rhai");
}

#[test]
fn nothing_is_remembered_unasked() {
    holds("tracked.rhai");
}
