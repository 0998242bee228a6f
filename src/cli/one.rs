//! One lab that was named by its file, as `run` and `export` take it.

use super::exit::{Findings, USAGE};
use crate::lab::Lab;
use crate::run;
use crate::sandbox::{For, Launcher, Sandbox, SandboxError, doctor};
use crate::script::{Compiler, Stage};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// The launcher, and a sandbox that makes itself ready.
pub(super) type Prepared = Result<(Launcher, Sandbox), SandboxError>;

/// Reads a lab while its sandbox, which is for these, makes itself ready. Where it
/// can't be read, says why, and gives the exit code.
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

/// Says why there is no sandbox, and what helps; gives the exit code.
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

/// Looks that what was typed is the path of a file. Where it is not, says so,
/// and gives the exit code.
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
