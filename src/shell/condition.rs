//! Which commands only ask.

use std::ops::Range;

/// Finds the commands whose exit code is an answer, and no failure: those
/// before `then` and `do`, before `||` and behind `!`. Commands are named by
/// their numbers.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// The compound commands that are open, each with the first command of its
    /// condition, while it is in one.
    open: Vec<Option<usize>>,
    negated: Option<usize>,
    pub found: Vec<Range<usize>>,
}

impl Conditions {
    /// Goes over a word that is the shell's own; `next` is the command that
    /// comes after it.
    pub fn word(&mut self, word: &str, next: usize) {
        match word {
            "if" | "while" | "until" => self.open.push(Some(next)),
            "{" | "for" | "case" | "select" => self.open.push(None),
            "fi" | "done" | "esac" | "}" => {
                self.open.pop();
            }
            "elif" => {
                if let Some(begin) = self.open.last_mut() {
                    *begin = Some(next);
                }
            }
            "then" | "do" => {
                if let Some(begin) = self.open.last_mut().and_then(Option::take) {
                    self.found.push(begin..next);
                }
            }
            "!" => self.negated = Some(next),
            _ => {}
        }
    }

    /// Comes to the end of a pipeline.
    pub fn end_pipeline(&mut self, next: usize) {
        self.found.extend(self.negated.take().map(|begin| begin..next));
    }
}
