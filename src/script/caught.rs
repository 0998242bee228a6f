//! Limits `catch` to refusals and to what a script throws. An error in the script
//! itself must stop the lab anywhere, or a `try` would hide it.
//!
//! The language catches both. So the body of each `try` is wrapped into a block
//! that turns an error into one that nothing catches: `try { … }` runs as
//! `try{@{…}}`. The additions take the place of blanks, so that all else keeps
//! its place, except in `try{…}` without blanks.

use super::fault;
use super::world::Halt;
use crate::event::{Fault, Stop};
use rhai::{
    AST, ASTNode, Dynamic, Engine, EvalAltResult, EvalContext, Expression, ParseError, Position, Scope, Stmt,
};
use std::collections::BTreeMap;

/// Registers the syntax of this block.
pub(super) fn register(engine: &mut Engine) {
    let syntax = engine.register_custom_syntax(["@", "$block$"], false, watch);
    syntax.expect("a symbol that the language does not use, and a block, are a syntax");
}

fn watch(context: &mut EvalContext, inputs: &[Expression]) -> Result<Dynamic, Box<EvalAltResult>> {
    let result = context.eval_expression_tree(&inputs[0]);
    result.map_err(|error| match is_mistake(&error) {
        false => error,
        true => {
            let position = error.position();
            let Stop::Fault(fault) = fault::stop(*error, 0) else { unreachable!("a mistake is a fault") };
            let own = || context.source().filter(|source| !source.is_empty()).map(String::from);
            let fault = Fault { helper: fault.helper.clone().or_else(own), ..fault };
            Box::new(EvalAltResult::ErrorTerminated(Dynamic::from(Halt::Fault(fault)), position))
        }
    })
}

fn is_mistake(error: &EvalAltResult) -> bool {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) => {
            is_mistake(inner)
        }
        EvalAltResult::ErrorRuntime(..) => false,
        other => other.is_catchable() && !other.is_pseudo_error(),
    }
}

/// Compiles a script to run.
pub(super) fn compile(engine: &Engine, text: &str) -> Result<AST, ParseError> {
    compile_with(engine, &Scope::new(), text)
}

/// Compiles a script to run with these variables.
pub(super) fn compile_with(engine: &Engine, scope: &Scope, text: &str) -> Result<AST, ParseError> {
    let ast = engine.compile_with_scope(scope, text)?;
    let mut bodies = Vec::new();
    ast.walk(&mut |path| {
        if let Some(ASTNode::Stmt(Stmt::TryCatch(flow, _))) = path.last() {
            bodies.push((flow.body.position(), flow.body.end_position()));
        }
        true
    });
    if bodies.is_empty() { Ok(ast) } else { engine.compile_with_scope(scope, watched(text, &bodies)) }
}

/// Returns the text with these blocks in the `try` bodies at these places.
fn watched(text: &str, bodies: &[(Position, Position)]) -> String {
    let lines: Vec<Vec<char>> = text.split('\n').map(|line| line.chars().collect()).collect();
    let at = |place: Position| Some((place.line()? - 1, place.position()? - 1));
    let is_blank = |line: usize, column: usize| matches!(lines[line].get(column), Some(' ' | '\t'));
    let mut instead: BTreeMap<(usize, usize), &str> = BTreeMap::new();
    for (begin, end) in bodies {
        let (Some((line, column)), Some((last, close))) = (at(*begin), at(*end)) else { continue };
        instead.insert((line, column), "{@{");
        instead.insert((last, close), "}}");
        let blanks = [(line, column.wrapping_sub(1)), (line, column + 1), (last, close + 1)];
        for (line, column) in blanks.into_iter().filter(|(line, column)| is_blank(*line, *column)) {
            instead.entry((line, column)).or_default();
        }
    }
    let mut done = String::with_capacity(text.len() + 8 * bodies.len());
    for (line, letters) in lines.iter().enumerate() {
        if line > 0 {
            done.push('\n');
        }
        for (column, letter) in letters.iter().enumerate() {
            match instead.get(&(line, column)) {
                Some(other) => done.push_str(other),
                None => done.push(*letter),
            }
        }
    }
    done
}
