use super::Doctor;
use super::exit::Findings;
use crate::check::{Outcome, Shelf, Update, Verdict};
use crate::lab::{Lab, LabName, Source};
use crate::net;
use crate::run::{self, Settings};
use crate::sandbox::{Launcher, Sandbox, SandboxError, doctor};
use crate::script::{Compiler, Stage};
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// `nslab doctor`
pub(super) fn run(typed: &Doctor) -> ExitCode {
    let report = examine();
    if typed.json {
        println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        print!("{report}");
    }
    Findings { nothing_measured: !report.can_run_labs, ..Findings::default() }.into()
}

/// What was found.
#[derive(Debug, Serialize)]
struct Report {
    can_run_labs: bool,
    kernel: String,
    abilities: Vec<Ability>,
}

/// Something that labs may need, and whether this machine has it.
#[derive(Debug, Serialize)]
struct Ability {
    name: String,
    ok: bool,
    /// What the machine said.
    error: Option<String>,
    /// What its lack means for labs.
    cost: Option<String>,
    remedy: Option<String>,
}

/// What is tried, each in a throwaway sandbox of its own: the name, a lab
/// that needs it, what its lack costs, and the remedy.
const TRIED: [(&str, &str, &str, &str); 15] = [
    (
        "veth links and ping",
        "let red = netns(\"red\"); veth(host(), \"a\", red, \"b\"); addr_add(\"a\", \"10.0.0.1/24\"); \
         red.addr_add(\"b\", \"10.0.0.2/24\"); up(\"a\"); red.up(\"b\"); check(\"it works\", ping(\"10.0.0.2\"));",
        "almost no lab can be measured",
        "load the module: `sudo modprobe veth`",
    ),
    (
        "bridges",
        "bridge(\"br0\"); up(\"br0\");",
        "labs with `bridge` are not measured",
        "load the module: `sudo modprobe bridge`",
    ),
    (
        "macvlan links",
        "veth(\"a\", \"b\"); macvlan(\"mv0\", \"a\");",
        "labs with `macvlan` are not measured",
        "load the module: `sudo modprobe macvlan`",
    ),
    (
        "vxlan links",
        "vxlan(\"vx0\", #{id: 1, remote: \"10.0.0.2\"});",
        "labs with `vxlan` are not measured",
        "load the module: `sudo modprobe vxlan`",
    ),
    (
        "IPv6",
        "addr_add(\"lo\", \"fd00::1/64\"); check(\"it works\", ping(\"fd00::1\"));",
        "labs with IPv6 addresses fail",
        "boot without `ipv6.disable=1`",
    ),
    (
        "sysctls of a namespace",
        "sysctl(\"net.ipv4.ip_forward\", 1); check(\"it works\", sysctl(\"net.ipv4.ip_forward\") == \"1\");",
        "labs with `sysctl` fail",
        "in a container, start it with `--security-opt systempaths=unconfined`",
    ),
    (
        "programs in a namespace",
        "let red = netns(\"red\"); check(\"it works\", exec(red, \"true\"));",
        "labs with `exec`, `sh` and `start` fail",
        "",
    ),
    (
        "`ip netns list` and `ip netns exec` inside",
        "let red = netns(\"red\"); check(\"list\", exec(\"ip netns list\").stdout.contains(\"red\")); \
         check(\"exec\", exec(\"ip netns exec red true\"));",
        "labs that call `ip netns` themselves fail",
        "",
    ),
    (
        "rules of routing",
        "rule_add(#{from: \"10.0.0.1\", table: 100}); check(\"it works\", rules().len() == 4);",
        "labs with `rule_add` fail",
        "",
    ),
    (
        "a firewall (nf_tables)",
        "block(\"input\", #{proto: \"icmp\"}); check(\"it works\", !ping(\"127.0.0.1\", #{timeout_ms: 1}));",
        "labs with `policy`, `allow` and `block` fail",
        "load the module: `sudo modprobe nf_tables`",
    ),
    (
        "translation of addresses (NAT), and its connections (conntrack)",
        "masquerade(\"10.0.0.0/24\"); dnat(\"tcp\", 80, \"10.0.0.2:80\"); \
         check(\"it counts\", ping(\"127.0.0.1\").ok && !conntrack().is_empty());",
        "labs with `masquerade`, `dnat` and `conntrack` fail",
        "load the modules: `sudo modprobe -a nft_chain_nat nf_conntrack_netlink`",
    ),
    (
        "capture of packets",
        "let seen = capture(\"lo\"); check(\"it works\", ping(\"127.0.0.1\").ok && !seen.rows().is_empty());",
        "labs with `capture` are not measured",
        "load the module: `sudo modprobe af_packet`",
    ),
    (
        "services that need no program",
        "serve_http(80, \"hello\"); check(\"it works\", http_get(\"http://127.0.0.1/\"));",
        "labs with `serve_http` and `serve_dns` fail",
        "",
    ),
    (
        "the CNI plugins",
        "cni_add(netns(\"red\"), #{cniVersion: \"1.0.0\", name: \"lo\", type: \"loopback\"}); \
         check(\"it works\", ping(netns_list()[0], \"127.0.0.1\"));",
        "labs with `cni_add` are not measured",
        "install them: `sudo apt-get install containernetworking-plugins`",
    ),
    (
        "bridged frames passed to iptables (br_netfilter)",
        "bridge(\"br0\"); check(\"it works\", sysctl(\"net.bridge.bridge-nf-call-iptables\") != \"\");",
        "labs on firewalls of bridges are not measured",
        "load the module: `sudo modprobe br_netfilter`",
    ),
];

