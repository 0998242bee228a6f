use super::super::value::{CniValue, type_of};
use super::super::world::{Call, Fallible, WorldCell};
use super::Word;
use super::options::Options;
use crate::net::{CniAnswer, CniCall, CniNetwork, CniOptions, CniPlugin, CniVerb, NetError, Netns, Network};
use rhai::{Array, Dynamic, Engine, INT, Map, NativeCallContext};
use serde_json::Value;
use std::rc::Rc;

/// A network of one plugin and a container, for the examples.
macro_rules! with_mynet {
    ($lab:literal) => {
        concat!(
            "let mynet = #{\n    cniVersion: \"1.0.0\", name: \"mynet\", type: \"bridge\", isGateway: true,\n",
            "    ipam: #{type: \"host-local\", subnet: \"10.22.0.0/24\"}\n};\nlet red = netns(\"red\");\n",
            $lab
        )
    };
}

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "cni_add",
        form: "`cni_add(ns, config)` or `cni_add(ns, config, #{ifname, args, runtime_config, path})`",
        about: "Gives a container an interface as a container runtime does: runs each plugin of \
                the configuration with CNI_COMMAND=ADD in the host (CNI specification 1.0 and 1.1). \
                `config` is a map or JSON, a list of plugins or a single one. `ifname` is the \
                interface (`eth0`), `args` is CNI_ARGS, `runtime_config` goes to plugins that are \
                capable of it, and plugins are looked for in `path`, in $CNI_PATH, in /usr/lib/cni and \
                in /opt/cni/bin. Gives the result as a map. Refuses what a plugin refuses, in its words; where \
                a plugin of the CNI project is missing, what follows is not measured.",
        example: with_mynet!(
            "let result = cni_add(red, mynet);\n\
                  check(\"it has an address\", result.ips[0].address == \"10.22.0.2/24\");\n\
                  check(\"the host reaches it\", ping(\"10.22.0.2\"));"
        ),
    },
    Word {
        name: "cni_check",
        form: "`cni_check(ns, config)` or `cni_check(ns, config, #{ifname, args, runtime_config, path})`",
        about: "Asks the plugins whether a container's interface is as ADD has made it; holds \
                where all say so. Gives `.ok .error .text`.",
        example: with_mynet!(
            "cni_add(red, mynet);\ncheck(\"all is well\", cni_check(red, mynet));\n\
                  red.down(\"eth0\");\nred.addr_del(\"eth0\", \"10.22.0.2/24\");\n\
                  refute(\"the address is gone\", cni_check(red, mynet));"
        ),
    },
    Word {
        name: "cni_del",
        form: "`cni_del(ns, config)` or `cni_del(ns, config, #{ifname, args, runtime_config, path})`",
        about: "Takes a container's interface away: runs the plugins with CNI_COMMAND=DEL, the \
                last one first. One that is not there is no error.",
        example: with_mynet!(
            "cni_add(red, mynet);\ncni_del(red, mynet);\n\
                  check(\"red has lo alone\", links(red).len() == 1);\ncni_del(red, mynet);"
        ),
    },
];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    // A container is never the host, so these have no form without a namespace.
    macro_rules! in_container {
        ($name:literal, $act:ident) => {
            let place = cell.clone();
            engine.register_fn($name, move |context: NativeCallContext, ns: Netns, config: Dynamic| {
                $act(&Call::new(&place, &context)?, &ns, &config, Map::new())
            });
            let place = cell.clone();
            engine.register_fn(
                $name,
                move |context: NativeCallContext, ns: Netns, config: Dynamic, options: Map| {
                    $act(&Call::new(&place, &context)?, &ns, &config, options)
                },
            );
        };
    }
    in_container!("cni_add", add);
    in_container!("cni_check", check);
    in_container!("cni_del", del);
}

fn add(call: &Call, ns: &Netns, config: &Dynamic, options: Map) -> Fallible<Dynamic> {
    let (network, options) = read(call, "cni_add", config, options)?;
    let mut result = previous(call, CniVerb::Add, ns, &network, &options)?;
    for plugin in &network.plugins {
        let run = ready(call, CniVerb::Add, ns, &network, plugin, &options, result.as_ref())?;
        let done = call.act(run.command.clone(), |network| network.cni_run(&run, run_for(call)))?;
        result = Some(call.in_time(done)?);
    }
    call.world.network.cni_done(ns, &network, &options, result.clone());
    Ok(dynamic(&result.unwrap_or_default()))
}

