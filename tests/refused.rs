//! Acts that are refused: the command, the words of the kernel or of `ip`,
//! and what helps.

use crate::support::{NOTHING, Nslab};

/// A lab with this text stops, and this is said of it.
#[track_caller]
fn stops(lab: &str, report: &str) {
    Nslab::test(NOTHING).lab(lab).fails(report).run();
}

#[test]
fn an_address_that_is_none() {
    stops(
        r#"
        addr_add("lo", "1992.168.15.2");
        "#,
        r#"
        labs/x/lab.rhai:1:1: any valid prefix is expected rather than "1992.168.15.2"
           |
         1 | addr_add("lo", "1992.168.15.2");
           | ^
        command: ip addr add 1992.168.15.2 dev lo
        hint: each of the four numbers is at most 255; `1992` is more
        "#,
    );
}

#[test]
fn a_ping_to_an_address_that_is_none() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("it answers", ping("1992.168.15.2"));
            "#,
        )
        .fails_as(
            "x/lab::it answers",
            r#"
            labs/x/lab.rhai:1:1: check `it answers` failed
               |
             1 | check("it answers", ping("1992.168.15.2"));
               | ^
            expected: an answer
            $ ping -c1 -W1 1992.168.15.2
                ping: 1992.168.15.2: Temporary failure in name resolution
            "#,
        )
        .run();
}

#[test]
fn a_mask_of_33() {
    stops(
        r#"
        let red = netns("red");
        red.addr_add("lo", "192.168.15.1/33");
        "#,
        r#"
        labs/x/lab.rhai:2:5: any valid prefix is expected rather than "192.168.15.1/33"
           |
         2 | red.addr_add("lo", "192.168.15.1/33");
           |     ^
        command: ip -n red addr add 192.168.15.1/33 dev lo
        hint: the mask is a number from 0 to 32, not `33`
        "#,
    );
}

#[test]
fn an_interface_name_of_16_bytes() {
    stops(
        r#"
        veth("veth-red", "veth-to-the-blue");
        "#,
        r#"
        labs/x/lab.rhai:1:1: argument "veth-to-the-blue" is wrong: "name" not a valid ifname
           |
         1 | veth("veth-red", "veth-to-the-blue");
           | ^
        command: ip link add veth-red type veth peer name veth-to-the-blue
        hint: it has 16 bytes, and an interface name has at most 15
        "#,
    );
}

#[test]
fn an_interface_that_does_not_exist() {
    stops(
        r#"
        veth("veth-red", "veth-blue");
        up("veth-rde");
        "#,
        r#"
        labs/x/lab.rhai:2:1: Cannot find device "veth-rde"
           |
         2 | up("veth-rde");
           | ^
        command: ip link set veth-rde up
        hint: `host` has `lo`, `veth-blue`, `veth-red`
        "#,
    );
}

#[test]
fn an_interface_that_is_elsewhere() {
    stops(
        r#"
        let red = netns("red");
        veth("veth-red", "veth-blue");
        red.addr_add("veth-red", "192.168.15.1/24");
        "#,
        r#"
        labs/x/lab.rhai:3:5: Cannot find device "veth-red"
           |
         3 | red.addr_add("veth-red", "192.168.15.1/24");
           |     ^
        command: ip -n red addr add 192.168.15.1/24 dev veth-red
        hint: `red` has `lo`; `host` has `veth-red`
        "#,
    );
}

#[test]
fn a_namespace_made_twice() {
    stops(
        r#"
        netns("red");
        netns("red");
        "#,
        r#"
        labs/x/lab.rhai:2:1: Cannot create namespace file "/run/netns/red": File exists
           |
         2 | netns("red");
           | ^
        command: ip netns add red
        hint: a namespace `red` was made before
        "#,
    );
}

#[test]
fn a_namespace_used_after_it_was_deleted() {
    stops(
        r#"
        let red = netns("red");
        delete(red);
        red.up("lo");
        "#,
        r#"
        labs/x/lab.rhai:3:5: Cannot open network namespace "red": No such file or directory
           |
         3 | red.up("lo");
           |     ^
        command: ip -n red link set lo up
        hint: `red` was deleted before
        "#,
    );
}

