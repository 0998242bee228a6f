//! The form of a remedy.

use std::fmt;

/// A remedy: one line, and texts to copy if it is longer than that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remedy {
    /// All of it, in one line.
    pub line: String,
    /// Commands or settings, in full.
    pub copied: Vec<Copied>,
}

/// A text to copy as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The place for the text.
    pub to: String,
    /// The text, without a line break at its end.
    pub text: String,
}

impl Remedy {
    pub(super) fn new(line: impl Into<String>) -> Self {
        Self { line: line.into(), copied: Vec::new() }
    }

    pub(super) fn copied(mut self, to: impl Into<String>, text: impl Into<String>) -> Self {
        self.copied.push(Copied { to: to.into(), text: text.into() });
        self
    }

    /// Appends another remedy.
    pub(super) fn and(mut self, other: Self) -> Self {
        if self.line.is_empty() {
            return other;
        }
        if !other.line.is_empty() {
            self.line = format!("{}; and {}", self.line, other.line);
        }
        self.copied.extend(other.copied);
        self
    }

    /// Returns the texts, each below its place; empty if the line says
    /// everything.
    pub fn texts(&self) -> String {
        let texts = self.copied.iter().map(|Copied { to, text }| format!("{to}:\n\n{text}\n"));
        texts.collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl From<String> for Remedy {
    fn from(line: String) -> Self {
        Self::new(line)
    }
}
