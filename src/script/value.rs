//! The values of scripts: tables and answers.

use super::suggest::meant;
use super::world::{Fallible, refused};
use crate::event::Refusal;
use crate::net::{
    Capture, Changes, CniAnswer, ExecAnswer, HttpAnswer, NameAnswer, Netns, PingAnswer, Process, Service,
    SweepAnswer, TcpAnswer, TracerouteAnswer, UdpAnswer,
};
use crate::table::forwarding::Comparison;
use crate::table::{Table, Value};
use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, INT, Map, NativeCallContext};
use std::fmt;
use std::rc::Rc;

/// An observed table.
#[derive(Clone, PartialEq)]
pub(super) struct TableValue(pub Rc<Table>);

/// The result of a ping.
#[derive(Clone)]
pub(super) struct PingValue(pub Rc<PingAnswer>);

/// The result of a TCP connection attempt.
#[derive(Clone)]
pub(super) struct TcpValue(pub Rc<TcpAnswer>);

/// The result of a datagram that wants an answer.
#[derive(Clone)]
pub(super) struct UdpValue(pub Rc<UdpAnswer>);

/// The result of an HTTP request.
#[derive(Clone)]
pub(super) struct HttpValue(pub Rc<HttpAnswer>);

/// The result of a name lookup: an array of addresses, which may say why it is
/// empty.
#[derive(Clone)]
pub(super) struct NameValue(pub Rc<NameAnswer>);

/// The result of a program.
#[derive(Clone)]
pub(super) struct ExecValue(pub Rc<ExecAnswer>);

impl fmt::Display for TableValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The path of a packet.
#[derive(Clone)]
pub(super) struct TracerouteValue(pub Rc<TracerouteAnswer>);

/// Whether a container's network is still as it was created.
#[derive(Clone)]
pub(super) struct CniValue(pub Rc<CniAnswer>);

/// Whether two routing tables forward equally.
#[derive(Clone)]
pub(super) struct ForwardingValue(pub Rc<Comparison>);

/// The changes to the given part of an exercise.
#[derive(Clone)]
pub(super) struct ChangesValue(pub Rc<Changes>);

/// The result of many packets: which ones came through.
#[derive(Clone)]
pub(super) struct SweepValue(pub Rc<SweepAnswer>);

/// Makes an answer display its text.
macro_rules! shows_its_text {
    ($($value:ty),*) => {$(
        impl fmt::Display for $value {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.text())
            }
        }
    )*};
}
shows_its_text!(
    PingValue,
    TcpValue,
    UdpValue,
    HttpValue,
    NameValue,
    CniValue,
    TracerouteValue,
    ExecValue,
    ForwardingValue,
    ChangesValue,
    SweepValue
);

/// An answer: whether something is true, and why.
pub(super) struct Answer {
    pub ok: bool,
    /// The description of the right result.
    pub wanted: &'static str,
    /// The description of the wrong result.
    pub unwanted: &'static str,
    pub text: String,
}

/// Reads a value as an answer for an expectation.
pub(super) fn answer(value: &Dynamic) -> Option<Answer> {
    if let Ok(ok) = value.as_bool() {
        return Some(Answer { ok, wanted: "true", unwanted: "false", text: ok.to_string() });
    }
    macro_rules! is_so {
        ($($kind:ty: $wanted:literal, $unwanted:literal;)*) => {$(
            if let Some(value) = value.read_lock::<$kind>() {
                let (ok, text) = (value.0.ok(), value.to_string());
                return Some(Answer { ok, wanted: $wanted, unwanted: $unwanted, text });
            }
        )*};
    }
    is_so! {
        PingValue: "an answer", "no answer";
        TcpValue: "a connection", "no connection";
        UdpValue: "an answer", "no answer";
        HttpValue: "a page", "no page";
        NameValue: "an address", "no address";
        CniValue: "as it was made", "not as it was made";
        TracerouteValue: "a way there", "no way there";
        ForwardingValue: "the same forwarding", "another forwarding";
        ChangesValue: "as it was given", "not as it was given";
    }
    if let Some(sweep) = value.read_lock::<SweepValue>() {
        let (wanted, unwanted) = sweep.0.wanted();
        return Some(Answer { ok: sweep.0.ok(), wanted, unwanted, text: sweep.to_string() });
    }
    let exec = value.read_lock::<ExecValue>()?;
    let text = format!("$ {}\n{}", exec.0.command, exec.0.text()).trim_end().to_string();
    Some(Answer { ok: exec.0.ok(), wanted: "exit code 0", unwanted: "a failure", text })
}