/// Each word has its own way into a namespace.
#[test]
fn whatever_is_asked_of_a_namespace_after_it_was_deleted() {
    let words = [
        ("ping(red, \"127.0.0.1\")", "ip netns exec red ping -c1 -W1 127.0.0.1"),
        ("exec(red, \"true\")", "ip netns exec red true"),
        ("sh(red, \"true\")", "ip netns exec red sh -c true"),
        ("start(red, \"sleep 9\")", "ip netns exec red sleep 9 &"),
        ("capture(red, \"lo\")", "ip netns exec red tcpdump -ni lo -w 1-red-lo.pcap &"),
        ("sysctl(red, \"net.ipv4.ip_forward\")", "ip netns exec red sysctl -n net.ipv4.ip_forward"),
        ("firewall(red)", "ip netns exec red nft list ruleset"),
    ];
    for (word, command) in words {
        let report = format!(
            r#"
            labs/x/lab.rhai:3:1: Cannot open network namespace "red": No such file or directory
               |
             3 | {word};
               | ^
            command: {command}
            hint: `red` was deleted before
            "#
        );
        stops(&format!("let red = netns(\"red\");\ndelete(red);\n{word};\n"), &report);
    }
}

#[test]
fn a_veth_made_twice() {
    stops(
        r#"
        veth("veth-red", "veth-blue");
        veth("veth-red", "veth-green");
        "#,
        r#"
        labs/x/lab.rhai:2:1: RTNETLINK answers: File exists
           |
         2 | veth("veth-red", "veth-green");
           | ^
        command: ip link add veth-red type veth peer name veth-green
        hint: `host` has a link `veth-red` already
        "#,
    );
}

#[test]
fn a_gateway_that_is_not_on_link() {
    stops(
        r#"
        let red = netns("red");
        veth(red, "veth-red", host(), "veth-host");
        red.addr_add("veth-red", "192.168.15.1/24");
        red.up("veth-red");
        red.route_add("default", "192.168.16.5");
        "#,
        r#"
        labs/x/lab.rhai:5:5: Nexthop has invalid gateway
           |
         5 | red.route_add("default", "192.168.16.5");
           |     ^
        command: ip -n red route add default via 192.168.16.5
        hint: a gateway must be on a network of an interface that is up; 192.168.16.5 is on none of 192.168.15.0/24 (veth-red)
        "#,
    );
}

#[test]
fn a_gateway_where_there_is_no_network() {
    stops(
        r#"
        route_add("default", "192.168.16.5");
        "#,
        r#"
        labs/x/lab.rhai:1:1: Nexthop has invalid gateway
           |
         1 | route_add("default", "192.168.16.5");
           | ^
        command: ip route add default via 192.168.16.5
        hint: a gateway must be on a network of an interface that is up; `host` has no network yet
        "#,
    );
}

#[test]
fn a_size_that_the_kernel_refuses() {
    stops(
        r#"
        veth("a", "b");
        set_mtu("a", 100000);
        "#,
        r#"
        labs/x/lab.rhai:2:1: mtu greater than device maximum
           |
         2 | set_mtu("a", 100000);
           | ^
        command: ip link set dev a mtu 100000
        "#,
    );
}

#[test]
fn a_switch_of_the_whole_machine() {
    stops(
        r#"
        sysctl("vm.swappiness", 1);
        "#,
        r#"
        labs/x/lab.rhai:1:1: permission denied on key "vm.swappiness"
           |
         1 | sysctl("vm.swappiness", 1);
           | ^
        command: sysctl -w vm.swappiness=1
        hint: only switches of the namespace itself can be set; this one is the whole machine's
        "#,
    );
}

#[test]
fn a_wrong_type_of_an_argument() {
    stops(
        r#"
        let red = netns("red");
        red.ping(15);
        "#,
        r#"
        labs/x/lab.rhai:2:5: `ping` does not take (netns, int)
           |
         2 | red.ping(15);
           |     ^
        hint: write `ping([ns,] dst)` or `ping([ns,] dst, #{count, all, timeout_ms, size, ttl, df, iface, by})`
        "#,
    );
}

