//! Whether the machine is to blame for a refusal: the one place that decides.
//!
//! *Takes* commands and what was said of them, *gives* what the machine lacks
//! and the remedy, *never* believes words alone. Three things have to come
//! together: the tool has refused in words that fit, the command names
//! something that exists in the world (`names`), and the kernel, asked here
//! once more in a namespace of its own, does not know it. So a slip stays a
//! slip, and whoever prints a tool's words gets nothing by it.

mod asked;
mod feature;
mod names;
mod probe;
mod words;

use super::{NetError, Network};
use feature::Feature;
use nix::fcntl::OFlag;
use std::path::Path;

/// What a machine lacks, and what its owner can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// How it was refused, in the tool's own words.
    pub reason: String,
    /// What is missing, and what helps.
    pub remedy: String,
}

impl Network {
    /// What the machine lacks, where that is why it was refused what these
    /// commands ask for; `said` is what they printed.
    pub fn lack_behind(&self, commands: &str, said: &str) -> Option<Lacking> {
        let reason = words::refusal(said)?;
        let mut asked = asked::features(commands);
        if commands.starts_with("CNI_COMMAND=") {
            asked.extend(asked::features_of_plugin(commands, said));
        }
        let lacking = self.first_missing(&asked, said)?;
        Some(Lacking { reason: reason.into(), remedy: lacking.remedy() })
    }

    /// A refusal of what this command asks for, with what the machine lacks
    /// where that is the reason.
    pub fn blame(&self, error: NetError, command: &str) -> NetError {
        if error.unmeasured.is_some() {
            return error;
        }
        match self.lack_behind(command, &error.error) {
            // A tool's picture of the place is of no use to its owner.
            Some(Lacking { reason, remedy }) => NetError { error: reason, ..error }.unmeasured(remedy),
            None => error,
        }
    }

    fn first_missing(&self, asked: &[Feature], said: &str) -> Option<Feature> {
        let here = |feature: &Feature| match feature {
            // Already looked for.
            Feature::Program(..) => Some(said.contains("not found")),
            Feature::Extension(name) => Some(said.contains("Couldn't load") && !probe::has_extension(name)),
            Feature::Switch(path, _) => Some(self.rooms.open(Path::new(path), OFlag::O_PATH).is_err()),
            // By whom the rules were to be written, it says itself.
            Feature::OldTable(..) if !(said.contains("(legacy)") || said.contains("can't initialize")) => {
                Some(false)
            }
            _ => None,
        };
        if let Some(found) = asked.iter().find(|feature| here(feature) == Some(true)) {
            return Some(*found);
        }
        let old = said.contains("(legacy)");
        let new = |feature: &Feature| !old || matches!(feature, Feature::OldTable(..));
        let open: Vec<Feature> =
            asked.iter().copied().filter(|feature| here(feature).is_none() && new(feature)).collect();
        probe::first_missing(open)
    }
}
