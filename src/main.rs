//! The door: a sandbox, or the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A sandbox has to begin before there is a second thread.
    nslab::run::if_sandbox();
    nslab::cli::main()
}
