//! The traps of the curriculum: the time of `nslab why` with a proved cure, beyond the
//! time of the lab itself.

use crate::clock::{self, Times};
use crate::setting::Setting;
use std::io;
use std::process::Command;
use std::time::Duration;

/// The time that it may cost.
pub const ALLOWED: Duration = Duration::from_millis(150);

/// A place in the curriculum, right before a ping that fails.
struct Place {
    lab: &'static str,
    text: &'static str,
    /// The last step that is done, from 1.
    step: usize,
    from: &'static str,
    to: &'static str,
}

macro_rules! place {
    ($lab:literal, $step:literal, $from:literal, $to:literal) => {
        Place {
            lab: $lab,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/labs/", $lab, ".rhai")),
            step: $step,
            from: $from,
            to: $to,
        }
    };
}

const PLACES: [Place; 11] = [
    place!("cable/switch-on", 1, "red", "192.168.15.2"),
    place!("cable/mask", 1, "red", "192.168.15.2"),
    place!("cable/subnet", 1, "red", "192.168.15.2"),
    place!("cable/typo", 2, "red", "192.168.15.2"),
    place!("bridge/host", 1, "host", "192.168.15.1"),
    place!("bridge/policy", 2, "red", "192.168.15.2"),
    place!("router/routes", 1, "A", "192.168.2.5"),
    place!("router/routes", 3, "A", "192.168.2.5"),
    place!("router/forward", 1, "A", "192.168.2.5"),
    place!("nat/masquerade", 1, "blue", "192.168.1.3"),
    place!("nat/masquerade", 3, "blue", "192.168.1.3"),
];

impl Place {
    /// The lab up to there, with a check in it: a lab without one fails.
    fn lab_so_far(&self) -> String {
        let ends = self.text.match_indices("\nstep(").map(|(at, _)| at + 1).nth(self.step);
        let so_far = &self.text[..ends.unwrap_or(self.text.len())];
        format!("{so_far}\ncheck(\"so far\", true);\n")
    }
}

/// The results of one place.
pub struct Trap {
    pub title: String,
    pub lab: Times,
    pub why: Times,
}

impl Trap {
    /// Returns the time of the answer beyond that of the lab, by their medians.
    pub fn beyond(&self) -> Option<Duration> {
        Some(self.why.median()?.saturating_sub(self.lab.median()?))
    }
}

/// Runs the lab and the question in turn.
///
/// # Errors
///
/// If a process can't be started, or an answer is not proved.
pub fn run(setting: &Setting, rounds: usize) -> io::Result<Vec<Trap>> {
    let mut traps = Vec::new();
    for place in &PLACES {
        let Place { lab, step, from, to, .. } = place;
        let whole = setting.workshop.write(&format!("traps/{lab}.rhai"), &[place.text])?;
        let so_far = format!("traps-so-far/{lab}-{step}.rhai");
        let so_far = setting.workshop.write(&so_far, &[&place.lab_so_far()])?;
        let title = format!("{lab}, step {step}: {from} → {to}");
        let mut trap = Trap { title, lab: Times::none(), why: Times::none() };
        let ask = || {
            let mut why = Command::new(&setting.nslab);
            why.arg("why").arg(&whole).args([from, to, "--at", &step.to_string()]);
            why
        };
        prove(&trap.title, ask().arg("--json"))?;
        for _ in 0..rounds {
            trap.lab.add(timed(setting, Command::new(&setting.nslab).arg("test").arg(&so_far))?);
            trap.why.add(timed(setting, &mut ask())?);
        }
        traps.push(trap);
    }
    Ok(traps)
}

fn timed(setting: &Setting, command: &mut Command) -> io::Result<Duration> {
    setting.quiet.wait()?;
    Ok(clock::time(command)?.0)
}

/// Checks that the answer is proved.
fn prove(title: &str, why: &mut Command) -> io::Result<()> {
    let output = why.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    if said.contains("\"proved\":true") {
        return Ok(());
    }
    let said = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
    Err(io::Error::other(format!("{title}: no proved answer: {}", said.trim())))
}
