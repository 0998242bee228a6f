//! The vocabulary, one module per subject.
//!
//! Each word has its documentation where it is registered: its form, its effect,
//! and an example that a test runs.

mod addresses;
mod captures;
mod containers;
mod exercises;
mod expectations;
mod firewall;
mod forwarding;
mod judging;
mod links;
mod namespaces;
mod options;
mod programs;
mod questions;
mod services;
mod sweep;
mod switches;
mod telling;
mod why;

use super::world::WorldCell;
use crate::net::{Netns, typed_words};
use rhai::Engine;
use std::rc::Rc;

/// A word of the vocabulary, as in the book.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    /// The name.
    pub name: &'static str,
    /// The form of its call, with optional parts in brackets.
    pub form: &'static str,
    /// Its effect, and its errors.
    pub about: &'static str,
    /// A whole lab as an example.
    pub example: &'static str,
}

/// Returns all words, by subject.
pub fn all() -> impl Iterator<Item = &'static Word> {
    [
        namespaces::WORDS,
        links::WORDS,
        addresses::WORDS,
        switches::WORDS,
        firewall::WORDS,
        programs::WORDS,
        services::WORDS,
        questions::WORDS,
        sweep::WORDS,
        captures::WORDS,
        forwarding::WORDS,
        why::WORDS,
        containers::WORDS,
        expectations::WORDS,
        exercises::WORDS,
        judging::WORDS,
        telling::WORDS,
    ]
    .into_iter()
    .flatten()
}

/// Registers all words.
pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    namespaces::register(engine, cell);
    links::register(engine, cell);
    addresses::register(engine, cell);
    switches::register(engine, cell);
    firewall::register(engine, cell);
    programs::register(engine, cell);
    services::register(engine, cell);
    questions::register(engine, cell);
    sweep::register(engine, cell);
    captures::register(engine, cell);
    forwarding::register(engine, cell);
    why::register(engine, cell);
    containers::register(engine, cell);
    expectations::register(engine, cell);
    let given = Rc::default();
    exercises::register(engine, cell, &given);
    judging::register(engine, cell, &given);
    telling::register(engine, cell);
}

/// Returns the `ip` command for a namespace, as one would type it.
fn ip_line(ns: &Netns, words: &[&str]) -> String {
    format!("{} {}", ns.ip(), typed_words(words))
}

/// Registers a function that takes a namespace first, and one without it for the
/// host's. (`name, |call, ns, argument: Type, …| body`)
macro_rules! here_or_host {
    ($engine:ident, $cell:ident, $name:literal,
     |$call:ident, $ns:ident $(, $argument:ident : $type:ty)*| $body:expr) => {{
        let cell = $cell.clone();
        $engine.register_fn($name, move |context: rhai::NativeCallContext, $ns: crate::net::Netns $(, $argument: $type)*| {
            let run = || -> crate::script::world::Fallible<_> {
                let $call = crate::script::world::Call::new(&cell, &context)?;
                $body
            };
            run()
        });
        let cell = $cell.clone();
        $engine.register_fn($name, move |context: rhai::NativeCallContext $(, $argument: $type)*| {
            let run = || -> crate::script::world::Fallible<_> {
                let $call = crate::script::world::Call::new(&cell, &context)?;
                let $ns = $call.world.network.host();
                $body
            };
            run()
        });
    }};
}
pub(super) use here_or_host;

/// Registers a function that takes no namespace.
macro_rules! anywhere {
    ($engine:ident, $cell:ident, $name:literal,
     |$call:ident $(, $argument:ident : $type:ty)*| $body:expr) => {{
        let cell = $cell.clone();
        $engine.register_fn($name, move |context: rhai::NativeCallContext $(, $argument: $type)*| {
            let run = || -> crate::script::world::Fallible<_> {
                let $call = crate::script::world::Call::new(&cell, &context)?;
                $body
            };
            run()
        });
    }};
}
pub(super) use anywhere;
