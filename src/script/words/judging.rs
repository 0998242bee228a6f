use super::super::value::{ChangesValue, type_of};
use super::super::world::{Call, Fallible, WorldCell};
use super::exercises::refuse_in_gap;
use super::options::Options;
use super::{Word, anywhere};
use crate::lab::{Place, chosen};
use crate::net::{Changes, NetError, Netns, Network, Stock};
use rhai::{Array, Dynamic, Engine, INT, Map, NativeCallContext};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "any_of",
        form: "`any_of(1..=254)`, `any_of([\"10.0.0.7\", \"10.0.0.9\"])` or `any_of(1..=65535, #{count, not})`",
        about: "Draws one of a range of numbers or of an array, after `submission(…)`: a probe that nobody \
            who hands something in can have foreseen. `count` draws an array of so many different ones, \
            `not` leaves one out, or several. The solution does not see it, and can't compute it: unlike \
            what `pick` draws, it does not depend on the student's name but on what nslab draws for each \
            grading (`nslab grade --judging-seed`). In replays of the same run it is the same; in \
            `nslab test` it is the first.",
        example: "//! Give the host the address 10.0.0.1, and no other.\n\
              submission(\"solutions/address.rhai\");\n\
              let other = any_of(1..=254, #{not: 1});\n\
              check(\"it answers there\", ping(\"10.0.0.1\"));\n\
              refute(\"and nowhere else\", ping(`10.0.0.${other}`));",
    },
    Word {
        name: "unchanged",
        form: "`unchanged([ns])`",
        about: "Holds where the solution has changed nothing in the namespace: its links, addresses, routes \
            of all tables, rules, switches, firewall, queues and filters (`tc`), permanent neighbours, \
            xfrm and listening sockets are those that were given. What the kernel does by itself does not \
            count: neighbours it has learned, counters, connections, carriers. Its `.text` says what has \
            changed, and `.lines` is an array of that. `submission(…)` needs an option map, if only `#{}`; with `#{only: […]}` a change \
            elsewhere costs all points.",
        example: "//! Give the host the address 10.0.0.1. Red stays as it is.\n\
              let red = netns(\"red\");\n\
              submission(\"solutions/address.rhai\", #{});\n\
              check(\"it answers there\", ping(\"10.0.0.1\"));\n\
              check(\"red is as it was\", unchanged(red));",
    },
    Word {
        name: "given_links",
        form: "`given_links([ns])`",
        about: "Holds where each link that the exercise gave in the namespace is still there: the same one, \
            under its name, with the same other end and the same master; how it is set does not count. Its \
            `.text` says which one is not. `submission(…)` needs an option map, as for `unchanged`; with \
            one that says something, a given link that is moved away costs all points.",
        example: "//! Give the host the address 10.0.0.1, and leave the cable to red where it is.\n\
              let red = netns(\"red\");\n\
              veth(host(), \"to-red\", red, \"eth0\");\n\
              submission(\"solutions/address.rhai\", #{});\n\
              check(\"it answers there\", ping(\"10.0.0.1\"));\n\
              check(\"the cable is where it was\", given_links(red));",
    },
];

/// The given part for a submission, and the progress of the submission.
#[derive(Default)]
pub(super) struct Given {
    /// The state before it ran, if it is compared.
    pub stock: OnceCell<Stock>,
    /// Whether it has run.
    pub is_over: Cell<bool>,
    /// The number of draws at each place.
    drawn: RefCell<BTreeMap<Place, u32>>,
}

pub(super) fn register(engine: &mut Engine, cell: &WorldCell, given: &Rc<Given>) {
    macro_rules! compared {
        ($name:literal, $look:expr) => {
            let (place, kept) = (cell.clone(), given.clone());
            engine.register_fn($name, move |context: NativeCallContext, ns: Netns| {
                compare(&Call::new(&place, &context)?, &kept, $name, &ns, $look)
            });
            let (place, kept) = (cell.clone(), given.clone());
            engine.register_fn($name, move |context: NativeCallContext| {
                let call = Call::new(&place, &context)?;
                compare(&call, &kept, $name, &call.world.network.host(), $look)
            });
        };
    }
    compared!("unchanged", Network::changes_since);
    compared!("given_links", Network::links_since);
    macro_rules! any_of {
        ($type:ty, $pool:expr) => {
            let kept = given.clone();
            anywhere!(engine, cell, "any_of", |call, items: $type| {
                let pool = $pool;
                any_of(&call, &kept, pool(items), Map::new())
            });
            let kept = given.clone();
            anywhere!(engine, cell, "any_of", |call, items: $type, options: Map| {
                let pool = $pool;
                any_of(&call, &kept, pool(items), options)
            });
        };
    }
    any_of!(Array, Pool::Listed);
    any_of!(Range<INT>, |range: Range<INT>| Pool::Range(range.start, range.end.saturating_sub(1)));
    any_of!(RangeInclusive<INT>, |range: RangeInclusive<INT>| Pool::Range(*range.start(), *range.end()));
}

