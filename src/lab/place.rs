use serde::{Deserialize, Serialize};
use std::fmt;

/// A place in a lab file.
///
/// Lines and columns count from 1; a column counts characters, not bytes.
/// Line 0 means that the place is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// Creates a place.
    pub fn new(line: u32, column: u32) -> Self {
        Self { line, column }
    }

    /// Tells whether the place is known.
    pub fn is_known(self) -> bool {
        self.line > 0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A range from one place to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first place.
    pub first: Place,
    /// The last place.
    pub last: Place,
}

impl Span {
    /// Tells whether `place` is inside.
    pub fn contains(&self, place: Place) -> bool {
        self.first <= place && place <= self.last
    }
}
