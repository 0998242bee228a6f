use super::Doctor;
use super::exit::Findings;
use crate::sandbox::doctor;
use std::process::ExitCode;

/// `nslab doctor`
pub(super) fn run(typed: &Doctor) -> ExitCode {
    let report = doctor::examine();
    if typed.json {
        println!("{}", report.json());
    } else {
        print!("{report}");
    }
    Findings { nothing_measured: !report.can_run_labs(), ..Findings::default() }.into()
}
