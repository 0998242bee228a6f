//! The curriculum: every check of every lab below `labs/` is one test case,
//! and every table that a lab keeps is compared with the one in `snapshots/`.
//!
//! A lab runs in a sandbox of its own and needs no root. What this machine
//! cannot measure is ignored, with the reason.

fn main() -> std::process::ExitCode {
    nslab::harness::main("labs")
}
