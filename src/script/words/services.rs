use super::super::value::{HttpValue, NameValue, TcpValue, UdpValue, type_of};
use super::super::world::{Call, Fallible, WorldCell};
use super::options::Options;
use super::{Word, anywhere, here_or_host};
use crate::event::Probe;
use crate::net::{
    Answerer, HttpAnswer, HttpOptions, NetError, Netns, Process, Record, Service, TcpAnswer, TcpOptions,
    UdpAnswer, UdpOptions, typed,
};
use rhai::{Array, Dynamic, Engine, INT, Map};
use std::rc::Rc;

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "serve_http",
        form: "`serve_http([ns,] port, body)` or `serve_http([ns,] \"address:port\", body)`",
        about: "Answers every HTTP request at a port with `body`, until the lab ends or it is given \
                to `stop()`. It is ready when the call returns, and needs no program. Refuses a port \
                that is taken, and an address that the namespace does not have. As a program would, it \
                keeps a namespace going that is deleted.",
        example: "let red = netns(\"red\");\nred.up(\"lo\");\nserve_http(red, 80, \"hello\");\n\
                  check(\"red has a page\", http_get(red, \"http://127.0.0.1/\").body == \"hello\");",
    },
    Word {
        name: "serve_dns",
        form: "`serve_dns([ns,] address, #{name: address, …})` or `serve_dns([ns,] address, #{…}, #{upstream})`",
        about: "Answers DNS questions at port 53 of an address, over UDP and TCP, until the lab ends or \
                it is given to `stop()`. A record has one address or an array of them, or the name that \
                it is an alias of. What it does not hold does not exist, or is asked of `upstream` (an \
                address, or several); where that gives no answer, the lookup fails (`SERVFAIL`). Called \
                again for the same address, it holds the new records instead of the old.",
        example: "serve_dns(\"127.0.0.1\", #{\"web.mycompany.com\": \"192.168.1.10\"});\n\
                  check(\"web has an address\", resolve(\"web.mycompany.com\") == [\"192.168.1.10\"]);\n\
                  check(\"mail has none\", resolve(\"mail.mycompany.com\").error == \"Name or service not known\");",
    },
    Word {
        name: "serve_udp",
        form: "`serve_udp([ns,] port)` or `serve_udp([ns,] \"address:port\")`",
        about: "Answers each datagram at a UDP port with `echo: ` and what it holds, until the lab ends or it \
                is given to `stop()`. A datagram that begins with `echo: ` gets no answer. At a port of \
                all addresses it answers from the one that the kernel picks, as most programs do: give the \
                address where the namespace has several on one way. Refuses what `serve_http` refuses.",
        example: "serve_udp(7);\ncheck(\"an answer\", udp(\"127.0.0.1\", 7));",
    },
    Word {
        name: "udp",
        form: "`udp([ns,] dst, port)` or `udp([ns,] dst, port, #{timeout_ms, by, count, all, sport})`",
        about: "Sends a datagram of 32 random letters to a UDP port, and waits `timeout_ms` (1000) for any \
                datagram that comes back from there. `by: blue` counts only an answer of `serve_udp` in blue, \
                and `by: service`, where `service` is what `serve_udp` has given, one of this very service: \
                it has to repeat what was sent. `count`, `all` and `sport` are as for `tcp`. Gives `.ok .error \
                .text`; `.error` is in the kernel's words, as `Connection refused` where nobody listens, or \
                `timed out`.",
        example: "serve_udp(\"127.0.0.1:7\");\ncheck(\"somebody is there\", udp(\"127.0.0.1\", 7));\n\
                  check(\"nobody is there\", udp(\"127.0.0.1\", 8).error == \"Connection refused\");",
    },
    Word {
        name: "tcp",
        form: "`tcp([ns,] dst, port)` or `tcp([ns,] dst, port, #{timeout_ms, by, count, all, sport})`",
        about: "Connects to a TCP port and hangs up, as `nc -z` does; waits `timeout_ms` (1000). \
                `by: blue` counts only a connection that blue itself has accepted; `by: page`, where \
                `page` is what `serve_http` or `start` has given, one that this very service or program \
                has, and no other one that listens in the same namespace. `count` tries as often, one \
                after the other, and holds where one came about, or with `all: true` where all did; of \
                ten or more one may be lost, as on every network. \
                `sport` is the port to connect from. Gives `.ok .error .text`; `.error` is in the \
                kernel's words, as `Connection refused`.",
        example: "serve_http(80, \"hello\");\ncheck(\"somebody is there\", tcp(\"127.0.0.1\", 80));\n\
                  check(\"nobody is there\", tcp(\"127.0.0.1\", 81).error == \"Connection refused\");",
    },
    Word {
        name: "http_get",
        form: "`http_get([ns,] url)` or `http_get([ns,] url, #{timeout_ms, by, count, all})`",
        about: "Fetches a page, as curl(1) does; waits a second for the connection, and \
                `timeout_ms` (5000) for all of it. `by: blue` counts only a page that blue itself \
                has sent; `by`, `count` and `all` are as for `tcp`, and what is given is the page that \
                has decided. Holds where the status is below 400. Gives `.ok .status .body .error \
                .text`; `.text` is in curl's words.",
        example: "serve_http(\"127.0.0.1:8080\", \"hello\");\n\
                  check(\"the page\", http_get(\"http://127.0.0.1:8080/\").body == \"hello\");",
    },
    Word {
        name: "resolve",
        form: "`resolve([ns,] name)`",
        about: "Looks a name up as a program in the namespace would: in the order of \
                `/etc/nsswitch.conf`, in `/etc/hosts`, and with the servers and the search list of \
                `/etc/resolv.conf`, where files of `/etc/netns/<ns>/` lie over those of `/etc`. Gives \
                an array of addresses, in the order in which a program tries them; where it is \
                empty, `.error` says why, as `Name or service not known`.",
        example: "sh(\"echo 192.168.1.10 web >> /etc/hosts\");\n\
                  check(\"web has an address\", resolve(\"web\") == [\"192.168.1.10\"]);",
    },
];

