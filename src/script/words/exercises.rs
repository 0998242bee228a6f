use super::super::caught;
use super::super::fault;
use super::super::world::{Call, Fallible, Halt, Stand, halt};
use super::Word;
use crate::event::{Event, Fault, Stop, Submission};
use crate::lab::{Language, Place};
use crate::net::Network;
use rhai::{AST, ASTNode, Engine, NativeCallContext, Scope, Stmt};

pub(super) const WORDS: &[Word] = &[Word {
    name: "submission",
    form: "`submission(\"solutions/mask.sh\")`",
    about: "The gap of an exercise: all before it is given, all after it is judged. What runs there is the \
            reference solution, a script of bash(1) or of this vocabulary beside the exercise, which is \
            named; `nslab grade` has what a student handed in run instead. It stands alone, once, outside \
            of every block.",
    example: "//! Give the host the address 10.0.0.1.\n\
              submission(\"solutions/address.rhai\");\n\
              check(\"it answers there\", ping(\"10.0.0.1\"));",
}];

pub(super) fn register(engine: &mut Engine, stand: &Stand) {
    let place = stand.clone();
    engine.register_fn("submission", move |context: NativeCallContext, _: &str| {
        submission(&Call::new(&place, &context)?, &context)
    });
}

/// Refuses what is the exercise's business and not that of a solution.
pub(super) fn refuse_in_gap(call: &Call, word: &str) -> Fallible<()> {
    match call.world.is_in_gap() {
        true => {
            Err(call.misuse(format!("a solution has no `{word}`"), "a solution acts; the exercise judges"))
        }
        false => Ok(()),
    }
}

fn submission(call: &Call, context: &NativeCallContext) -> Fallible<()> {
    refuse_in_gap(call, "submission")?;
    let Some(submission) = call.world.submission() else {
        return Err(call.misuse("there is nothing that could run in the gap", ""));
    };
    call.world.tell(Event::Submitting { path: submission.path.clone() });
    call.world.flush();
    let stop = call.world.in_gap(submission.timeout_ms, || match submission.language {
        Language::Shell => call.world.run_shell(submission),
        Language::Rhai => run(context.engine(), &call.world.network, submission),
    });
    let stop = stop.map_err(|error| call.fault("", error))?.err();
    // Without bash nobody's script can be run. Another tool that a script asks
    // for, and the machine lacks, is the script's own choice.
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
    call.world.tell(Event::Submitted { stop });
    Ok(())
}

/// A reference solution that does not come to its end proves nothing.
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

/// Runs a script of this vocabulary, with variables and functions of its own.
/// Each namespace that is given is there under its name.
fn run(engine: &Engine, network: &Network, submission: &Submission) -> Result<(), Stop> {
    let mut scope = Scope::new();
    for given in network.namespaces().unwrap_or_default() {
        scope.push_constant(given.name().to_string(), given);
    }
    let in_file = |stop: Stop| stop.in_file(&submission.path);
    let text = submission.text.strip_prefix('\u{feff}').unwrap_or(&submission.text);
    let mut ast = caught::compile_with(engine, &scope, text)
        .map_err(|error| in_file(Stop::Fault(fault::syntax_of(&error, text))))?;
    if let Some(place) = import(&ast) {
        let hint = Some("a solution is one file".to_string());
        let message = "a solution imports nothing".to_string();
        return Err(in_file(Stop::Fault(Fault { helper: None, place, message, command: None, hint })));
    }
    ast.set_source(&submission.path);
    let ran = engine.run_ast_with_scope(&mut scope, &ast);
    // What it has started runs on while its variables live: until the end.
    std::mem::forget(scope);
    ran.map_err(|error| in_file(fault::stop(*error, submission.timeout_ms)))
}

/// Where a script imports something.
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
