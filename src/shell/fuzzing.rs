//! A shell lab's text, and bash's reports about its commands, for the fuzzers.

use super::paste::{Complaint, Parsed, Script};
use super::told::Heard;
use crate::lab::{LabName, LabSource};
use std::convert::Infallible;
use std::path::PathBuf;

/// The most questions to bash in a run: each takes it a millisecond.
const PATIENCE: usize = 100;

/// Reads a script; `answers` are bash's answers to the questions.
pub fn script(answers: u8, text: &str) {
    let path = PathBuf::from("/nonexistent/lab.sh");
    let source = LabSource { name: LabName::of(&path), path, text: text.into() };
    let _ = super::read(source);
    let mut asked = 0_usize;
    let _ = Script::of(text, |text| -> Result<Parsed, Option<Infallible>> {
        asked += 1;
        if asked > PATIENCE {
            return Err(None);
        }
        let lines = text.lines().count().max(1);
        let turn = asked * usize::from(answers);
        Ok(match turn % 4 {
            0 => Parsed::Sound,
            kind => Parsed::Wrong(Complaint {
                line: (turn / 4 % (lines + 2)) as u32,
                text: text.lines().nth(turn % lines).filter(|_| answers & 8 != 0).map(String::from),
                words: "syntax error".into(),
                at_end: kind == 2,
                here: (kind == 2 && answers & 16 != 0).then(|| "EOF".into()),
            }),
        })
    });
}

/// Reads bytes from the pipe of bash's reports, which programs of the lab can
/// write to.
pub fn told(bytes: &[u8]) {
    let mut heard = Heard::default();
    for chunk in bytes.chunks(16 * 1024) {
        heard.take(chunk);
        while heard.next().is_some() {}
    }
}
