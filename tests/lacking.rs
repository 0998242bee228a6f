//! A feature that the kernel lacks is not measured; a mistake of the lab fails. The
//! kernel itself decides which of the two it is: each command is tried beside nslab, by
//! the same tool in a namespace of the test's own.

use crate::measured::skip;
use crate::support::{Scratch, forget_others, output, sandbox_lack};
use nslab::net::is_installed;
use std::collections::BTreeMap;
use std::process::Command;

/// Correct commands that need a feature which a kernel may lack, each with the module
/// that brings it.
const RIGHT: [(&str, &str); 26] = [
    ("ip link add name d0 type dummy", "dummy"),
    ("ip link add link e0 name v0 type vlan id 3", "8021q"),
    ("ip link add link e0 name i0 type ipvlan", "ipvlan"),
    ("ip link add name b0 type bond", "bonding"),
    ("ip link add name v0 type vrf table 10", "vrf"),
    ("ip link add name g0 type gre local 10.0.0.1 remote 10.0.0.2", "ip_gre"),
    ("ip link add name t0 type ipip local 10.0.0.1 remote 10.0.0.2", "ipip"),
    ("ip link add name s0 type sit local 10.0.0.1 remote 10.0.0.2", "sit"),
    ("ip link add name w0 type wireguard", "wireguard"),
    ("ip link add name n0 type geneve id 1 remote 10.0.0.1", "geneve"),
    ("ip link add name t0 type team", "team"),
    ("ip link add link e0 name m0 type macsec", "macsec"),
    ("ip link add name i0 type ifb", "ifb"),
    ("tc qdisc add dev e0 root netem delay 1ms", "sch_netem"),
    ("tc qdisc add dev e0 root fq_codel", "sch_fq_codel"),
    ("tc qdisc add dev e0 root sfq", "sch_sfq"),
    ("tc qdisc add dev e0 root tbf rate 1mbit burst 10k latency 10ms", "sch_tbf"),
    (
        "ip xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 9 mode tunnel enc aes 0x01020304050607080102030405060708",
        "esp4",
    ),
    ("ip route add 10.9.0.0/24 encap mpls 100 dev e0", "mpls_iptunnel"),
    ("ip l2tp show tunnel", "l2tp_core"),
    ("iptables -A FORWARD -m recent --name x --set -j DROP", "xt_recent"),
    ("iptables -t nat -A POSTROUTING -j MASQUERADE", "nft_chain_nat"),
    ("iptables -t mangle -A POSTROUTING -j TTL --ttl-set 9", "xt_TTL"),
    ("nft add table ip6 x", "nf_tables"),
    ("nft 'add table inet x; add chain inet x y; add rule inet x y fib saddr oif 0 drop'", "nft_fib"),
    ("sysctl -w net.bridge.bridge-nf-call-iptables=1", "br_netfilter"),
];

/// Commands that are wrong on every machine.
const WRONG: [&str; 17] = [
    "ip link add name d0 type dumy",
    "ip link add name d0 type",
    "ip link set nope up",
    "ip route add 10.9.0.0/24 via 10.99.0.1",
    "ip addr add 10.0.0.300/24 dev e0",
    "tc qdisc add dev e0 root nteem delay 1ms",
    "tc qdisc add dev nope root tbf rate 1mbit burst 10k latency 10ms",
    "bridge vlan add vid 5 dev nope",
    "sysctl -w net.ipv4.ip_forwrd=1",
    "sysctl -w net.ipv4.conf.nope.forwarding=1",
    "sh -c 'echo Error: Unknown device type. >&2; exit 2'",
    "sh -c 'echo ip link add d type dummy; echo Error: Unknown device type. >&2; exit 2'",
    "iptables -A FORWARD --dport 80 -j DROP",
    "iptables -A FORWRD -p tcp -j DROP",
    "iptables -A FORWARD -j DRP",
    "iptables -A FORWARD -m sttate --state NEW -j DROP",
    "nft add rule ip nope nope accept",
];

/// Returns the tool that a command needs.
fn tool(command: &str) -> &str {
    command.split_whitespace().next().unwrap_or_default()
}

fn is_here(command: &str) -> bool {
    is_installed(tool(command))
}

/// Runs a lab for each command, with what comes before it in the check; gives
/// for each number what `nslab test` says of it.
fn judged(commands: &[&str], lab: impl Fn(&str) -> String) -> BTreeMap<usize, String> {
    let scratch = Scratch::new();
    for (number, command) in commands.iter().enumerate() {
        scratch.write(&format!("labs/x/n{number:02}.rhai"), lab(command));
    }
    let mut nslab = Command::new(env!("CARGO_BIN_EXE_nslab"));
    nslab.args(["test", "--", "--test-threads=1"]).current_dir(scratch.path());
    forget_others(&mut nslab);
    let said = output(nslab);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let line = |line: &str| {
        let (name, verdict) = line.strip_prefix("test x/n")?.split_once(" ... ")?;
        Some((name.split("::").next()?.parse().ok()?, verdict.trim().to_string()))
    };
    let found: BTreeMap<usize, String> = text.lines().filter_map(line).collect();
    assert_eq!(found.len(), commands.len(), "{text}\n{}", String::from_utf8_lossy(&said.stderr));
    found
}

