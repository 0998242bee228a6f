//! Why one can't reach another: what is told, and what is refused.

mod support;

use support::Nslab;

#[test]
fn a_cause_has_a_page() {
    Nslab::new(["why", "--explain", "forwarding-off"])
        .without_sandbox()
        .stdout(
            "
            forwarding-off: a namespace gets packets for others and does not forward them

            Symptom
              Silence: the request comes in at the router and does not go on.

            Cause
              Whoever has two interfaces is no router yet. Each namespace has its own
              switch, and IPv4 and IPv6 have one each.

            What to look at
              0 means that it does not forward:
                ip netns exec NS sysctl net.ipv4.ip_forward
                ip netns exec NS sysctl net.ipv6.conf.all.forwarding

            Cure
              Switch it on in the namespace of the router:
                ip netns exec NS sysctl -w net.ipv4.ip_forward=1
            ",
        )
        .run();
}

#[test]
fn a_misspelt_cause_has_the_nearest_ones() {
    Nslab::new(["why", "--explain", "link_dwn"])
        .without_sandbox()
        .stderr(
            "
            error: there is no cause `link_dwn`
            hint: is it `link-down`?
            ",
        )
        .code(2)
        .run();
    Nslab::new(["why", "--explain", "frobnicate"])
        .without_sandbox()
        .stderr(
            "
            error: there is no cause `frobnicate`
            hint: `nslab why --explain` lists them all
            ",
        )
        .code(2)
        .run();
}

const LAB: &str = "
    ip netns add red
    ip netns add blue
    ip link add eth0 netns red type veth peer name eth0 netns blue
    ip -n red addr add 10.0.0.1/24 dev eth0
    ip -n blue addr add 10.0.0.2/24 dev eth0
    ip -n red link set eth0 up
    ";

fn why(arguments: &[&str]) -> Nslab {
    let all = ["why", "lab.sh"].into_iter().chain(arguments.iter().copied());
    Nslab::new(all).file("lab.sh", support::unindent(LAB))
}

#[test]
fn a_cable_with_one_end_down() {
    why(&["red", "10.0.0.2"])
        .stdout(
            "
            red can't reach 10.0.0.2: blue's eth0 is DOWN: nobody has switched it on
              (nslab why --explain link-down)

              request  [red] ✗
              the request did not leave any interface of red

            look at
                ip -n blue -br link show eth0

            cure
                ip -n blue link set eth0 up
            proved: a replay of the lab with this command reaches 10.0.0.2
            ",
        )
        .code(1)
        .run();
}

#[test]
fn a_question_that_makes_no_sense_is_an_error() {
    for format in [&[][..], &["--json"][..]] {
        why(&[&["rde", "10.0.0.2"], format].concat())
            .stderr(
                "
                error: the lab has no namespace `rde`
                hint: it has `blue`, `red`, and the host's: `host`
                ",
            )
            .code(2)
            .run();
    }
    why(&["red", "10.0.0.300"])
        .stderr(
            "
            error: `10.0.0.300` is no address, and no name that could have one
            hint: an address is wanted, as 10.0.0.2 or fd00::2, or a name, as web.example
            ",
        )
        .code(2)
        .run();
    why(&["red", "10.0.0.2", "--interface", "nosuch"])
        .stderr(
            "
            error: red has no interface `nosuch`
            hint: it has `lo`, `eth0`
            ",
        )
        .code(2)
        .run();
}

/// A lab of three steps.
const STEPS: &str = r#"
let red = netns("red");
let blue = netns("blue");
step("Plug the cable in");
veth(red, "eth0", blue, "eth0");
step("Give addresses");
red.addr_add("eth0", "10.0.0.1/24");
blue.addr_add("eth0", "10.0.0.2/24");
step("Switch on");
red.up("eth0");
blue.up("eth0");
"#;
