//! Finds what the machine lacks in the output of programs.

use super::world::{Call, Fallible, Halt, halt};
use crate::event::{Event, Unmeasured};
use crate::net::{ExecAnswer, Lacking};

/// Checks whether a program failed for lack of a feature of this machine. If the
/// program failed, the rest is not measured. If only a part of it failed, a check
/// that fails later is not measured.
///
/// A submission goes on, and its judge hears what was missing.
pub(super) fn look(call: &Call, answer: &ExecAnswer) -> Fallible<()> {
    if answer.ended.is_some() {
        return Ok(());
    }
    let Some(Lacking { reason, remedy }) = call.world.network.lack_behind(&answer.command, &answer.stderr)
    else {
        return Ok(());
    };
    let what = Unmeasured { place: call.place(), reason, remedy: Some(remedy) };
    if !answer.ok() && !call.world.is_in_gap() {
        return Err(halt(Halt::NotMeasured(what), call.position));
    }
    call.world.tell(Event::Lacked(what));
    Ok(())
}