pub(super) fn register(engine: &mut Engine, cell: &WorldCell) {
    here_or_host!(engine, cell, "serve_http", |call, ns, port: INT, body: &str| {
        serve_http(&call, &ns, &port.to_string(), body)
    });
    here_or_host!(engine, cell, "serve_http", |call, ns, at: &str, body: &str| {
        serve_http(&call, &ns, at, body)
    });
    here_or_host!(engine, cell, "serve_dns", |call, ns, address: &str, records: Map| {
        serve_dns(&call, &ns, address, records, Map::new())
    });
    here_or_host!(engine, cell, "serve_dns", |call, ns, address: &str, records: Map, options: Map| {
        serve_dns(&call, &ns, address, records, options)
    });
    here_or_host!(engine, cell, "tcp", |call, ns, dst: &str, port: INT| {
        tcp(&call, &ns, dst, port, Map::new())
    });
    here_or_host!(engine, cell, "tcp", |call, ns, dst: &str, port: INT, options: Map| {
        tcp(&call, &ns, dst, port, options)
    });
    here_or_host!(engine, cell, "serve_udp", |call, ns, port: INT| serve_udp(&call, &ns, &port.to_string()));
    here_or_host!(engine, cell, "serve_udp", |call, ns, at: &str| serve_udp(&call, &ns, at));
    here_or_host!(engine, cell, "udp", |call, ns, dst: &str, port: INT| {
        udp(&call, &ns, dst, port, Map::new())
    });
    here_or_host!(engine, cell, "udp", |call, ns, dst: &str, port: INT, options: Map| {
        udp(&call, &ns, dst, port, options)
    });
    here_or_host!(engine, cell, "http_get", |call, ns, url: &str| http_get(&call, &ns, url, Map::new()));
    here_or_host!(engine, cell, "http_get", |call, ns, url: &str, options: Map| {
        http_get(&call, &ns, url, options)
    });
    here_or_host!(engine, cell, "resolve", |call, ns, name: &str| {
        call.world.flush();
        let answer = call.ask(
            ns.exec(&format!("getent ahosts {}", typed(name))),
            |network| network.resolve(&ns, name, call.world.deadline()),
            |answer| (answer.text(), None),
        )?;
        call.in_time(NameValue(Rc::new(answer)))
    });
    anywhere!(engine, cell, "stop", |call, service: Service| {
        call.act(service.kill_command(), |network| network.stop_service(&service))
    });
    engine.register_fn("to_string", |service: &mut Service| service.name().to_string());
    engine.register_get("running", |service: &mut Service| service.is_running());
}

