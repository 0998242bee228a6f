use super::super::value::show;
use super::super::world::{Halt, WorldCell, halt};
use super::{Word, anywhere};
use crate::event::Event;
use rhai::Engine;

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "title",
        form: "`title(text)`",
        about: "Names the lab for a reader.",
        example: "title(\"Two rooms and one cable\");",
    },
    Word {
        name: "step",
        form: "`step(text)`",
        about: "Begins a step of the lab, for a reader of `nslab run`.",
        example: "step(\"Plug the cable in\");\nveth(\"a\", \"b\");",
    },
    Word {
        name: "note",
        form: "`note(text)`",
        about: "Tells a reader of `nslab run` something.",
        example: "note(`the host has ${links().len()} link`);",
    },
];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    anywhere!(engine, cell, "title", |call, text: &str| {
        call.world.tell(Event::Title(text.into()));
        Ok(())
    });
    anywhere!(engine, cell, "step", |call, text: &str| {
        if call.world.come_to_step(text).map_err(|stop| call.stop(stop))? {
            return Err(halt(Halt::Done, call.position));
        }
        call.world.tell(Event::Step { place: call.place(), text: text.into() });
        Ok(())
    });
    anywhere!(engine, cell, "note", |call, text: rhai::Dynamic| {
        call.world.tell(Event::Note { place: call.place(), text: show(&text) });
        Ok(())
    });
}
