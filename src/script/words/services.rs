use super::super::value::{HttpValue, TcpValue};
use super::super::world::{Call, Fallible, Stand};
use super::options::Options;
use super::{Word, anywhere, here_or_host};
use crate::net::{HttpOptions, Netns, Service, TcpOptions};
use rhai::{Engine, INT, Map};
use std::rc::Rc;

pub(super) const WORDS: &[Word] = &[
    Word {
        name: "serve_http",
        form: "`serve_http([ns,] port, body)` or `serve_http([ns,] \"address:port\", body)`",
        about: "Answers every HTTP request at a port with `body`, until the lab ends or it is given \
                to `stop()`. It is ready when the call returns, and needs no program. Refuses a port \
                that is taken, and an address that the namespace does not have.",
        example: "let red = netns(\"red\");\nred.up(\"lo\");\nserve_http(red, 80, \"hello\");\n\
                  check(\"red has a page\", http_get(red, \"http://127.0.0.1/\").body == \"hello\");",
    },
    Word {
        name: "tcp",
        form: "`tcp([ns,] dst, port)` or `tcp([ns,] dst, port, #{timeout_ms, by})`",
        about: "Connects to a TCP port and hangs up, as `nc -z` does; waits `timeout_ms` (1000). \
                `by: blue` counts only a connection that blue itself has accepted. Gives `.ok \
                .error .text`; `.error` is in the kernel's words, as `Connection refused`.",
        example: "serve_http(80, \"hello\");\ncheck(\"somebody is there\", tcp(\"127.0.0.1\", 80));\n\
                  check(\"nobody is there\", tcp(\"127.0.0.1\", 81).error == \"Connection refused\");",
    },
    Word {
        name: "http_get",
        form: "`http_get([ns,] url)` or `http_get([ns,] url, #{timeout_ms, by})`",
        about: "Fetches a page, as curl(1) does; waits a second for the connection, and \
                `timeout_ms` (5000) for all of it. `by: blue` counts only a page that blue itself \
                has sent. Holds where the status is below 400. Gives `.ok .status .body .error \
                .text`; `.text` is in curl's words.",
        example: "serve_http(\"127.0.0.1:8080\", \"hello\");\n\
                  check(\"the page\", http_get(\"http://127.0.0.1:8080/\").body == \"hello\");",
    },
];

pub(super) fn register(engine: &mut Engine, stand: &Stand) {
    here_or_host!(engine, stand, "serve_http", |call, ns, port: INT, body: &str| {
        serve_http(&call, &ns, &port.to_string(), body)
    });
    here_or_host!(engine, stand, "serve_http", |call, ns, at: &str, body: &str| {
        serve_http(&call, &ns, at, body)
    });
    here_or_host!(engine, stand, "tcp", |call, ns, dst: &str, port: INT| {
        tcp(&call, &ns, dst, port, Map::new())
    });
    here_or_host!(engine, stand, "tcp", |call, ns, dst: &str, port: INT, options: Map| {
        tcp(&call, &ns, dst, port, options)
    });
    here_or_host!(engine, stand, "http_get", |call, ns, url: &str| http_get(&call, &ns, url, Map::new()));
    here_or_host!(engine, stand, "http_get", |call, ns, url: &str, options: Map| {
        http_get(&call, &ns, url, options)
    });
    anywhere!(engine, stand, "stop", |call, service: Service| {
        call.act(service.kill_command(), |network| network.stop_service(&service))
    });
    engine.register_fn("to_string", |service: &mut Service| service.name().to_string());
    engine.register_get("running", |service: &mut Service| service.is_running());
}

fn serve_http(call: &Call, ns: &Netns, at: &str, body: &str) -> Fallible<Service> {
    // A program that everybody has, which does the same with a file.
    let (bind, port) = match at.rsplit_once(':') {
        Some((address, port)) => (format!(" --bind {}", address.trim_matches(['[', ']'])), port),
        None => (String::new(), at),
    };
    let page = shell_words::quote(body);
    let script = format!(
        "cd \"$(mktemp -d)\" && printf %s {page} > index.html && exec python3 -m http.server {port}{bind}"
    );
    let command = format!("{} &", ns.exec(&format!("sh -c {}", shell_words::quote(&script))));
    call.act(command, |network| network.serve_http(ns, at, body))
}

fn tcp(call: &Call, ns: &Netns, dst: &str, port: INT, options: Map) -> Fallible<TcpValue> {
    let mut options = Options::new(call, "tcp", options, &["timeout_ms", "by"])?;
    let timeout_ms = options.number("timeout_ms", "a number of milliseconds")?;
    let timeout_ms = timeout_ms.unwrap_or(TcpOptions::default().timeout_ms);
    let how =
        TcpOptions { timeout_ms: call.world.at_most(timeout_ms), by: options.value("by", "a namespace")? };
    call.world.flush();
    let seconds = timeout_ms.div_ceil(1000);
    let answer = call.ask(
        ns.exec(&format!("nc -zv -w{seconds} {dst} {port}")),
        |network| network.tcp(ns, dst, &port.to_string(), &how),
        |answer| (answer.text(), None),
    )?;
    call.in_time(TcpValue(Rc::new(answer)))
}

fn http_get(call: &Call, ns: &Netns, url: &str, options: Map) -> Fallible<HttpValue> {
    let mut options = Options::new(call, "http_get", options, &["timeout_ms", "by"])?;
    let timeout_ms = options.number("timeout_ms", "a number of milliseconds")?;
    let timeout_ms = timeout_ms.unwrap_or(HttpOptions::default().timeout_ms);
    let how =
        HttpOptions { timeout_ms: call.world.at_most(timeout_ms), by: options.value("by", "a namespace")? };
    call.world.flush();
    let seconds = timeout_ms as f64 / 1000.0;
    let answer = call.ask(
        ns.exec(&format!("curl -sS --connect-timeout 1 -m {seconds} {}", shell_words::quote(url))),
        |network| network.http_get(ns, url, &how),
        |answer| (answer.text(), None),
    )?;
    call.in_time(HttpValue(Rc::new(answer)))
}
