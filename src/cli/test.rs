use super::Test;
use super::exit::{Findings, USAGE};
use crate::harness::{self, Asked};
use crate::run::{Record, Settings};
use clap::Parser;
use libtest_mimic::Arguments;
use std::process::ExitCode;

/// `nslab test`
pub(super) fn run(typed: Test) -> ExitCode {
    let flags: Vec<String> = std::iter::once("nslab test --".to_string()).chain(typed.libtest).collect();
    // Without flags, there is nothing to parse.
    let arguments = match flags.len() {
        1 => Ok(Arguments::default()),
        _ => Arguments::try_parse_from(flags),
    };
    let arguments = match arguments {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let settings = Settings {
        timeout_ms: typed.deadline.timeout,
        patience_ms: typed.patience.patience,
        evidence: typed.evidence.map_or(Record::Dropped, Record::Written),
        ..Settings::default()
    };
    let asked = Asked { paths: typed.paths, accept: typed.accept, settings };
    match harness::run(&asked, &arguments) {
        Ok(summary) => Findings {
            failed: summary.failed,
            invalid: summary.invalid,
            nothing_measured: summary.nothing_measured && !arguments.list,
            bug: summary.bug,
        }
        .into(),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(USAGE)
        }
    }
}
