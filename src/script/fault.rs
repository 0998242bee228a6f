//! The script language's errors in nslab's words, with their places.

use super::engine::{ARRAY_ITEMS, MAP_ITEMS, STRING_BYTES};
use super::suggest::{meant, nearest};
use super::words;
use super::world::{Halt, place};
use crate::event::{Fault, Stop};
use crate::lab::Place;
use crate::table::{self, Row};
use rhai::{Dynamic, EvalAltResult, LexError, Map, ParseError, ParseErrorType};

/// Returns the reason why a script stopped.
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
            Some(Halt::Fault(fault)) => Stop::Fault(Fault { helper: fault.helper.or(helper), ..fault }),
            // Nobody sees the end of a replay.
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
            fault(format!("there is no field `{name}` here"), did_you_mean(meant(&name, fields())))
        }
        EvalAltResult::ErrorDotExpr(text, _) => {
            let (message, hint) = no_field(&text);
            fault(message, hint)
        }
        EvalAltResult::ErrorMismatchDataType(wanted, found, _) if wanted == "bool" => {
            let found = type_name(&found);
            let hint = is_answer(&found)
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
        EvalAltResult::ErrorDataTooLarge(what, _) => fault(too_large(&what), None),
        EvalAltResult::ErrorIndexingType(what, _) => {
            let owner = what.split(" [").next().unwrap_or(&what);
            fault(format!("{} has no items", a(&type_name(owner))), None)
        }
        EvalAltResult::ErrorFor(_) => {
            fault("a `for` goes over an array, a map, a table or a range".into(), None)
        }
        EvalAltResult::ErrorNonPureMethodCallOnConstant(name, _) => {
            fault(format!("`{name}` would change a constant"), Some("make it with `let`".into()))
        }
        EvalAltResult::ErrorParsing(error, _) => {
            let (message, hint) = parse_words(&error);
            fault(message, hint)
        }
        other => fault(ours(strip_position(&other.to_string())), None),
    }
}

/// The most variables in a text. The language searches for each name among all of
/// them; with a hundred thousand, that takes minutes.
const VARIABLES: usize = 5000;

/// Returns the error that a text has too many variables.
pub(super) fn too_many(text: &str) -> Option<Fault> {
    let is_word = |at: usize, length: usize| {
        let part_of = |c: char| c.is_alphanumeric() || c == '_';
        !text[..at].ends_with(part_of) && !text[at + length..].starts_with(part_of)
    };
    let mut made: Vec<usize> = ["let", "const"]
        .iter()
        .flat_map(|word| text.match_indices(word))
        .filter(|(at, word)| is_word(*at, word.len()))
        .map(|(at, _)| at)
        .collect();
    if made.len() <= VARIABLES {
        return None;
    }
    made.sort_unstable();
    let before = &text[..made[VARIABLES]];
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let here = Place::new(before.matches('\n').count() as u32 + 1, column as u32);
    let hint = Some("put what is alike into an array".to_string());
    Some(at(here, format!("a script has at most {VARIABLES} variables"), hint))
}

/// Returns a syntax error with its place.
pub(super) fn syntax(error: &ParseError) -> Fault {
    let (message, hint) = parse_words(&error.0);
    Fault { helper: None, place: place(error.1), message, command: None, hint }
}

/// Returns the same, with hints from the text of the script.
pub(super) fn syntax_of(error: &ParseError, text: &str) -> Fault {
    let fault = syntax(error);
    Fault { hint: fault.hint.or_else(|| unknown_name_hint(&error.0, text)), ..fault }
}

/// Returns the error without the calls around it, and the helper file in which it
/// happened.
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

/// Returns the message, command and hint of a thrown value, or of a refusal.
fn thrown(value: Dynamic) -> (String, Option<String>, Option<String>) {
    let text = |map: &Map, key: &str| map.get(key).and_then(|value| value.clone().into_string().ok());
    match value.read_lock::<Map>() {
        Some(map) if map.contains_key("error") => {
            (text(&map, "error").unwrap_or_default(), text(&map, "command"), text(&map, "hint"))
        }
        _ if value.is_unit() => ("the script threw nothing".into(), None, None),
        _ => (format!("the script threw `{value}`"), None, None),
    }
}

