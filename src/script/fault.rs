//! The script language's errors in our own words, at their places.

use super::suggest::nearest;
use super::words;
use super::world::{Halt, place};
use crate::event::{Fault, Stop};
use crate::lab::Place;
use crate::table::{Addr, FdbEntry, Link, Neighbour, Route, Row};
use rhai::{Dynamic, EvalAltResult, LexError, Map, ParseError, ParseErrorType};

/// Says what stopped a script.
pub(super) fn stop(error: EvalAltResult, timeout_ms: u64) -> Stop {
    let (helper, error) = innermost(error);
    let position = error.position();
    let place = place(position);
    let fault = |message: String, hint: Option<String>| {
        Stop::Fault(Fault { helper: helper.clone(), place, message, command: None, hint })
    };
    match error {
        EvalAltResult::ErrorTerminated(token, _) => match token.try_cast::<Halt>() {
            Some(Halt::NotMeasured(what)) => Stop::NotMeasured(what),
            _ => Stop::Deadline { place, timeout_ms },
        },
        EvalAltResult::ErrorRuntime(value, _) => {
            let (message, command, hint) = thrown(value);
            Stop::Fault(Fault { helper, place, message, command, hint })
        }
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let (message, hint) = not_found(&signature);
            fault(message, hint)
        }
        EvalAltResult::ErrorPropertyNotFound(name, _) => {
            let hint = nearest(&name, fields()).map(|near| format!("did you mean `{near}`?"));
            fault(format!("there is no field `{name}` here"), hint)
        }
        EvalAltResult::ErrorDotExpr(text, _) => {
            let name = text.split('\'').nth(1).or(text.split('`').nth(1)).unwrap_or(&text).to_string();
            let hint = nearest(&name, fields()).map(|near| format!("did you mean `{near}`?"));
            fault(format!("there is no field `{name}` here"), hint)
        }
        EvalAltResult::ErrorMismatchDataType(wanted, found, _) if wanted == "bool" && found != "bool" => {
            let answers = ["ping", "exec"];
            let hint = answers
                .contains(&found.as_str())
                .then(|| format!("an answer is not a bool; ask for its `.ok`, as in `{found}(…).ok`"));
            fault(format!("a bool is needed here, not {}", a(&found)), hint)
        }
        EvalAltResult::ErrorTooManyOperations(_) => fault(
            "the script runs on and on: it has done ten million operations".into(),
            Some("a loop that waits for something is an `eventually(name, timeout_ms, || value)`".into()),
        ),
        EvalAltResult::ErrorStackOverflow(_) => fault(
            "the functions call each other without end".into(),
            Some("a script's calls may be 64 deep".into()),
        ),
        EvalAltResult::ErrorDataTooLarge(what, _) => {
            fault(format!("{} is too large for a script", lower(&what)), None)
        }
        EvalAltResult::ErrorParsing(error, _) => {
            let (message, hint) = parse_words(&error);
            fault(message, hint)
        }
        other => fault(lower(strip_position(&other.to_string())), None),
    }
}

/// A syntax error at its place.
pub(super) fn syntax(error: &ParseError) -> Fault {
    let (message, hint) = parse_words(&error.0);
    Fault { helper: None, place: place(error.1), message, command: None, hint }
}

/// What went wrong, freed of the calls that led there, and the helper file in
/// which it did.
fn innermost(error: EvalAltResult) -> (Option<String>, EvalAltResult) {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, source, inner, position)
        | EvalAltResult::ErrorInModule(source, inner, position) => {
            let (helper, mut inner) = innermost(*inner);
            if inner.position().is_none() {
                inner.set_position(position);
            }
            (helper.or(Some(source).filter(|source| !source.is_empty())), inner)
        }
        other => (None, other),
    }
}

/// What a script threw, or one of ours.
fn thrown(value: Dynamic) -> (String, Option<String>, Option<String>) {
    let text = |map: &Map, key: &str| map.get(key).and_then(|value| value.clone().into_string().ok());
    match value.read_lock::<Map>() {
        Some(map) if map.contains_key("error") => {
            (text(&map, "error").unwrap_or_default(), text(&map, "command"), text(&map, "hint"))
        }
        _ => (format!("the script threw {value}"), None, None),
    }
}

/// A call that no function answers: the name was found to be right before
/// the script ran, so it is the arguments.
fn not_found(signature: &str) -> (String, Option<String>) {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ""));
    let types = types.trim_end_matches(')');
    let types: Vec<String> = types.split(", ").map(type_name).collect();
    let word = words::all().find(|word| word.name == name);
    let hint = word.map(|word| format!("write {}", word.form));
    match word {
        None if !name.starts_with(|c: char| c.is_alphabetic()) => {
            (format!("`{name}` does not work on {}", types.join(" and ")), None)
        }
        _ => (format!("`{name}` does not take ({})", types.join(", ")), hint),
    }
}

/// A type as a reader of the book knows it.
fn type_name(text: &str) -> String {
    match text.trim() {
        "i64" | "INT" => "int".into(),
        "f64" | "FLOAT" => "float".into(),
        "()" => "nothing".into(),
        text if text.contains("ImmutableString") || text == "String" => "string".into(),
        text => text.to_string(),
    }
}

fn a(found: &str) -> String {
    let found = type_name(found);
    let article = if found.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {found}")
}

fn parse_words(error: &ParseErrorType) -> (String, Option<String>) {
    match error {
        ParseErrorType::VariableUndefined(name) | ParseErrorType::ModuleUndefined(name) => {
            let known = ["host()"];
            let hint = nearest(&format!("{name}()"), known).map(|near| format!("did you mean `{near}`?"));
            (format!("there is no variable `{name}`"), hint)
        }
        ParseErrorType::BadInput(LexError::ImproperSymbol(symbol, text)) if text.is_empty() => {
            (format!("`{symbol}` does not belong here"), None)
        }
        ParseErrorType::BadInput(LexError::UnterminatedString) => (
            "a string is not closed".into(),
            Some("a string ends with the quote it began with, on the same line".into()),
        ),
        ParseErrorType::MissingToken(token, text) => (format!("expected `{token}` {}", lower(text)), None),
        other => (lower(&other.to_string()), None),
    }
}

/// The names of all fields of all rows.
fn fields() -> Vec<&'static str> {
    [Link::FIELDS, Addr::FIELDS, Route::FIELDS, Neighbour::FIELDS, FdbEntry::FIELDS].concat()
}

/// Starts a message in lower case, as all of ours do.
fn lower(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    let second_is_lower = text.chars().nth(1).is_some_and(|c| !c.is_uppercase());
    match letters.next() {
        Some(first) if second_is_lower => first.to_lowercase().chain(letters).collect(),
        _ => text.to_string(),
    }
}

/// Takes away the ` (line 1, position 2)` that stands in front of the message
/// already.
fn strip_position(text: &str) -> &str {
    text.rfind(" (line ").map_or(text, |at| &text[..at])
}

/// A fault that is found before the script runs.
pub(super) fn at(place: Place, message: impl Into<String>, hint: Option<String>) -> Fault {
    Fault { helper: None, place, message: message.into(), command: None, hint }
}