fn serve_http(call: &Call, ns: &Netns, at: &str, body: &str) -> Fallible<Service> {
    // A program that most machines have, which does the same with a file.
    let (bind, port) = match at.rsplit_once(':') {
        Some((address, port)) => (format!(" --bind {}", typed(address.trim_matches(['[', ']']))), port),
        None => (" --bind ::".into(), at),
    };
    let page = typed(body);
    let script = format!(
        "cd \"$(mktemp -d)\" && printf %s {page} > index.html && exec python3 -m http.server {port}{bind}"
    );
    let command = format!("{} &", ns.exec(&format!("sh -c {}", typed(&script))));
    call.act(command, |network| network.serve_http(ns, at, body))
}

fn serve_udp(call: &Call, ns: &Netns, at: &str) -> Fallible<Service> {
    let (address, port) = at.rsplit_once(':').unwrap_or(("", at));
    let address = match address.trim_matches(['[', ']']) {
        "" | "*" => "::",
        address => address,
    };
    let program = format!(
        "$u = IO::Socket::IP->new(Proto => \"udp\", LocalAddr => \"{address}\", LocalPort => {port}); \
         while ($u->recv($said, 65535)) {{ $u->send(\"echo: $said\") }}"
    );
    let command = format!("{} &", ns.exec(&format!("perl -MIO::Socket::IP -e {}", typed(&program))));
    call.act(command, |network| network.serve_udp(ns, at))
}

fn serve_dns(call: &Call, ns: &Netns, address: &str, records: Map, options: Map) -> Fallible<Service> {
    let mut options = Options::new(call, "serve_dns", options, &["upstream"])?;
    let upstreams = options.texts("upstream")?;
    let mut read = Vec::new();
    for (name, value) in records {
        let text = |value: &Dynamic| value.clone().into_string().ok();
        let values = match value.read_lock::<Array>() {
            Some(array) => array.iter().map(text).collect(),
            None => text(&value).map(|text| vec![text]),
        };
        let Some(values) = values else {
            let found = type_of(&value);
            return Err(call.misuse(
                format!("the record `{name}` takes an address, or an array of them, not {found}"),
                "an address is a string, as `\"192.168.15.2\"`",
            ));
        };
        read.push((name.to_string(), values));
    }
    let before = call.world.network.name_server(ns, address);
    let before = before.map(|server| format!("{}; ", server.kill_command())).unwrap_or_default();
    let command = format!("{before}{} &", ns.exec(&dnsmasq(address, &read, &upstreams)));
    call.act(command, |network| network.serve_dns(ns, address, &read, &upstreams))
}

/// Returns the command of a server with these records, as one would type it. `-d`
/// keeps it in the foreground, and root.
fn dnsmasq(address: &str, records: &[Record], upstreams: &[String]) -> String {
    let mut command = format!(
        "dnsmasq -d -C /dev/null --no-resolv --no-hosts --bind-interfaces --listen-address={}",
        typed(address)
    );
    for (name, values) in records {
        let is_alias = matches!(&values[..], [only] if records.iter().any(|(other, _)| other == only));
        if is_alias {
            command += &format!(" --cname={}", typed(&format!("{name},{}", values[0])));
            continue;
        }
        for value in values {
            command += &format!(" --host-record={}", typed(&format!("{name},{value}")));
        }
    }
    match upstreams {
        [] => command + " --local=/#/",
        _ => upstreams.iter().fold(command, |all, upstream| format!("{all} --server={}", typed(upstream))),
    }
}

