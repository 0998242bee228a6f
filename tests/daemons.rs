//! The labs with a service, once more with the real thing in its place:
//! dnsmasq for `serve_dns`, nginx for `serve_http`. What a lab teaches must
//! not be ours alone.

use crate::measured::{lacking, skip};
use crate::support::{Scratch, forget_others, output, sandbox_lack, unindent};
use std::process::Command;

/// `serve_dns` by dnsmasq. A program is ready some time after it was started.
const DNSMASQ: &str = r#"
    fn real_dns(ns, address, records, options) {
        // The one before, for the same address.
        let note = `/tmp/dnsmasq-${ns}-${address}`;
        sh(`test -e ${note} && kill $(cat ${note}) && while kill -0 $(cat ${note}); do sleep 0.01; done`);
        let command = `dnsmasq -d -C /dev/null --no-resolv --no-hosts --bind-interfaces --listen-address=${address}`;
        for name in records.keys() {
            command += ` --host-record=${name},${records[name]}`;
        }
        command += if options.contains("upstream") { ` --server=${options.upstream}` } else { " --local=/#/" };
        let server = start(ns, command);
        sh(`echo ${server.pid} > ${note}`);
        for round in 0..2000 {
            if sockets(ns).contains(#{proto: "udp", local: `${address}:53`}) {
                return server;
            }
            if !server.running {
                throw server.stderr;
            }
            sh("sleep 0.005");
        }
        throw "dnsmasq does not listen";
    }
    fn real_dns(ns, address, records) {
        real_dns(ns, address, records, #{})
    }
"#;

/// `serve_http` by nginx.
const NGINX: &str = r#"
    fn real_http(ns, port, body) {
        let folder = `/tmp/nginx-${ns}-${port}`;
        let paths = "";
        for path in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            paths += `${path}_temp_path ${folder}/${path}; `;
        }
        let server = `server { listen [::]:${port} ipv6only=off; location / { return 200 "${body}"; } }`;
        let conf = `user root; daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr; events {} `
            + `http { access_log off; ${paths} ${server} }`;
        sh(`mkdir -p ${folder} && echo '${conf}' > ${folder}/conf`);
        let server = start(ns, `nginx -e stderr -c ${folder}/conf`, #{pid: true});
        for round in 0..2000 {
            if sockets(ns).contains(#{proto: "tcp", local: `*:${port}`}) {
                return server;
            }
            if !server.running {
                throw server.stderr;
            }
            sh("sleep 0.005");
        }
        throw "nginx does not listen";
    }
"#;

/// Runs a lab of this project with the real program, and all must pass.
#[track_caller]
fn passes(lab: &str, program: &str) {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    if let Some(lack) = lacking(&[program]) {
        return skip(lack);
    }
    let file = format!("{}/labs/{lab}.rhai", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(file).expect("a lab of this project");
    let (ours, theirs, real) = match program {
        "dnsmasq" => ("serve_dns(", "real_dns(", DNSMASQ),
        _ => ("serve_http(", "real_http(", NGINX),
    };
    assert!(text.contains(ours), "the lab has such a service");
    let scratch = Scratch::new();
    scratch.write("labs/x/lab.rhai", format!("{}\n{}", unindent(real), text.replace(ours, theirs)));
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.args(["test", "--accept"]).current_dir(scratch.path());
    forget_others(&mut command);
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" 0 failed; 0 ignored;"), "{said}");
    for line in text.lines().filter(|line| line.trim_start().starts_with("snapshot(")) {
        let name = line.split('"').nth(1).expect("a snapshot has a name");
        let slug: String = name.to_lowercase().replace('\'', "").replace(' ', "-");
        let theirs = scratch.read(&format!("snapshots/x/lab/{slug}.snap"));
        let file = format!("{}/snapshots/{lab}/{slug}.snap", env!("CARGO_MANIFEST_DIR"));
        let ours = std::fs::read_to_string(file).expect("the lab's accepted snapshot");
        let text = |snapshot: &str| snapshot.splitn(3, "---\n").last().map(String::from);
        assert_eq!(theirs.as_deref().and_then(text), text(&ours), "{name}");
    }
}

#[test]
fn a_name_server() {
    passes("names/server", "dnsmasq");
}

#[test]
fn two_answers_for_one_name() {
    passes("names/order", "dnsmasq");
}

#[test]
fn names_that_the_server_does_not_hold() {
    passes("names/upstream", "dnsmasq");
}

#[test]
fn short_names() {
    passes("names/search", "dnsmasq");
}

#[test]
fn files_of_ones_own() {
    passes("names/own-files", "dnsmasq");
}

#[test]
fn dockers_network() {
    passes("docker/network", "nginx");
}

#[test]
fn a_published_port() {
    passes("docker/publish", "nginx");
}