/// Returns the error that no function accepts a call. The names were checked
/// before the script ran, so the arguments are wrong.
fn not_found(signature: &str) -> (String, Option<String>) {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ""));
    let types = types.strip_suffix(')').unwrap_or(types);
    let types: Vec<String> = types.split(", ").map(type_name).collect();
    let word = words::all().find(|word| word.name == name);
    // `x.len()` on a field that a row does not have.
    let absent = types.len() > 1 && types[0] == "nothing" || word.is_none() && types == ["nothing"];
    let absent = absent.then(|| {
        "what a row does not have is `()`, as the `rule` of a chain: ask `x != () && …`".to_string()
    });
    let hint = word.map(|word| {
        // If all are strings already, one of them stands for a namespace.
        let strings = types.iter().all(|name| name == "string");
        let name = if strings { "; a namespace is what `netns(name)` gives, not its name" } else { "" };
        format!("write {}{name}", word.form)
    });
    let types = match name.starts_with(|c: char| c.is_alphabetic()) {
        true => types.join(", "),
        false => return (format!("`{name}` does not work on {}", types.join(" and ")), None),
    };
    let message = if name.contains("::") {
        // The functions of a helper are only known after it is loaded.
        format!("there is no function `{name}` that takes ({types})")
    } else if name.contains('$') {
        // The name of a closure is `anon$…`.
        format!("the closure does not take ({types})")
    } else {
        format!("`{name}` does not take ({types})")
    };
    // The names that a solution calls were not checked before.
    let near =
        || did_you_mean(nearest(name, words::all().map(|word| word.name)).filter(|near| *near != name));
    (message, absent.or(hint).or_else(near))
}

/// Returns the error that a value lacks a property, or that it can't be set.
fn no_field(text: &str) -> (String, Option<String>) {
    let mut quoted = text.split('\'').skip(1).step_by(2);
    let (Some(name), Some(owner)) = (quoted.next(), quoted.next()) else {
        return (ours(text), None);
    };
    let owner = type_name(owner);
    let owner = if is_answer(&owner) { format!("{} answer", a(&owner)) } else { a(&owner) };
    if text.contains("setter") {
        return (format!("the field `{name}` of {owner} can't be set"), None);
    }
    (format!("{owner} has no field `{name}`"), did_you_mean(meant(name, fields())))
}

/// Returns the error that a value exceeds a limit, with the limit.
fn too_large(what: &str) -> String {
    if what.contains("string") {
        format!("the strings here are too long: a script may have {} MiB of them", STRING_BYTES >> 20)
    } else if what.contains("array") {
        format!("there are too many items: an array may have {ARRAY_ITEMS}, those within it included")
    } else {
        format!("there are too many entries: a map may have {MAP_ITEMS}, those within it included")
    }
}

fn did_you_mean(near: Option<&str>) -> Option<String> {
    near.map(|near| format!("did you mean `{near}`?"))
}

/// Returns a type's name as in the book.
fn type_name(text: &str) -> String {
    match text.trim() {
        "i64" | "INT" => "int".into(),
        "f64" | "FLOAT" => "float".into(),
        "()" => "nothing".into(),
        text if text.contains("ImmutableString") || text == "String" => "string".into(),
        // A type of nslab, by its Rust name: `nslab::script::value::PingValue`.
        text if text.contains("::") => {
            let last = text.rsplit("::").next().unwrap_or(text);
            last.trim_end_matches("Value").to_lowercase()
        }
        text => text.to_string(),
    }
}

/// Tells whether a type is an answer to a question.
fn is_answer(name: &str) -> bool {
    ["ping", "tcp", "http", "resolve", "traceroute", "cni", "exec", "forwarding"].contains(&name)
}

fn a(found: &str) -> String {
    let vowel = found.starts_with(['a', 'e', 'i', 'o']) || found == "http";
    let article = if vowel { "an" } else { "a" };
    format!("{article} {found}")
}

fn parse_words(error: &ParseErrorType) -> (String, Option<String>) {
    let plain = |message: String| (message, None);
    match error {
        ParseErrorType::VariableUndefined(name) => plain(format!("there is no variable `{name}`")),
        ParseErrorType::ModuleUndefined(name) => plain(format!("nothing is imported as `{name}`")),
        ParseErrorType::BadInput(error) => bad_input(error),
        ParseErrorType::Reserved(word) if word.starts_with(char::is_alphabetic) => {
            let hint = (word == "spawn").then(|| "a program is started with `start`".into());
            (format!("`{word}` is a reserved word of the language"), hint)
        }
        ParseErrorType::Reserved(symbol) => {
            let hint = (symbol == "#").then(|| "a comment begins with `//`".into());
            (format!("`{symbol}` does not belong here"), hint)
        }
        ParseErrorType::MissingToken(token, text) => missing_token(token, text),
        ParseErrorType::MismatchedType(wanted, found) => {
            let wanted = if wanted == "a boolean expression" { "a bool" } else { wanted };
            plain(format!("{wanted} is needed here, not {found}"))
        }
        ParseErrorType::VariableExpected => plain("the name of a variable is missing here".into()),
        ParseErrorType::PropertyExpected => plain("the name of a field is missing here".into()),
        ParseErrorType::ExprTooDeep => {
            let hint = "take a part of it out, with a `let` of its own";
            ("this is nested too deeply".into(), Some(hint.into()))
        }
        ParseErrorType::AssignmentToConstant(name) if name.is_empty() => {
            plain("this is a value, and nothing can be assigned to it".into())
        }
        ParseErrorType::AssignmentToConstant(name) => {
            (format!("`{name}` is a constant"), Some("make it with `let`".into()))
        }
        other => plain(ours(&other.to_string())),
    }
}

