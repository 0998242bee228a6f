//! Services and their clients: refusals, and the errors when nobody answers.

use crate::measured::{lacking, skip};
use crate::support::{CABLE, NOTHING, Nslab};

/// A lab with this text stops, and this is said of it.
#[track_caller]
fn stops(lab: &str, report: &str) {
    Nslab::test(NOTHING).lab(lab).fails(report).run();
}

/// All checks of a lab pass.
#[track_caller]
fn passes(lab: &str, checks: &[&str]) {
    Nslab::test(NOTHING).lab(lab).passes(checks).run();
}

#[test]
fn a_port_of_70000() {
    stops(
        r#"
        let blue = netns("blue");
        serve_http(blue, 70000, "hello");
        "#,
        r#"
        labs/x/lab.rhai:2:1: port number too large: 70000
           |
         2 | serve_http(blue, 70000, "hello");
           | ^
        command: ip netns exec blue sh -c 'cd "$(mktemp -d)" && printf %s hello > index.html && exec python3 -m http.server 70000 --bind ::' &
        hint: a port is a number from 1 to 65535
        "#,
    );
}

#[test]
fn a_port_that_is_taken() {
    stops(
        r#"
        let blue = netns("blue");
        serve_http(blue, 80, "hello");
        blue.serve_http(80, "hello again");
        "#,
        r#"
        labs/x/lab.rhai:3:6: bind: Address already in use
           |
         3 | blue.serve_http(80, "hello again");
           |      ^
        command: ip netns exec blue sh -c 'cd "$(mktemp -d)" && printf %s '\''hello again'\'' > index.html && exec python3 -m http.server 80 --bind ::' &
        hint: port 80/tcp of `blue` is taken by serve_http("80")
        "#,
    );
}

#[test]
fn a_port_that_is_free_elsewhere() {
    passes(
        r#"
        let red = netns("red");
        let blue = netns("blue");
        serve_http(80, "host");
        serve_http(blue, 80, "blue");
        for ns in [red, blue] {
            ns.up("lo");
        }
        check("the host's", http_get("127.0.0.1").body == "host");
        check("blue's", http_get(blue, "127.0.0.1").body == "blue");
        check("red has none", tcp(red, "127.0.0.1", 80).error == "Connection refused");
        "#,
        &["the host's", "blue's", "red has none"],
    );
}

#[test]
fn an_address_that_the_namespace_does_not_have() {
    stops(
        r#"
        let blue = netns("blue");
        addr_add(blue, "lo", "10.0.0.1/8");
        serve_http(blue, "192.168.15.2:80", "hello");
        "#,
        r#"
        labs/x/lab.rhai:3:1: bind: Cannot assign requested address
           |
         3 | serve_http(blue, "192.168.15.2:80", "hello");
           | ^
        command: ip netns exec blue sh -c 'cd "$(mktemp -d)" && printf %s hello > index.html && exec python3 -m http.server 80 --bind 192.168.15.2' &
        hint: `blue` does not have 192.168.15.2; it has 10.0.0.1
        "#,
    );
}

#[test]
fn an_address_without_a_port() {
    stops(
        r#"
        serve_http("192.168.15.2", "hello");
        "#,
        r#"
        labs/x/lab.rhai:1:1: "192.168.15.2" is no place to listen
           |
         1 | serve_http("192.168.15.2", "hello");
           | ^
        command: sh -c 'cd "$(mktemp -d)" && printf %s hello > index.html && exec python3 -m http.server 192.168.15.2 --bind ::' &
        hint: write a port, as `80`, or an address and a port, as `"192.168.15.2:80"`
        "#,
    );
}

#[test]
fn a_service_answers_while_the_script_waits_for_a_program() {
    passes(
        r#"
        let blue = netns("blue");
        blue.up("lo");
        serve_http(blue, "127.0.0.1:80", "hello");
        // bash is everywhere that curl may be missing.
        let page = sh(blue, "bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3; cat <&3'");
        check("a page", page);
        check("its status", page.stdout.contains("200 OK"));
        check("its text", page.stdout.ends_with("\r\n\r\nhello"));
        "#,
        &["a page", "its status", "its text"],
    );
}

