//! What kernels do at different times, or in different words, is the same in a
//! lab. The labs below `tests/kernels` ask for that under other kernels; these
//! hold on each. (The others want the modules for tunnels.)

use std::path::Path;
use std::process::Command;

/// `nslab test` where nothing could be measured.
const NOT_MEASURED: i32 = 4;

#[track_caller]
fn holds(lab: &str) {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels").join(lab);
    let output = Command::new(env!("CARGO_BIN_EXE_nslab")).arg("test").arg(lab).output();
    let output = output.expect("nslab runs");
    let code = output.status.code();
    let may_skip = std::env::var_os("NSLAB_REQUIRE").is_none() && code == Some(NOT_MEASURED);
    assert!(code == Some(0) || may_skip, "{}", String::from_utf8_lossy(&output.stdout));
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