/// The tools that labs of the curriculum use.
const TOOLS: [&str; 9] =
    ["bash", "ip", "ping", "nsenter", "iptables", "nft", "tcpdump", "route", "ovs-vsctl"];

fn examine() -> Report {
    let kernel = nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut abilities = Vec::new();
    let mut stage = Stage::new();
    let standing = run::prepare(&mut stage).and_then(|(launcher, mut first)| {
        first.await_standing()?;
        Ok((launcher, first))
    });
    let sandbox = "a sandbox: user, pid, mount, net, uts and ipc namespaces, without root".to_string();
    match standing {
        Ok((launcher, _)) => {
            abilities.push(Ability { name: sandbox, ok: true, error: None, cost: None, remedy: None });
            let compiler = Compiler::new(stage);
            abilities.extend(TRIED.iter().map(|tried| try_ability(&launcher, &compiler, *tried)));
        }
        Err(error) => abilities.push(Ability {
            name: sandbox,
            ok: false,
            error: Some(error.to_string()),
            cost: Some("no lab can be measured".into()),
            remedy: doctor::remedy(&error),
        }),
    }
    let can_run_labs = abilities.first().is_some_and(|ability| ability.ok);
    abilities.extend(TOOLS.into_iter().map(tool));
    Report { can_run_labs, kernel, abilities }
}

fn try_ability(
    launcher: &Launcher,
    compiler: &Compiler,
    (name, script, cost, remedy): (&str, &str, &str, &str),
) -> Ability {
    let error =
        match launcher.open().and_then(|mut sandbox| try_lab(launcher, &mut sandbox, compiler, script)) {
            Ok(outcomes) => outcomes.iter().find_map(complaint),
            Err(error) => Some(error.to_string()),
        };
    let ok = error.is_none();
    let text = |text: &str| Some(text.to_string()).filter(|text| !ok && !text.is_empty());
    Ability { name: name.into(), ok, error, cost: text(cost), remedy: text(remedy) }
}

fn try_lab(
    launcher: &Launcher,
    sandbox: &mut Sandbox,
    compiler: &Compiler,
    script: &str,
) -> Result<Vec<Outcome>, SandboxError> {
    let path = Path::new("doctor.rhai");
    let source = Source { name: LabName::of(path), path: path.into(), text: script.into() };
    let lab: Lab = compiler.read(source).expect("the doctor's own labs are sound");
    let shelf = Shelf::of(path, &lab.source.name, Update::Never);
    let settings = Settings { timeout_ms: 10_000, ..Settings::default() };
    run::lab(&lab, launcher, sandbox, &shelf, &settings, |_, _| {})
}

/// What is wrong, in the words of the machine.
fn complaint(outcome: &Outcome) -> Option<String> {
    match &outcome.verdict {
        Verdict::Passed => None,
        Verdict::Failed(failure) => {
            let seen = failure.seen.as_ref().or(failure.evidence.first().map(|question| &question.text));
            let last = seen.and_then(|seen| seen.lines().last()).filter(|line| *line != "false");
            Some(last.map_or(failure.message.clone(), String::from))
        }
        Verdict::Skipped(reason) | Verdict::NotMeasured { reason, .. } => Some(reason.clone()),
    }
}

fn tool(program: &str) -> Ability {
    let ok = net::is_installed(program);
    let package = net::package_of(program).unwrap_or(program);
    let unless = |text: String| Some(text).filter(|_| !ok);
    Ability {
        name: format!("the tool `{program}`"),
        ok,
        error: unless("not installed where sandboxes look for programs".into()),
        cost: unless(format!("what labs ask of `{program}` is not measured")),
        remedy: unless(format!("install it: `sudo apt-get install {package}`")),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let can = if self.can_run_labs { "can" } else { "can't" };
        writeln!(f, "this machine {can} run labs (Linux {})\n", self.kernel)?;
        for Ability { name, ok, error, cost, remedy } in &self.abilities {
            writeln!(f, "  {}  {name}", if *ok { "ok     " } else { "missing" })?;
            let lines = [("it says", error), ("it costs", cost), ("remedy", remedy)];
            for (label, text) in lines {
                if let Some(text) = text {
                    writeln!(f, "           {label}: {text}")?;
                }
            }
        }
        Ok(())
    }
}