#[test]
fn the_name_of_a_namespace_instead_of_it() {
    stops(
        r#"
        netns("red");
        up("red", "lo");
        "#,
        r#"
        labs/x/lab.rhai:2:1: `up` does not take (string, string)
           |
         2 | up("red", "lo");
           | ^
        hint: write `up([ns,] link)`; a namespace is what `netns(name)` gives, not its name
        "#,
    );
}

#[test]
fn a_missing_argument_that_its_number_does_not_show() {
    stops(
        r#"
        let red = netns("red");
        red.ping();
        "#,
        r#"
        labs/x/lab.rhai:2:5: `ping` does not take (netns)
           |
         2 | red.ping();
           |     ^
        hint: write `ping([ns,] dst)` or `ping([ns,] dst, #{count, all, timeout_ms, size, ttl, df, iface, by})`
        "#,
    );
}

#[test]
fn an_operator_between_values_that_do_not_fit() {
    stops(
        r#"
        let last = "192.168.15.1" - 1;
        "#,
        r#"
        labs/x/lab.rhai:1:27: `-` does not work on string and int
           |
         1 | let last = "192.168.15.1" - 1;
           |                           ^
        "#,
    );
}

#[test]
fn an_answer_as_the_condition_of_an_if() {
    stops(
        r#"
        if ping("127.0.0.1") { note("fine"); }
        "#,
        r#"
        labs/x/lab.rhai:1:4: a bool is needed here, not a ping
           |
         1 | if ping("127.0.0.1") { note("fine"); }
           |    ^
        hint: an answer is not a bool; ask for its `.ok`, as in `ping(…).ok`
        "#,
    );
}

#[test]
fn a_closure_that_takes_too_much() {
    stops(
        r#"
        let names = links().map(|link, i| link.name);
        "#,
        r#"
        labs/x/lab.rhai:1:21: the closure does not take (map)
           |
         1 | let names = links().map(|link, i| link.name);
           |                     ^
        "#,
    );
}

#[test]
fn a_misspelt_field_of_a_row() {
    stops(
        r#"
        addr_add("lo", "10.0.0.1/24");
        route_add("default", "10.0.0.2");
        note(routes()[0].vai);
        "#,
        r#"
        labs/x/lab.rhai:3:18: there is no field `vai` here
           |
         3 | note(routes()[0].vai);
           |                  ^
        hint: did you mean `via`?
        "#,
    );
}