#[test]
fn a_service_that_is_stopped_is_gone() {
    passes(
        r#"
        let web = serve_http(80, "hello");
        check("it is there", tcp("127.0.0.1", 80));
        check("it runs", web.running);
        stop(web);
        check("it is gone", tcp("127.0.0.1", 80).error == "Connection refused");
        check("it has ended", !web.running);
        serve_http(80, "hello again");
        check("the port is free", http_get("http://127.0.0.1/").body == "hello again");
        "#,
        &["it is there", "it runs", "it is gone", "it has ended", "the port is free"],
    );
}

#[test]
fn who_answers_is_seen_behind_a_rewritten_address() {
    passes(
        r#"
        let red = netns("red");
        let blue = netns("blue");
        for (ns, n) in [red, blue] {
            veth(ns, "eth0", host(), `veth-${ns}`);
            ns.addr_add("eth0", `10.0.${n}.2/24`);
            addr_add(`veth-${ns}`, `10.0.${n}.1/24`);
            ns.up("eth0");
            up(`veth-${ns}`);
            ns.route_add("default", `10.0.${n}.1`);
        }
        sysctl("net.ipv4.ip_forward", "1");
        serve_http(blue, 80, "hello");
        serve_http(81, "the host");
        check("blue", http_get(red, "10.0.1.2", #{by: blue}));
        // Both addresses and both ports are others on the way.
        dnat("tcp", 8080, "10.0.1.2:80");
        masquerade("10.0.0.0/24");
        check("blue's port", tcp(red, "10.0.0.1", 8080, #{by: blue}));
        check("blue's page", http_get(red, "10.0.0.1:8080", #{by: blue}).body == "hello");
        let not_blue = http_get(red, "10.0.0.1:81", #{by: blue});
        check("not blue", not_blue.error == "10.0.0.1 answered, but it was not `blue` that did");
        check("not red's port", !tcp(red, "10.0.0.1", 8080, #{by: red}));
        check("the host's page", http_get(red, "10.0.0.1:81", #{by: host()}));
        "#,
        &["blue", "blue's port", "blue's page", "not blue", "not red's port", "the host's page"],
    );
}

#[test]
fn a_page_that_nobody_has() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("a page", http_get("http://10.0.0.1:8080/"));
            "#,
        )
        .fails_as(
            "x/lab::a page",
            r#"
            labs/x/lab.rhai:1:1: check `a page` failed
               |
             1 | check("a page", http_get("http://10.0.0.1:8080/"));
               | ^
            expected: a page
            $ curl -sS --connect-timeout 1 -m 5 http://10.0.0.1:8080/
                curl: (7) Failed to connect to 10.0.0.1 port 8080: Network is unreachable
            why
                host can't reach 10.0.0.1: host has no interface but lo: no cable is plugged in
                  (nslab why --explain link-missing)

                  request  [host] ✗
                  the request did not leave any interface of host

                look at
                    ip link
            "#,
        )
        .run();
}

#[test]
fn a_url_with_a_port_of_70000() {
    stops(
        r#"
        http_get("http://10.0.0.1:70000/");
        "#,
        r#"
        labs/x/lab.rhai:1:1: port number too large: 70000
           |
         1 | http_get("http://10.0.0.1:70000/");
           | ^
        command: curl -sS --connect-timeout 1 -m 5 http://10.0.0.1:70000/
        hint: a port is a number from 1 to 65535
        "#,
    );
}

#[test]
fn a_record_that_is_no_address() {
    stops(
        r#"
        let blue = netns("blue");
        blue.up("lo");
        serve_dns(blue, "127.0.0.1", #{"web.corp": "1992.168.15.2"});
        "#,
        r#"
        labs/x/lab.rhai:3:1: bad record for "web.corp": any valid address is expected rather than "1992.168.15.2"
           |
         3 | serve_dns(blue, "127.0.0.1", #{"web.corp": "1992.168.15.2"});
           | ^
        command: ip netns exec blue dnsmasq -d -C /dev/null --no-resolv --no-hosts --bind-interfaces --listen-address=127.0.0.1 --host-record=web.corp,1992.168.15.2 --local=/#/ &
        hint: each of the four numbers is at most 255; `1992` is more
        "#,
    );
}

#[test]
fn a_record_with_a_name_that_is_none() {
    stops(
        r#"
        serve_dns("127.0.0.1", #{"web corp": "192.168.15.2"});
        "#,
        r#"
        labs/x/lab.rhai:1:1: bad name for a record: "web corp"
           |
         1 | serve_dns("127.0.0.1", #{"web corp": "192.168.15.2"});
           | ^
        command: dnsmasq -d -C /dev/null --no-resolv --no-hosts --bind-interfaces --listen-address=127.0.0.1 --host-record='web corp,192.168.15.2' --local=/#/ &
        hint: a name has letters, digits and hyphens, with dots between its parts
        "#,
    );
}

#[test]
fn a_record_that_is_a_namespace() {
    stops(
        r#"
        let blue = netns("blue");
        serve_dns("127.0.0.1", #{web: blue});
        "#,
        r#"
        labs/x/lab.rhai:2:1: the record `web` takes an address, or an array of them, not a namespace
           |
         2 | serve_dns("127.0.0.1", #{web: blue});
           | ^
        hint: an address is a string, as `"192.168.15.2"`
        "#,
    );
}

#[test]
fn a_name_server_on_an_address_of_somebody_else() {
    stops(
        r#"
        serve_dns("192.168.15.2", #{web: "192.168.15.3"});
        "#,
        r#"
        labs/x/lab.rhai:1:1: bind: Cannot assign requested address
           |
         1 | serve_dns("192.168.15.2", #{web: "192.168.15.3"});
           | ^
        command: dnsmasq -d -C /dev/null --no-resolv --no-hosts --bind-interfaces --listen-address=192.168.15.2 --host-record=web,192.168.15.3 --local=/#/ &
        hint: `host` does not have 192.168.15.2; it has 127.0.0.1, ::1
        "#,
    );
}

#[test]
fn a_record_is_changed_once_for_all() {
    passes(
        r#"
        sh("echo nameserver 127.0.0.1 > /etc/resolv.conf");
        serve_dns("127.0.0.1", #{web: "192.168.15.2", mail: "192.168.15.3"});
        check("before", resolve("web") == ["192.168.15.2"]);
        serve_dns("127.0.0.1", #{web: "192.168.15.9"});
        check("after", resolve("web") == ["192.168.15.9"]);
        check("what is gone", resolve("mail").error == "Name or service not known");
        "#,
        &["before", "after", "what is gone"],
    );
}

#[test]
fn an_answer_that_fits_no_datagram_comes_over_tcp() {
    passes(
        r#"
        let many = [];
        for n in 1..=100 {
            many.push(`10.0.0.${n}`);
        }
        serve_dns("127.0.0.1", #{web: many});
        check("all of them", resolve("web").len == 100);
        "#,
        &["all of them"],
    );
}

#[test]
fn servers_that_ask_each_other_in_a_circle_fail() {
    passes(
        r#"
        addr_add("lo", "10.0.0.1/8");
        serve_dns("127.0.0.1", #{}, #{upstream: "10.0.0.1"});
        serve_dns("10.0.0.1", #{}, #{upstream: "127.0.0.1"});
        check("nobody knows", resolve("web").error == "Temporary failure in name resolution");
        "#,
        &["nobody knows"],
    );
}

#[test]
fn what_is_said_is_what_nc_and_curl_say() {
    if let Some(lack) = lacking(&["nc", "curl"]) {
        return skip(lack);
    }
    passes(
        r#"
        let red = netns("red");
        let blue = netns("blue");
        veth(red, "veth-red", blue, "veth-blue");
        red.addr_add("veth-red", "10.0.0.1/24");
        blue.addr_add("veth-blue", "10.0.0.2/24");
        red.up("veth-red");
        blue.up("veth-blue");
        red.up("lo");
        serve_http(blue, 8099, "hello");
        block(blue, "input", #{proto: "tcp", dport: 82});
        sh("echo 10.0.0.2 blue >> /etc/hosts");
        fn compare(what, ours, theirs) {
            if ours != theirs {
                note(`${what}: nslab says ${ours}, the tool says ${theirs}`);
            }
            ours == theirs
        }
        fn trimmed(text) {
            text.trim();
            text
        }
        // The code, and what could not be done.
        fn beginning(text) {
            let words = text.split(":");
            trimmed(words[1].split(" after ")[0])
        }
        // Somebody, nobody, no host, no network, a wall, no name, a name.
        for at in ["10.0.0.2 8099", "10.0.0.2 81", "10.0.0.9 80", "10.0.1.9 80", "10.0.0.2 82", "web 80", "blue 81"] {
            let words = at.split(" ");
            let dst = words[0];
            let port = words[1].parse_int();
            let theirs = exec(red, `nc -zv -w1 ${dst} ${port}`);
            let ours = tcp(red, dst, port);
            check("nc", compare(at, `${ours.ok} ${ours.text}`, trimmed(`${theirs.ok} ${theirs.stderr}`)));
            // What curl says of the reason has changed with its versions.
            let theirs = exec(red, `curl -sS --connect-timeout 1 -m 5 http://${dst}:${port}/`);
            let ours = http_get(red, `http://${dst}:${port}/`);
            if theirs.ok {
                check("a page by curl", compare(at, ours.text, theirs.stdout));
            } else {
                check("no page by curl", compare(at, beginning(ours.text), beginning(theirs.stderr)));
            }
        }
        "#,
        &["nc", "a page by curl", "no page by curl"],
    );
}

#[test]
fn no_name_is_given_up_while_a_server_asks_another() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            let red = netns("red");
            let near = netns("near");
            let far = netns("far");
            veth(red, "eth0", near, "eth0");
            veth(near, "eth1", far, "eth0");
            for end in [[red, "eth0", "10.0.0.1"], [near, "eth0", "10.0.0.2"], [near, "eth1", "10.0.1.2"], [far, "eth0", "10.0.1.3"]] {
                addr_add(end[0], end[1], end[2] + "/24");
                up(end[0], end[1]);
            }
            serve_dns(far, "10.0.1.3", #{"far.example": "10.0.1.3"});
            serve_dns(near, "10.0.0.2", #{"near.example": "10.0.0.2"}, #{upstream: "10.0.1.3"});
            sh("mkdir -p /etc/netns/red; echo 'nameserver 10.0.0.2' > /etc/netns/red/resolv.conf");
            let found = 0;
            for round in 0..50 {
                if resolve(red, "near.example") == ["10.0.0.2"] && resolve(red, "far.example") == ["10.0.1.3"] {
                    found += 1;
                }
            }
            check("each name is found each time", found == 50);
            "#,
        )
        .passes(&["each name is found each time"])
        .run();
}

/// Red asks blue by a router, which can hide red, and send blue's to green.
const DATAGRAMS: &str = r#"
    let red = netns("red");
    let router = netns("router");
    let blue = netns("blue");
    let green = netns("green");
    for side in [[red, "10.0.1", "to-red"], [blue, "10.0.2", "to-blue"], [green, "10.0.3", "to-green"]] {
        veth(side[0], "eth0", router, side[2]);
        side[0].addr_add("eth0", `${side[1]}.2/24`);
        router.addr_add(side[2], `${side[1]}.1/24`);
        side[0].up("eth0");
        router.up(side[2]);
        side[0].route_add("default", `${side[1]}.1`);
    }
    router.sysctl("net.ipv4.ip_forward", 1);
"#;

#[test]
fn a_datagram_is_answered() {
    passes(
        &format!(
            r#"{DATAGRAMS}
            let echo = serve_udp(blue, 7);
            serve_udp(blue, "10.0.2.2:8");
            let greens = serve_udp(green, 7);
            let answer = udp(red, "10.0.2.2", 7);
            check("an answer", answer);
            check("in words", answer.text == "10.0.2.2 port 7 (udp): an answer" && answer.error == ());
            check("by whom", udp(red, "10.0.2.2", 7, #{{by: blue, count: 12, all: true}}));
            check("by which service", udp(red, "10.0.2.2", 7, #{{by: echo, sport: 5353}}));
            check("not by another service", udp(red, "10.0.2.2", 8, #{{by: echo}}).error
                == "10.0.2.2 answered, but it was not serve_udp(\"7\") in `blue` that did");
            check("nobody listens", udp(red, "10.0.2.2", 9).error == "Connection refused");
            check("nobody is there", udp(red, "10.0.2.9", 7).text == "10.0.2.9 port 7 (udp): no answer");
            check("no such name", udp(red, "nobody.corp", 7).error == "Temporary failure in name resolution");
            router.masquerade("10.0.1.0/24");
            check("hidden behind the router", udp(red, "10.0.2.2", 7, #{{by: echo}}));
            router.dnat("udp", 70, "10.0.3.2:7");
            refute("somebody else's", udp(red, "10.0.1.1", 70, #{{by: blue}}));
            check("the other one's", udp(red, "10.0.1.1", 70, #{{by: green}}));
            blue.block("input", #{{proto: "udp"}});
            check("it is dropped", udp(red, "10.0.2.2", 7, #{{timeout_ms: 200}}).error == "timed out");
            blue.addr_add("eth0", "fd00::2/64");
            router.addr_add("to-blue", "fd00::1/64");
            check("over IPv6", udp(router, "fd00::2", 7, #{{by: echo}}));
            stop(greens);
            check("it has stopped", udp(router, "10.0.3.2", 7).error == "Connection refused");
            "#
        ),
        &[
            "an answer",
            "in words",
            "by whom",
            "by which service",
            "not by another service",
            "nobody listens",
            "nobody is there",
            "no such name",
            "hidden behind the router",
            "somebody else's",
            "the other one's",
            "it is dropped",
            "over IPv6",
            "it has stopped",
        ],
    );
}

/// Programs that know nothing of nslab receive its datagrams.
#[test]
fn datagrams_are_those_of_other_programs() {
    Nslab::test(NOTHING)
        .lab(&format!(
            r#"{DATAGRAMS}
            serve_udp(blue, 7);
            let asked = exec(red, "sh -c 'echo hello | nc -u -w1 10.0.2.2 7'");
            check("nc is answered", asked.stdout == "echo: hello\n");
            let program = "$u = IO::Socket::IP->new(Proto => 'udp', LocalAddr => '::', LocalPort => 9); "
                + "while ($u->recv($said, 65535)) {{ $u->send($said) }}";
            let theirs = start(blue, `perl -MIO::Socket::IP -e "${{program}}"`);
            eventually("another program answers", 5000, || udp(red, "10.0.2.2", 9));
            refute("that is none of our services", udp(red, "10.0.2.2", 9, #{{by: blue, timeout_ms: 300}}));
            // Two of them, one of which is told that the other one has asked.
            serve_udp(red, 7);
            let before = capture(red, "eth0");
            udp(red, "10.0.2.2", 7, #{{sport: 8}});
            check("what answers is no question", exec(red,
                "perl -MIO::Socket::IP -e 'IO::Socket::IP->new(Proto => q(udp), LocalPort => 99, PeerAddr => q(10.0.2.2), PeerPort => 7)->send(q(echo: me))'"));
            exec(red, "sleep 0.1");
            check("and is not answered", before.rows().filter(|row| row.dst == "10.0.1.2").len() == 1);
            "#
        ))
        .needs(&["nc", "perl"])
        .passes(&[
            "nc is answered",
            "another program answers",
            "that is none of our services",
            "what answers is no question",
            "and is not answered",
        ])
        .run();
}

#[test]
fn whose_a_datagram_is_nobody_can_tell() {
    stops(
        r#"
        let sleeps = start("sleep 60");
        udp("127.0.0.1", 7, #{by: sleeps});
        "#,
        r#"
        labs/x/lab.rhai:2:1: nobody can tell which program has answered a datagram
           |
         2 | udp("127.0.0.1", 7, #{by: sleeps});
           | ^
        hint: `by` takes a namespace, or what `serve_udp` has given
        "#,
    );
}

#[test]
fn a_program_may_take_its_time_to_answer() {
    Nslab::test(["labs/x/lab.rhai"])
        .lab(
            &[
                CABLE,
                r#"
            let server = start(blue, `perl -e '$| = 1;
                socket S, 2, 2, 0; bind S, pack "SnC4x8", 2, 9, 10, 0, 0, 2; print "ready";
                while ($who = recv S, $said, 99, 0) { select undef, undef, undef, 0.4; send S, $said, 0, $who }'`);
            while server.stdout == "" {
                sh("sleep 0.01");
            }
            check("it answers", udp(red, "10.0.0.2", 9));
            "#,
            ]
            .concat(),
        )
        .needs(&["perl"])
        .passes(&["it answers"])
        .run();
}
