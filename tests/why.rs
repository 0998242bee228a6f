//! `nslab why`: the answers, and the refusals.

use crate::support::{CABLE, NOTHING, Nslab, unindent};

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
    Nslab::new(all).file("lab.sh", unindent(LAB)).needs(&["ip"])
}

/// The answer where blue's end of the cable is down.
const ONE_END_DOWN: &str = "
    red can't reach 10.0.0.2: blue's eth0 is DOWN: nobody has switched it on
      (nslab why --explain link-down)

      request  [red] ✗
      the request did not leave any interface of red

    look at
        ip -n blue -br link show eth0

    cure
        ip -n blue link set eth0 up
    proved: a replay of the lab with this command reaches 10.0.0.2
    ";

#[test]
fn a_cable_with_one_end_down() {
    why(&["red", "10.0.0.2"]).stdout(ONE_END_DOWN).code(1).run();
}

#[test]
fn a_command_that_failed_is_told_with_each_answer() {
    let lab = format!("{LAB}ip -n blue link set eth0 up\n    ip link add t0 type nosuch\n    ");
    let ask = |arguments: &[&str]| {
        let all = ["why", "lab.sh", "red", "10.0.0.2"].into_iter().chain(arguments.iter().copied());
        Nslab::new(all).file("lab.sh", unindent(&lab)).needs(&["ip"])
    };
    ask(&[])
        .stdout(
            "
            red reaches 10.0.0.2.

              request  [red] eth0 ──▶ eth0 [blue]
              reply    [red] eth0 ◀── eth0 [blue]

            a command of the lab failed: the network is not as it was meant
                lab.sh:8: ip link add t0 type nosuch
                    Error: Unknown device type.
            ",
        )
        .run();
    let path = r#"[{"ns":"red","dev":"eth0","seen":["arp-request","arp-reply","request","reply"]},{"ns":"blue","dev":"eth0","seen":["arp-request","arp-reply","request","reply"]}]"#;
    let refused =
        r#"[{"line":8,"command":"ip link add t0 type nosuch","error":"Error: Unknown device type."}]"#;
    ask(&["--json"])
        .stdout(&format!(
            r#"{{"from":"red","to":"10.0.0.2","reached":true,"symptom":"it answers","path":{path},"cause":null,"causes":[],"refused":{refused},"fix":[],"proved":false,"effects":null,"worked_until":null}}
"#
        ))
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

/// A lab of commands of our own.
fn why_rhai(text: &str, arguments: &[&str]) -> Nslab {
    let all = ["why", "lab.rhai"].into_iter().chain(arguments.iter().copied());
    Nslab::new(all).file("lab.rhai", text)
}

#[test]
fn it_is_asked_at_the_end_of_a_step() {
    for step in ["2", "give"] {
        why_rhai(STEPS, &["red", "10.0.0.2", "--at", step])
            .stdout(
                "
                red can't reach 10.0.0.2: red's eth0 and blue's eth0 are DOWN: nobody has
                switched them on
                  (nslab why --explain link-down)

                  request  [red] ✗
                  the request did not leave any interface of red

                look at
                    ip -n red -br link show eth0

                cure
                    ip -n red link set eth0 up
                    ip -n blue link set eth0 up
                proved: a replay of the lab with these commands reaches 10.0.0.2
                ",
            )
            .code(1)
            .needs(&["ip"])
            .run();
    }
    why_rhai(STEPS, &["red", "10.0.0.2"])
        .stdout(
            "
            red reaches 10.0.0.2.

              request  [red] eth0 ──▶ eth0 [blue]
              reply    [red] eth0 ◀── eth0 [blue]
            ",
        )
        .run();
    why_rhai(STEPS, &["red", "10.0.0.2", "--at", "7"])
        .stderr(
            "
            error: the lab has no step `7`
            hint: its steps are 1 `Plug the cable in`, 2 `Give addresses`, 3 `Switch on`
            ",
        )
        .code(2)
        .run();
}

#[test]
fn a_shell_lab_is_asked_after_a_line() {
    // The cable is not there yet.
    why(&["red", "10.0.0.2", "--at", "2"])
        .stdout(
            "
            red can't reach 10.0.0.2: red has no interface but lo: no cable is plugged in
              (nslab why --explain link-missing)

              request  [red] ✗
              the request did not leave any interface of red

            look at
                ip -n red link
            ",
        )
        .code(1)
        .needs(&["ip"])
        .run();
}

#[test]
fn a_lab_that_stops_half_way_is_explained_from_where_it_stands() {
    let lab = "let red = netns(\"red\");\nveth(red, \"eth0\", host(), \"to-red\");\nred.addr_add(\"eth0\", \"10.0.0.1/24\");\n\
               addr_add(\"to-red\", \"10.0.0.2/24\");\nup(\"to-red\");\nred.up(\"eth1\");\n";
    why_rhai(lab, &["red", "10.0.0.2"])
        .stdout(
            "
            lab.rhai:6:5: the lab stopped here: Cannot find device \"eth1\"
            This is about the network as it was then.

            red can't reach 10.0.0.2: `ip -n red link set eth1 up` was refused (Cannot find
            device \"eth1\"): red has no eth1, but eth0, and eth0 of red is still DOWN
              (nslab why --explain command-refused)

              request  [red] ✗
              the request did not leave any interface of red

            look at
                ip -n red link set eth1 up

            cure
                ip -n red link set eth0 up
            proved: a replay of the lab with this command reaches 10.0.0.2
            ",
        )
        .code(1)
        .needs(&["ip"])
        .run();
}

#[test]
fn what_is_typed_wrong_is_refused() {
    let refused = |arguments: &[&str], error: &str| why(arguments).stderr(error).code(2).run();
    refused(
        &["red", "10.0.0.2", "--tcp", "70000"],
        "
        error: invalid value '70000' for '--tcp <PORT>': 70000 is not in 1..=65535

        For more information, try '--help'.
        ",
    );
    refused(
        &["red", "10.0.0.2", "--size", "70000"],
        "
        error: invalid value '70000' for '--size <BYTES>': 70000 is not in 0..=65507

        For more information, try '--help'.
        ",
    );
    refused(
        &["red", "10.0.0.2", "--tcp", "80", "--df"],
        "
        error: the argument '--tcp <PORT>' cannot be used with '--df'

        Usage: nslab why --tcp <PORT> <LAB> <FROM> <TO>

        For more information, try '--help'.
        ",
    );
    Nslab::new(["why", "nosuch.sh", "red", "10.0.0.2"])
        .stderr("error: failed to read `nosuch.sh`: No such file or directory\n")
        .code(2)
        .run();
}

#[test]
fn a_script_asks_why_too() {
    Nslab::test(NOTHING)
        .file(
            "labs/x/lab.rhai",
            r#"
            let red = netns("red");
            veth(red, "eth0", host(), "to-red");
            red.addr_add("eth0", "10.0.0.1/24");
            addr_add("to-red", "10.0.0.2/24");
            up("to-red");
            let first = why(red, "10.0.0.2");
            check("a link is down", first.cause.id == "link-down");
            red.up("eth0");
            check("it is reached", why(red, "10.0.0.2").reached);
            "#,
        )
        .passes(&["a link is down", "it is reached"])
        .needs(&["ip"])
        .run();
}

#[test]
fn a_name_that_nobody_knows_and_what_is_behind_it() {
    let lab = "let red = netns(\"red\");\nlet blue = netns(\"blue\");\nveth(red, \"eth0\", blue, \"eth0\");\n\
               red.addr_add(\"eth0\", \"10.0.0.1/24\");\nblue.addr_add(\"eth0\", \"10.0.0.2/24\");\nred.up(\"eth0\");\n";
    why_rhai(lab, &["red", "blue"])
        .stdout(
            "
            red can't reach blue, for 2 reasons, and each of them alone stops it:
              1. `blue` is known nowhere: /etc/hosts does not have it, and /etc/resolv.conf
                 names no server; blue's 10.0.0.2 is meant
                 (nslab why --explain name-unknown)
              2. blue's eth0 is DOWN: nobody has switched it on
                 (nslab why --explain link-down)

              request  [red] ✗
              the request did not leave any interface of red

            look at
                ip netns exec red getent hosts blue
                ip netns exec red cat /etc/resolv.conf
                ip -n blue -br link show eth0

            cure
                mkdir -p /etc/netns/red
                cp /etc/hosts /etc/netns/red/hosts
                echo '10.0.0.2 blue' >> /etc/netns/red/hosts
                ip -n blue link set eth0 up
            proved: a replay of the lab with these commands reaches blue
            ",
        )
        .code(1)
        .needs(&["ip"])
        .run();
}

#[test]
fn what_was_known_is_written() {
    let Some(scratch) = Nslab::new(["why", "labs/x/lab.rhai", "red", "10.0.0.2", "--evidence", "known.json"])
        .lab(&format!("{CABLE}\nblue.down(\"eth0\");\n"))
        .stdout(ONE_END_DOWN)
        .code(1)
        .run()
    else {
        return;
    };
    let known: serde_json::Value =
        serde_json::from_str(&scratch.read("known.json").expect("the file")).expect("JSON");
    assert_eq!(known["lab"], "x/lab");
    let round = &known["rounds"][0];
    assert_eq!(round["probe"]["to"], "10.0.0.2");
    assert_eq!(round["survey"]["spaces"][1]["name"], "blue");
    assert_eq!(round["suspects"][0]["id"], known["said"]["cause"]["id"]);
}

#[test]
fn tests_write_what_was_known_of_each_diagnosis() {
    let lab = format!(
        "{CABLE}\nblue.down(\"eth0\");\n\
         check(\"down\", why(red, \"10.0.0.2\").cause.id == \"link-down\");\n\
         check(\"nobody\", !why(red, \"10.0.0.9\").reached);\n"
    );
    let nslab = Nslab::test(["labs/x/lab.rhai", "--evidence", "known"]).lab(&lab);
    let Some(scratch) = nslab.passes(&["down", "nobody"]).run() else { return };
    for (file, to) in [("known/x/lab-1.json", "10.0.0.2"), ("known/x/lab-2.json", "10.0.0.9")] {
        let known: serde_json::Value =
            serde_json::from_str(&scratch.read(file).expect("the file")).expect("JSON");
        assert_eq!(known["rounds"][0]["probe"]["to"], to, "{file}");
    }
}

/// A lab that asks before and after a mistake, in a loop.
const ASKING: &str = "
    ip netns add red
    ip netns add r
    ip netns add blue
    ip link add eth0 netns red type veth peer name r0 netns r
    ip link add eth0 netns blue type veth peer name r1 netns r
    ip -n red addr add 10.1.0.2/24 dev eth0
    ip -n blue addr add 10.2.0.2/24 dev eth0
    ip -n r addr add 10.1.0.1/24 dev r0
    ip -n r addr add 10.2.0.1/24 dev r1
    for at in red:eth0 blue:eth0 r:r0 r:r1; do ip -n ${at%:*} link set ${at#*:} up; done
    ip -n red route add default via 10.1.0.1
    ip -n blue route add default via 10.2.0.1
    ip netns exec r sysctl -qw net.ipv4.ip_forward=0
    TARGET=10.2.0.2
    ip netns exec red ping -c1 -W1 10.1.0.1 > /dev/null
    ip netns exec red ping -c1 -W1 $TARGET > /dev/null
    ip netns exec r sysctl -qw net.ipv4.ip_forward=1
    ";

fn asking(arguments: &[&str]) -> Nslab {
    Nslab::new(arguments).file("lab.sh", unindent(ASKING)).needs(&["ip", "sysctl", "ping"])
}

#[test]
fn the_labs_own_question_is_explained_as_of_then() {
    asking(&["why", "lab.sh"])
        .stdout(
            "
            lab.sh:16: ip netns exec red ping -c1 -W1 $TARGET > /dev/null
            red can't reach 10.2.0.2: r gets packets for others on r0 and does not forward
            them: net.ipv4.ip_forward=0 there
              (nslab why --explain forwarding-off)

              request  [red] eth0 ──▶ r0 [r] ✗ r1
              the request was last seen entering r by r0, and not at r's r1

            look at
                ip netns exec r sysctl net.ipv4.ip_forward

            cure
                ip netns exec r sysctl -qw net.ipv4.ip_forward=1
            proved: a replay of the lab with this command reaches 10.2.0.2, and between
            others nothing has changed (12 questions)
            ",
        )
        .code(1)
        .run();
}

#[test]
fn a_lab_whose_questions_are_answered_has_nothing_to_explain() {
    Nslab::new(["why", "lab.sh"])
        .file("lab.sh", "ip link set lo up\nping -c1 127.0.0.1\n")
        .needs(&["ip", "ping"])
        .stderr(
            "
            error: no question of `lab.sh` is left without an answer: no ping, curl, nc and the like has failed
            hint: name the one that asks, and the other end: `nslab why lab.sh red 10.0.0.2`
            ",
        )
        .code(2)
        .run();
}

#[test]
fn a_failed_lab_offers_the_question_to_copy() {
    Nslab::test(NOTHING)
        .file("labs/x/lab.sh", format!("set -e\n{}", unindent(ASKING)))
        .needs(&["ip", "sysctl", "ping"])
        .fails(
            "
            labs/x/lab.sh:17:1: exit code 1
                |
             17 | ip netns exec red ping -c1 -W1 $TARGET > /dev/null
                | ^
            command: ip netns exec red ping -c1 -W1 $TARGET > /dev/null
            hint: the script asks with `set -e` to end at the first command that fails; `|| true` behind one forgives it
            hint: `nslab why labs/x/lab.sh red 10.2.0.2` tells why there was no answer
            ",
        )
        .run();
}

#[test]
fn a_cure_acts_only_where_it_may() {
    asking(&["why", "lab.sh", "red", "10.2.0.2", "--at", "16", "--only", "red,blue"])
        .stdout(
            "
            red can't reach 10.2.0.2: r gets packets for others on r0 and does not forward
            them: net.ipv4.ip_forward=0 there; a cure may act in red, blue only, and this
            one acts in r
              (nslab why --explain forwarding-off)

              request  [red] eth0 ──▶ r0 [r] ✗ r1
              the request was last seen entering r by r0, and not at r's r1

            look at
                ip netns exec r sysctl net.ipv4.ip_forward
            ",
        )
        .code(1)
        .run();
    asking(&["why", "lab.sh", "red", "10.2.0.2", "--only", "rde"])
        .stderr(
            "
            error: the lab has no namespace `rde`
            hint: it has `blue`, `r`, `red`, and the host's: `host`
            ",
        )
        .code(2)
        .run();
}

#[test]
fn a_namespace_plays_the_world_outside() {
    let arguments = ["why", "lab.sh", "red", "8.8.8.8", "--outside", "blue"];
    asking(&arguments)
        .stdout(
            "
            red can't reach 8.8.8.8: r, which should pass it on, has no route to 8.8.8.8;
            blue is the next one on the way, at 10.2.0.2
              (nslab why --explain route-missing)

              request  [red] eth0 ──▶ r0 [r] ✗ r1
              error         [red] eth0 ◀── r0 [r]
              the request was last seen entering r by r0, and not at r's r1

            look at
                ip -n r route
                ip -n r route get 8.8.8.8 from 10.1.0.2 iif r0

            cure
                ip -n r route add 8.8.8.8 via 10.2.0.2
            proved: a replay of the lab with this command reaches 8.8.8.8
            it also opens: r → blue
            ",
        )
        .code(1)
        .run();
}

#[test]
fn the_command_after_which_it_did_not_work_any_more_is_told() {
    let text = format!("{}ip -n blue route del default\nip netns add green\n", unindent(ASKING));
    Nslab::new(["why", "lab.sh", "red", "10.2.0.2"])
        .file("lab.sh", text)
        .needs(&["ip", "sysctl", "ping"])
        .stdout(
            "
            red can't reach 10.2.0.2: the request arrives, but blue has no route back to
            10.1.0.2, and nobody on the way hides that address behind his own
            (masquerading); r is the next one on the way, at 10.2.0.1
              (nslab why --explain return-route-missing)

              request  [red] eth0 ──▶ r0 [r] r1 ──▶ eth0 [blue] ✗
              the request was last seen entering blue by eth0, and goes no further

            it worked until lab.sh:18
                ip -n blue route del default
                    blue: - default via 10.2.0.1 dev eth0

            look at
                ip -n blue route
                ip -n blue route get 10.1.0.2 from 10.2.0.2

            cure
                ip -n blue route add default via 10.2.0.1
            proved: a replay of the lab with this command reaches 10.2.0.2
            it also opens: blue → r
            ",
        )
        .code(1)
        .run();
}

#[test]
fn a_service_over_udp_is_reached_though_it_is_silent() {
    Nslab::test(NOTHING)
        .file(
            "labs/x/lab.rhai",
            r#"
            let red = netns("red");
            let blue = netns("blue");
            veth(red, "eth0", blue, "eth0");
            red.addr_add("eth0", "10.0.0.1/24");
            blue.addr_add("eth0", "10.0.0.2/24");
            red.up("eth0");
            blue.up("eth0");
            check("nobody listens", why(red, "10.0.0.2", #{udp: 7}).cause.id == "tcp-nobody-listens");
            serve_udp(blue, 7);
            check("it answers", why(red, "10.0.0.2", #{udp: 7}).symptom == "it answers");
            "#,
        )
        .passes(&["nobody listens", "it answers"])
        .needs(&["ip"])
        .run();
    let text = "ip link set lo up\nip netns add red\nip link add r0 type veth peer name eth0 netns red\n\
                ip addr add 10.0.0.1/24 dev r0\nip link set r0 up\nip -n red addr add 10.0.0.2/24 dev eth0\n\
                ip -n red link set eth0 up\nnc -u -l -k -p 5000 > /dev/null &\nsleep 0.3\n";
    Nslab::new(["why", "lab.sh", "red", "10.0.0.1", "--udp", "5000"])
        .file("lab.sh", text)
        .needs(&["ip", "nc"])
        .stdout(
            "
            red reaches 10.0.0.1: a program has got it, and does not answer.

              request  [red] eth0 ──▶ r0 [host]
            ",
        )
        .run();
}
