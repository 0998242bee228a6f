//! Finds the command of a shell lab after which a target was not reached any more.

use super::inquiry::{Replay, WhyError};
use crate::event::{Aim, Moment, Ran, WorkedUntil};

/// The most commands that are told.
const MOST: usize = 3;

/// Finds the last moment at which the target was reached, by a replay that watches for it after
/// each command, and checks it by a fresh one, which goes as far as the next command. `None` if
/// the target was never reached.
pub(super) fn worked_until(replay: &mut Replay, end: &Moment) -> Result<Option<WorkedUntil>, WhyError> {
    replay.ask(Aim::Watch, &[])?;
    let probed = std::mem::take(&mut replay.heard.probed);
    let Some(at) = probed.iter().rposition(|(_, reached)| *reached == Some(true)) else { return Ok(None) };
    // The lab went on unwatched.
    if probed.get(at + 1).is_some_and(|(_, reached)| reached.is_none()) {
        return Ok(None);
    }
    let last = probed[at].0;
    replay.at = probed.get(at + 1).map_or(end.clone(), |(line, _)| Moment::Step(line.to_string()));
    replay.watched = true;
    let look = Aim::Prove { cures: Vec::new(), ways: Vec::new() };
    if replay.ask(look, &[])?.0.reached {
        return Ok(None);
    }
    let is_between = |ran: &&Ran| ran.helper.is_none() && ran.place.line > last;
    let ran: Vec<Ran> = replay.heard.ran.iter().filter(is_between).cloned().collect();
    let Some(first) = ran.first() else { return Ok(None) };
    Ok(Some(WorkedUntil {
        line: first.place.line,
        commands: ran.iter().take(MOST).map(|ran| ran.command.clone()).collect(),
        changes: ran.iter().flat_map(|ran| ran.changes.clone()).collect(),
    }))
}
