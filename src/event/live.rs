//! The data that crosses the socket when a person works in a lab.

use serde::{Deserialize, Serialize};

/// A shell for a person who works in a lab. Its terminal comes along with the
/// order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The step after which the shell begins: its number, or how its text
    /// begins. In a shell lab, the line. If `None`, the gap of an exercise, or
    /// the end.
    pub at: Option<String>,
    /// The namespace in which the shell begins; if `None`, the host's.
    pub netns: Option<String>,
    /// The shell, as `/bin/bash`: one of [`Live::SHELLS`], or any other that
    /// exists.
    pub shell: String,
    /// The value of `TERM`, as `xterm`.
    pub term: String,
    /// The lab's name, for the prompt.
    pub lab: String,
}

impl Live {
    /// The shells that report the commands typed in them. Commands typed in any
    /// other could not be checked.
    pub const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];
}

/// A question from the person at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LiveAsk {
    /// `check`: how far the typed commands solve the exercise.
    Check {
        /// The commands typed so far, as a script.
        typed: String,
    },
    /// `why FROM TO`
    Why {
        /// The commands typed so far, as a script.
        typed: String,
        /// The arguments of `why`.
        words: Vec<String>,
    },
    /// `submit FILE`: writes the typed commands into a file.
    Submit {
        /// The commands typed so far, as a script.
        typed: String,
        /// The arguments of `submit`.
        words: Vec<String>,
    },
}
