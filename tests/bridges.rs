//! Bridges and VXLAN links that are refused: whole printed output.

use crate::measured::{lacking, skip};
use crate::support::{NOTHING, Nslab};

/// A lab with this text stops, and this is said of it.
#[track_caller]
fn stops(lab: &str, report: &str) {
    Nslab::test(NOTHING).lab(lab).fails(report).run();
}

#[test]
fn a_bridge_taken_for_a_namespace() {
    stops(
        r#"
        bridge("v-net-0");
        let red = netns("red");
        veth(red, "veth-red", host(), "veth-red-br");
        set_netns("veth-red-br", "v-net-0");
        "#,
        r#"
        labs/x/lab.rhai:4:1: argument "v-net-0" is wrong: Invalid "netns" value
           |
         4 | set_netns("veth-red-br", "v-net-0");
           | ^
        command: ip link set veth-red-br netns v-net-0
        hint: `v-net-0` is a bridge, no namespace; a port stays where it is, and gets a master: `ip link set veth-red-br master v-net-0`
        "#,
    );
}

#[test]
fn a_namespace_that_is_not_there() {
    stops(
        r#"
        let red = netns("red");
        veth("a", "b");
        set_netns("a", "rde");
        "#,
        r#"
        labs/x/lab.rhai:3:1: argument "rde" is wrong: Invalid "netns" value
           |
         3 | set_netns("a", "rde");
           | ^
        command: ip link set dev a netns rde
        hint: the namespaces are `red`, and the host's, `host()`
        "#,
    );
}

#[test]
fn a_master_that_is_not_there() {
    stops(
        r#"
        veth("a", "b");
        set_master("a", "v-net-0");
        "#,
        r#"
        labs/x/lab.rhai:2:1: argument "v-net-0" is wrong: Device does not exist
           |
         2 | set_master("a", "v-net-0");
           | ^
        command: ip link set dev a master v-net-0
        hint: `host` has `lo`, `b`, `a`
        "#,
    );
}

#[test]
fn a_bridge_of_1025_ports() {
    stops(
        r#"
        bridge("br0");
        for n in 0..1025 {
            veth(`a${n}`, `b${n}`);
            set_master(`a${n}`, "br0");
        }
        "#,
        r#"
        labs/x/lab.rhai:4:5: RTNETLINK answers: Exchange full
           |
         4 |     set_master(`a${n}`, "br0");
           |     ^
        command: ip link set a1023 master br0
        hint: a bridge has at most 1023 ports, and `br0` has them; put the others on a second one, and join the two with a veth pair
        "#,
    );
}

#[test]
fn a_vxlan_without_a_number() {
    stops(
        r#"
        vxlan("vx0", #{remote: "10.0.0.2"});
        "#,
        r#"
        labs/x/lab.rhai:1:1: vxlan: missing virtual network identifier
           |
         1 | vxlan("vx0", #{remote: "10.0.0.2"});
           | ^
        command: ip link add vx0 type vxlan remote 10.0.0.2 dstport 4789
        hint: a VXLAN link has a number, the same at both ends: `#{id: 42, …}`
        "#,
    );
}

#[test]
fn two_vxlans_of_one_number() {
    stops(
        r#"
        vxlan("vx0", #{id: 42, remote: "10.0.0.2"});
        vxlan("vx1", #{id: 42, remote: "10.0.0.3"});
        "#,
        r#"
        labs/x/lab.rhai:2:1: A VXLAN device with the specified VNI already exists
           |
         2 | vxlan("vx1", #{id: 42, remote: "10.0.0.3"});
           | ^
        command: ip link add vx1 type vxlan id 42 remote 10.0.0.3 dstport 4789
        hint: each wire is told by its `id`: choose another one
        "#,
    );
}

#[test]
fn a_vxlan_that_is_mistyped() {
    if let Some(lack) = lacking(&["ip"]) {
        return skip(lack);
    }
    let cases = [
        (r#"#{id: 99999999}"#, r#"argument "99999999" is wrong: invalid id"#),
        (r#"#{id: 1, port: 70000}"#, r#"argument "70000" is wrong: dst port"#),
        (r#"#{id: 1, remote: "239.1.1.1"}"#, r#"argument "239.1.1.1" is wrong: invalid remote address"#),
        (r#"#{id: 1, remote: "10.0.0.300"}"#, r#"any valid address is expected rather than "10.0.0.300""#),
        (
            r#"#{id: 1, local: "fd00::1", remote: "10.0.0.2"}"#,
            r#"inet6 address is expected rather than "10.0.0.2""#,
        ),
        (r#"#{id: 1, dev: "eth7"}"#, r#"Cannot find device "eth7""#),
    ];
    let mut lab = String::from(
        "let words = |answer| { let line = answer.stderr.split(\"\\n\")[0]; line.replace(\"Error: \", \"\"); line };\n",
    );
    lab += "for one in [";
    for (options, error) in cases {
        lab += &format!("[{options}, `{error}`], ");
    }
    // The command that is shown, typed into a shell, is refused in the same
    // words.
    lab += "] {\n\
            try { vxlan(\"vx0\", one[0]); throw \"it was taken\"; } catch (e) {\n\
            check(\"our words\", e.error == one[1]);\n\
            check(\"the words of ip\", words.call(sh(e.command)).starts_with(e.error));\n} }\n";
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", lab)
        .stdout(
            r#"

            running 2 tests
            test x/lab::our words       ... ok
            test x/lab::the words of ip ... ok

            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            "#,
        )
        .run();
}
