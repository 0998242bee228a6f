use super::super::caught;
use super::super::fault;
use super::super::world::{Call, Fallible, Halt, WorldCell, halt};
use super::judging::Given;
use super::options::Options;
use super::{Word, anywhere};
use crate::event::{Event, Fault, Stop, Submission, Unmeasured};
use crate::lab::{Item, Items, Language, Place};
use crate::net::{Leave, Netns, Network};
use rhai::{AST, ASTNode, Array, Dynamic, Engine, INT, Map, NativeCallContext, Scope, Stmt};
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "submission",
        form: "`submission(\"solutions/mask.sh\")` or `submission(\"solutions/mask.sh\", #{only, new_links, ports, services})`",
        about: "The gap of an exercise: all before it is given, all after it is judged. What runs there is the \
            reference solution, a script of bash(1) or of this vocabulary beside the exercise, which is \
            named; `nslab grade` has what a student handed in run instead. It stands alone, once, outside \
            of every block. The options say what a solution may change. `only` names the namespaces that it \
            may change, make or delete; the others stay as they are, but for what the kernel does by itself \
            (see `unchanged`). `new_links` is `false` where it may make no link, or the kinds that it may \
            make, as `[\"bridge\"]`. With either of them, each given link stays the one that it is: in its \
            namespace, under its name, with its other end, and its master, but for the links in `ports`, \
            which may get another. A solution that goes beyond this has done something else than the task: \
            each check that judges fails, and says what was changed. What it has left running stands still \
            from then on, so that nobody acts while the judge asks, but for the `services`, programs of the \
            machine by their names, as `[\"nginx\"]`.",
        example: "//! Give the host the address 10.0.0.1.\n\
              submission(\"solutions/address.rhai\");\n\
              check(\"it answers there\", ping(\"10.0.0.1\"));",
    },
    Word {
        name: "pick",
        form: "`pick(\"lan\", [\"10.0.1\", \"10.0.2\"])` or `pick(\"lan\", 1..=254)`",
        about: "Draws one of a list of strings or numbers, or of a range of numbers, for each student: the \
            student's name is the seed. The same name draws the same on every machine, for ever; \
            without one, as in `nslab test`, it is the first. Key and items are literals, and a key is \
            drawn once. In the `//!` lines and in the reference solution `{lan}` stands for what was \
            drawn (`${lan}` is a variable of the script's own). What no `{key}` shows stays hidden, as the \
            fault that a student is to find. What belongs together is drawn together: draw a number, and \
            choose with it.",
        example: "//! Give the host the address {lan}.1.\n\
              let lan = pick(\"lan\", [\"10.0.1\", \"10.0.2\", \"172.16.9\"]);\n\
              addr_add(\"lo\", `${lan}.1/24`);\n\
              check(\"it answers there\", ping(`${lan}.1`));",
    },
];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell, given: &Rc<Given>) {
    let (place, kept) = (cell.clone(), given.clone());
    engine.register_fn("submission", move |context: NativeCallContext, _: &str| {
        submission(&Call::new(&place, &context)?, &context, &kept, None)
    });
    let (place, kept) = (cell.clone(), given.clone());
    engine.register_fn("submission", move |context: NativeCallContext, _: &str, options: Map| {
        let call = Call::new(&place, &context)?;
        let allowed = allowed(&call, options)?;
        submission(&call, &context, &kept, Some(allowed))
    });
    anywhere!(engine, cell, "pick", |call, key: &str, items: Array| {
        let items = items.into_iter().map(|item| match item.as_int() {
            Ok(number) => Item::Number(number),
            Err(_) => Item::Text(item.to_string()),
        });
        pick(&call, key, &Items::Listed(items.collect()))
    });
    anywhere!(engine, cell, "pick", |call, key: &str, numbers: Range<INT>| {
        pick(&call, key, &Items::Range(numbers.start, numbers.end.saturating_sub(1)))
    });
    anywhere!(engine, cell, "pick", |call, key: &str, numbers: RangeInclusive<INT>| {
        pick(&call, key, &Items::Range(*numbers.start(), *numbers.end()))
    });
}