/// A lab in which a command has to work.
fn has_to_work(command: &str) -> String {
    format!("veth(\"e0\", \"e1\");\nup(\"e0\"); up(\"e1\");\ncheck(\"it works\", exec(`{command}`));\n")
}

/// Whether a command works in a namespace of the test's own, without nslab.
fn works(command: &str) -> Option<bool> {
    let script = format!(
        "ip link add name e0 type veth peer name e1 && ip link set e0 up && ip link set e1 up || exit 99\n{command}"
    );
    let tried = Command::new("unshare").args(["-Urn", "sh", "-c", &script]).output().ok()?;
    tried.status.code().filter(|code| *code != 99).map(|code| code == 0)
}

#[test]
fn what_is_right_works_or_is_not_measured() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    let here: Vec<&(&str, &str)> = RIGHT.iter().filter(|(command, _)| is_here(command)).collect();
    let commands: Vec<&str> = here.iter().map(|(command, _)| *command).collect();
    let found = judged(&commands, has_to_work);
    for (number, (command, module)) in here.into_iter().enumerate() {
        let verdict = &found[&number];
        match works(command) {
            Some(true) => assert_eq!(verdict, "ok", "{command}"),
            Some(false) => {
                assert!(verdict.starts_with("ignored (not measured: "), "{command}: {verdict}");
                let remedy = verdict.contains(&format!("sudo modprobe {module}"));
                // A kernel without the family has none of its rules.
                let family = verdict.contains("in nf_tables") || verdict.contains("of iptables");
                assert!(remedy || family, "{command}: {verdict}");
            }
            None => {}
        }
    }
}

#[test]
fn what_is_wrong_has_failed() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    let here: Vec<&str> = WRONG.iter().copied().filter(|command| is_here(command)).collect();
    let found = judged(&here, has_to_work);
    for (number, command) in here.iter().enumerate() {
        // A kernel without a family refuses the right and the wrong.
        let lacks_all = ["iptables", "nft"].contains(&tool(command))
            && works("nft add table ip x") == Some(false)
            && found[&number].contains("in nf_tables");
        assert!(lacks_all || found[&number] == "FAILED", "{command}: {}", found[&number]);
    }
}

/// The first of the right commands of `ip` and `tc` that this kernel refuses.
fn refused_here() -> Option<&'static str> {
    let of_iproute = |command: &&str| matches!(tool(command), "ip" | "tc") && is_here(command);
    RIGHT.iter().map(|(command, _)| *command).filter(of_iproute).find(|command| works(command) == Some(false))
}

/// Runs a test with a command that this kernel refuses, where there is one.
fn with_refused(test: impl Fn(&str)) {
    match (sandbox_lack(), refused_here()) {
        (Some(lack), _) => skip(lack),
        (None, Some(command)) => test(command),
        // There is nothing to be measured, and nothing that is missing.
        (None, None) => eprintln!("this kernel lacks nothing that is asked for here"),
    }
}

#[test]
fn what_fails_later_is_not_measured_and_what_came_before_counts() {
    with_refused(|command| {
        let lab = format!(
            "veth(\"e0\", \"e1\");\ncheck(\"before\", links().len() == 3);\nsh(`{command}; true`);\ncheck(\"after, right\", true);\n\
             check(\"after, wrong\", false);\n"
        );
        let text = tested(&[("labs/x/lab.rhai", &lab)], &[]);
        assert!(text.contains("x/lab::before       ... ok"), "{text}");
        assert!(text.contains("x/lab::after, right ... ok"), "{text}");
        assert!(text.contains("x/lab::after, wrong ... ignored (not measured: "), "{text}");
        let text = tested(&[("labs/x/lab.rhai", &lab)], &[("NSLAB_REQUIRE", "1")]);
        assert!(text.contains("x/lab::after, wrong ... FAILED"), "{text}");
    });
}

#[test]
fn a_shell_lab_whose_command_is_refused() {
    with_refused(|command| {
        for begin in ["", "set -e\n"] {
            let lab = format!("{begin}ip link add name e0 type veth peer name e1\n{command}\necho on\n");
            let text = tested(&[("labs/x/lab.sh", &lab)], &[]);
            assert!(text.contains("test x/lab ... ignored (not measured: "), "{text}");
        }
        let asks = format!("ip link add name e0 type veth peer name e1\nif {command}; then echo yes; fi\n");
        let text = tested(&[("labs/x/lab.sh", &asks)], &[]);
        assert!(text.contains("test x/lab ... ok"), "{text}");
    });
}

