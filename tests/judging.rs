//! Things that an exercise can see of a solution that does another task: its changes, the
//! source of the answers, and values that it could not foresee.

use crate::measured::{lacking, skip};
use crate::support::{CABLE, Nslab, Scratch, forget_others, output, sandbox_lack};
use std::process::Command;

/// A router between two, of which a solution may change the router alone.
const ROUTER: &str = r#"
    let a = netns("a");
    let b = netns("b");
    let c = netns("c");
    veth(a, "eth0", b, "west");
    veth(b, "east", c, "eth0");
    a.addr_add("eth0", "10.0.1.2/24");
    a.up("eth0");
    b.up("west");
    submission("solutions/way.rhai", #{only: ["b"], new_links: false});
    check("it is there", links(b).contains(#{name: "west"}));
    check("it forwards", b.sysctl("net.ipv4.ip_forward") == "1");
"#;

/// Checks the remarks on a solution of the router's exercise, which gets no points.
#[track_caller]
fn is_too_much(solution: &str, changes: &[&str]) {
    let remarks: String = changes
        .iter()
        .map(|line| format!("              it has changed what it must leave alone: {line}\n"))
        .collect();
    let more = if changes.len() == 1 { String::new() } else { format!(", and {} more", changes.len() - 1) };
    let why = format!("the submission has changed what it must leave alone: {}{more}", changes[0]);
    Nslab::new(["grade", "labs/x/lab.rhai", "s.sh"])
        .lab(ROUTER)
        .file("labs/x/solutions/way.rhai", "b.sysctl(\"net.ipv4.ip_forward\", 1);\n")
        .file("s.sh", solution)
        .needs(&["ip", "iptables", "tc"])
        .code(1)
        .stdout(&format!(
            "
            s: 0 of 2 points
{remarks}              ✗ it is there: 0 of 1
                  why: {why}
              ✗ it forwards: 0 of 1
                  why: {why}

            x/lab: 1 student

            student  points  max
            s             0    2
            "
        ))
        .run();
}

const FORWARDS: &str = "ip netns exec b sysctl -qw net.ipv4.ip_forward=1\n";

#[test]
fn a_solution_that_stays_where_it_may() {
    Nslab::new(["grade", "labs/x/lab.rhai", "s.sh"])
        .lab(ROUTER)
        .file("labs/x/solutions/way.rhai", "b.sysctl(\"net.ipv4.ip_forward\", 1);\n")
        // Listing rules and pinging add iptables chains and neighbour entries, which do
        // not count as changes.
        .file(
            "s.sh",
            format!(
                "{FORWARDS}ip -n b addr add 10.0.1.1/24 dev west\nip netns exec a ping -c1 10.0.1.1 > /dev/null\nip netns exec a iptables -nL > /dev/null\nip -n b link set east up\n"
            ),
        )
        .needs(&["ip", "iptables", "ping"])
        .stdout(
            "
            s: 2 of 2 points
              ✓ it is there: 1 of 1
              ✓ it forwards: 1 of 1

            x/lab: 1 student

            student  points  max
            s             2    2
            ",
        )
        .run();
}

#[test]
fn a_namespace_that_is_not_to_be_changed() {
    is_too_much(
        &format!("{FORWARDS}ip -n a route add 10.9.0.0/16 via 10.0.1.1\n"),
        &["`a`: added route to 10.9.0.0/16 via 10.0.1.1 dev eth0"],
    );
    is_too_much(
        &format!("{FORWARDS}ip -n a addr add 10.9.0.1/24 dev eth0\nip -n a link set eth0 mtu 1400\n"),
        &["`a`: link eth0: its MTU was 1500, and is 1400", "`a`: added address 10.9.0.1/24 dev eth0"],
    );
    is_too_much(
        &format!("{FORWARDS}ip netns exec c sysctl -qw net.ipv4.ip_forward=1\n"),
        &["`c`: net.ipv4.ip_forward was 0, and is 1"],
    );
    is_too_much(
        &format!("{FORWARDS}ip -n c rule add pref 7 from 10.0.0.1 lookup 100\n"),
        &["`c`: added rule 7: from 10.0.0.1 lookup 100"],
    );
    is_too_much(
        &format!("{FORWARDS}ip netns exec c iptables -A INPUT -p icmp -j DROP\n"),
        &[
            "`c`: added firewall rule ip filter INPUT meta l4proto icmp drop",
            "`c`: added policy of ip filter INPUT",
        ],
    );
    is_too_much(
        &format!("{FORWARDS}ip -n c neigh add 10.0.2.9 lladdr 02:00:00:00:00:09 dev eth0\n"),
        &["`c`: added neighbour 10.0.2.9 lladdr 02:00:00:00:00:09 dev eth0"],
    );
    is_too_much(
        &format!("{FORWARDS}ip netns exec c tc qdisc add dev eth0 root tbf rate 1mbit burst 2kb limit 3kb\n"),
        &["`c`: added tc qdisc tbf dev eth0 parent root"],
    );
}

#[test]
fn links_that_are_not_to_be_made_or_moved() {
    is_too_much(
        &format!("{FORWARDS}ip -n b link add x type veth peer name y\n"),
        &["`b`: added link y (veth)", "`b`: added link x (veth)"],
    );
    is_too_much(
        &format!("{FORWARDS}ip -n b link set east name old\n"),
        &["`b`: link east was renamed to old"],
    );
    is_too_much(
        &format!("{FORWARDS}ip -n b link add br0 type bridge\nip -n b link set east master br0\n"),
        &["`b`: link east became a port of br0", "`b`: added link br0 (bridge)"],
    );
    is_too_much(
        &format!(
            "{FORWARDS}ip -n b link del east\nip link add east netns b type veth peer name eth0 netns c\n"
        ),
        &[
            "`b`: link east is gone, and another one has its name",
            "`b`: added link east (veth)",
            "`c`: link eth0 is gone, and another one has its name",
            "`c`: added link eth0 (veth)",
        ],
    );
}

#[test]
fn a_namespace_that_was_deleted_and_made_again() {
    is_too_much(
        &format!("ip netns del c\nip netns add c\n{FORWARDS}"),
        &["`c` was deleted, and another namespace was made under its name"],
    );
    is_too_much(&format!("{FORWARDS}ip netns add d\n"), &["`d` was made"]);
}

/// The same where an exercise says nothing of what may be changed.
#[test]
fn a_handle_on_a_namespace_that_was_made_again() {
    Nslab::new(["grade", "labs/x/lab.rhai", "s.sh"])
        .lab(
            r#"
            let red = netns("red");
            submission("solutions/way.rhai");
            check("it is up", links(red).contains(#{name: "lo", state: "UNKNOWN"}));
            "#,
        )
        .file("labs/x/solutions/way.rhai", "red.up(\"lo\");\n")
        .file("s.sh", "ip netns del red\nip netns add red\nip -n red link set lo up\n")
        .needs(&["ip"])
        .code(1)
        .stdout(
            "
            s: 0 of 1 point
              ✗ it is up: 0 of 1
                  why: `red` was deleted, and another namespace was made under its name
                  seen: $ ip -n red link
                  hint: what was in it is gone: change it as it is, and leave the namespace itself alone

            x/lab: 1 student

            student  points  max
            s             0    1
            ",
        )
        .run();
}

#[test]
fn ports_that_may_be_plugged_in() {
    Nslab::test(["labs/x/lab.rhai"])
        .lab(
            r#"
            let red = netns("red");
            veth(host(), "to-red", red, "eth0");
            veth(host(), "wan", red, "eth1");
            submission("solutions/way.rhai", #{only: host(), new_links: ["bridge"], ports: ["to-red"]});
            check("it is plugged in", links().contains(#{name: "to-red", master: "br0"}));
            check("the others are as they were", unchanged(red));
            refute("and this one is not", given_links());
            "#,
        )
        .file("labs/x/solutions/way.rhai", "bridge(\"br0\");\nset_master(\"to-red\", \"br0\");\n")
        .passes(&["it is plugged in", "the others are as they were", "and this one is not"])
        .run();
}

#[test]
fn what_is_said_of_a_namespace_that_has_changed() {
    Nslab::test(["labs/x/lab.rhai"])
        .lab(
            r#"
            let red = netns("red");
            let blue = netns("blue");
            veth(red, "eth0", blue, "eth0");
            submission("solutions/way.rhai", #{});
            let changes = unchanged(red);
            check("its link", given_links(red));
            check("its state", !changes);
            check("in words", changes.text
                == "link eth0: its state was down, and is up\nadded address 10.0.0.1/24 dev eth0");
            check("the other end", unchanged(blue));
            "#,
        )
        .file("labs/x/solutions/way.rhai", "red.up(\"eth0\");\nred.addr_add(\"eth0\", \"10.0.0.1/24\");\n")
        .passes(&["its link", "its state", "in words", "the other end"])
        .run();
}

#[test]
fn what_is_in_a_set_of_the_firewall_is_compared() {
    Nslab::test(["labs/x/lab.rhai"])
        .lab(
            r#"
            nft("add table ip filter");
            nft("add set ip filter friends { type ipv4_addr; }");
            nft("add element ip filter friends { 10.0.0.1 }");
            submission("solutions/way.rhai", #{});
            check("in words", unchanged().text
                == "what is in the firewall's set friends was { 10.0.0.1 }, and is { 10.0.0.1, 10.0.0.2 }");
            "#,
        )
        .file("labs/x/solutions/way.rhai", "nft(\"add element ip filter friends { 10.0.0.2 }\");\n")
        .needs(&["nft"])
        .passes(&["in words"])
        .run();
}

#[test]
fn what_can_not_be_compared_is_said() {
    let fails = |judging: &str, report: &str| {
        Nslab::test(["labs/x/lab.rhai"])
            .lab(&format!("submission(\"solutions/way.rhai\");\n{judging}\n"))
            .file("labs/x/solutions/way.rhai", "up(\"lo\");\n")
            .fails_as("x/lab::c", report)
            .run();
    };
    fails(
        "check(\"c\", unchanged());",
        r#"
        labs/x/lab.rhai:2:12: `unchanged` knows nothing of what was given
           |
         2 | check("c", unchanged());
           |            ^
        hint: give `submission(…)` an option map before it, as `#{only: ["red"]}`, or `#{}`
        "#,
    );
    fails(
        "check(\"c\", [].all(|item| item));",
        r#"
        labs/x/lab.rhai:2:15: `all` is asked of an empty array
           |
         2 | check("c", [].all(|item| item));
           |               ^
        hint: of nothing everything is true: ask first, as in `!rows.is_empty() && rows.all(…)`
        "#,
    );
    fails(
        "check(\"c\", routes().all(|row| row.via == ()));",
        r#"
        labs/x/lab.rhai:2:21: `all` is asked of an empty table
           |
         2 | check("c", routes().all(|row| row.via == ()));
           |                     ^
        hint: of nothing everything is true: ask first, as in `!rows.is_empty() && rows.all(…)`
        "#,
    );
    fails(
        "check(\"c\", any_of(1..=3, #{count: 4}) == []);",
        r#"
        labs/x/lab.rhai:2:12: there are 3 to draw from, and 4 are wanted
           |
         2 | check("c", any_of(1..=3, #{count: 4}) == []);
           |            ^
        "#,
    );
}

#[test]
fn all_of_something() {
    Nslab::test(["labs/x/lab.rhai"])
        .lab(
            r#"
            check("all", [2, 4].all(|item| item % 2 == 0));
            refute("not all", [2, 3].all(|item| item % 2 == 0));
            check("with their places", [0, 1].all(|item, place| item == place));
            "#,
        )
        .passes(&["all", "not all", "with their places"])
        .run();
}

#[test]
fn nothing_is_drawn_before_the_solution_has_run() {
    Nslab::test(["labs/x/lab.rhai"])
        .lab(
            r#"
            let port = any_of(1..=9);
            submission("solutions/way.rhai");
            check("c", port == 1);
            "#,
        )
        .file("labs/x/solutions/way.rhai", "up(\"lo\");\n")
        .fails_as(
            "x/lab::c",
            r#"
            labs/x/lab.rhai:1:12: `any_of` draws what a solution can't know, and none has run
               |
             1 | let port = any_of(1..=9);
               |            ^
            hint: what is drawn before `submission(…)` may be seen by the solution; `pick` draws for each student
            "#,
        )
        .run();
}

/// Returns the values that are drawn for one grading, as its checks show them.
fn drawn(arguments: &[&str]) -> String {
    let scratch = crate::support::Scratch::new();
    let lab = "submission(\"way.rhai\");\nlet many = any_of(1..=1000000, #{count: 3, not: [1, 2]});\n\
               let item = any_of([\"a\", \"b\", \"c\"], #{not: \"a\"});\ncheck(\"c\", `${many} ${item}` == \"\");\n";
    scratch.write("labs/x/lab.rhai", lab);
    scratch.write("labs/x/way.rhai", "up(\"lo\");\n");
    scratch.write("s.rhai", "up(\"lo\");\n");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.args(["grade", "labs/x/lab.rhai", "s.rhai", "--format", "json"]).args(arguments);
    command.current_dir(scratch.path());
    crate::support::forget_others(&mut command);
    String::from_utf8_lossy(&crate::support::output(command).stdout).into_owned()
}

#[test]
fn what_is_drawn_is_nobodys_to_know() {
    if crate::support::sandbox_lack().is_some() {
        return;
    }
    let seeded = drawn(&["--judging-seed", "one"]);
    assert!(seeded.contains("\"passed\": false"), "{seeded}");
    assert_eq!(seeded, drawn(&["--judging-seed", "one"]));
}

#[test]
fn who_answers_is_a_service_or_a_program() {
    Nslab::test(["labs/x/lab.rhai"])
        .lab(
            &[
                CABLE,
                r#"
            let page = serve_http(blue, 80, "given");
            let other = serve_http(blue, 81, "other");
            let program = start(blue, "python3 -m http.server 82");
            let stranger = start(blue, "sleep 60");
            check("the service", http_get(red, "http://10.0.0.2/", #{by: page}).body == "given");
            check("its port", tcp(red, "10.0.0.2", 80, #{by: page, count: 3, all: true}));
            refute("another service", tcp(red, "10.0.0.2", 81, #{by: page}));
            // A port from which the service has been asked says nothing of another port.
            tcp(red, "10.0.0.2", 80, #{by: page, sport: 5000});
            refute("another service, from there", tcp(red, "10.0.0.2", 81, #{by: page, sport: 5000}));
            // By whatever port the service is reached.
            blue.nft("add table ip n");
            blue.nft("add chain ip n in { type nat hook prerouting priority dstnat; }");
            blue.nft("add rule ip n in tcp dport 8080 redirect to :80");
            check("by another port", tcp(red, "10.0.0.2", 8080, #{by: page, sport: 5000}));
            blue.up("lo");
            check("by itself", tcp(blue, "127.0.0.1", 80, #{by: page}));
            refute("nor by another one", tcp(blue, "127.0.0.1", 81, #{by: page}));
            check("a ping", ping(blue, "10.0.0.2", #{by: blue}));
            refute("not by red", ping(blue, "10.0.0.2", #{by: red}));
            check("nobody's page is none", http_get(red, "http://10.0.0.2:81/", #{by: page}).body == "");
            eventually("the program", 5000, || tcp(red, "10.0.0.2", 82, #{by: program}));
            refute("another program", tcp(red, "10.0.0.2", 82, #{by: stranger}));
            refute("a program that is none", tcp(red, "10.0.0.2", 80, #{by: program}));
            refute("a service that is none", tcp(red, "10.0.0.2", 82, #{by: page}));
            check("in words", tcp(red, "10.0.0.2", 81, #{by: page}).error
                == "10.0.0.2 answered, but it was not serve_http(\"80\") in `blue` that did");
            "#,
            ]
            .concat(),
        )
        .needs(&["python3", "nft"])
        .passes(&[
            "the service",
            "its port",
            "another service",
            "another service, from there",
            "by another port",
            "by itself",
            "nor by another one",
            "a ping",
            "not by red",
            "nobody's page is none",
            "the program",
            "another program",
            "a program that is none",
            "a service that is none",
            "in words",
        ])
        .run();
}

#[test]
fn as_often_as_it_is_asked() {
    Nslab::test(["labs/x/lab.rhai"])
        .lab(
            &[
                CABLE,
                r#"
            serve_http(blue, 80, "x");
            blue.nft("add table ip t");
            blue.nft("add chain ip t in { type filter hook input priority 0; policy drop; }");
            blue.nft("add rule ip t in ct state established accept");
            blue.nft("add rule ip t in limit rate 1/hour burst 3 packets accept");
            let quick = #{timeout_ms: 200, count: 6};
            let every = #{timeout_ms: 200, count: 6, all: true};
            check("one of six", tcp(red, "10.0.0.2", 80, quick));
            refute("not all of six", tcp(red, "10.0.0.2", 80, every));
            refute("nor of six pages", http_get(red, "http://10.0.0.2/", every));
            let odd = tcp(blue, "10.0.0.1", 9, #{sport: 4321});
            check("from a port of one's own", odd.error == "Connection refused");
            "#,
            ]
            .concat(),
        )
        .needs(&["nft"])
        .passes(&["one of six", "not all of six", "nor of six pages", "from a port of one's own"])
        .run();
}

/// A room with a network and a way out, and the routes that it is to have.
const WAY: &str = r#"
            let red = netns("red");
            let blue = netns("blue");
            veth(red, "eth0", blue, "eth0");
            red.addr_add("eth0", "10.0.0.1/24");
            red.up("eth0");
            blue.up("eth0");
            red.route_add("default", "10.0.0.2");
            let wanted = [#{dst: "10.0.0.0/24", via: ()}, #{dst: "default", via: "10.0.0.2"}];
            check("its routes", same_forwarding(red, wanted));
"#;

#[test]
fn forwarding_by_all_that_decides() {
    Nslab::test(["labs/x/lab.rhai"])
        .lab(
            &[
                WAY,
                r#"
            red.route_add("10.9.0.0/16", #{via: "10.0.0.3", table: 100});
            red.rule_add(#{pref: 10, to: "10.8.0.0/16", table: 100});
            check("a rule about nothing", same_forwarding(red, wanted));
            red.rule_add(#{pref: 11, to: "10.9.1.0/24", table: 100});
            check("a rule about a network", same_forwarding(red, wanted).text
                == "10.9.1.0/24 goes via 10.0.0.3 dev eth0 by 10.9.0.0/16 in the first table, and via 10.0.0.2 by default in the second");
            red.rule_del(#{pref: 11, to: "10.9.1.0/24", table: 100});
            red.rule_add(#{pref: 12, from: "10.0.0.1", table: 100});
            refute("a rule about some packets", same_forwarding(red, wanted));
            red.rule_del(#{pref: 12, from: "10.0.0.1", table: 100});
            check("once more", same_forwarding(red, wanted));
            red.block("output", #{daddr: "10.9.9.9"});
            check("a firewall", same_forwarding(red, wanted).text
                == "a rule of ip filter OUTPUT says `ip daddr 10.9.9.9 drop`");
            "#,
            ]
            .concat(),
        )
        .passes(&[
            "its routes",
            "a rule about nothing",
            "a rule about a network",
            "a rule about some packets",
            "once more",
            "a firewall",
        ])
        .run();
}

#[test]
fn forwarding_by_what_only_ip_can_add() {
    Nslab::test(["labs/x/lab.rhai"])
        .lab(
            &[
                WAY,
                r#"
            sh("ip -n red xfrm policy add dir out src 10.0.0.1/32 dst 10.9.0.0/16 action block");
            check("IPsec", same_forwarding(red, wanted).text
                == "there is an IPsec policy (out) from 10.0.0.1 to 10.9.0.0/16");
            sh("ip -n red xfrm policy flush; ip -n red route add default tos 0x10 via 10.0.0.3");
            check("a route for some packets", same_forwarding(red, wanted).text.contains("the type of service 0x10"));
            sh("ip -n red route del default tos 0x10; ip -n red route add 10.8.0.0/16 encap ip id 1 dst 10.0.0.4 via 10.0.0.2 dev eth0");
            check("a route into others", same_forwarding(red, wanted).text.contains("puts packets into others"));
            sh("ip -n red route del 10.8.0.0/16");
            check("and again", same_forwarding(red, wanted));
            sh("ip -n red addr change 10.0.0.1/24 dev eth0 valid_lft 60 preferred_lft 60");
            check("an address that ends", same_forwarding(red, wanted).text
                .contains("the address 10.0.0.1/24 of eth0 is valid for"));
            "#,
            ]
            .concat(),
        )
        .needs(&["ip"])
        .passes(&[
            "its routes",
            "IPsec",
            "a route for some packets",
            "a route into others",
            "and again",
            "an address that ends",
        ])
        .run();
}

/// A page that a program of the solution's has.
const PAGE: &str = r#"
    let red = netns("red");
    red.up("lo");
    submission("solutions/way.sh"OPTIONS);
    check("the page", http_get(red, "http://127.0.0.1/", #{timeout_ms: 2000}).body == "it is here");
"#;

/// Serves the page, by the machine's perl.
const SERVES: &str = r#"cat > /tmp/serves << 'END'
socket my $server, 2, 1, 0 or die;
setsockopt $server, 1, 2, 1;
bind $server, pack 'SnC4x8', 2, 80, 127, 0, 0, 1 or die;
listen $server, 9;
print "ready\n"; close STDOUT;
while (accept my $one, $server) {
    sysread $one, my $asked, 4096;
    syswrite $one, "HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nit is here";
    close $one;
}
END
coproc ip netns exec red perl /tmp/serves
read -r ready <&"${COPROC[0]}"
"#;

#[track_caller]
fn serves(options: &str, outcome: &str, code: i32) {
    Nslab::new(["grade", "labs/x/lab.rhai", "s.sh", "--format", "csv"])
        .lab(&PAGE.replace("OPTIONS", options))
        .file("labs/x/solutions/way.sh", SERVES)
        .file("s.sh", SERVES)
        .needs(&["ip", "perl"])
        .code(code)
        .stdout(outcome)
        .run();
}

#[test]
fn a_service_goes_on_that_the_exercise_names() {
    serves(", #{services: [\"perl\"]}", "student,points,max,the page\ns,1,1,1\n", 0);
}

#[test]
fn what_nobody_has_named_stands_still() {
    serves("", "student,points,max,the page\ns,0,1,0\n", 1);
}

/// A submission that floods the judge's capture would remove checks from the maximum.
#[test]
fn who_floods_a_capture_pays_for_it() {
    if let Some(lack) = sandbox_lack().map(String::from).or_else(|| lacking(&["ip", "ping"])) {
        return skip(lack);
    }
    let scratch = Scratch::new();
    scratch.write(
        "labs/x/lab.rhai",
        r#"let red = netns("red");
let blue = netns("blue");
veth(red, "east", blue, "west");
blue.addr_add("west", "10.0.0.2/24");
blue.up("west");
let heard = capture(blue, "west");
submission("solutions/way.rhai");
check("red asks", heard.rows().some(|row| row.proto == "ICMP"));
check("blue answers", ping(red, "10.0.0.2"));
"#,
    );
    scratch.write(
        "labs/x/solutions/way.rhai",
        "red.addr_add(\"east\", \"10.0.0.1/24\");\nred.up(\"east\");\nping(red, \"10.0.0.2\");\n",
    );
    // More than a capture keeps.
    let flood = "ip -n red addr add 10.0.0.1/24 dev east\nip -n red link set east up\n\
                 ip netns exec red ping -qfc1500 -s50000 10.0.0.2\n";
    scratch.write("s.sh", flood);
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.args(["grade", "labs/x/lab.rhai", "s.sh"]).current_dir(scratch.path());
    forget_others(&mut command);
    let said = String::from_utf8_lossy(&output(command).stdout).into_owned();
    assert!(said.starts_with("s: 0 of 2 points\n"), "{said}");
    assert!(said.contains(" packets: they came too fast, or were too many\n"), "{said}");
    assert!(said.contains("the network that was handed in floods this link, or has"), "{said}");
}
