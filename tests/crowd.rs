//! Many hosts on one bridge.

use crate::support::{NOTHING, Nslab};

/// The beginning of a lab with `hosts` hosts on the bridge `br0`.
fn hosts(hosts: usize) -> String {
    format!(
        r#"
        bridge("br0");
        up("br0");
        let hosts = [];
        for n in 1..={hosts} {{
            let host = netns(`h${{n}}`);
            veth(host, "eth0", host(), `port${{n}}`);
            set_master(`port${{n}}`, "br0");
            host.addr_add("eth0", `10.0.${{n / 100}}.${{n % 100 + 1}}/16`);
            host.addr_add("eth0", `fd00::${{n}}/64`);
            host.up("eth0");
            up(`port${{n}}`);
            hosts.push(host);
        }}
        let first = hosts[0];
        "#
    )
}

/// The ports of a large bridge get no multicast while it is built; afterwards they do.
#[test]
fn multicast_reaches_the_last_of_many_ports() {
    let checks = r#"
        check("by multicast, IPv6 finds the last one", ping(first, "fd00::40"));
        check("and the last one finds the first", ping(hosts[39], "fd00::1"));
    "#;
    Nslab::test(NOTHING)
        .lab(&(hosts(40) + checks))
        .passes(&["by multicast, IPv6 finds the last one", "and the last one finds the first"])
        .run();
}

/// The machine has 1,024 neighbour entries for all namespaces; a lab that talks to many
/// hosts drops entries in time.
#[test]
fn a_host_that_asks_many_forgets_some() {
    let checks = r#"
        let by_hand = "10.0.50.50";
        first.neigh_add(by_hand, "02:00:00:00:00:01", "eth0");
        for n in 2..=160 {
            check("everybody answers", ping(first, `10.0.${n / 100}.${n % 100 + 1}`));
        }
        check("some are forgotten", arp(first).len() < 159);
        check("but not who was set by hand", arp(first).contains(#{ip: by_hand, state: "permanent"}));
    "#;
    Nslab::test(NOTHING)
        .lab(&(hosts(160) + checks))
        .passes(&["everybody answers", "some are forgotten", "but not who was set by hand"])
        .run();
}

/// A host with few neighbours finds them all, however full the machine's table is.
#[test]
fn a_host_that_asks_some_forgets_nobody() {
    let checks = r#"
        for n in 2..=60 {
            check("everybody answers", ping(first, `10.0.${n / 100}.${n % 100 + 1}`));
        }
        check("all are known", arp(first).filter(|row| row.state == "resolved").len() == 59);
    "#;
    Nslab::test(NOTHING).lab(&(hosts(60) + checks)).passes(&["everybody answers", "all are known"]).run();
}

/// Each link that comes up reports its multicast groups, and each report takes
/// an entry of a table of 1,024, which is everybody's: a lab has half of them
/// at most, however many links it has. What it has is counted by `ip`.
#[test]
fn links_that_come_up_leave_half_of_the_table_to_others() {
    let checks = r#"
        let count = sh("for ns in $(ip netns list | cut -d' ' -f1); do ip -n $ns -6 neigh show nud all; done; \
                        ip -6 neigh show nud all").stdout.split("\n").len();
        check("less than half of the table", count < 512);
        check("both ends have an address", addrs(hosts[299]).some(|row| row.addr == "fd00::300/64")
                  && addrs().some(|row| row.dev == "port300" && row.scope == "link"));
        check("the last one is reached", ping(first, "fd00::300"));
    "#;
    Nslab::test(NOTHING)
        .lab(&(hosts(300) + checks))
        .passes(&["less than half of the table", "both ends have an address", "the last one is reached"])
        .needs(&["ip"])
        .run();
}
