//! What crosses the socket where somebody works in a lab.

use serde::{Deserialize, Serialize};

/// A shell for somebody who works in a lab. Its terminal comes along with the
/// order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// After which step it begins, by its number or how its text begins; of a
    /// shell lab, after which line. At the gap of an exercise, or at the end,
    /// where none is named.
    pub at: Option<String>,
    /// The namespace in which it begins; the host's where none is named.
    pub netns: Option<String>,
    /// The shell, as `/bin/bash`: one of [`Live::SHELLS`], or whatever there is.
    pub shell: String,
    /// What the terminal is called, as `xterm`.
    pub term: String,
    /// The lab's name, for the prompt.
    pub lab: String,
}

impl Live {
    /// The shells that tell what is typed in them. Of what is typed in another
    /// nothing could be checked.
    pub const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];
}

/// What somebody at work asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LiveAsk {
    /// `check`: how far what was typed solves the exercise.
    Check {
        /// What was typed so far, as a script.
        typed: String,
    },
    /// `why FROM TO`
    Why {
        /// What was typed so far, as a script.
        typed: String,
        /// The words behind `why`.
        words: Vec<String>,
    },
    /// `submit FILE`: writes what was typed into a file.
    Submit {
        /// What was typed so far, as a script.
        typed: String,
        /// The words behind `submit`.
        words: Vec<String>,
    },
}
