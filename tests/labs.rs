//! The curriculum: every check of every lab below `labs/` is one test case,
//! and every table that a lab keeps is compared with the one in `snapshots/`.
//!
//! A lab runs in a sandbox of its own and needs no root. What this machine
//! cannot measure is ignored, with the reason. When all have run, the machine is
//! as it was.

mod machine;

use machine::{differences, listing};
use std::process::ExitCode;

fn main() -> ExitCode {
    // A listing of the cases, or a run of each in its own process, waits for nothing
    // else.
    if std::env::args().any(|argument| argument == "--list") || std::env::var_os("NEXTEST").is_some() {
        return nslab::harness::main("labs");
    }
    let before = listing();
    let code = nslab::harness::main("labs");
    let differences = differences(&before, &listing());
    if differences.is_empty() {
        return code;
    }
    eprintln!("error: the labs have changed this machine\n{differences}");
    ExitCode::FAILURE
}
