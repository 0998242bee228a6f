//! What the machine lacks shows in what programs say.

use super::world::{Call, Fallible, Halt, halt};
use crate::event::{Event, Unmeasured};
use crate::net::{ExecAnswer, Lacking};

/// Looks whether a program was refused what this machine lacks. Where it has
/// failed for that, what follows is not measured; where only a part of it has,
/// a check that fails later is not.
///
/// A submission goes on: what it was refused is said to whoever judges it.
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
