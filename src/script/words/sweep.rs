use super::super::value::{SweepValue, type_of};
use super::super::world::{Call, Fallible, WorldCell};
use super::options::Options;
use super::{Word, here_or_host};
use crate::lab::chosen;
use crate::net::{Netns, Span, SweepKind, SweepOptions, typed};
use rhai::{Array, Dynamic, Engine, INT, Map};
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

pub(super) const WORDS: &[Word] = &[Word {
    name: "sweep",
    form: "`sweep([ns,] dst, #{at, all, count, proto, port, src, not})`",
    about: "Sends `count` packets (1000) to `dst`, each different from the others, and sees which of them come to \
            the namespace `at`, before its own firewall; holds where one came, or with `all: true` where all \
            came. `dst` and `src` are addresses or networks, as `\"10.0.0.0/24\"` or `\"10.0.0.7-10.0.0.9\"`, or arrays \
            of them: each packet has one of these; without `src` it has the one that the kernel picks. `proto` is \
            `\"tcp\"` (a connection that begins), `\"udp\"`, `\"icmp\"` (an echo request) or `\"any\"`, which is the \
            default: all protocols, all types of ICMP and any flags of TCP. `port` is a number, a range or an array \
            of them, for ICMP the type; `not: \"80/tcp\"` leaves a port out, `\"8/icmp\"` a type of ICMP and `\"icmp\"` a protocol, \
            and an array several. With `all`, one of ten or more may be lost, as on every network. Sizes, times to live and types of service \
            differ, too. Part of the packets are like those that a rule or a route of the lab names, so that an \
            exception is found which is for one port, network or type of service alone. Nobody waits for an \
            answer: a sweep takes some hundredths of a second. Gives `.ok .error .text .sent .received`, and \
            `.sources`: the addresses from which they seemed to come. IPv4 alone.",
    example: "let red = netns(\"red\");\nveth(host(), \"a\", red, \"b\");\naddr_add(\"a\", \"10.0.0.1/24\");\n\
              red.addr_add(\"b\", \"10.0.0.2/24\");\nup(\"a\");\nred.up(\"b\");\n\
              check(\"all comes to red\", sweep(\"10.0.0.2\", #{at: red, all: true}));\n\
              policy(\"output\", \"drop\");\nallow(\"output\", #{proto: \"tcp\", dport: 80});\n\
              refute(\"only the web does\", sweep(\"10.0.0.2\", #{at: red, not: \"80/tcp\"}));",
}];

/// The most packets that a lab may send at once.
const MOST: u32 = 100_000;

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    here_or_host!(engine, cell, "sweep", |call, ns, dst: &str, options: Map| {
        sweep(&call, &ns, &[dst.to_string()], options)
    });
    here_or_host!(engine, cell, "sweep", |call, ns, dst: Array, options: Map| {
        let texts = dst.iter().map(|item| item.clone().into_string()).collect::<Result<Vec<_>, _>>();
        let texts = texts.map_err(|found| call.misuse(format!("an address is a string, not {found}"), ""))?;
        sweep(&call, &ns, &texts, options)
    });
    engine
        .register_get("sent", |sweep: &mut SweepValue| sweep.0.sent as INT)
        .register_get("received", |sweep: &mut SweepValue| sweep.0.received as INT)
        .register_get("sources", |sweep: &mut SweepValue| {
            sweep.0.sources.iter().map(|address| Dynamic::from(address.to_string())).collect::<Array>()
        });
}