/// Reads the option that says who must answer.
fn by(call: &Call, options: &mut Options) -> Fallible<Option<Answerer>> {
    let value = options.any("by");
    let netns = || value.read_lock::<Netns>().map(|netns| Answerer::Netns(netns.clone()));
    let service = || value.read_lock::<Service>().map(|service| Answerer::Service(service.clone()));
    let process = || value.read_lock::<Process>().map(|process| Answerer::Process(process.clone()));
    match netns().or_else(service).or_else(process) {
        None if !value.is_unit() => {
            let found = type_of(&value);
            Err(call.misuse(
                format!("the option `by` takes a namespace, a service or a process, not {found}"),
                "",
            ))
        }
        by => Ok(by),
    }
}

/// With this many tries, one may fail.
const MANY: u32 = 10;

/// A number of tries, one after another.
struct Tries {
    count: u32,
    /// Whether each must succeed; otherwise one is enough.
    all: bool,
}

impl Tries {
    fn read(call: &Call, options: &mut Options) -> Fallible<Self> {
        let count = options.number("count", "a number from 1")?.unwrap_or(1);
        if count == 0 {
            return Err(call.misuse("nothing is tried", "`count` is at least 1"));
        }
        Ok(Self { count, all: options.flag("all")?.unwrap_or(false) })
    }

    /// Returns how many of them may fail: a very busy machine loses a packet now
    /// and then.
    fn forgiven(&self) -> u32 {
        u32::from(self.all && self.count >= MANY)
    }

    /// Tries until the result is certain, and returns the deciding answer. An
    /// answer for which `is_final` holds is never forgiven.
    fn run<T>(
        &self,
        mut ask: impl FnMut() -> Result<T, NetError>,
        ok: impl Fn(&T) -> bool,
        is_final: impl Fn(&T) -> bool,
    ) -> Result<T, NetError> {
        let mut forgiven = self.forgiven();
        let mut answer = ask()?;
        for left in (0..self.count).rev() {
            let decides = ok(&answer) != self.all;
            let is_lost = decides && (forgiven == 0 || is_final(&answer));
            if is_lost || !decides && left == 0 {
                break;
            }
            if decides {
                forgiven -= 1;
            }
            answer = ask()?;
        }
        Ok(answer)
    }
}

/// The options of a try at a port.
struct AtPort {
    tries: Tries,
    timeout_ms: u64,
    sport: Option<u16>,
    by: Option<Answerer>,
}

impl AtPort {
    fn read(call: &Call, word: &str, options: Map) -> Fallible<Self> {
        let known = ["timeout_ms", "by", "count", "all", "sport"];
        let mut options = Options::new(call, word, options, &known)?;
        let tries = Tries::read(call, &mut options)?;
        let timeout_ms = options.number("timeout_ms", "a number of milliseconds")?;
        let timeout_ms = timeout_ms.unwrap_or(TcpOptions::default().timeout_ms);
        let sport = options.number("sport", "a number from 1 to 65535")?.filter(|port| *port != 0);
        Ok(Self { tries, timeout_ms, sport, by: by(call, &mut options)? })
    }

    /// Returns the equivalent command of nc(1).
    fn typed(&self, mode: &str, dst: &str, port: INT) -> String {
        let seconds = self.timeout_ms.div_ceil(1000);
        let from = self.sport.map(|sport| format!("-p{sport} ")).unwrap_or_default();
        format!("nc {mode} -w{seconds} {from}{} {port}", typed(dst))
    }
}