fn del(call: &Call, ns: &Netns, config: &Dynamic, options: Map) -> Fallible<()> {
    let (network, options) = read(call, "cni_del", config, options)?;
    let result = previous(call, CniVerb::Del, ns, &network, &options)?;
    // In reverse order of creation.
    for plugin in network.plugins.iter().rev() {
        let run = ready(call, CniVerb::Del, ns, &network, plugin, &options, result.as_ref())?;
        let done = call.act(run.command.clone(), |network| network.cni_run(&run, run_for(call)))?;
        call.in_time(done)?;
    }
    call.world.network.cni_done(ns, &network, &options, None);
    Ok(())
}

fn check(call: &Call, ns: &Netns, config: &Dynamic, options: Map) -> Fallible<CniValue> {
    let (network, options) = read(call, "cni_check", config, options)?;
    let result = previous(call, CniVerb::Check, ns, &network, &options)?;
    let mut answer = CniAnswer::default();
    // A network with disabled checks always passes.
    for plugin in network.plugins.iter().filter(|_| !network.disable_check) {
        let run = ready(call, CniVerb::Check, ns, &network, plugin, &options, result.as_ref())?;
        let ask = |network: &Network| network.cni_look(&run, run_for(call));
        answer = call.ask(run.command.clone(), ask, |answer| (answer.text(), None))?;
        if !answer.ok() {
            break;
        }
    }
    call.in_time(CniValue(Rc::new(answer)))
}

fn run_for(call: &Call) -> u64 {
    call.world.flush();
    call.world.at_most(u64::MAX - 1)
}

fn previous(
    call: &Call,
    verb: CniVerb,
    ns: &Netns,
    network: &CniNetwork,
    options: &CniOptions,
) -> Fallible<Option<Value>> {
    let previous = call.world.network.cni_previous(verb, ns, network, options);
    previous.map_err(|error| call.fault("", error))
}

fn ready(
    call: &Call,
    verb: CniVerb,
    ns: &Netns,
    network: &CniNetwork,
    plugin: &CniPlugin,
    options: &CniOptions,
    previous: Option<&Value>,
) -> Fallible<CniCall> {
    let ready = call.world.network.cni_call(verb, ns, network, plugin, options, previous);
    ready.map_err(|error| call.fault("", error))
}

/// Reads a configuration and the options.
fn read(call: &Call, word: &str, config: &Dynamic, options: Map) -> Fallible<(CniNetwork, CniOptions)> {
    let known = ["ifname", "args", "runtime_config", "path"];
    let mut options = Options::new(call, word, options, &known)?;
    let default = CniOptions::default();
    let runtime_config = match options.value::<Map>("runtime_config", "a map")? {
        None => default.runtime_config,
        Some(map) => match json(call, &Dynamic::from_map(map))? {
            Value::Object(map) => map,
            _ => unreachable!("a map is an object"),
        },
    };
    let options = CniOptions {
        ifname: options.text("ifname")?.unwrap_or(default.ifname),
        args: options.text("args")?,
        runtime_config,
        path: options.text("path")?,
    };
    let config = match config.clone().into_string() {
        Ok(text) => serde_json::from_str(&text).map_err(|error| {
            let error = NetError::new(format!("error parsing configuration: {error}"));
            call.fault("", error.hint("a configuration is a map, or JSON in a string"))
        })?,
        Err(_) => json(call, config)?,
    };
    let network = call.world.network.cni_network(&config, &options);
    Ok((network.map_err(|error| call.fault("", error))?, options))
}

/// Converts a value of the script to JSON.
fn json(call: &Call, value: &Dynamic) -> Fallible<Value> {
    if let Some(map) = value.read_lock::<Map>() {
        let entries = map.iter().map(|(key, value)| Ok((key.to_string(), json(call, value)?)));
        return Ok(Value::Object(entries.collect::<Fallible<_>>()?));
    }
    if let Some(array) = value.read_lock::<Array>() {
        return Ok(Value::Array(array.iter().map(|value| json(call, value)).collect::<Fallible<_>>()?));
    }
    if let Ok(number) = value.as_int() {
        return Ok(number.into());
    }
    if let Ok(number) = value.as_float() {
        return Ok(number.into());
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(flag.into());
    }
    if value.is_unit() {
        return Ok(Value::Null);
    }
    match value.clone().into_string() {
        Ok(text) => Ok(text.into()),
        Err(_) => {
            let error = format!("{} can't stand in a configuration", type_of(value));
            Err(call.misuse(error, "maps, arrays, strings, numbers and bools can"))
        }
    }
}

/// Converts JSON to a value of the script.
fn dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => (number as INT).into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Value::String(text) => text.into(),
        Value::Array(values) => values.iter().map(dynamic).collect::<Array>().into(),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| (key.into(), dynamic(value)));
            Dynamic::from_map(entries.collect::<Map>())
        }
    }
}
