//! The shell's keywords, and the commands between them whose exit code is an
//! answer.

use super::scan::Simple;
use std::ops::Range;

/// Keywords that come before another command.
pub(super) const BEFORE: [&str; 7] = ["then", "else", "elif", "do", "!", "time", "coproc"];
/// Keywords that open a compound command, followed by a command.
pub(super) const OPENS: [&str; 4] = ["if", "while", "until", "{"];
/// Keywords that open a compound command, followed by words of its own.
pub(super) const HEADERS: [&str; 4] = ["for", "case", "select", "function"];
/// Keywords that close a compound command.
pub(super) const CLOSES: [&str; 4] = ["fi", "done", "esac", "}"];

/// Finds the commands whose exit code is an answer, not a failure: those before
/// `then` and `do`, before `||` and after `!`. Commands are named by their
/// numbers.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// The open compound commands. Each has the first command of its condition
    /// while it is in one.
    open: Vec<Option<usize>>,
    negated: Option<usize>,
    pub found: Vec<Range<usize>>,
}

impl Conditions {
    /// Takes a keyword; `next` is the number of the command after it.
    pub fn word(&mut self, word: &str, next: usize) {
        match word {
            "if" | "while" | "until" => self.open.push(Some(next)),
            "{" | "for" | "case" | "select" => self.open.push(None),
            word if CLOSES.contains(&word) => {
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

    /// Marks the commands that were found. There may be as many ranges as
    /// commands, one within the other.
    pub fn mark(&self, simples: &mut [Simple]) {
        let mut steps = vec![0_isize; simples.len() + 1];
        for range in self.found.iter().filter(|range| !range.is_empty()) {
            steps[range.start] += 1;
            steps[range.end] -= 1;
        }
        let mut inside = 0;
        for (simple, step) in simples.iter_mut().zip(steps) {
            inside += step;
            simple.asks |= inside > 0;
        }
    }

    /// Takes the end of a pipeline.
    pub fn end_pipeline(&mut self, next: usize) {
        self.found.extend(self.negated.take().map(|begin| begin..next));
    }
}