fn tcp(call: &Call, ns: &Netns, dst: &str, port: INT, options: Map) -> Fallible<TcpValue> {
    let at = AtPort::read(call, "tcp", options)?;
    let (timeout_ms, sport) = (call.world.at_most(at.timeout_ms), at.sport);
    let how = TcpOptions { timeout_ms, sport, deadline: call.world.deadline(), ..TcpOptions::default() };
    call.world.flush();
    let pending_why =
        call.pending_why(Probe { tcp: u16::try_from(port).ok(), ..Probe::to(ns.name(), dst) })?;
    let (from, to) = (ns.clone(), dst.to_string());
    let answer = call.ask_somebody(
        ns.exec(&at.typed("-zv", dst, port)),
        move |network| {
            let witness = network.witness(&from, at.by.as_ref())?;
            let port = port.to_string();
            at.tries.run(|| network.tcp(&from, &to, &port, &how, witness.as_ref()), TcpAnswer::ok, |_| false)
        },
        TcpAnswer::ok,
        |answer| (answer.text(), None),
        |answer| (!answer.ok()).then_some(pending_why),
    )?;
    call.in_time(TcpValue(Rc::new(answer)))
}

fn udp(call: &Call, ns: &Netns, dst: &str, port: INT, options: Map) -> Fallible<UdpValue> {
    let at = AtPort::read(call, "udp", options)?;
    if let Some(Answerer::Process(_)) = at.by {
        let hint = "`by` takes a namespace, or what `serve_udp` has given";
        return Err(call.misuse("nobody can tell which program has answered a datagram", hint));
    }
    let (timeout_ms, sport) = (call.world.at_most(at.timeout_ms), at.sport);
    let how = UdpOptions { timeout_ms, sport, deadline: call.world.deadline(), ..UdpOptions::default() };
    call.world.flush();
    let (from, to) = (ns.clone(), dst.to_string());
    let command = ns.exec(&at.typed("-u", dst, port));
    let answer = call.ask_somebody(
        format!("echo $RANDOM | {command}"),
        move |network| {
            let witness = network.witness(&from, at.by.as_ref())?;
            let port = port.to_string();
            at.tries.run(|| network.udp(&from, &to, &port, &how, witness.as_ref()), UdpAnswer::ok, |_| false)
        },
        UdpAnswer::ok,
        |answer| (answer.text(), None),
        |_| None,
    )?;
    call.in_time(UdpValue(Rc::new(answer)))
}

fn http_get(call: &Call, ns: &Netns, url: &str, options: Map) -> Fallible<HttpValue> {
    let mut options = Options::new(call, "http_get", options, &["timeout_ms", "by", "count", "all"])?;
    let tries = Tries::read(call, &mut options)?;
    let timeout_ms = options.number("timeout_ms", "a number of milliseconds")?;
    let timeout_ms = timeout_ms.unwrap_or(HttpOptions::default().timeout_ms);
    let how = HttpOptions { timeout_ms: call.world.at_most(timeout_ms), deadline: call.world.deadline() };
    let by = by(call, &mut options)?;
    call.world.flush();
    let (host, port) = crate::net::Network::host_and_port(url).unwrap_or_default();
    let pending_why = call.pending_why(Probe { tcp: Some(port), ..Probe::to(ns.name(), &host) })?;
    let seconds = timeout_ms as f64 / 1000.0;
    let (from, whole) = (ns.clone(), url.to_string());
    let answer = call.ask_somebody(
        ns.exec(&format!("curl -sS --connect-timeout 1 -m {seconds} {}", typed(url))),
        move |network| {
            let witness = network.witness(&from, by.as_ref())?;
            let ask = || network.http_get(&from, &whole, &how, witness.as_ref());
            tries.run(ask, HttpAnswer::ok, HttpAnswer::is_cut_off)
        },
        HttpAnswer::ok,
        |answer| (answer.text(), None),
        |answer| answer.is_unconnected().then_some(pending_why),
    )?;
    call.in_time(HttpValue(Rc::new(answer)))
}
