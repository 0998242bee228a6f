//! The draws of an exercise for each student, found without running it.

use super::fault::at;
use super::suggest::nearest;
use super::world::place;
use crate::event::Fault;
use crate::lab::{Draw, Item, Items, Lab, Place, blanks, is_key};
use rhai::{Array, Dynamic, Expr, FnCallExpr, INT};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

/// The longest text of a draw, in bytes.
const LONGEST: usize = 200;

/// Reads a call of `pick`.
pub(super) fn read(call: &FnCallExpr, here: Place, method: bool) -> Result<Draw, Fault> {
    let form =
        || Some("write `pick(\"lan\", [\"10.0.1\", \"10.0.2\"])` or `pick(\"host\", 1..=254)`".to_string());
    if method {
        return Err(at(here, "`pick` is not called with a dot", form()));
    }
    let [first, second] = &call.args[..] else {
        return Err(at(here, "`pick` takes a key, and what to draw from", form()));
    };
    let Expr::StringConstant(key, _) = first else {
        let message = "the key of what is drawn is a string literal";
        let hint = "it is found without running the lab, to fill in the `//!` lines";
        return Err(at(place(first.position()), message, Some(hint.into())));
    };
    if !is_key(key) {
        let hint = "it has small letters, digits and `_`, as `lan_2`: in the `//!` lines it stands in braces";
        return Err(at(here, format!("`{key}` can't be a key"), Some(hint.into())));
    }
    let items = second.get_literal_value(None).and_then(items).ok_or_else(|| {
        let message = "what is drawn from is an array of strings and numbers, or a range of numbers";
        let hint = "they are literals: what is drawn is known without running the lab";
        at(place(second.position()), message, Some(hint.into()))
    })?;
    if let Items::Listed(texts) = &items
        && texts.iter().any(|item| matches!(item, Item::Text(text) if text.len() > LONGEST))
    {
        let hint = "it stands in the place of each `{key}`, of which there may be many";
        let message = format!("a text that is drawn has at most {LONGEST} bytes");
        return Err(at(place(second.position()), message, Some(hint.into())));
    }
    match items.is_empty() {
        true => Err(at(place(second.position()), format!("there is nothing to draw for `{key}`"), None)),
        false => Ok(Draw { key: key.to_string(), items, place: here }),
    }
}

fn items(value: Dynamic) -> Option<Items> {
    if let Some(numbers) = value.clone().try_cast::<Range<INT>>() {
        return Some(Items::Range(numbers.start, numbers.end.checked_sub(1)?));
    }
    if let Some(numbers) = value.clone().try_cast::<RangeInclusive<INT>>() {
        return Some(Items::Range(*numbers.start(), *numbers.end()));
    }
    let items = value.try_cast::<Array>()?.into_iter().map(|item| match item.as_int() {
        Ok(number) => Some(Item::Number(number)),
        Err(_) => item.into_string().ok().map(Item::Text),
    });
    items.collect::<Option<Vec<_>>>().map(Items::Listed)
}

/// Finds a key that is drawn twice.
pub(super) fn drawn_twice(draws: &[Draw]) -> Option<Fault> {
    let mut firsts: BTreeMap<&str, &Draw> = BTreeMap::new();
    draws.iter().find_map(|draw| {
        let Some(first) = firsts.get(draw.key.as_str()) else {
            firsts.insert(&draw.key, draw);
            return None;
        };
        let hint = format!("it was drawn at {}: keep it there with `let {} = …`", first.place, draw.key);
        Some(at(draw.place, format!("`{}` is drawn twice", draw.key), Some(hint)))
    })
}

/// Checks that each `{key}` of the task's text is drawn. A lab without a gap and
/// without draws may use braces freely.
pub(super) fn check_task(lab: &Lab) -> Result<(), Fault> {
    if lab.gap.is_none() && lab.draws.is_empty() {
        return Ok(());
    }
    let keys: BTreeSet<&str> = lab.draws.iter().map(|draw| draw.key.as_str()).collect();
    for (n, line) in lab.source.text.lines().enumerate() {
        let is_task = line.trim_start().starts_with("//!");
        if !is_task && !line.trim().is_empty() && !line.starts_with("#!") {
            break;
        }
        let unknown = |(_, key): &(usize, &str)| !keys.contains(key);
        if let Some((at_byte, key)) = blanks(line).find(unknown).filter(|_| is_task) {
            let column = line[..at_byte].chars().count() + 1;
            let near = nearest(key, keys);
            let hint = match near {
                Some(near) => format!("did you mean `{{{near}}}`?"),
                None => format!("draw it, as by `let {key} = pick(\"{key}\", [\"10.0.1\", \"10.0.2\"]);`"),
            };
            let here = Place::new(n as u32 + 1, column as u32);
            return Err(at(here, format!("nothing is drawn for `{{{key}}}`"), Some(hint)));
        }
    }
    Ok(())
}
