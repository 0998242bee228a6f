use super::super::lacked;
use super::super::value::ExecValue;
use super::super::world::{Call, Fallible, WorldCell};
use super::options::Options;
use super::{Word, anywhere, here_or_host};
use crate::net::{Exit, Limits, Netns, Process, typed};
use rhai::{Dynamic, Engine, INT, Map};
use std::rc::Rc;

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "exec",
        form: "`exec([ns,] command)` or `exec([ns,] command, #{timeout_ms, pid})`",
        about: "Runs a program with its arguments, without a shell, as `ip netns exec NS COMMAND` \
                does, and waits for its end (10,000 ms at most, or `timeout_ms`). It sees the files of \
                `/etc/netns/NS/` over those of `/etc`, and with `pid: true` it is process 1 of a pid \
                namespace of its own. Gives `.ok .code .stdout .stderr`. Where the machine lacks `ip`, \
                `bridge`, `sysctl` or `iptables`, nslab itself carries out a command that changes \
                something and of which it knows each word; where it lacks another tool, or the kernel \
                what is asked for, what follows is not measured.",
        example: "let red = netns(\"red\");\ncheck(\"there is no other link\", !exec(red, \"ls /sys/class/net/eth0\").ok);",
    },
    Word {
        name: "sh",
        form: "`sh([ns,] script)` or `sh([ns,] script, #{timeout_ms, pid})`",
        about: "Runs a script of sh(1), as `exec` runs a program.",
        example: "let all = sh(\"cd /sys/class/net; echo *\").stdout;\ncheck(\"lo is there\", all.contains(\"lo\"));",
    },
    Word {
        name: "start",
        form: "`start([ns,] command)` or `start([ns,] command, #{pid})`",
        about: "Starts a program that runs on until it ends, is stopped, or the lab ends. With `pid: \
                true` it is process 1 of a pid namespace of its own. Gives a process with `.stdout \
                .stderr .running .code .pid` and `stop()`.",
        example: "let sleeper = start(\"sleep 1000\");\ncheck(\"it runs\", sleeper.running);\n\
                  stop(sleeper);\ncheck(\"it has ended\", !sleeper.running);",
    },
    Word {
        name: "stop",
        form: "`stop(process)` or `stop(service)`",
        about: "Ends a program that was started, and its children, with SIGTERM and then with \
                SIGKILL, and waits for that; or a service.",
        example: "let sleeper = start(\"sleep 1000\");\nstop(sleeper);\ncheck(\"a signal ended it\", sleeper.code == 143);",
    },
];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    here_or_host!(engine, cell, "exec", |call, ns, command: &str| exec(&call, &ns, command, Map::new()));
    here_or_host!(engine, cell, "exec", |call, ns, command: &str, options: Map| {
        exec(&call, &ns, command, options)
    });
    here_or_host!(engine, cell, "sh", |call, ns, script: &str| sh(&call, &ns, script, Map::new()));
    here_or_host!(engine, cell, "sh", |call, ns, script: &str, options: Map| sh(&call, &ns, script, options));
    here_or_host!(engine, cell, "start", |call, ns, command: &str| start(&call, &ns, command, Map::new()));
    here_or_host!(engine, cell, "start", |call, ns, command: &str, options: Map| {
        start(&call, &ns, command, options)
    });
    anywhere!(engine, cell, "stop", |call, process: Process| {
        call.world.flush();
        call.act(format!("kill {}", process.pid()), |network| network.stop(&process))
    });
    engine
        .register_get("stdout", |process: &mut Process| process.stdout())
        .register_get("stderr", |process: &mut Process| process.stderr())
        .register_get("pid", |process: &mut Process| INT::from(process.pid()))
        .register_fn("to_string", |process: &mut Process| process.command().to_string());
    let place = cell.clone();
    engine.register_get("running", move |process: &mut Process| match place.get() {
        Some(world) => world.network.exit_of(process).is_none(),
        None => false,
    });
    let place = cell.clone();
    engine.register_get("code", move |process: &mut Process| {
        let exit = place.get().and_then(|world| world.network.exit_of(process));
        match exit {
            None => Dynamic::UNIT,
            Some(Exit::Code(code)) => INT::from(code).into(),
            Some(Exit::Signal(signal)) => INT::from(128 + signal).into(),
        }
    });
}

/// Returns a command as one would type it, with a PID namespace of its own if
/// wanted.
fn typed_command(ns: &Netns, command: &str, pid: bool) -> String {
    match pid {
        true => ns.exec(&format!("unshare --fork --pid --mount-proc {command}")),
        false => ns.exec(command),
    }
}

fn start(call: &Call, ns: &Netns, command: &str, options: Map) -> Fallible<Process> {
    let pid = Options::new(call, "start", options, &["pid"])?.flag("pid")?.unwrap_or(false);
    let typed = format!("{} &", typed_command(ns, command, pid));
    call.act(typed, |network| network.start(ns, command, pid))
}

fn limits(call: &Call, word: &str, options: Map) -> Fallible<Limits> {
    let mut options = Options::new(call, word, options, &["timeout_ms", "pid"])?;
    let default = Limits::default();
    let timeout_ms = options.number("timeout_ms", "a number of milliseconds")?;
    let pid = options.flag("pid")?.unwrap_or(default.pid);
    // A program may change what is being judged.
    call.ask_again();
    call.world.flush();
    Ok(Limits { timeout_ms: call.world.at_most(timeout_ms.unwrap_or(default.timeout_ms)), pid })
}

fn exec(call: &Call, ns: &Netns, command: &str, options: Map) -> Fallible<ExecValue> {
    let limits = limits(call, "exec", options)?;
    let answer = call.ask(
        typed_command(ns, command, limits.pid),
        |network| network.exec(ns, command, limits),
        |answer| (answer.text(), None),
    )?;
    lacked::look(call, &answer)?;
    call.in_time(ExecValue(Rc::new(answer)))
}

fn sh(call: &Call, ns: &Netns, script: &str, options: Map) -> Fallible<ExecValue> {
    let limits = limits(call, "sh", options)?;
    let answer = call.ask(
        typed_command(ns, &format!("sh -c {}", typed(script)), limits.pid),
        |network| network.sh(ns, script, limits),
        |answer| (answer.text(), None),
    )?;
    lacked::look(call, &answer)?;
    call.in_time(ExecValue(Rc::new(answer)))
}
