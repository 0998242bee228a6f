//! `same_forwarding`: what it says of two tables is what the kernel does with
//! them, and what it can't read is refused.

use crate::measured::{lacking, skip};
use crate::support::{NOTHING, Nslab};
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Numbers that look like dice and are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// A lab in which red and blue have routes of their own to the same small
/// world, and `ip route get` is asked about every border in it, in its order.
fn random_lab(seed: u64, v6: bool) -> String {
    let mut dice = Dice(seed);
    let address = |n: u64| match v6 {
        true => Ipv6Addr::from((0xfd07_u128 << 112) + u128::from(n)).to_string(),
        false => Ipv4Addr::from((10 << 24 | 7 << 16) + n as u32).to_string(),
    };
    let (most, own, gateway, option) = match v6 {
        true => (128, "fd00::1/64", "fd00::", "-6"),
        false => (32, "10.0.0.1/24", "10.0.0.", "-4"),
    };
    let mut lab = String::new();
    let _ = writeln!(lab, "let red = netns(\"red\");\nlet blue = netns(\"blue\");");
    for ns in ["red", "blue"] {
        let _ = writeln!(lab, "veth({ns}, \"a\", {ns}, \"b\"); {ns}.addr_add(\"a\", \"{own}\");");
        let _ = writeln!(lab, "{ns}.up(\"lo\"); {ns}.up(\"a\"); {ns}.up(\"b\");");
    }
    let mut borders = vec![0, 31];
    let common: Vec<_> = (0..dice.below(4)).map(|_| route(&mut dice)).collect();
    for ns in ["red", "blue"] {
        let own: Vec<_> = (0..dice.below(3)).map(|_| route(&mut dice)).collect();
        for (first, bits, kind, via, metric) in common.iter().chain(&own) {
            let first = first >> bits << bits;
            let last = first + (1 << bits) - 1;
            borders.extend([first.saturating_sub(1), first, last, last + 1]);
            let length = most - bits;
            let way = match *kind {
                "unicast" => format!("via: \"{gateway}{via}\""),
                kind => format!("type: \"{kind}\""),
            };
            let dst = format!("{}/{length}", address(first));
            // The same twice is refused, which is well.
            let _ = writeln!(
                lab,
                "try {{ {ns}.route_add(\"{dst}\", #{{{way}, metric: {metric}}}); }} catch (e) {{ if !e.error.contains(\"File exists\") {{ throw e; }} }}"
            );
        }
    }
    borders.sort_unstable();
    borders.dedup();
    let probes: Vec<String> = borders.into_iter().filter(|n| *n < 40).map(address).collect();
    let family = if v6 { ", #{family: \"inet6\"}" } else { "" };
    let _ = write!(
        lab,
        r#"
let probes = "{probes}".split(" ");
// Which of two equal ways it is does not count, so a metric is left out.
let asked = |ns| {{
    let script = "for to in {probes}; do ip {option} route get $to 2>&1 | head -n1; done | sed 's/ metric [0-9]*//'";
    sh(ns, script).stdout.split("\n")
}};
let by_red = asked.call(red);
let by_blue = asked.call(blue);
let first = ();
for (to, n) in probes {{
    if first == () && by_red[n] != by_blue[n] {{ first = to; }}
}}
let same = same_forwarding(routes(red{family}), routes(blue{family}));
check("the kernel has been asked", by_red.len() > probes.len() && by_blue.len() > probes.len());
check("it says the same", if first == () {{ same.ok }} else {{
    !same.ok && (same.text.starts_with(first + "/") || same.text.starts_with(first + " "))
}});
"#,
        probes = probes.join(" ")
    );
    lab
}

/// The first address, the bits behind the prefix, the type, the gateway and
/// the metric.
fn route(dice: &mut Dice) -> (u64, u64, &'static str, u64, u64) {
    let kinds = ["unicast", "unicast", "unicast", "unicast", "blackhole", "prohibit", "unreachable", "throw"];
    let kind = kinds[dice.below(8) as usize];
    (dice.below(32), dice.below(4), kind, 2 + dice.below(2), 1 + dice.below(3))
}

#[test]
fn it_says_what_ip_route_get_says() {
    if let Some(lack) = lacking(&["ip"]) {
        return skip(lack);
    }
    let mut run = Nslab::test(["labs"]);
    let count = 24;
    let mut lines = Vec::new();
    for seed in 1..=count {
        for (family, v6) in [("4", false), ("6", true)] {
            let name = format!("x/seed-{seed:02}-ipv{family}");
            run = run.file(&format!("labs/{name}.rhai"), random_lab(seed * 0x9e37_79b9, v6));
            lines.push(format!("test {name}::the kernel has been asked ... ok\n"));
            lines.push(format!("test {name}::it says the same          ... ok\n"));
        }
    }
    let stdout = format!(
        "\n\nrunning {} tests\n{}\ntest result: ok. {} passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]\n\n",
        lines.len(),
        lines.concat(),
        lines.len()
    );
    run.stdout(&stdout).run();
}

