//! A lab's text, for the fuzzers.

use super::compile::Compiler;
use super::{caught, fault, foresight};
use crate::lab::{LabName, LabSource};
use std::path::PathBuf;

thread_local! {
    static COMPILER: Compiler = Compiler::default();
}

/// Reads a text as a lab, and as a submission, without running it.
pub fn lab(text: &str) {
    // A reference solution with this name exists beside it.
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/labs/exercises/fuzzed.rhai"));
    let source = LabSource { name: LabName::of(&path), path, text: text.into() };
    COMPILER.with(|compiler| {
        match compiler.read(source) {
            Ok(lab) => {
                for seed in ["", "alice"] {
                    lab.task(seed);
                    lab.reference(seed);
                }
                lab.judging().count();
            }
            Err(fault) => drop(crate::lab::excerpt(text, fault.place)),
        }
        if fault::too_many(text).is_some() {
            return;
        }
        let engine = &compiler.stage.engine;
        match caught::compile(engine, text) {
            Ok(ast) => {
                foresight::expected(&ast);
                foresight::veths_that_may_wait(&ast);
            }
            Err(error) => drop(fault::syntax_of(&error, text)),
        }
    });
}