/// Returns a value as text, as `print` shows it.
pub(super) fn show(value: &Dynamic) -> String {
    if let Some(array) = value.read_lock::<Array>() {
        let items: Vec<String> = array.iter().map(show).collect();
        return format!("[{}]", items.join(", "));
    }
    if let Some(map) = value.read_lock::<Map>() {
        let items: Vec<String> = map.iter().map(|(key, value)| format!("{key}: {}", show(value))).collect();
        return format!("#{{{}}}", items.join(", "));
    }
    macro_rules! shown {
        ($($kind:ty),*) => {
            None$(.or_else(|| value.read_lock::<$kind>().map(|value| value.to_string())))*
        };
    }
    let own = value.read_lock::<Process>().map(|process| process.command().to_string());
    let own = own.or_else(|| value.read_lock::<Service>().map(|service| service.name().to_string()));
    let own = own.or_else(|| value.read_lock::<Capture>().map(|capture| capture.name()));
    let own = own.or_else(|| shown! {
        Netns, TableValue, CniValue, TracerouteValue, TcpValue, UdpValue, NameValue, HttpValue, PingValue, ExecValue,
        ForwardingValue, ChangesValue, SweepValue
    });
    own.unwrap_or_else(|| value.to_string())
}

/// Returns the text of a value for a snapshot: an array has one line per item.
pub(super) fn text(value: &Dynamic) -> Option<String> {
    if let Some(array) = value.read_lock::<Array>() {
        let lines: Vec<String> = array.iter().map(show).collect();
        return Some(lines.join("\n"));
    }
    let readable = value.is_string() || value.is::<TableValue>() || answer(value).is_some();
    (readable && !value.is_bool()).then(|| show(value))
}

/// Returns the type of a value as in the book.
pub(super) fn type_of(value: &Dynamic) -> &str {
    match value.type_name() {
        "i64" => "an int",
        "f64" => "a float",
        "bool" => "a bool",
        "string" => "a string",
        "array" => "an array",
        "map" => "a map",
        "()" => "nothing",
        name if name.ends_with("TableValue") => "a table",
        name if name.ends_with("Netns") => "a namespace",
        name if name.ends_with("Process") => "a process",
        name if name.ends_with("Service") => "a service",
        name if name.ends_with("Capture") => "a capture",
        _ => "another value",
    }
}

fn cell(value: Value) -> Dynamic {
    match value {
        Value::Absent => Dynamic::UNIT,
        Value::Text(text) => text.into(),
        Value::Number(number) => number.into(),
        Value::List(list) => list.into_iter().map(Dynamic::from).collect::<Array>().into(),
    }
}

impl TableValue {
    fn row(&self, row: usize) -> Option<Map> {
        let values = self.0.values(row)?;
        let names = self.0.fields().iter();
        Some(names.zip(values).map(|(name, value)| ((*name).into(), cell(value))).collect())
    }

    fn rows(&self) -> Array {
        (0..self.0.len()).filter_map(|row| self.row(row)).map(Dynamic::from_map).collect()
    }

