//! Refusals of the firewall and of policy rules: the command, the words of the tool, and
//! the hint.

use crate::measured::{lacking, skip};
use crate::support::{NOTHING, Nslab, Scratch, forget_others, output, sandbox_lack};
use std::process::Command;

/// A lab with this text stops, and this is said of it.
#[track_caller]
fn stops(lab: &str, report: &str) {
    Nslab::test(NOTHING).lab(lab).fails(report).run();
}

/// The same where a tool refuses, whose version stands in its words as
/// `[TOOL]`.
#[track_caller]
fn refuses(tool: &str, lab: &str, report: &str) {
    match Command::new(tool).arg("--version").output() {
        Ok(output) => stops(lab, &report.replace("[TOOL]", String::from_utf8_lossy(&output.stdout).trim())),
        Err(error) => skip(format!("{tool}: {error}")),
    }
}

#[test]
fn a_chain_that_does_not_exist() {
    stops(
        r#"
        policy("forwrad", "drop");
        "#,
        r#"
        labs/x/lab.rhai:1:1: there is no chain `forwrad`
           |
         1 | policy("forwrad", "drop");
           | ^
        hint: did you mean `forward`?
        "#,
    );
}

#[test]
fn a_policy_that_does_not_exist() {
    stops(
        r#"
        policy("forward", "reject");
        "#,
        r#"
        labs/x/lab.rhai:1:1: there is no policy `reject`
           |
         1 | policy("forward", "reject");
           | ^
        hint: a policy is `accept` or `drop`
        "#,
    );
}