fn sweep(call: &Call, ns: &Netns, dst: &[String], options: Map) -> Fallible<SweepValue> {
    let known = ["at", "all", "count", "proto", "port", "src", "not"];
    let mut options = Options::new(call, "sweep", options, &known)?;
    let Some(at) = options.value::<Netns>("at", "a namespace")? else {
        let hint = "say where the packets are to arrive: `#{at: server}`";
        return Err(call.misuse("`sweep` watches nowhere", hint));
    };
    let misused = |error: crate::net::NetError| call.misuse(error.error, error.hint.unwrap_or_default());
    let spans = |texts: &[String]| {
        texts.iter().map(|text| Span::parse(text).map_err(misused)).collect::<Fallible<Vec<_>>>()
    };
    let not = options.texts("not")?;
    let how = SweepOptions {
        at,
        dst: spans(dst)?,
        src: spans(&options.texts("src")?)?,
        kinds: kinds(call, &options.texts("proto")?)?,
        ports: ports(call, &options.any("port"))?,
        not: not.iter().map(|text| SweepOptions::port(text).map_err(misused)).collect::<Fallible<_>>()?,
        count: options.number("count", "a number from 1")?.unwrap_or(1000),
        all: options.flag("all")?.unwrap_or(false),
        seed: seed(call),
    };
    if how.dst.is_empty() || !(1..=MOST).contains(&how.count) {
        let hint = format!("there is a `dst`, and `count` is a number from 1 to {MOST}");
        return Err(call.misuse("there is nothing to send", hint));
    }
    let command = ns.exec(&typed_as(&how, dst));
    call.world.flush();
    let answer = call.ask(command, |network| network.sweep(ns, &how), |answer| (answer.text(), None))?;
    call.in_time(SweepValue(Rc::new(answer)))
}

/// Returns a similar command, as one would type it.
fn typed_as(how: &SweepOptions, dst: &[String]) -> String {
    let has = |kind| how.kinds.contains(&kind) || how.kinds.contains(&SweepKind::Any);
    let kinds = [(SweepKind::Tcp, " -sS"), (SweepKind::Udp, " -sU"), (SweepKind::Icmp, " -PE")];
    let kinds: String = kinds.iter().filter(|(kind, _)| has(*kind)).map(|(_, word)| *word).collect();
    let port = |(first, last): &(u16, u16)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    let ports: Vec<String> = how.ports.iter().map(port).collect();
    let ports = if ports.is_empty() { "-".into() } else { ports.join(",") };
    let to: Vec<_> = dst.iter().map(|text| typed(text)).collect();
    format!("nmap{kinds} -p{ports} {}", to.join(" "))
}

/// Returns the seed of the packets: different for each sweep, and the same when
/// the lab runs again.
fn seed(call: &Call) -> u64 {
    let order = &call.world.order;
    let sweeps = &call.world.sweeps;
    let nth = sweeps.replace(sweeps.get() + 1);
    chosen(&order.secret, &format!("{} sweep {nth}", order.seed), u64::MAX) ^ u64::from(nth)
}

fn kinds(call: &Call, words: &[String]) -> Fallible<Vec<SweepKind>> {
    if words.is_empty() {
        return Ok(vec![SweepKind::Any]);
    }
    let kind = |word: &String| match word.as_str() {
        "tcp" => Ok(SweepKind::Tcp),
        "udp" => Ok(SweepKind::Udp),
        "icmp" => Ok(SweepKind::Icmp),
        "any" => Ok(SweepKind::Any),
        other => Err(call
            .misuse(format!("`sweep` knows no protocol `{other}`"), "choose among tcp, udp, icmp and any")),
    };
    words.iter().map(kind).collect()
}

/// Reads a port, a range of ports, or an array of both.
fn ports(call: &Call, value: &Dynamic) -> Fallible<Vec<(u16, u16)>> {
    if value.is_unit() {
        return Ok(Vec::new());
    }
    if let Some(many) = value.read_lock::<Array>() {
        let each: Fallible<Vec<_>> = many.iter().map(|one| ports(call, one)).collect();
        return Ok(each?.concat());
    }
    let range = value.as_int().map(|only| (only, only)).ok();
    let range = range
        .or_else(|| value.read_lock::<RangeInclusive<INT>>().map(|range| (*range.start(), *range.end())));
    let range = range.or_else(|| value.read_lock::<Range<INT>>().map(|range| (range.start, range.end - 1)));
    let wrong = || {
        let found = type_of(value);
        call.misuse(
            format!("the option `port` takes a port, a range or an array of them, not {found}"),
            "a port is a number from 0 to 65535",
        )
    };
    let (first, last) = range.filter(|(first, last)| first <= last).ok_or_else(wrong)?;
    let port = |number: INT| u16::try_from(number).map_err(|_| wrong());
    Ok(vec![(port(first)?, port(last)?)])
}