    fn contains(&self, context: &NativeCallContext, wanted: &Map) -> Fallible<bool> {
        let fields = self.0.fields();
        if let Some(wrong) = wanted.keys().find(|key| !fields.contains(&key.as_str())) {
            let near = meant(wrong, fields.iter().copied());
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its fields are {}", fields.join(", ")),
            };
            let error = format!("a row of {} has no field `{wrong}`", self.0.name());
            return Err(oops(context, error, Some(hint)));
        }
        for row in 0..self.0.len() {
            let row = self.row(row).unwrap_or_default();
            let mut all = true;
            for (key, value) in wanted {
                all = all && same(context, &row[key], value)?;
            }
            if all {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Calls `f` with each row.
    fn each(
        &self,
        context: &NativeCallContext,
        f: &FnPtr,
        mut take: impl FnMut(Dynamic) -> Fallible<bool>,
    ) -> Fallible<()> {
        for row in self.rows() {
            if !take(f.call_within_context(context, (row,))?)? {
                break;
            }
        }
        Ok(())
    }
}

fn same(context: &NativeCallContext, a: &Dynamic, b: &Dynamic) -> Fallible<bool> {
    if a.type_id() != b.type_id() {
        return Ok(false);
    }
    context.call_fn::<bool>("==", (a.clone(), b.clone()))
}

fn oops(context: &NativeCallContext, error: String, hint: Option<String>) -> Box<EvalAltResult> {
    refused(Refusal { command: String::new(), error, hint }, context.call_position())
}

/// Refuses `all` on an empty collection, of which everything is true: without
/// packets, no packet has a wrong source.
fn not_nothing(context: &NativeCallContext, is_empty: bool, what: &str) -> Fallible<()> {
    if !is_empty {
        return Ok(());
    }
    let hint = "of nothing everything is true: ask first, as in `!rows.is_empty() && rows.all(…)`";
    Err(oops(context, format!("`all` is asked of an empty {what}"), Some(hint.into())))
}

fn truth(context: &NativeCallContext, value: &Dynamic) -> Fallible<bool> {
    value.as_bool().map_err(|_| {
        let error = format!("the function must say true or false of each row, not {}", type_of(value));
        oops(context, error, None)
    })
}

/// Registers the types, with their functions.
pub(super) fn register(engine: &mut Engine) {
    tables(engine);
    // The language's own `all` accepts an empty array.
    engine.register_fn("all", |context: NativeCallContext, array: Array, f: FnPtr| {
        not_nothing(&context, array.is_empty(), "array")?;
        let count = array.len();
        let kept = context.call_fn::<Array>("filter", (array, f))?;
        Ok::<_, Box<EvalAltResult>>(kept.len() == count)
    });
    engine.register_type_with_name::<PingValue>("ping");
    engine.register_type_with_name::<ExecValue>("exec");
    engine.register_type_with_name::<TcpValue>("tcp");
    engine.register_type_with_name::<UdpValue>("udp");
    engine.register_type_with_name::<HttpValue>("http");
    engine.register_type_with_name::<NameValue>("resolve");
    engine.register_type_with_name::<CniValue>("cni");
    engine.register_type_with_name::<TracerouteValue>("traceroute");
    engine.register_type_with_name::<ForwardingValue>("forwarding");
    engine.register_type_with_name::<ChangesValue>("changes");
    engine.register_type_with_name::<SweepValue>("sweep");
    engine.register_type_with_name::<Process>("process");
    engine.register_type_with_name::<Service>("service");
    macro_rules! answers {
        ($value:ty) => {
            engine
                .register_get("ok", |value: &mut $value| value.0.ok())
                .register_get("error", |value: &mut $value| {
                    value.0.error().map_or(Dynamic::UNIT, Dynamic::from)
                })
                .register_get("text", |value: &mut $value| value.0.text())
                .register_fn("to_string", |value: &mut $value| value.to_string())
                .register_fn("to_debug", |value: &mut $value| value.to_string())
                .register_fn("!", |value: $value| !value.0.ok())
                .register_fn("==", |value: $value, other: bool| value.0.ok() == other)
                .register_fn("!=", |value: $value, other: bool| value.0.ok() != other)
                .register_fn("==", |other: bool, value: $value| value.0.ok() == other)
                .register_fn("!=", |other: bool, value: $value| value.0.ok() != other);
        };
    }
    answers!(PingValue);
    answers!(ExecValue);
    answers!(TcpValue);
    answers!(UdpValue);
    answers!(HttpValue);
    answers!(NameValue);
    names(engine);
    answers!(CniValue);
    answers!(TracerouteValue);
    answers!(ForwardingValue);
    answers!(ChangesValue);
    answers!(SweepValue);
    engine.register_get("lines", |changes: &mut ChangesValue| {
        changes.0.lines().iter().cloned().map(Dynamic::from).collect::<Array>()
    });
    engine.register_fn("rows", |way: &mut TracerouteValue| {
        TableValue(Rc::new(Table::Hops(way.0.hops.clone())))
    });
    engine
        .register_get("sent", |ping: &mut PingValue| INT::from(ping.0.sent))
        .register_get("received", |ping: &mut PingValue| ping.0.replies.len() as INT)
        .register_get("from", |ping: &mut PingValue| {
            ping.0.replies.first().map_or(Dynamic::UNIT, |reply| reply.from.to_string().into())
        })
        .register_get("ttl", |ping: &mut PingValue| {
            let ttl = ping.0.replies.first().and_then(|reply| reply.ttl);
            ttl.map_or(Dynamic::UNIT, |ttl| INT::from(ttl).into())
        })
        .register_get("time_ms", |ping: &mut PingValue| {
            let time = ping.0.replies.first().map(|reply| reply.time.as_secs_f64() * 1000.0);
            time.map_or(Dynamic::UNIT, Dynamic::from_float)
        })
        .register_get("status", |http: &mut HttpValue| {
            http.0.status.map_or(Dynamic::UNIT, |status| INT::from(status).into())
        })
        .register_get("body", |http: &mut HttpValue| http.0.body.clone())
        .register_get("code", |exec: &mut ExecValue| INT::from(exec.0.code))
        .register_get("stdout", |exec: &mut ExecValue| exec.0.stdout.clone())
        .register_get("stderr", |exec: &mut ExecValue| exec.0.stderr.clone());
}

/// Registers the read-only functions of an array.
fn names(engine: &mut Engine) {
    engine.register_iterator::<NameValue>();
    engine
        .register_fn("len", |name: &mut NameValue| name.0.addresses.len() as INT)
        .register_get("len", |name: &mut NameValue| name.0.addresses.len() as INT)
        .register_fn("is_empty", |name: &mut NameValue| name.0.addresses.is_empty())
        .register_get("is_empty", |name: &mut NameValue| name.0.addresses.is_empty())
        .register_get("addresses", |name: &mut NameValue| name.addresses())
        .register_fn("contains", |name: &mut NameValue, address: &str| name.contains(address))
        .register_fn("==", |context: NativeCallContext, name: NameValue, other: Array| {
            context.call_fn::<bool>("==", (name.addresses(), other))
        })
        .register_fn("!=", |context: NativeCallContext, name: NameValue, other: Array| {
            context.call_fn::<bool>("!=", (name.addresses(), other))
        })
        .register_indexer_get(|context: NativeCallContext, name: &mut NameValue, index: INT| {
            let addresses = name.addresses();
            let from_start = if index < 0 { index + addresses.len() as INT } else { index };
            let address = usize::try_from(from_start).ok().and_then(|index| addresses.into_iter().nth(index));
            address.ok_or_else(|| {
                let error = name.0.error().map_or_else(
                    || format!("`{}` has {} addresses", name.0.name, name.0.addresses.len()),
                    |error| format!("{}: {error}", name.0.name),
                );
                oops(&context, format!("there is no address {index}: {error}"), None)
            })
        });
}

impl NameValue {
    fn addresses(&self) -> Array {
        self.0.addresses.iter().map(|address| address.to_string().into()).collect()
    }

    /// Tells whether an address is among them, in any notation.
    fn contains(&self, address: &str) -> bool {
        address.parse().is_ok_and(|address| self.0.addresses.contains(&address))
    }
}

impl IntoIterator for NameValue {
    type Item = Dynamic;
    type IntoIter = <Array as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.addresses().into_iter()
    }
}

fn tables(engine: &mut Engine) {
    engine.register_type_with_name::<TableValue>("table");
    engine.register_iterator::<TableValue>();
    engine
        .register_fn("len", |table: &mut TableValue| table.0.len() as INT)
        .register_get("len", |table: &mut TableValue| table.0.len() as INT)
        .register_fn("is_empty", |table: &mut TableValue| table.0.is_empty())
        .register_get("is_empty", |table: &mut TableValue| table.0.is_empty())
        .register_fn("rows", |table: &mut TableValue| table.rows())
        .register_fn("to_string", |table: &mut TableValue| table.to_string())
        .register_fn("to_debug", |table: &mut TableValue| table.to_string())
        .register_get("text", |table: &mut TableValue| table.to_string())
        .register_fn("classic", |context: NativeCallContext, table: &mut TableValue| {
            table.0.classic().ok_or_else(|| {
                let (error, hint) = match table.0.name() {
                    "routes" => ("`route -n` knows IPv4 alone".into(), "take the table without `family`"),
                    name => (
                        format!("the table `{name}` has no classic form"),
                        "`routes` and `arp` have one: `route -n` and `arp -n`",
                    ),
                };
                oops(&context, error, Some(hint.into()))
            })
        })
        .register_fn("==", |a: TableValue, b: TableValue| a == b)
        .register_fn("!=", |a: TableValue, b: TableValue| a != b)
        .register_fn("contains", |context: NativeCallContext, table: TableValue, wanted: Map| {
            table.contains(&context, &wanted)
        })
        .register_indexer_get(|context: NativeCallContext, table: &mut TableValue, index: INT| {
            let length = table.0.len();
            let from_start = if index < 0 { index + length as INT } else { index };
            let row = usize::try_from(from_start).ok().and_then(|row| table.row(row));
            row.ok_or_else(|| {
                let rows = if length == 1 { "one row".into() } else { format!("{length} rows") };
                oops(&context, format!("there is no row {index}: the table has {rows}"), None)
            })
        })
        .register_fn("filter", |context: NativeCallContext, table: TableValue, f: FnPtr| {
            let mut keep = Vec::new();
            table.each(&context, &f, |value| {
                keep.push(truth(&context, &value)?);
                Ok(true)
            })?;
            Ok::<_, Box<EvalAltResult>>(TableValue(Rc::new((*table.0).clone().retain(&keep))))
        })
        .register_fn("map", |context: NativeCallContext, table: TableValue, f: FnPtr| {
            let mut values = Array::new();
            table.each(&context, &f, |value| {
                values.push(value);
                Ok(true)
            })?;
            Ok::<_, Box<EvalAltResult>>(values)
        })
        .register_fn("some", |context: NativeCallContext, table: TableValue, f: FnPtr| {
            let mut some = false;
            table.each(&context, &f, |value| {
                some = truth(&context, &value)?;
                Ok(!some)
            })?;
            Ok::<_, Box<EvalAltResult>>(some)
        })
        .register_fn("all", |context: NativeCallContext, table: TableValue, f: FnPtr| {
            not_nothing(&context, table.0.is_empty(), "table")?;
            let mut all = true;
            table.each(&context, &f, |value| {
                all = truth(&context, &value)?;
                Ok(all)
            })?;
            Ok::<_, Box<EvalAltResult>>(all)
        });
}

impl IntoIterator for TableValue {
    type Item = Dynamic;
    type IntoIter = <Array as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.rows().into_iter()
    }
}
