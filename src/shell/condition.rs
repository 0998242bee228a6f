//! Words that are the shell's own, and which commands between them only ask.

use super::scan::Simple;
use std::ops::Range;

/// Words after which another command begins.
pub(super) const BEFORE: [&str; 7] = ["then", "else", "elif", "do", "!", "time", "coproc"];
/// Words that begin a compound command, and a command in it.
pub(super) const OPENS: [&str; 4] = ["if", "while", "until", "{"];
/// Words that begin a compound command, and words of its own.
pub(super) const HEADERS: [&str; 4] = ["for", "case", "select", "function"];
/// Words that end one.
pub(super) const CLOSES: [&str; 4] = ["fi", "done", "esac", "}"];

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

    /// Comes to the end of a pipeline.
    pub fn end_pipeline(&mut self, next: usize) {
        self.found.extend(self.negated.take().map(|begin| begin..next));
    }
}
