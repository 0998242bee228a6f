//! `sweep`: which packets come through, whatever a rule or a route makes of them.

use crate::support::Nslab;

/// Red and blue, and a router between them.
const WAY: &str = r#"
    let red = netns("red");
    let router = netns("router");
    let blue = netns("blue");
    veth(red, "eth0", router, "left");
    veth(router, "right", blue, "eth0");
    red.addr_add("eth0", "10.0.1.2/24");
    router.addr_add("left", "10.0.1.1/24");
    router.addr_add("right", "10.0.2.1/24");
    blue.addr_add("eth0", "10.0.2.2/24");
    for end in [[red, "eth0"], [router, "left"], [router, "right"], [blue, "eth0"]] {
        up(end[0], end[1]);
    }
    router.sysctl("net.ipv4.ip_forward", 1);
    red.route_add("default", "10.0.1.1");
    blue.route_add("default", "10.0.2.1");
"#;

fn on_the_way(script: &str) -> Nslab {
    Nslab::test([""; 0]).lab(&format!("{WAY}{script}"))
}

#[test]
fn all_comes_where_nothing_is_in_the_way() {
    on_the_way(
        r#"
        check("all", sweep(red, "10.0.2.2", #{at: blue, all: true}));
        check("from others", sweep(red, "10.0.2.2", #{at: blue, src: "10.0.1.0/24", all: true}));
        let back = sweep(blue, "10.0.1.2", #{at: red, proto: "tcp", port: [22, 80..=90], count: 100});
        check("as many as are sent", back.sent == 100 && back.received == 100 && back.ok);
        check("from where they are sent", back.sources == ["10.0.2.2"]);
        check("on the way", sweep(red, "10.0.2.2", #{at: router, count: 50, all: true}));
        check("neighbours stay", arp(router).contains(#{ip: "10.0.1.2"}) && arp(router).len() == 2);
        check("addresses stay", addrs(red).filter(|row| row.addr.starts_with("10.")).len() == 1);
        check("to oneself", sweep("127.0.0.0/8", #{at: host(), all: true}));
        refute("not beside it", sweep(red, "10.0.1.1", #{at: blue}));
        "#,
    )
    .passes(&[
        "all",
        "from others",
        "as many as are sent",
        "from where they are sent",
        "on the way",
        "neighbours stay",
        "addresses stay",
        "to oneself",
        "not beside it",
    ])
    .run();
}

#[test]
fn what_a_rule_lets_pass_is_found() {
    on_the_way(
        r#"
        router.policy("forward", "drop");
        refute("nothing", sweep(red, "10.0.2.2", #{at: blue}));
        router.allow("forward", #{proto: "tcp", dport: 80});
        let web = sweep(red, "10.0.2.2", #{at: blue});
        check("the web", web.ok && web.received < web.sent / 2);
        refute("nothing else", sweep(red, "10.0.2.2", #{at: blue, not: "80/tcp"}));
        router.allow("forward", #{proto: "udp", dport: 4711, saddr: "10.0.1.77"});
        let leak = sweep(red, "10.0.2.2", #{at: blue, not: "80/tcp", src: "10.0.1.0/24"});
        check("one port of one visitor", leak.ok && leak.sources == ["10.0.1.77"]);
        check("it is told", leak.text.contains("came:\n  10.0.1.77.") && leak.text.contains("> 10.0.2.2.4711: udp"));
        "#,
    )
    .passes(&[
        "nothing",
        "the web",
        "nothing else",
        "one port of one visitor",
        "it is told",
    ])
    .run();
}

#[test]
fn what_is_in_a_set_is_found() {
    on_the_way(
        r#"
        router.policy("forward", "drop");
        router.nft("add set ip filter hosts { type ipv4_addr . inet_service; flags interval; }");
        router.nft("add element ip filter hosts { 10.0.1.77 . 4000-4010 }");
        router.nft("add rule ip filter FORWARD ip saddr . udp dport @hosts accept");
        let leak = sweep(red, "10.0.2.2", #{at: blue, src: "10.0.1.0/24"});
        check("one visitor at a few ports", leak.ok && leak.sources == ["10.0.1.77"]);
        "#,
    )
    .needs(&["nft"])
    .passes(&["one visitor at a few ports"])
    .run();
}

#[test]
fn a_type_of_icmp_is_not_the_others() {
    on_the_way(
        r#"
        router.policy("forward", "drop");
        router.nft("add rule ip filter FORWARD icmp type echo-request accept");
        check("echoes", sweep(red, "10.0.2.2", #{at: blue, proto: "icmp", all: true}));
        refute("no other message", sweep(red, "10.0.2.2", #{at: blue, proto: "icmp", port: 0..=255, not: "8/icmp"}));
        "#,
    )
    .needs(&["nft"])
    .passes(&["echoes", "no other message"])
    .run();
}

#[test]
fn what_a_rule_or_a_route_stops_is_found() {
    on_the_way(
        r#"
        blue.addr_add("lo", "10.9.0.77/32");
        router.route_add("10.9.0.0/16", "10.0.2.2");
        let held = || sweep(red, "10.9.0.0/16", #{at: blue, src: "10.0.1.0/24", all: true});
        check("a whole network", held.call());
        router.route_add("10.9.128.16/28", #{type: "blackhole"});
        let answer = held.call();
        check("a hole in it", !answer.ok && answer.received > answer.sent / 2);
        check("it is told", answer.text.contains("did not come:") && answer.text.contains(" > 10.9.128."));
        router.route_del("10.9.128.16/28");
        router.rule_add(#{pref: 100, from: "10.0.1.64/26", action: "blackhole"});
        check("a part of the visitors", !held.call().ok);
        router.rule_del(#{pref: 100});
        router.block("forward", #{proto: "udp", dport: 53});
        check("one port", held.call().error.contains("packets lost"));
        "#,
    )
    .passes(&["a whole network", "a hole in it", "it is told", "a part of the visitors", "one port"])
    .run();
}

/// A rule of ports knows none in a second fragment.
#[test]
fn what_happens_to_fragments_is_found() {
    on_the_way(
        r#"
        exec(router, "iptables -A FORWARD -f -j DROP");
        let stopped = sweep(red, "10.0.2.2", #{at: blue, all: true});
        refute("they are stopped", stopped.ok);
        check("they alone", stopped.sent - stopped.received < 100 && stopped.received > 900);
        check("and named", stopped.text.contains(", fragmented"));
        exec(router, "iptables -F");
        exec(router, "iptables -P FORWARD DROP");
        refute("none passes", sweep(red, "10.0.2.2", #{at: blue}));
        exec(router, "iptables -A FORWARD -f -j ACCEPT");
        check("they pass", sweep(red, "10.0.2.2", #{at: blue}));
        // Connection tracking puts them together, so that they have ports.
        exec(router, "iptables -F");
        exec(router, "iptables -A FORWARD -m conntrack --ctstate NEW,RELATED,ESTABLISHED,INVALID -j ACCEPT");
        check("as one they pass", sweep(red, "10.0.2.2", #{at: blue, all: true}));
        "#,
    )
    .needs(&["iptables"])
    .passes(&["they are stopped", "they alone", "and named", "none passes", "they pass", "as one they pass"])
    .run();
}

#[test]
fn who_is_translated_is_seen() {
    on_the_way(
        r#"
        router.masquerade("10.0.1.0/24", #{oif: "right"});
        let seen = sweep(red, "10.0.2.2", #{at: blue, proto: ["tcp", "udp", "icmp"], count: 300, all: true});
        check("the router alone is seen", seen.ok && seen.sources == ["10.0.2.1"]);
        router.set_mtu("right", 1000);
        let large = sweep(red, "10.0.2.2", #{at: blue, all: true});
        check("what is too large is lost", !large.ok && large.received > 0);
        red.route_del("default");
        let lost = sweep(red, "10.0.2.2", #{at: blue, count: 10});
        check("there is no way", lost.error == "sendmsg: Network is unreachable");
        "#,
    )
    .passes(&["the router alone is seen", "what is too large is lost", "there is no way"])
    .run();
}

#[test]
fn what_it_is_not_asked_for() {
    let refused = |options: &str, error: &str, hint: &str| {
        let line = format!("check(\"a sweep\", sweep(red, \"10.0.0.1\", {options}));");
        let command = " command: ip netns exec red nmap -sU -p- 10.0.0.1\n";
        let hint = if hint.is_empty() { command.into() } else { format!(" hint: {hint}\n") };
        Nslab::test([""; 0])
            .lab(&format!("let red = netns(\"red\");\n{line}"))
            .fails_as(
                "x/lab::a sweep",
                &format!(
                    "
 labs/x/lab.rhai:2:18: {error}
    |
  2 | {line}
    |                  ^
{hint}"
                ),
            )
            .run();
    };
    refused("#{}", "`sweep` watches nowhere", "say where the packets are to arrive: `#{at: server}`");
    refused(
        "#{at: red, proto: \"sctp\"}",
        "`sweep` knows no protocol `sctp`",
        "choose among tcp, udp, icmp and any",
    );
    refused(
        "#{at: red, port: 70000}",
        "the option `port` takes a port, a range or an array of them, not an int",
        "a port is a number from 0 to 65535",
    );
    refused(
        "#{at: red, not: \"80\"}",
        "`80` is no port of a protocol",
        "say `80/tcp`, `53/udp`, `8/icmp` for a type of ICMP, or `icmp` for all of it",
    );
    refused(
        "#{at: red, src: \"fe80::1\"}",
        "`fe80::1` is no IPv4 address or network",
        "say `10.0.0.1`, `10.0.0.0/24` or `10.0.0.7-10.0.0.9`",
    );
    refused(
        "#{at: red, count: 0}",
        "there is nothing to send",
        "there is a `dst`, and `count` is a number from 1 to 100000",
    );
    refused(
        "#{at: red, proto: \"udp\", not: \"udp\"}",
        "there is nothing to send: all of it is left out",
        "",
    );
}
