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
