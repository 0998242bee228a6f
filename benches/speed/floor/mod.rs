//! The floor: a workload with nothing between us and the kernel.
//!
//! It is a process of its own (this program, executed again), because all
//! others are measured as processes. It makes a sandbox and then does the
//! lab, each act one hand-packed request.

mod echo;
mod masquerade;
mod netlink;
pub mod network;
pub mod sandbox;
mod work;

use crate::stages::Stages;
use std::process::ExitCode;
pub use work::Work;

/// The first argument of a process that is to be the floor; then come the
/// workload and perhaps `STAGES`.
pub const ARGUMENT: &str = "__floor";
/// The last argument of a floor that is to print how long each stage took.
pub const STAGES: &str = "stages";

/// Runs the floor in this process, which has one thread.
pub fn run(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let stages = Stages::begin();
    let Some(work) = arguments.next().as_deref().and_then(Work::from_argument) else {
        eprintln!("floor: no such workload");
        return ExitCode::from(2);
    };
    let timed = arguments.next().as_deref() == Some(STAGES);
    sandbox::run(stages, timed, |stages| work.run(stages)).unwrap_or_else(|failure| {
        failure.tell();
        ExitCode::FAILURE
    })
}