fn tested(files: &[(&str, &str)], variables: &[(&str, &str)]) -> String {
    let scratch = Scratch::new();
    files.iter().for_each(|(path, text)| scratch.write(path, text));
    let mut nslab = Command::new(env!("CARGO_BIN_EXE_nslab"));
    nslab.args(["test", "--", "--test-threads=1"]).current_dir(scratch.path());
    forget_others(&mut nslab);
    nslab.envs(variables.iter().copied());
    String::from_utf8_lossy(&output(nslab).stdout).into_owned()
}

const EXERCISE: &str = "//! Make the host a link.\n\
    submission(\"solutions/link.sh\");\n\
    check(\"lo is there\", links().contains(#{name: \"lo\"}));\n\
    check(\"a link is there\", links().contains(#{name: \"d0\"}));\n";

/// Returns the output of `nslab grade` for a submission for [`EXERCISE`].
fn graded(submission: &str) -> String {
    let scratch = Scratch::new();
    scratch.write("labs/x/lab.rhai", EXERCISE);
    scratch.write("labs/x/solutions/link.sh", "ip link add name d0 type veth peer name d1\n");
    scratch.write("alice.sh", submission);
    let mut nslab = Command::new(env!("CARGO_BIN_EXE_nslab"));
    nslab.args(["grade", "labs/x/lab.rhai", "alice.sh"]).current_dir(scratch.path());
    forget_others(&mut nslab);
    let said = output(nslab);
    format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr))
}

#[test]
fn a_submission_that_is_refused_costs_nothing_and_earns_nothing() {
    with_refused(|command| {
        let refused = command.replace("e0", "lo");
        let text = graded(&format!("{refused}\n"));
        assert!(text.contains("alice: nothing was measured"), "{text}");
        assert!(text.contains("? lo is there: not measured"), "{text}");
        // A submission that still solves the task has all points.
        let text = graded(&format!("{refused}\nip link add name d0 type veth peer name d1\n"));
        assert!(text.contains("alice: 2 of 2 points"), "{text}");
    });
}

#[test]
fn words_that_a_submission_prints_excuse_nothing() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    if !is_installed("ip") || !is_installed("bash") {
        return skip("ip or bash is not installed");
    }
    let words = [
        "Error: Unknown device type.",
        "iptables v1.8.9 (nf_tables):  TABLE_ADD failed (Operation not supported): table nat",
        "iptables: No chain/target/match by that name.",
        "RTNETLINK answers: Operation not supported",
    ];
    for line in words {
        for submission in [
            format!("echo '{line}'; false\n"),
            format!("echo '{line}' >&2; exit 2\n"),
            // Nor by the name of a tool, for what every kernel has.
            format!("ip() {{ echo '{line}' >&2; return 2; }}\nip link add name d0 type veth peer name d1\n"),
            format!("echo \"ip link add d0 type dummy: {line}\" >&2; false\n"),
        ] {
            let text = graded(&submission);
            assert!(text.contains("alice: 1 of 2 points"), "{submission}: {text}");
            assert!(!text.contains("not measured"), "{submission}: {text}");
        }
    }
}

#[test]
fn a_judge_whose_tool_repeats_what_a_submission_says_is_not_deceived() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    let scratch = Scratch::new();
    let lab = "submission(\"link.rhai\");\n\
        let page = http_get(\"http://127.0.0.1/\").body;\n\
        check(\"the page is right\", sh(`echo '${page}' >&2; exit 1`));\n";
    scratch.write("labs/x/lab.rhai", lab);
    scratch.write("labs/x/link.rhai", "up(\"lo\");\n");
    scratch.write(
        "alice.rhai",
        "up(\"lo\");\nserve_http(80, \"x\\nip link add d0 type dummy\\nError: Unknown device type.\");\n",
    );
    let mut nslab = Command::new(env!("CARGO_BIN_EXE_nslab"));
    nslab.args(["grade", "labs/x/lab.rhai", "alice.rhai"]).current_dir(scratch.path());
    forget_others(&mut nslab);
    let text = String::from_utf8_lossy(&output(nslab).stdout).into_owned();
    assert!(text.contains("alice: 0 of 1 point"), "{text}");
}

#[test]
fn a_lab_that_ends_for_a_lack_after_its_last_check_says_where() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    if is_installed("ipvsadm") {
        return skip("`ipvsadm` is installed, which this asks for in vain");
    }
    let scratch = Scratch::new();
    scratch.write("lab.rhai", "check(\"it is so\", true);\nexec(\"ipvsadm -L\");\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.args(["run", "lab.rhai"]).current_dir(scratch.path());
    forget_others(&mut command);
    let output = output(command);
    let told = String::from_utf8_lossy(&output.stdout);
    let end = "\n1 passed\nlab.rhai:2:1: from here on: not measured: exec of \"ipvsadm\" failed: No such file or \
               directory; install it: `apt-get install ipvsadm`\n";
    assert!(told.ends_with(end), "{told}");
}