/// Refused, with this report.
#[track_caller]
fn refused(call: &str, message: &str, hint: &str) {
    let report = format!(
        "labs/x/lab.rhai:1:1: {message}\n   |\n 1 | {call};\n   | ^\n{}",
        if hint.is_empty() { String::new() } else { format!("hint: {hint}\n") }
    );
    Nslab::test(NOTHING).lab(&format!("{call};\n")).fails(&report).run();
}

#[test]
fn a_table_of_something_else() {
    refused(
        "same_forwarding(arp(), routes())",
        "`same_forwarding` compares tables of routes, not `arp`",
        "ask for them with `routes(ns)`",
    );
}

#[test]
fn a_row_that_is_no_map() {
    refused(
        r#"same_forwarding(routes(), ["default via 10.0.0.2"])"#,
        "a row of routes is not a string",
        "a row is a map, as `#{dst: \"10.1.0.0/24\", via: \"10.0.0.2\"}`",
    );
}

#[test]
fn a_field_that_no_route_has() {
    refused(
        r#"same_forwarding([#{dst: "default", gateway: "10.0.0.2"}], [])"#,
        "a row of routes has no field `gateway`",
        "did you mean `via`?",
    );
}

#[test]
fn a_route_that_does_not_say_where_it_leads_or_how() {
    refused(
        r#"same_forwarding([#{via: "10.0.0.2"}], [])"#,
        "a route without a destination",
        "say where it leads: `dst` is `default`, an address, or a network as `10.0.0.0/24`",
    );
    refused(
        r#"same_forwarding([#{dst: "default"}], [])"#,
        "the route to default leads nowhere",
        "say `via`, `dev` or a `type` as `blackhole`; `via: ()` is a link of any name",
    );
}

#[test]
fn a_host_in_the_place_of_its_network() {
    refused(
        r#"same_forwarding([#{dst: "10.1.0.7/24", via: "10.0.0.2"}], [])"#,
        "10.1.0.7/24 is a host with its mask, not a network",
        "the network is 10.1.0.0/24",
    );
}

#[test]
fn a_gateway_that_is_no_address() {
    refused(
        r#"same_forwarding([#{dst: "default", via: "blue"}], [])"#,
        "any valid address is expected rather than \"blue\"",
        "it is the gateway of default",
    );
    refused(
        r#"same_forwarding([#{dst: "default", via: 10}], [])"#,
        "the field `via` of a route is a string, not an int",
        "",
    );
}

#[test]
fn a_metric_below_zero() {
    refused(
        r#"same_forwarding([#{dst: "default", dev: "a", metric: -1}], [])"#,
        "`-1` is no metric",
        "a metric is a number from 0",
    );
}

#[test]
fn rows_that_lost_their_several_ways() {
    if let Some(lack) = lacking(&["ip"]) {
        return skip(lack);
    }
    Nslab::test(NOTHING)
        .lab(
            r#"
            veth("a", "b");
            addr_add("a", "10.0.0.1/24");
            up("a");
            up("b");
            sh("ip route add default nexthop via 10.0.0.2 nexthop via 10.0.0.3 weight 3");
            let other = netns("other");
            veth(other, "a", other, "b");
            other.addr_add("a", "10.0.0.1/24");
            other.up("a");
            other.up("b");
            other.sh("ip route add default nexthop via 10.0.0.3 weight 3 nexthop via 10.0.0.2");
            check("their order does not count", same_forwarding(routes(), routes(other)));
            other.sh("ip route replace default nexthop via 10.0.0.3 weight 2 nexthop via 10.0.0.2");
            let unequal = same_forwarding(routes(), routes(other));
            check("their shares do", !unequal && unequal.text == "default goes via 10.0.0.2 dev a and via 10.0.0.3 dev a weight 3 by the first table, and via 10.0.0.2 dev a and via 10.0.0.3 dev a weight 2 by the second");
            same_forwarding(routes().rows(), []);
            check("never", true);
            "#,
        )
        .stdout(
            r#"

            running 3 tests
            test x/lab::their order does not count ... ok
            test x/lab::their shares do            ... ok
            test x/lab::never                      ... FAILED

            failures:

            ---- x/lab::never ----
            labs/x/lab.rhai:16:1: the row of default does not say its way
                |
             16 | same_forwarding(routes().rows(), []);
                | ^
            hint: give the table itself, not its rows: only that has all ways of a row that has several


            failures:
                x/lab::never

            test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            "#,
        )
        .code(1)
        .run();
}