/// Returns the changes of a namespace since the submission started.
fn compare(
    call: &Call,
    given: &Given,
    word: &str,
    ns: &Netns,
    look: impl FnOnce(&Network, &Stock, &Netns) -> Result<Changes, NetError>,
) -> Fallible<ChangesValue> {
    refuse_in_gap(call, word)?;
    let stock = given.stock.get().filter(|_| given.is_over.get()).ok_or_else(|| {
        let hint = "give `submission(…)` an option map before it, as `#{only: [\"red\"]}`, or `#{}`";
        call.misuse(format!("`{word}` knows nothing of what was given"), hint)
    })?;
    let command = format!("{} addr; {} route", ns.ip(), ns.ip());
    let changes = call.ask(command, |network| look(network, stock, ns), |changes| (changes.text(), None))?;
    Ok(ChangesValue(Rc::new(changes)))
}

/// The values to draw from.
enum Pool {
    Listed(Array),
    Range(INT, INT),
}

fn any_of(call: &Call, given: &Given, pool: Pool, options: Map) -> Fallible<Dynamic> {
    refuse_in_gap(call, "any_of")?;
    if !given.is_over.get() {
        let hint =
            "what is drawn before `submission(…)` may be seen by the solution; `pick` draws for each student";
        return Err(call.misuse("`any_of` draws what a solution can't know, and none has run", hint));
    }
    let mut options = Options::new(call, "any_of", options, &["count", "not"])?;
    let count = options.number::<u32>("count", "a number from 1")?;
    let not = options.any("not");
    let not = match not.read_lock::<Array>() {
        Some(many) => many.to_vec(),
        None if not.is_unit() => Vec::new(),
        None => vec![not.clone()],
    };
    let wanted = count.unwrap_or(1);
    let nth = {
        let mut drawn = given.drawn.borrow_mut();
        let nth = drawn.entry(call.place()).or_default();
        *nth += 1;
        *nth
    };
    let number = |n: u32, of: u64| {
        let order = &call.world.order;
        chosen(&order.secret, &format!("{} {} {nth} {n}", order.seed, call.place()), of)
    };
    let drawn = match pool {
        Pool::Listed(items) => {
            let texts: Vec<String> = not.iter().map(ToString::to_string).collect();
            let mut left = items;
            left.retain(|item| !texts.contains(&item.to_string()));
            must_suffice(call, left.len() as u64, wanted)?;
            (0..wanted).map(|n| left.remove(number(n, left.len() as u64) as usize)).collect::<Array>()
        }
        Pool::Range(first, last) => {
            let mut out = BTreeSet::new();
            for item in &not {
                let number = item.as_int().map_err(|_| {
                    let found = type_of(item);
                    call.misuse(format!("the option `not` of a range takes numbers, not {found}"), "")
                })?;
                out.extend(Some(number).filter(|number| (first..=last).contains(number)));
            }
            let all = if last < first { 0 } else { last.abs_diff(first).saturating_add(1) };
            must_suffice(call, all.saturating_sub(out.len() as u64), wanted)?;
            let mut drawn = Array::new();
            for n in 0..wanted {
                let mut item = first.wrapping_add_unsigned(number(n, all - out.len() as u64));
                // Skip the excluded values.
                for gone in &out {
                    item += INT::from(*gone <= item);
                }
                out.insert(item);
                drawn.push(item.into());
            }
            drawn
        }
    };
    Ok(match count {
        Some(_) => drawn.into(),
        None => drawn.into_iter().next().unwrap_or_default(),
    })
}

fn must_suffice(call: &Call, left: u64, wanted: u32) -> Fallible<()> {
    match left >= u64::from(wanted) && wanted > 0 {
        true => Ok(()),
        false => Err(call.misuse(format!("there are {left} to draw from, and {wanted} are wanted"), "")),
    }
}