/// Draws a value. The items were checked when the lab was read.
fn pick(call: &Call, key: &str, items: &Items) -> Fallible<Dynamic> {
    refuse_in_gap(call, "pick")?;
    match items.draw(&call.world.order.seed, key) {
        Some(Item::Text(text)) => Ok(text.into()),
        Some(Item::Number(number)) => Ok(number.into()),
        None => Err(call.misuse("there is nothing to draw", "")),
    }
}

/// Refuses words that only the exercise may use, not a solution.
pub(super) fn refuse_in_gap(call: &Call, word: &str) -> Fallible<()> {
    match call.world.is_in_gap() {
        true => {
            Err(call.misuse(format!("a solution has no `{word}`"), "a solution acts; the exercise judges"))
        }
        false => Ok(()),
    }
}

/// Reads an exercise's options about what a solution may change.
fn allowed(call: &Call, options: Map) -> Fallible<Allowed> {
    let known = ["only", "new_links", "ports", "services"];
    let mut options = Options::new(call, "submission", options, &known)?;
    let names = |value: Dynamic, key: &str| -> Fallible<Option<Vec<String>>> {
        let name = |one: &Dynamic| match one.read_lock::<Netns>() {
            Some(netns) => Some(netns.name().to_string()),
            None => one.clone().into_string().ok(),
        };
        let many = match value.read_lock::<Array>() {
            Some(many) => many.to_vec(),
            None if value.is_unit() => return Ok(None),
            None => vec![value.clone()],
        };
        many.iter().map(name).collect::<Option<Vec<_>>>().map(Some).ok_or_else(|| {
            call.misuse(format!("the option `{key}` takes an array of names"), "as `[\"red\", \"blue\"]`")
        })
    };
    let only = names(options.any("only"), "only")?;
    let new_links = options.any("new_links");
    let new_links = match new_links.as_bool() {
        Ok(true) => None,
        Ok(false) => Some(Vec::new()),
        Err(_) => names(new_links, "new_links")?,
    };
    let ports = names(options.any("ports"), "ports")?.unwrap_or_default();
    let services = names(options.any("services"), "services")?.unwrap_or_default();
    Ok(Allowed { leave: Leave { only, new_links, ports }, services })
}

/// The permissions of a solution.
#[derive(Default)]
struct Allowed {
    leave: Leave,
    /// The programs that go on while the judge asks.
    services: Vec<String>,
}

