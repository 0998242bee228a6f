//! Decides whether a refusal is the machine's fault; no other module decides
//! this.
//!
//! *Takes* commands and their output, *gives* the missing feature of the machine
//! and the remedy, *never* trusts output alone. Three conditions must hold. The
//! tool has refused with a known message. The command names something that
//! exists in some kernel or tool (`names`). And the kernel, asked again here in
//! a namespace of its own, does not know it. So a typing error stays a typing
//! error, and a program gains nothing by printing a tool's message.

mod asked;
mod feature;
mod names;
mod probe;
mod words;

use crate::net::{NetError, Network};
use feature::Feature;
use nix::fcntl::OFlag;
use std::path::Path;

/// A feature that the machine lacks, and the remedy for its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// The refusal, in the tool's own words.
    pub reason: String,
    /// The missing feature and the remedy.
    pub remedy: String,
}

impl Network {
    /// The feature that the machine lacks, if that is why these commands were
    /// refused; `said` is their output.
    pub fn lack_behind(&self, commands: &str, said: &str) -> Option<Lacking> {
        let reason = words::refusal(said)?;
        let mut asked = asked::features(commands);
        if commands.starts_with("CNI_COMMAND=") {
            asked.extend(asked::features_of_plugin(commands, said));
        }
        let lacking = self.first_missing(&asked, said)?;
        Some(Lacking { reason: reason.into(), remedy: lacking.remedy() })
    }

    /// Adds to the refusal of a command the feature that the machine lacks, if
    /// that is the reason.
    pub fn blame(&self, error: NetError, command: &str) -> NetError {
        if error.unmeasured.is_some() {
            return error;
        }
        match self.lack_behind(command, &error.error) {
            // A tool's excerpt of the command does not help the machine's owner.
            Some(Lacking { reason, remedy }) => NetError { error: reason, ..error }.unmeasured(remedy),
            None => error,
        }
    }

    fn first_missing(&self, asked: &[Feature], said: &str) -> Option<Feature> {
        let here = |feature: &Feature| match feature {
            // Whether the program is installed was checked before.
            Feature::Program(..) => Some(said.contains("not found")),
            Feature::Extension(name) => Some(said.contains("Couldn't load") && !probe::has_extension(name)),
            Feature::Switch(path, _) => Some(self.rooms.open(Path::new(path), OFlag::O_PATH).is_err()),
            // The message itself tells which backend was to write the rules.
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
