use super::{Place, Span};
use std::fmt;

/// The kind of expectation.
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
    /// Returns the kind that a function of this name declares.
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

/// An expectation in the lab file, found without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The name, unique in its lab.
    pub name: String,
    /// The kind of expectation.
    pub kind: Kind,
    /// The place of the call.
    pub place: Place,
    /// The places that its value comes from: the call itself, and the `let`
    /// statements of its variables. Questions asked there are its evidence.
    pub evidence: Vec<Span>,
    /// The outside tool without which the lab stops before this check, if the
    /// file alone shows that.
    pub tool: Option<ToolUse>,
    /// The points in an exercise.
    pub points: u32,
    /// Help for a student whose check failed, if the file alone shows it.
    pub hint: Option<String>,
    /// Earlier checks that must pass for this one to mean something, if the file
    /// alone shows them.
    pub needs: Vec<String>,
}

/// A command line of the lab that needs an outside tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolUse {
    /// The program, as `ip`.
    pub program: String,
    /// The place in the lab that uses it.
    pub place: Place,
}
