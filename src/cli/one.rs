//! The one lab of the `run` and `export` commands.

use super::exit::{Findings, USAGE};
use crate::lab::Lab;
use crate::run;
use crate::sandbox::{For, Launcher, Sandbox, SandboxError, doctor};
use crate::script::{Compiler, Stage};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// The launcher, and a sandbox that prepares itself.
pub(super) type Prepared = Result<(Launcher, Sandbox), SandboxError>;

/// Reads a lab while its sandbox prepares itself. If it can't be read, prints the
/// reason and returns the exit code.
pub(super) fn read(path: &Path, sandboxes: For) -> Result<(Lab, Prepared), ExitCode> {
    let mut stage = Stage::new();
    let prepared = run::prepare(sandboxes, &mut stage);
    match run::read(&Compiler::new(stage), path) {
        Ok(lab) => Ok((lab, prepared)),
        Err(invalid) => {
            eprintln!("error: {invalid}");
            Err(Findings { invalid: true, ..Findings::default() }.into())
        }
    }
}

/// Prints why there is no sandbox, with the remedy; returns the exit code.
pub(super) fn without_sandbox(error: &SandboxError) -> ExitCode {
    eprintln!("error: {error}");
    if let Some(remedy) = doctor::remedy(error) {
        eprintln!("hint: {remedy}");
        if !remedy.copied.is_empty() {
            eprint!("\n{}", remedy.texts());
        }
    }
    Findings { nothing_measured: true, ..Findings::default() }.into()
}

/// Checks that an argument is the path of a file. If not, prints the reason and
/// returns the exit code.
pub(super) fn look_at(path: &Path) -> Result<(), ExitCode> {
    let shown = path.display();
    let error = match fs::metadata(path) {
        Err(error) => format!("failed to read `{shown}`: {}", run::words(&error)),
        Ok(found) if found.is_dir() => format!(
            "`{shown}` is a folder\nhint: name one lab in it, or run them all with `nslab test {shown}`"
        ),
        Ok(_) => return Ok(()),
    };
    eprintln!("error: {error}");
    Err(ExitCode::from(USAGE))
}