fn submission(
    call: &Call,
    context: &NativeCallContext,
    given: &Given,
    allowed: Option<Allowed>,
) -> Fallible<()> {
    refuse_in_gap(call, "submission")?;
    if call.world.lives_in_gap() {
        call.world.live().map_err(|stop| call.stop(stop))?;
        return Err(halt(Halt::Done, call.position));
    }
    let Some(submission) = call.world.submission() else {
        return Err(call.misuse("there is nothing that could run in the gap", ""));
    };
    if let Some(Allowed { leave, .. }) = &allowed {
        // The state is only recorded if it is compared.
        let order = &call.world.order;
        let mut texts = order.helpers.iter().map(|helper| &helper.text).chain([&order.text]);
        let all = texts.any(|text| text.contains("unchanged"));
        let stock = call.world.network.take_stock(leave, all).map_err(|error| call.fault("", error))?;
        let _ = given.stock.set(stock);
    }
    let Allowed { leave, services } = allowed.unwrap_or_default();
    call.world.only.borrow_mut().clone_from(&leave.only);
    call.world.tell(Event::Submitting { path: submission.path.clone() });
    call.world.flush();
    let stop = call.world.in_gap(submission.timeout_ms, &services, || match submission.language {
        Language::Shell => call.world.run_shell(submission),
        Language::Rhai => run(context.engine(), &call.world.network, submission),
    });
    let stop = stop.map_err(|error| call.fault("", error))?.err();
    let stop = match call.world.network.why_cleared() {
        // The cause was not necessarily this submission.
        Some(cleared) if cleared.machine => {
            let remedy = "run it once more, with less beside it".to_string();
            let what = Unmeasured { place: call.place(), reason: cleared.reason, remedy: Some(remedy) };
            return Err(halt(Halt::NotMeasured(what), call.position));
        }
        Some(cleared) => {
            let message = format!("all its programs were ended: {}", cleared.reason);
            let place = Place::default();
            Some(Stop::Fault(Fault {
                helper: Some(submission.path.clone()),
                place,
                message,
                command: None,
                hint: None,
            }))
        }
        None => stop,
    };
    // Without bash, no submission can run. If other features of the machine were
    // missing, the submission has reported that (`Event::Lacked`), and is judged
    // by what it has built.
    let ours = !submission.handed_in || submission.language == Language::Shell;
    match stop.clone() {
        Some(Stop::NotMeasured(what)) if ours => {
            return Err(halt(Halt::NotMeasured(what), call.position));
        }
        Some(stop) if !submission.handed_in => {
            return Err(halt(Halt::Fault(reference_stopped(stop, submission)), call.position));
        }
        _ => {}
    }
    given.is_over.set(true);
    let trespasses = match given.stock.get().filter(|_| leave.says_something()) {
        Some(stock) => call.world.network.trespasses(stock, &leave),
        None => Ok(Vec::new()),
    };
    let trespasses = trespasses.map_err(|error| call.fault("", error))?;
    call.world.tell(Event::Submitted { stop, trespasses });
    Ok(())
}

/// Returns the fault of a reference solution that does not reach its end: it
/// proves nothing.
fn reference_stopped(stop: Stop, submission: &Submission) -> Fault {
    let path = || Some(submission.path.clone());
    match stop {
        Stop::Fault(fault) => fault,
        Stop::Deadline { place, timeout_ms } => Fault {
            helper: path(),
            place,
            message: format!("the reference solution was not done after {} s", timeout_ms as f64 / 1000.0),
            command: None,
            hint: None,
        },
        other => Fault {
            helper: path(),
            place: Place::default(),
            message: format!("the reference solution has stopped: {other:?}"),
            command: None,
            hint: None,
        },
    }
}

/// Runs a `.rhai` script, with its own variables and functions. Each given
/// namespace is a constant with its name.
fn run(engine: &Engine, network: &Network, submission: &Submission) -> Result<(), Stop> {
    let mut scope = Scope::new();
    for given in network.namespaces().unwrap_or_default() {
        scope.push_constant(given.name().to_string(), given);
    }
    let in_file = |stop: Stop| stop.in_file(&submission.path);
    let text = submission.text.strip_prefix('\u{feff}').unwrap_or(&submission.text);
    if let Some(fault) = fault::too_many(text) {
        return Err(in_file(Stop::Fault(fault)));
    }
    let mut ast = caught::compile_with(engine, &scope, text)
        .map_err(|error| in_file(Stop::Fault(fault::syntax_of(&error, text))))?;
    if let Some(place) = import(&ast) {
        let hint = Some("a solution is one file".to_string());
        let message = "a solution imports nothing".to_string();
        return Err(in_file(Stop::Fault(Fault { helper: None, place, message, command: None, hint })));
    }
    ast.set_source(&submission.path);
    let ran = engine.run_ast_with_scope(&mut scope, &ast);
    // Its started programs run until the end, while its variables live.
    std::mem::forget(scope);
    ran.map_err(|error| in_file(fault::stop(*error, submission.timeout_ms)))
}

/// Returns the place of the first import.
fn import(ast: &AST) -> Option<Place> {
    let mut found = None;
    ast.walk(&mut |path| {
        if let Some(ASTNode::Stmt(Stmt::Import(_, position))) = path.last() {
            found.get_or_insert(super::super::world::place(*position));
        }
        true
    });
    found
}
