//! The output of our traceroute is that of traceroute(8), except for the times.

use crate::measured::{lacking, skip};
use crate::support::{NOTHING, Nslab};

/// red - r1 - r2 - blue
const CHAIN: &str = r#"
let red = netns("red");
let r1 = netns("r1");
let r2 = netns("r2");
let blue = netns("blue");
for ns in [red, r1, r2, blue] {
    ns.up("lo");
    ns.sysctl("net.ipv4.ip_forward", 1);
    ns.sysctl("net.ipv6.conf.all.forwarding", 1);
}
for cable in [[red, "e0", r1, "e1", 1], [r1, "e2", r2, "e3", 2], [r2, "e4", blue, "e5", 3]] {
    veth(cable[0], cable[1], cable[2], cable[3]);
    for end in [0, 2] {
        cable[end].addr_add(cable[end + 1], `10.0.${cable[4]}.${end / 2 + 1}/24`);
        cable[end].addr_add(cable[end + 1], `fd00:${cable[4]}::${end / 2 + 1}/64`);
        cable[end].up(cable[end + 1]);
    }
}
for way in [[red, "10.0.1.2"], [r1, "10.0.2.2"], [r2, "10.0.2.1"], [blue, "10.0.3.1"]] {
    way[0].route_add("default", way[1]);
}
for way in [[red, "fd00:1::2"], [r1, "fd00:2::2"], [r2, "fd00:2::1"], [blue, "fd00:3::1"]] {
    way[0].route_add("default", #{via: way[1]});
}
// The real one's text, without its times; one probe after the other, as ours.
fn theirs(ns, dst, options) {
    let said = exec(ns, `traceroute -n -q1 -N1 ${options} ${dst}`, #{timeout_ms: 30000});
    let lines = (said.stdout + said.stderr).split("\n");
    let text = "";
    for line in lines {
        let words = line.split("  ");
        if words.len() > 2 && words[2].contains(" ms") {
            let mark = words[2].split(" ms ");
            line = words[0] + "  " + words[1] + if mark.len() > 1 { " " + mark[1] } else { "" };
        }
        if line != "" { text += line + "\n"; }
    }
    text.trim();
    text
}
"#;

#[test]
fn a_way_is_told_as_traceroute_tells_it() {
    if let Some(lack) = lacking(&["traceroute"]) {
        return skip(lack);
    }
    let lab = r#"
let fast = "-w 0.3 -m 4";
let short = #{timeout_ms: 300, max_hops: 4};
check("there", traceroute(red, "10.0.3.2").text == theirs(red, "10.0.3.2", ""));
check("over IPv6", traceroute(red, "fd00:3::2").text == theirs(red, "fd00:3::2", ""));
check("oneself", traceroute(red, "10.0.1.1").text == theirs(red, "10.0.1.1", ""));
check("oneself by lo", traceroute(red, "127.0.0.1").text == theirs(red, "127.0.0.1", ""));
check("the next one", traceroute(red, "fd00:1::2").text == theirs(red, "fd00:1::2", ""));
check("nobody there", traceroute(red, "10.0.3.77").text == theirs(red, "10.0.3.77", ""));
check("nobody there, over IPv6", traceroute(red, "fd00:3::77").text == theirs(red, "fd00:3::77", ""));
check("nobody near", traceroute(red, "10.0.1.77").text == theirs(red, "10.0.1.77", ""));
check("in circles", traceroute(red, "10.9.9.9", short).text == theirs(red, "10.9.9.9", fast));
r2.route_add("10.8.0.0/16", #{type: "prohibit"});
check("prohibited", traceroute(red, "10.8.0.1").text == theirs(red, "10.8.0.1", ""));
check("everybody", traceroute(red, "10.0.1.255").text == theirs(red, "10.0.1.255", ""));
check("no zone", traceroute(red, "fe80::1").text == theirs(red, "fe80::1", ""));
check("a zone", traceroute(red, "fe80::1%e0").text == theirs(red, "fe80::1%e0", ""));
r2.policy("forward", "drop");
check("dropped", traceroute(red, "10.0.3.2", short).text == theirs(red, "10.0.3.2", fast));
r2.policy("forward", "accept");
blue.block("input", #{proto: "udp"});
check("silent", traceroute(red, "10.0.3.2", short).text == theirs(red, "10.0.3.2", fast));
r1.block("output", #{proto: "icmp"});
check("silent on the way", traceroute(red, "10.0.2.2", short).text == theirs(red, "10.0.2.2", fast));
red.block("output", #{proto: "udp"});
check("not sent", traceroute(red, "10.0.1.2", short).text == theirs(red, "10.0.1.2", fast));
red.route_del("default");
check("no route", traceroute(red, "10.0.3.2").text == theirs(red, "10.0.3.2", ""));
"#;
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", format!("{CHAIN}{lab}"))
        .passes(&[
            "there",
            "over IPv6",
            "oneself",
            "oneself by lo",
            "the next one",
            "nobody there",
            "nobody there, over IPv6",
            "nobody near",
            "in circles",
            "prohibited",
            "everybody",
            "no zone",
            "a zone",
            "dropped",
            "silent",
            "silent on the way",
            "not sent",
            "no route",
        ])
        .run();
}

#[test]
fn an_answer_has_rows_and_reasons() {
    let lab = r#"
let way = traceroute(red, "10.0.3.2");
check("it holds", way);
check("a row for each hop", way.rows().map(|hop| hop.addr) == ["10.0.1.2", "10.0.2.2", "10.0.3.2"]);
check("no reason", way.error == ());
let lost = traceroute(red, "10.0.3.77");
refute("it does not hold", lost);
check("the last row says why", lost.rows()[2].error == "!H" && lost.rows().contains(#{ttl: 3, addr: "10.0.2.2"}));
check("in a few words", lost.error == "10.0.2.2 !H");
r2.policy("forward", "drop");
let silent = traceroute(red, "10.0.3.2", #{timeout_ms: 200});
check("nobody beyond", silent.error == "no answer from beyond 10.0.2.2" && silent.rows().len() == 30);
check("a name that is none", traceroute(red, "1992.168.15.2").error.starts_with("1992.168.15.2: "));
"#;
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", format!("{CHAIN}{lab}"))
        .passes(&[
            "it holds",
            "a row for each hop",
            "no reason",
            "it does not hold",
            "the last row says why",
            "in a few words",
            "nobody beyond",
            "a name that is none",
        ])
        .run();
}

#[test]
fn a_way_that_is_too_long() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            traceroute("127.0.0.1", #{max_hops: 300});
            "#,
        )
        .fails(
            r#"
            labs/x/lab.rhai:1:1: the option `max_hops` takes a number from 1 to 255, not 300
               |
             1 | traceroute("127.0.0.1", #{max_hops: 300});
               | ^
            "#,
        )
        .run();
}