#[test]
fn a_misspelt_field_of_a_wanted_row() {
    stops(
        r#"
        routes().contains(#{vai: "10.0.0.2"});
        "#,
        r#"
        labs/x/lab.rhai:1:10: a row of routes has no field `vai`
           |
         1 | routes().contains(#{vai: "10.0.0.2"});
           |          ^
        hint: did you mean `via`?
        "#,
    );
}

#[test]
fn a_row_that_is_not_there() {
    stops(
        r#"
        note(links()[7].name);
        "#,
        r#"
        labs/x/lab.rhai:1:13: there is no row 7: the table has one row
           |
         1 | note(links()[7].name);
           |             ^
        "#,
    );
}

#[test]
fn a_misspelt_field_of_an_answer() {
    stops(
        r#"
        note(ping("127.0.0.1").tll);
        "#,
        r#"
        labs/x/lab.rhai:1:24: a ping answer has no field `tll`
           |
         1 | note(ping("127.0.0.1").tll);
           |                        ^
        hint: did you mean `ttl`?
        "#,
    );
}

#[test]
fn a_field_that_cannot_be_set() {
    stops(
        r#"
        let red = netns("red");
        red.name = "blue";
        "#,
        r#"
        labs/x/lab.rhai:2:5: the field `name` of a netns can't be set
           |
         2 | red.name = "blue";
           |     ^
        "#,
    );
}

#[test]
fn a_misspelt_option() {
    stops(
        r#"
        ping("127.0.0.1", #{cuont: 3});
        "#,
        r#"
        labs/x/lab.rhai:1:1: `ping` has no option `cuont`
           |
         1 | ping("127.0.0.1", #{cuont: 3});
           | ^
        hint: did you mean `count`?
        "#,
    );
}

#[test]
fn an_option_that_is_like_no_other() {
    stops(
        r#"
        ping("127.0.0.1", #{flood: true});
        "#,
        r#"
        labs/x/lab.rhai:1:1: `ping` has no option `flood`
           |
         1 | ping("127.0.0.1", #{flood: true});
           | ^
        hint: its options are count, all, timeout_ms, size, ttl, df, iface, by
        "#,
    );
}

#[test]
fn an_option_of_a_wrong_type() {
    stops(
        r#"
        ping("127.0.0.1", #{count: "3"});
        "#,
        r#"
        labs/x/lab.rhai:1:1: the option `count` takes an int, not a string
           |
         1 | ping("127.0.0.1", #{count: "3"});
           | ^
        "#,
    );
}

#[test]
fn a_program_that_nobody_has() {
    stops(
        r#"
        exec("frobnicate --now");
        "#,
        r#"
        labs/x/lab.rhai:1:1: exec of "frobnicate" failed: No such file or directory
           |
         1 | exec("frobnicate --now");
           | ^
        command: frobnicate --now
        hint: this machine has no program `frobnicate` in /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
        "#,
    );
}

#[test]
fn an_act_refused_within_a_function() {
    stops(
        r#"
        fn plug(link) {
            up(link);
        }
        plug("eth7");
        "#,
        r#"
        labs/x/lab.rhai:2:5: Cannot find device "eth7"
           |
         2 |     up(link);
           |     ^
        command: ip link set eth7 up
        hint: `host` has `lo`
        "#,
    );
}

#[test]
fn a_throw() {
    stops(
        r#"
        throw "the cable is missing";
        "#,
        r#"
        labs/x/lab.rhai:1:1: the script threw `the cable is missing`
           |
         1 | throw "the cable is missing";
           | ^
        "#,
    );
}

#[test]
fn a_division_by_zero() {
    stops(
        r#"
        let half = 1 / links().filter(|link| link.kind == "veth").len();
        "#,
        r#"
        labs/x/lab.rhai:1:14: division by zero: 1 / 0
           |
         1 | let half = 1 / links().filter(|link| link.kind == "veth").len();
           |              ^
        "#,
    );
}

#[test]
fn a_refused_act_that_is_caught() {
    Nslab::run_lab()
        .lab(
            r#"
            //! What is refused can be looked at.
            step("Switch on what is not there");
            try {
                up("eth7");
            } catch (e) {
                note(e.command);
                note(e.error);
                note(e.hint);
                check("there is no such device", e.error == "Cannot find device \"eth7\"");
            }
            check("the lab goes on", true);
            "#,
        )
        .stdout(
            r#"
            x/lab

            What is refused can be looked at.

            Switch on what is not there
              $ ip link set eth7 up
                  Cannot find device "eth7"
                  hint: `host` has `lo`
              ip link set eth7 up
              Cannot find device "eth7"
              `host` has `lo`
              ✓ there is no such device
              ✓ the lab goes on

            2 passed
            "#,
        )
        .run();
}

#[test]
fn run_tells_what_was_refused() {
    Nslab::run_lab()
        .lab(
            r#"
            let red = netns("red");
            red.up("eth7");
            check("never", true);
            "#,
        )
        .stdout(
            r#"
            x/lab

              $ ip netns add red
                  red: a namespace, with `lo` alone
              $ ip -n red link set eth7 up
                  Cannot find device "eth7"
                  hint: `red` has `lo`

            labs/x/lab.rhai:2:5: Cannot find device "eth7"
               |
             2 | red.up("eth7");
               |     ^
            command: ip -n red link set eth7 up
            hint: `red` has `lo`

            0 passed, 1 failed
            "#,
        )
        .code(1)
        .run();
}
