//! Labs for Linux networking: a script builds a network out of namespaces,
//! asks it questions, and says what the answers must be. Each lab runs in a
//! fresh sandbox, without root and without a daemon, and leaves nothing
//! behind; each of its expectations is a test case.
//!
//! # The flow
//!
//! ```text
//! lab file ─▶ Lab ─▶ sandbox runs the script ─▶ Events ─▶ Outcomes ─▶ report
//! ```
//!
//! 1. A file is [read](run::read), not run, and becomes a [`lab::Lab`]: its
//!    checks are found in the syntax tree, so that `--list` is instant.
//! 2. A [`sandbox`] runs it: a process outside the lab's namespaces evaluates
//!    the [`script`], acts on the [network](net) and observes it.
//! 3. What it does, asks and expects comes back as [`event`]s; what it
//!    observes are [`table`]s.
//! 4. A [judge](check::Judge) turns events into one of four outcomes for each
//!    check: passed, failed, skipped, or not measured.
//! 5. A [`report`] tells a person; the [`harness`] tells `cargo test`.
//!
//! The arrows between these rooms run one way; `tests/tidy.rs` holds them.
//!
//! # Labs as tests of a crate
//!
//! `tests/labs.rs`, with `harness = false` for it in `Cargo.toml`:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     nslab::harness::main("labs")
//! }
//! ```
//!
//! # One lab by hand
//!
//! ```
//! use nslab::check::{Shelf, Update};
//! use nslab::run::{self, Settings};
//! use nslab::sandbox::For;
//! use nslab::script::{Compiler, Stage};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("nslab-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! let file = folder.join("lo.rhai");
//! std::fs::write(&file, r#"check("I hear myself", ping("127.0.0.1"));"#)?;
//!
//! // A sandbox begins before there are threads; in a doctest there are some.
//! let mut stage = Stage::new();
//! let prepared = run::prepare(For::Labs, &mut stage);
//!
//! let lab = run::read(&Compiler::new(stage), &file)?;
//! assert_eq!(lab.checks[0].name, "I hear myself");
//! if let Ok((launcher, mut sandbox)) = prepared {
//!     let shelf = Shelf::of(&file, &lab.source.name, Update::Never);
//!     let outcomes = run::lab(&lab, &launcher, &mut sandbox, &shelf, &Settings::default(), |_, _| {})?;
//!     assert!(outcomes[0].verdict.is_passed());
//! }
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```

// What tests share names this crate as they do.
#[cfg(test)]
extern crate self as nslab;

pub mod check;
pub mod cli;
pub mod event;
pub mod exercise;
#[doc(hidden)]
pub mod fuzzing;
pub mod harness;
pub mod lab;
pub mod net;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod script;
pub mod shell;
pub mod table;
pub mod why;