fn bad_input(error: &LexError) -> (String, Option<String>) {
    match error {
        LexError::ImproperSymbol(symbol, text) if text.is_empty() || text.contains("is disabled") => {
            (format!("`{symbol}` does not belong here"), None)
        }
        LexError::UnterminatedString => {
            let hint = "a string ends with the quote it began with; only one in backticks has several lines";
            ("a string is not closed".into(), Some(hint.into()))
        }
        LexError::MalformedChar(text) => {
            let hint = format!("a string stands in double quotes: `\"{text}\"`");
            (format!("`'{text}'` is not one character"), Some(hint))
        }
        LexError::UnexpectedInput(text) => match text.chars().next() {
            Some(c) if c.is_control() || c.is_whitespace() => {
                (format!("the character U+{:04X} does not belong here", u32::from(c)), None)
            }
            _ => (format!("`{text}` does not belong here"), None),
        },
        other => (ours(&other.to_string()), None),
    }
}

/// Returns the error that a token is missing, here or before.
fn missing_token(token: &str, text: &str) -> (String, Option<String>) {
    let call = text.split('\'').nth(1).filter(|_| text.contains("function call"));
    let (what, hint) = match (token, call) {
        (",", Some(name)) => (format!("`,` or `)` in the call of `{name}`"), None),
        (")", Some(name)) => (format!("`)` at the end of the call of `{name}`"), None),
        (",", None) if text.contains("array literal") => ("`,` or `]` in this array".into(), None),
        ("," | "}", None) if text.contains("map literal") => ("`,` or `}` in this map".into(), None),
        (";", _) => ("`;`".into(), Some("a statement ends with `;`, and the one before this place does not")),
        ("}", _) if text.contains("block") => ("`}`".into(), Some("a `{` further up is not closed")),
        _ => (format!("`{token}` {}", text.replace('\'', "`")), None),
    };
    (format!("expected {what}"), hint.map(Into::into))
}

/// Returns help for an unknown name, if the text of the script shows it.
fn unknown_name_hint(error: &ParseErrorType, text: &str) -> Option<String> {
    let (name, makers): (_, &[&str]) = match error {
        ParseErrorType::VariableUndefined(name) => (name, &["let", "const", "for"]),
        ParseErrorType::ModuleUndefined(name) => (name, &["as"]),
        _ => return None,
    };
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    let known = words.windows(2).filter(|pair| makers.contains(&pair[0])).map(|pair| pair[1]);
    let known: Vec<&str> = known.collect();
    if known.contains(&name.as_str()) {
        let hint =
            "it is known from its `let` on, within the same braces, and a `fn` sees its arguments only";
        return Some(hint.into());
    }
    if words::all().any(|word| word.name == name) {
        return Some(format!("`{name}` is a function: write `{name}(…)`"));
    }
    did_you_mean(nearest(name, known))
}

/// The fields of answers and of started programs.
const ANSWERS: &[&str] = &[
    "ok",
    "error",
    "text",
    "sent",
    "received",
    "from",
    "ttl",
    "time_ms",
    "code",
    "stdout",
    "stderr",
    "running",
    "pid",
    "status",
    "body",
    "addresses",
];

/// Returns the names of all fields of all rows and answers.
fn fields() -> Vec<&'static str> {
    [
        table::Link::FIELDS,
        table::Addr::FIELDS,
        table::Route::FIELDS,
        table::Neighbour::FIELDS,
        table::FdbEntry::FIELDS,
        table::ProcessRow::FIELDS,
        table::SocketRow::FIELDS,
        table::Hop::FIELDS,
        table::Packet::FIELDS,
        table::RuleRow::FIELDS,
        table::Connection::FIELDS,
        table::FirewallRow::FIELDS,
        ANSWERS,
    ]
    .concat()
}

/// Returns a message of the language in nslab's style: lower case, and backticks.
fn ours(text: &str) -> String {
    lower(text).replace('\'', "`")
}

/// Returns a message in lower case, as all of nslab's.
fn lower(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    let second_is_lower = text.chars().nth(1).is_some_and(|c| !c.is_uppercase());
    match letters.next() {
        Some(first) if second_is_lower => first.to_lowercase().chain(letters).collect(),
        _ => text.to_string(),
    }
}

/// Removes ` (line 1, position 2)`, which the message has at its beginning
/// already.
fn strip_position(text: &str) -> &str {
    text.rfind(" (line ").map_or(text, |at| &text[..at])
}

/// Creates a fault that is found before the script runs.
pub(super) fn at(place: Place, message: impl Into<String>, hint: Option<String>) -> Fault {
    Fault { helper: None, place, message: message.into(), command: None, hint }
}
