use super::super::world::{Call, Fallible, WorldCell};
use super::exercises::refuse_in_gap;
use super::options::Options;
use super::{Word, here_or_host};
use crate::event::{Answered, Cause, Effects, Explanation, Probe, Way};
use crate::net::{NetError, Netns, typed};
use rhai::{Array, Dynamic, Engine, Map};
use std::rc::Rc;

pub(super) const WORDS: &[Word] = &[Word {
    name: "why",
    form: "`why([ns,] dst)` or `why([ns,] dst, #{tcp, udp, size, df, iface, broadcast})`",
    about: "Says why a namespace can't reach an address or a name: the lab is replayed up to here, one echo \
            request is sent (with `tcp: 80` a connection is asked for, with `udp: 53` a datagram is) while every interface is watched, and \
            a cure is tried and proved in another replay; the lab's own network does not change. Gives \
            `.reached .symptom .cause .causes .fix .proved .effects .text`: a cause has `id, where, text` \
            (`nslab why --explain ID` tells more), `fix` is an array of shell commands, `.cause` is `()` where \
            nothing is wrong. `.effects` is what a proved cure does to everything else, or `()`: of the \
            `asked` other ways between namespaces, those that are `lost` and `opened`.",
    example: "let red = netns(\"red\");\nveth(red, \"eth0\", host(), \"to-red\");\n\
              red.addr_add(\"eth0\", \"10.0.0.1/24\");\naddr_add(\"to-red\", \"10.0.0.2/24\");\nup(\"to-red\");\n\
              let answer = why(red, \"10.0.0.2\");\n\
              check(\"a link is down\", answer.cause.id == \"link-down\");\n\
              check(\"and the cure is proved\", answer.proved && answer.fix == [\"ip -n red link set eth0 up\"]);",
}];

/// The answer to a question of why.
#[derive(Clone)]
struct WhyValue(Rc<Answered>);

impl WhyValue {
    fn explanation(&self) -> &Explanation {
        &self.0.explanation
    }
}

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    here_or_host!(engine, cell, "why", |call, ns, dst: &str| why(&call, &ns, dst, Map::new()));
    here_or_host!(engine, cell, "why", |call, ns, dst: &str, options: Map| why(&call, &ns, dst, options));
    engine
        .register_type_with_name::<WhyValue>("why")
        .register_fn("to_string", |why: &mut WhyValue| why.0.text.clone())
        .register_fn("to_debug", |why: &mut WhyValue| why.0.text.clone())
        .register_get("reached", |why: &mut WhyValue| why.explanation().reached)
        .register_get("symptom", |why: &mut WhyValue| why.explanation().symptom.clone())
        .register_get("cause", |why: &mut WhyValue| {
            why.explanation().cause.as_ref().map_or(Dynamic::UNIT, cause)
        })
        .register_get("causes", |why: &mut WhyValue| {
            why.explanation().causes.iter().map(cause).collect::<Array>()
        })
        .register_get("fix", |why: &mut WhyValue| -> Array {
            why.explanation().fix.iter().cloned().map(Dynamic::from).collect()
        })
        .register_get("proved", |why: &mut WhyValue| why.explanation().proved)
        .register_get("effects", |why: &mut WhyValue| {
            why.explanation().effects.as_ref().map_or(Dynamic::UNIT, effects)
        })
        .register_get("text", |why: &mut WhyValue| why.0.text.clone());
}

fn effects(effects: &Effects) -> Dynamic {
    let told = |ways: &[Way]| -> Array { ways.iter().map(|way| way.to_string().into()).collect() };
    Dynamic::from_map(Map::from([
        ("asked".into(), Dynamic::from_int(effects.asked as i64)),
        ("lost".into(), told(&effects.lost).into()),
        ("opened".into(), told(&effects.opened).into()),
    ]))
}

fn cause(cause: &Cause) -> Dynamic {
    let Cause { id, place, text, .. } = cause.clone();
    Dynamic::from_map(Map::from([
        ("id".into(), id.into()),
        ("where".into(), place.into()),
        ("text".into(), text.into()),
    ]))
}

fn why(call: &Call, ns: &Netns, dst: &str, options: Map) -> Fallible<WhyValue> {
    refuse_in_gap(call, "why")?;
    let mut options =
        Options::new(call, "why", options, &["tcp", "udp", "size", "df", "iface", "broadcast"])?;
    let probe = Probe {
        tcp: options.number("tcp", "a port from 1 to 65535")?,
        udp: options.number("udp", "a port from 1 to 65535")?,
        size: options.number("size", "a number from 0 to 65507")?,
        df: options.flag("df")?.unwrap_or(false),
        interface: options.text("iface")?,
        broadcast: options.flag("broadcast")?.unwrap_or(false),
        ..Probe::to(ns.name(), dst)
    };
    let command = format!("nslab why LAB {} {}", typed(ns.name()), typed(dst));
    let pending_why = call.pending_why(probe)?;
    let answered = call.ask(
        command,
        |_| {
            let answered = call.world.ask_why(pending_why).unwrap_or_else(nothing);
            match answered.lacking {
                Some(lack) => Err(NetError::new(lack.reason).unmeasured(lack.remedy)),
                None => Ok(answered),
            }
        },
        |answered| (answered.text.clone(), None),
    )?;
    call.in_time(WhyValue(Rc::new(answered)))
}

/// Returns the answer if nothing could be found out.
fn nothing() -> Answered {
    Answered { explanation: Explanation::default(), text: "nothing could be found out".into(), lacking: None }
}
