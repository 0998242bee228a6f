use super::{Place, Span};
use std::fmt;

/// Which expectation a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `check(name, value)`: the value must hold.
    Check,
    /// `refute(name, value)`: the value must not hold.
    Refute,
    /// `eventually(name, timeout_ms, || value)`: the value must come to hold.
    Eventually,
    /// `snapshot(name, table)`: the text must be the accepted one.
    Snapshot,
}

impl Kind {
    /// The kind that a function of this name declares.
    pub fn of(function: &str) -> Option<Self> {
        match function {
            "check" => Some(Self::Check),
            "refute" => Some(Self::Refute),
            "eventually" => Some(Self::Eventually),
            "snapshot" => Some(Self::Snapshot),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Check => "check",
            Self::Refute => "refute",
            Self::Eventually => "eventually",
            Self::Snapshot => "snapshot",
        })
    }
}

/// An expectation as it stands in the lab file, found without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The name, unique in its lab.
    pub name: String,
    /// Which expectation it is.
    pub kind: Kind,
    /// Where it stands.
    pub place: Place,
    /// Where its value comes from: the call itself, and the `let` statements
    /// of the variables that it uses. Questions asked there are its evidence.
    pub evidence: Vec<Span>,
    /// The outside tool without which the lab stops before this check, where
    /// the file alone tells.
    pub tool: Option<ToolUse>,
    /// What it is worth in an exercise.
    pub points: u32,
    /// What to tell somebody whose check failed, where the file alone tells.
    pub hint: Option<String>,
    /// Names of earlier checks without which it says nothing, where the file
    /// alone tells.
    pub needs: Vec<String>,
}

/// A command line of the lab that needs an outside tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolUse {
    /// The program, as `ip`.
    pub program: String,
    /// Where the lab asks for it.
    pub place: Place,
}