#[test]
fn a_key_that_is_misspelt() {
    stops(
        r#"
        block("forward", #{dprot: 80});
        "#,
        r#"
        labs/x/lab.rhai:1:1: `block` has no option `dprot`
           |
         1 | block("forward", #{dprot: 80});
           | ^
        hint: did you mean `dport`?
        "#,
    );
}

#[test]
fn a_port_of_no_protocol() {
    stops(
        r#"
        allow("forward", #{dport: 80});
        "#,
        r#"
        labs/x/lab.rhai:1:1: `dport` is a port, but of which protocol?
           |
         1 | allow("forward", #{dport: 80});
           | ^
        command: nft 'add rule ip filter FORWARD th dport 80 accept'
        hint: add `proto: "tcp"` or `proto: "udp"`
        "#,
    );
}

#[test]
fn a_port_of_70000() {
    stops(
        r#"
        allow("input", #{proto: "tcp", dport: 70000});
        "#,
        r#"
        labs/x/lab.rhai:1:1: invalid port/service `70000' specified
           |
         1 | allow("input", #{proto: "tcp", dport: 70000});
           | ^
        command: nft 'add rule ip filter INPUT tcp dport 70000 accept'
        hint: a port is at most 65535
        "#,
    );
}

#[test]
fn a_port_below_0() {
    stops(
        r#"
        allow("input", #{proto: "tcp", dport: -1});
        "#,
        r#"
        labs/x/lab.rhai:1:1: invalid port/service `-1' specified
           |
         1 | allow("input", #{proto: "tcp", dport: -1});
           | ^
        command: nft 'add rule ip filter INPUT tcp dport -1 accept'
        hint: a port is a number from 0 to 65535
        "#,
    );
}

/// A rule about no port must not become one about all.
#[test]
fn an_array_of_no_ports() {
    stops(
        r#"
        allow("input", #{proto: "tcp", dport: []});
        "#,
        r#"
        labs/x/lab.rhai:1:1: the option `dport` is an array of nothing
           |
         1 | allow("input", #{proto: "tcp", dport: []});
           | ^
        hint: leave `dport` out where it does not matter
        "#,
    );
}

#[test]
fn an_array_of_no_networks() {
    stops(
        r#"
        block("input", #{saddr: []});
        "#,
        r#"
        labs/x/lab.rhai:1:1: the option `saddr` is an array of nothing
           |
         1 | block("input", #{saddr: []});
           | ^
        hint: leave `saddr` out where it does not matter
        "#,
    );
}

#[test]
fn a_protocol_that_does_not_exist() {
    stops(
        r#"
        allow("input", #{proto: "tpc"});
        "#,
        r#"
        labs/x/lab.rhai:1:1: unknown protocol "tpc" specified
           |
         1 | allow("input", #{proto: "tpc"});
           | ^
        command: nft 'add rule ip filter INPUT meta l4proto tpc accept'
        hint: choose `tcp`, `udp`, `icmp`, `icmpv6`, or a number from 1 to 255
        "#,
    );
}

#[test]
fn a_network_that_is_none() {
    stops(
        r#"
        masquerade("192.168.15.0/33");
        "#,
        r#"
        labs/x/lab.rhai:1:1: any valid prefix is expected rather than "192.168.15.0/33"
           |
         1 | masquerade("192.168.15.0/33");
           | ^
        command: nft 'add rule ip nat POSTROUTING ip saddr 192.168.15.0/33 masquerade'
        hint: the mask is a number from 0 to 32, not `33`
        "#,
    );
}

#[test]
fn a_range_of_addresses() {
    stops(
        r#"
        allow("input", #{saddr: "10.0.0.1-10.0.0.9"});
        "#,
        r#"
        labs/x/lab.rhai:1:1: "10.0.0.1-10.0.0.9" is a range of addresses
           |
         1 | allow("input", #{saddr: "10.0.0.1-10.0.0.9"});
           | ^
        command: nft 'add rule ip filter INPUT ip saddr 10.0.0.1-10.0.0.9 accept'
        hint: name a network, as `10.0.0.0/29`, or several addresses in an array
        "#,
    );
}

#[test]
fn two_families_in_one_rule() {
    stops(
        r#"
        allow("input", #{saddr: "10.0.0.1", daddr: "fd00::1"});
        "#,
        r#"
        labs/x/lab.rhai:1:1: 10.0.0.1 and fd00::1 are never in one packet
           |
         1 | allow("input", #{saddr: "10.0.0.1", daddr: "fd00::1"});
           | ^
        command: nft 'add rule ip6 filter INPUT ip6 saddr 10.0.0.1 ip6 daddr fd00::1 accept'
        hint: one is of IPv4, the other of IPv6
        "#,
    );
}

#[test]
fn several_that_are_not_to_be() {
    stops(
        r#"
        allow("input", #{saddr: ["!= 10.0.0.1", "!= 10.0.0.2"]});
        "#,
        r#"
        labs/x/lab.rhai:1:1: `saddr` has "!= 10.0.0.1" among several
           |
         1 | allow("input", #{saddr: ["!= 10.0.0.1", "!= 10.0.0.2"]});
           | ^
        command: nft 'add rule ip filter INPUT ip saddr { != 10.0.0.1, != 10.0.0.2 } accept'
        hint: each value makes a rule of its own, so that a `!=` in one lets the others through
        "#,
    );
}

#[test]
fn an_interface_where_none_can_be() {
    stops(
        r#"
        allow("output", #{iif: "eth0"});
        "#,
        r#"
        labs/x/lab.rhai:1:1: in `output` no packet has an `iif`
           |
         1 | allow("output", #{iif: "eth0"});
           | ^
        command: nft 'add rule ip filter OUTPUT iifname eth0 accept'
        hint: what the namespace itself sends came by no interface: choose by `oif`
        "#,
    );
}

#[test]
fn an_interface_with_a_quote_in_its_name() {
    stops(
        r#"
        allow("input", #{iif: "it's"});
        "#,
        r#"
        labs/x/lab.rhai:1:1: "it's" is no name of an interface
           |
         1 | allow("input", #{iif: "it's"});
           | ^
        command: nft 'add rule ip filter INPUT iifname it'\''s accept'
        hint: `iif` is a name of at most 15 bytes, or its beginning, as `veth*`
        "#,
    );
}

#[test]
fn a_state_that_does_not_exist() {
    stops(
        r#"
        allow("input", #{ct: "establish"});
        "#,
        r#"
        labs/x/lab.rhai:1:1: a connection has no state "establish"
           |
         1 | allow("input", #{ct: "establish"});
           | ^
        command: nft 'add rule ip filter INPUT ct state establish accept'
        hint: choose of invalid, established, related, new, untracked
        "#,
    );
}

#[test]
fn a_destination_that_is_no_address() {
    stops(
        r#"
        dnat("tcp", 80, "web:80");
        "#,
        r#"
        labs/x/lab.rhai:1:1: Bad IP address "web"
           |
         1 | dnat("tcp", 80, "web:80");
           | ^
        command: nft 'add rule ip nat PREROUTING tcp dport 80 dnat to web:80'
        hint: an IPv4 address is four numbers from 0 to 255, as `192.168.15.1`
        "#,
    );
}

#[test]
fn a_destination_that_is_a_network() {
    stops(
        r#"
        dnat("tcp", 80, "192.168.15.0/24");
        "#,
        r#"
        labs/x/lab.rhai:1:1: Bad IP address "192.168.15.0/24"
           |
         1 | dnat("tcp", 80, "192.168.15.0/24");
           | ^
        command: nft 'add rule ip nat PREROUTING tcp dport 80 dnat to 192.168.15.0/24'
        hint: packets are sent to one address, not to a network
        "#,
    );
}

#[test]
fn a_destination_with_a_port_of_70000() {
    stops(
        r#"
        dnat("tcp", 80, "192.168.15.2:70000");
        "#,
        r#"
        labs/x/lab.rhai:1:1: invalid port/service `70000' specified
           |
         1 | dnat("tcp", 80, "192.168.15.2:70000");
           | ^
        command: nft 'add rule ip nat PREROUTING tcp dport 80 dnat to 192.168.15.2:70000'
        hint: a port is at most 65535
        "#,
    );
}

#[test]
fn a_port_of_a_protocol_that_has_none() {
    stops(
        r#"
        dnat("icmp", 80, "192.168.15.2");
        "#,
        r#"
        labs/x/lab.rhai:1:1: "icmp" is no protocol that has ports
           |
         1 | dnat("icmp", 80, "192.168.15.2");
           | ^
        command: nft 'add rule ip nat PREROUTING icmp dport 80 dnat to 192.168.15.2'
        hint: choose `tcp` or `udp`
        "#,
    );
}

#[test]
fn a_table_of_routes_that_does_not_exist() {
    stops(
        r#"
        rule_add(#{table: "foo"});
        "#,
        r#"
        labs/x/lab.rhai:1:1: argument "foo" is wrong: table id value is invalid
           |
         1 | rule_add(#{table: "foo"});
           | ^
        command: ip rule add lookup foo
        hint: a table is `main`, `local`, `default` or a number
        "#,
    );
}

#[test]
fn a_rule_that_is_not_there() {
    stops(
        r#"
        rule_del(#{pref: 5});
        "#,
        r#"
        labs/x/lab.rhai:1:1: RTNETLINK answers: No such file or directory
           |
         1 | rule_del(#{pref: 5});
           | ^
        command: ip rule del pref 5
        hint: `host` has no such rule
        "#,
    );
}

#[test]
fn no_rule_at_all() {
    stops(
        r#"
        rule_del(#{});
        "#,
        r#"
        labs/x/lab.rhai:1:1: `rule_del` is not told which rule
           |
         1 | rule_del(#{});
           | ^
        hint: name its `pref`, as `rules` shows it
        "#,
    );
}

#[test]
fn a_table_without_a_classic_form() {
    stops(
        r#"
        links().classic();
        "#,
        r#"
        labs/x/lab.rhai:1:9: the table `links` has no classic form
           |
         1 | links().classic();
           |         ^
        hint: `routes` and `arp` have one: `route -n` and `arp -n`
        "#,
    );
}

#[test]
fn a_classic_form_of_ipv6() {
    stops(
        r#"
        routes(#{family: "inet6", table: "local"}).classic();
        "#,
        r#"
        labs/x/lab.rhai:1:44: `route -n` knows IPv4 alone
           |
         1 | routes(#{family: "inet6", table: "local"}).classic();
           |                                            ^
        hint: take the table without `family`
        "#,
    );
}

#[test]
fn iptables_without_a_protocol() {
    refuses(
        "iptables",
        r#"
        iptables("-t nat -A PREROUTING --dport 80 --to-destination 192.168.15.2:80 -j DNAT");
        "#,
        r#"
        labs/x/lab.rhai:1:1: [TOOL]: unknown option "--dport"
           |
         1 | iptables("-t nat -A PREROUTING --dport 80 --to-destination 192.168.15.2:80 -j DNAT");
           | ^
        command: iptables -t nat -A PREROUTING --dport 80 --to-destination 192.168.15.2:80 -j DNAT
        hint: `--dport` is a port of TCP or UDP: say which before it, as in `-p tcp --dport …`
        "#,
    );
}

#[test]
fn iptables_with_its_arguments_in_the_wrong_order() {
    refuses(
        "iptables",
        r#"
        iptables("-t nat -A PREROUTING -p tcp --dport 80 --to-destination 192.168.15.2:80 -j DNAT");
        "#,
        r#"
        labs/x/lab.rhai:1:1: [TOOL]: unknown option "--to-destination"
           |
         1 | iptables("-t nat -A PREROUTING -p tcp --dport 80 --to-destination 192.168.15.2:80 -j DNAT");
           | ^
        command: iptables -t nat -A PREROUTING -p tcp --dport 80 --to-destination 192.168.15.2:80 -j DNAT
        hint: `--to-destination` is known to DNAT: put `-j DNAT` before it
        "#,
    );
}

#[test]
fn iptables_with_an_unknown_chain() {
    refuses(
        "iptables",
        r#"
        iptables("-A FORWRAD -j DROP");
        "#,
        r#"
        labs/x/lab.rhai:1:1: iptables: No chain/target/match by that name.
           |
         1 | iptables("-A FORWRAD -j DROP");
           | ^
        command: iptables -A FORWRAD -j DROP
        hint: chains and targets are told apart by capitals: filter has INPUT, FORWARD and OUTPUT, nat has PREROUTING, INPUT, OUTPUT and POSTROUTING; `-t nat` names the table, and `-N` makes a chain
        "#,
    );
}

#[test]
fn iptables_with_an_unknown_policy() {
    refuses(
        "iptables",
        r#"
        iptables("-P FORWARD DORP");
        "#,
        r#"
        labs/x/lab.rhai:1:1: iptables: Bad policy name. Run `dmesg' for more information.
           |
         1 | iptables("-P FORWARD DORP");
           | ^
        command: iptables -P FORWARD DORP
        hint: a policy is ACCEPT or DROP
        "#,
    );
}

#[test]
fn iptables_with_a_destination_that_is_no_address() {
    refuses(
        "iptables",
        r#"
        iptables("-t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination web:80");
        "#,
        r#"
        labs/x/lab.rhai:1:1: [TOOL]: Bad IP address "web"
           |
         1 | iptables("-t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination web:80");
           | ^
        command: iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination web:80
        hint: `--to-destination` takes an address and a port, as 192.168.15.2:80
        "#,
    );
}

#[test]
fn iptables_with_a_port_of_70000() {
    refuses(
        "iptables",
        r#"
        iptables("-A INPUT -p tcp --dport 70000 -j DROP");
        "#,
        r#"
        labs/x/lab.rhai:1:1: [TOOL]: invalid port/service `70000' specified
           |
         1 | iptables("-A INPUT -p tcp --dport 70000 -j DROP");
           | ^
        command: iptables -A INPUT -p tcp --dport 70000 -j DROP
        hint: a port is a number from 0 to 65535
        "#,
    );
}

#[test]
fn iptables_twice() {
    refuses(
        "iptables",
        r#"
        iptables("iptables -L");
        "#,
        r#"
        labs/x/lab.rhai:1:1: Bad argument `iptables'
           |
         1 | iptables("iptables -L");
           | ^
        command: iptables iptables -L
        hint: leave the word `iptables` out: here stand its arguments
        "#,
    );
}

#[test]
fn nft_without_a_table() {
    refuses(
        "nft",
        r#"
        nft("add rule ip filter FORWARD accept");
        "#,
        r#"
        labs/x/lab.rhai:1:1: Error: Could not process rule: No such file or directory
        add rule ip filter FORWARD accept
                    ^^^^^^
           |
         1 | nft("add rule ip filter FORWARD accept");
           | ^
        command: nft add rule ip filter FORWARD accept
        hint: make the table and the chain first: `add table ip filter`, `add chain ip filter …`
        "#,
    );
}

#[test]
fn a_chain_of_the_same_name_with_another_hook() {
    refuses(
        "nft",
        r#"
        nft("add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 10; }");
        policy("forward", "drop");
        "#,
        r#"
        labs/x/lab.rhai:2:1: Could not process rule: Operation not supported
           |
         2 | policy("forward", "drop");
           | ^
        command: nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
        hint: the table filter has a chain FORWARD that is none of iptables', with another hook or priority
        "#,
    );
}

/// Acts of ours of every kind.
const ACTS: &str = r#"
policy("forward", "drop");
allow("forward", #{ct: "established,related"});
allow("forward", #{saddr: "192.168.15.5/24", proto: "tcp", dport: [80, "8000-8010"]});
block("input", #{iif: "veth*", saddr: "!= 10.0.0.1", daddr: "10.0.0.0/20"});
allow("input", #{proto: "icmp"});
allow("output", #{proto: "udp", dport: "!= 53", oif: "eth0"});
policy("output", "drop", #{family: "inet6"});
allow("output", #{saddr: "fd00::/64", proto: "icmpv6"});
masquerade("192.168.15.0/24");
masquerade("fd00::/64", #{oif: "eth0"});
dnat("tcp", 80, "192.168.15.2:80");
dnat("tcp", 8080, "[fd00::2]:80");
policy("forward", "accept");
"#;

#[test]
fn the_command_that_is_shown_does_the_same() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    if let Some(lack) = lacking(&["nft"]) {
        return skip(lack);
    }
    let scratch = Scratch::new();
    let run = |lab: &str| {
        scratch.write("lab.rhai", lab);
        let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
        command.args(["run", "lab.rhai"]).current_dir(scratch.path());
        forget_others(&mut command);
        let output = output(command);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    };
    let told = run(ACTS);
    let commands: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("  $ ")).collect();
    assert_eq!(commands.len(), ACTS.lines().count() - 1, "{told}");
    // In another namespace, by a shell, and twice: it may be that the table
    // and the chain are there.
    let script = commands.join("\n");
    let both = r#"
        let other = netns("other");
        check("the commands are sound", sh(other, script));
        check("they do the same", firewall(other) == firewall());
        check("they can be said again", sh(other, script));
        let twice = firewall().filter(|row| row.rule != ()).len() * 2;
        check("and then stand there twice", firewall(other).filter(|row| row.rule != ()).len() == twice);
    "#;
    run(&format!("{ACTS}let script = `{script}`;{both}"));
}

#[test]
fn both_kinds_of_iptables_run_inside() {
    if let Some(lack) = lacking(&["iptables-legacy", "iptables-nft"]) {
        return skip(lack);
    }
    Nslab::new(["test", "labs", "--", "--test-threads=1"])
        .lab(
            r#"
            // A kernel may be without the older kind.
            let old = exec("iptables-legacy -A FORWARD -s 10.0.0.1 -j DROP");
            let none = old.stderr.contains("do you need to insmod?");
            check("the older one is heard", none || exec("iptables-legacy -S").stdout.contains("10.0.0.1"));
            check("and is not of nf_tables", firewall().is_empty());
            check("the newer one is heard", exec("iptables-nft -A FORWARD -s 10.0.0.2 -j DROP"));
            check("and is of nf_tables", firewall().contains(#{chain: "FORWARD", rule: "ip saddr 10.0.0.2 drop"}));
            "#,
        )
        .stdout(
            "

            running 4 tests
            test x/lab::the older one is heard  ... ok
            test x/lab::and is not of nf_tables ... ok
            test x/lab::the newer one is heard  ... ok
            test x/lab::and is of nf_tables     ... ok

            test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            ",
        )
        .run();
}
