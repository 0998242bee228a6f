use super::super::value::{Answer, answer, text, type_of};
use super::super::world::{Call, Fallible, WorldCell};
use super::exercises::refuse_in_gap;
use super::options::Options;
use super::{Word, anywhere};
use crate::event::{Event, Expectation, Observed};
use rhai::{Dynamic, Engine, FnPtr, INT, Map, NativeCallContext};
use std::time::{Duration, Instant};

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "check",
        form: "`check(name, value)` or `check(name, value, #{points, hint, needs})`",
        about: "Expects a bool to be true, or an answer to be `.ok`. The name is a string literal, \
                and a test case. A check whose `needs` (a name, or several) failed is skipped. A \
                failed check does not stop the lab.",
        example: "check(\"two and two\", 2 + 2 == 4);",
    },
    Word {
        name: "refute",
        form: "`refute(name, value)` or `refute(name, value, #{points, hint, needs})`",
        about: "Expects a bool to be false, or an answer not to be `.ok`.",
        example: "refute(\"nobody is there\", ping(\"10.0.0.1\"));",
    },
    Word {
        name: "eventually",
        form: "`eventually(name, timeout_ms, || value)` or `eventually(name, timeout_ms, || value, #{points, hint, needs})`",
        about: "Asks again and again until the value holds, for `timeout_ms` at most.",
        example: "let sleeper = start(\"sleep 0.05\");\neventually(\"it ends\", 5000, || !sleeper.running);",
    },
    Word {
        name: "snapshot",
        form: "`snapshot(name, table)` or `snapshot(name, table, #{points, hint, needs})`",
        about: "Expects a table, an answer or a text to be the one that was accepted, which \
                `snapshots/` keeps. Once in a run for each name.",
        example: "let red = netns(\"red\");\nsnapshot(\"red's links\", links(red));",
    },
];

const OPTIONS: [&str; 3] = ["points", "hint", "needs"];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    anywhere!(engine, cell, "check", |call, name: &str, value: Dynamic| {
        value_expected(&call, "check", name, &value, true, Map::new())
    });
    anywhere!(engine, cell, "check", |call, name: &str, value: Dynamic, options: Map| {
        value_expected(&call, "check", name, &value, true, options)
    });
    anywhere!(engine, cell, "refute", |call, name: &str, value: Dynamic| {
        value_expected(&call, "refute", name, &value, false, Map::new())
    });
    anywhere!(engine, cell, "refute", |call, name: &str, value: Dynamic, options: Map| {
        value_expected(&call, "refute", name, &value, false, options)
    });
    anywhere!(engine, cell, "snapshot", |call, name: &str, value: Dynamic| {
        snapshot(&call, name, &value, Map::new())
    });
    anywhere!(engine, cell, "snapshot", |call, name: &str, value: Dynamic, options: Map| {
        snapshot(&call, name, &value, options)
    });
    let place = cell.clone();
    engine.register_fn(
        "eventually",
        move |context: NativeCallContext, name: &str, timeout_ms: INT, value: FnPtr| {
            let call = Call::new(&place, &context)?;
            eventually(&call, &context, name, timeout_ms, &value, Map::new())
        },
    );
    let place = cell.clone();
    engine.register_fn(
        "eventually",
        move |context: NativeCallContext, name: &str, timeout_ms: INT, value: FnPtr, options: Map| {
            let call = Call::new(&place, &context)?;
            eventually(&call, &context, name, timeout_ms, &value, options)
        },
    );
}

/// Reads a value as an answer, or reports why it is none.
fn read(call: &Call, word: &str, value: &Dynamic) -> Fallible<Answer> {
    answer(value).ok_or_else(|| {
        let found = type_of(value);
        let hint = match found {
            "a table" => {
                "ask something of the table, as `.is_empty()` or `.contains(#{…})`, or keep it with `snapshot`"
            }
            "a capture" => "ask something of its packets, as `.rows().contains(#{…})`",
            "a process" => "ask something of it, as `.running`; what a program answers, `exec` gives",
            "a service" => "it is there when the call returns; ask it something, as with `http_get` or `resolve`",
            "nothing" => "what only acts gives no answer: let it stand alone, and ask about it afterwards",
            _ => "",
        };
        call.misuse(format!("`{word}` takes a bool or an answer, not {found}"), hint)
    })
}

fn found(answer: Answer, wanted: bool) -> Observed {
    Observed::Value {
        met: answer.ok == wanted,
        expected: if wanted { answer.wanted } else { answer.unwanted }.into(),
        seen: answer.text,
    }
}

fn value_expected(
    call: &Call,
    word: &str,
    name: &str,
    value: &Dynamic,
    wanted: bool,
    options: Map,
) -> Fallible<()> {
    let answer = read(call, word, value)?;
    expect(call, word, name, found(answer, wanted), options)
}

fn snapshot(call: &Call, name: &str, value: &Dynamic, options: Map) -> Fallible<()> {
    let Some(text) = text(value) else {
        let found = type_of(value);
        let hint = "it keeps what can be read, as `routes(red)`";
        return Err(call.misuse(format!("`snapshot` takes a table, an answer or a text, not {found}"), hint));
    };
    if !call.world.is_first_snapshot(name) {
        let hint = "a snapshot has one text; give each round's a `check`";
        return Err(call.misuse(format!("the snapshot `{name}` was taken before in this run"), hint));
    }
    expect(call, "snapshot", name, Observed::Text(text), options)
}

fn eventually(
    call: &Call,
    context: &NativeCallContext,
    name: &str,
    timeout_ms: INT,
    value: &FnPtr,
    options: Map,
) -> Fallible<()> {
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| {
        call.misuse(format!("{timeout_ms} is no time to wait"), "a time is a positive number of milliseconds")
    })?;
    call.world.flush();
    let timeout = Duration::from_millis(call.world.at_most(timeout_ms));
    let deadline = Instant::now() + timeout;
    let mut pause = Duration::from_millis(1);
    let last = loop {
        // Only the last try is reported.
        call.world.hold();
        let tried = value
            .call_within_context::<Dynamic>(context, ())
            .and_then(|value| read(call, "eventually", &value));
        let left = deadline.saturating_duration_since(Instant::now());
        match tried {
            Ok(answer) if !answer.ok && !left.is_zero() => {
                std::thread::sleep(pause.min(left));
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            tried => {
                call.world.release();
                break tried?;
            }
        }
    };
    let mut found = found(call.in_time(last)?, true);
    if let Observed::Value { expected, .. } = &mut found {
        *expected = format!("{expected} within {timeout_ms} ms");
    }
    expect(call, "eventually", name, found, options)
}

fn expect(call: &Call, word: &str, name: &str, found: Observed, options: Map) -> Fallible<()> {
    refuse_in_gap(call, word)?;
    let mut options = Options::new(call, word, options, &OPTIONS)?;
    call.world.tell(Event::Expected(Expectation {
        name: name.into(),
        place: call.place(),
        found,
        needs: options.texts("needs")?,
        points: options.number("points", "a number")?,
        hint: options.text("hint")?,
    }));
    Ok(())
}
