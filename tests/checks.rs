//! Checks that fail, are skipped, are not reached, or are not what a check
//! can be.

use crate::support::{NOTHING, Nslab};

#[test]
fn a_check_whose_value_is_a_table() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("it has links", links());
            "#,
        )
        .fails_as(
            "x/lab::it has links",
            r#"
            labs/x/lab.rhai:1:1: `check` takes a bool or an answer, not a table
               |
             1 | check("it has links", links());
               | ^
            hint: ask something of the table, as `.is_empty()` or `.contains(#{…})`, or keep it with `snapshot`
            "#,
        )
        .run();
}

#[test]
fn a_check_whose_value_is_a_string() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("lo is up", links()[0].state);
            "#,
        )
        .fails_as(
            "x/lab::lo is up",
            r#"
            labs/x/lab.rhai:1:1: `check` takes a bool or an answer, not a string
               |
             1 | check("lo is up", links()[0].state);
               | ^
            "#,
        )
        .run();
}

#[test]
fn a_failed_check_shows_what_was_asked() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            let red = netns("red");
            let found = links(red);
            check("red has a cable", found.contains(#{kind: "veth"}), #{hint: "plug one in"});
            refute("red reaches itself", !ping(red, "127.0.0.1"));
            "#,
        )
        .stdout(
            r#"

            running 2 tests
            test x/lab::red has a cable    ... FAILED
            test x/lab::red reaches itself ... FAILED

            failures:

            ---- x/lab::red has a cable ----
            labs/x/lab.rhai:3:1: check `red has a cable` failed
               |
             3 | check("red has a cable", found.contains(#{kind: "veth"}), #{hint: "plug one in"});
               | ^
            expected: true
            seen: false
            $ ip -n red link
                lo: mtu 65536 state DOWN loopback 00:00:00:00:00:00
            hint: plug one in

            ---- x/lab::red reaches itself ----
            labs/x/lab.rhai:4:1: refute `red reaches itself` failed
               |
             4 | refute("red reaches itself", !ping(red, "127.0.0.1"));
               | ^
            expected: false
            seen: true
            $ ip netns exec red ping -c1 -W1 127.0.0.1
                ping: connect: Network is unreachable
            why
                red can't reach 127.0.0.1: lo is DOWN in red: a new namespace has it switched
                off, and what one sends to one's own address (127.0.0.1) goes over lo
                  (nslab why --explain loopback-down)

                  request  [red] ✗
                  the request did not leave any interface of red

                look at
                    ip -n red route get 127.0.0.1

                cure
                    ip -n red link set lo up
                proved: a replay of the lab with this command reaches 127.0.0.1


            failures:
                x/lab::red has a cable
                x/lab::red reaches itself

            test result: FAILED. 0 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            "#,
        )
        .code(1)
        .needs(&["ip"])
        .run();
}

#[test]
fn a_long_answer_is_shown_in_part() {
    let lines = |from: usize, to: usize| (from..=to).map(|n| format!("    {n}\n")).collect::<String>();
    let (first, last) = (lines(1, 80), lines(9_981, 9_999));
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", "check(\"it counts\", sh(\"seq 9999; false\"));\n")
        .fails_as(
            "x/lab::it counts",
            &format!(
                r#"
labs/x/lab.rhai:1:1: check `it counts` failed
   |
 1 | check("it counts", sh("seq 9999; false"));
   | ^
expected: exit code 0
$ sh -c 'seq 9999; false'
{first}    [9900 more lines]
{last}    exit code 1
"#
            ),
        )
        .run();
}

#[test]
fn what_a_program_prints_does_not_steer_the_terminal() {
    Nslab::run_lab()
        .lab(
            r#"
            note("a\x07b");
            check("it is dull", sh("printf '\\033[2J\\033[31mred\\r\\177'; false"));
            "#,
        )
        .stdout(
            r#"
            x/lab

              a^Gb
              $ sh -c 'printf '\''\033[2J\033[31mred\r\177'\''; false'
                ^[[2J^[[31mred^M^?exit code 1
              ✗ it is dull

            labs/x/lab.rhai:2:1: check `it is dull` failed
               |
             2 | check("it is dull", sh("printf '\\033[2J\\033[31mred\\r\\177'; false"));
               | ^
            expected: exit code 0
            $ sh -c 'printf '\''\033[2J\033[31mred\r\177'\''; false'
                ^[[2J^[[31mred^M^?exit code 1

            0 passed, 1 failed
            "#,
        )
        .code(1)
        .run();
}

#[test]
fn an_eventually_that_never_comes() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            let sleeper = start("sleep 100");
            eventually("it ends", 20, || !sleeper.running);
            "#,
        )
        .fails_as(
            "x/lab::it ends",
            r#"
            labs/x/lab.rhai:2:1: eventually `it ends` failed
               |
             2 | eventually("it ends", 20, || !sleeper.running);
               | ^
            expected: true within 20 ms
            seen: false
            "#,
        )
        .run();
}

#[test]
fn checks_that_need_a_failed_one_are_skipped() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("the cable is there", false);
            check("red answers", true, #{needs: "the cable is there"});
            check("red answers twice", true, #{needs: ["red answers"]});
            check("blue answers", true);
            "#,
        )
        .stdout(
            r#"

            running 4 tests
            test x/lab::the cable is there ... FAILED
            test x/lab::red answers        ... ignored (skipped: it needs `the cable is there`, which failed)
            test x/lab::red answers twice  ... ignored (skipped: it needs `red answers`, which was skipped)
            test x/lab::blue answers       ... ok

            failures:

            ---- x/lab::the cable is there ----
            labs/x/lab.rhai:1:1: check `the cable is there` failed
               |
             1 | check("the cable is there", false);
               | ^
            expected: true
            seen: false


            failures:
                x/lab::the cable is there

            test result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in [TIME]

            "#,
        )
        .code(1)
        .run();
}

#[test]
fn a_check_that_needs_one_that_is_none() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("red answers", true, #{needs: "the cable"});
            "#,
        )
        .fails_as(
            "x/lab::red answers",
            r#"
            labs/x/lab.rhai:1:1: `red answers` needs `the cable`, which is no check of this lab
               |
             1 | check("red answers", true, #{needs: "the cable"});
               | ^
            "#,
        )
        .run();
}

#[test]
fn a_check_that_needs_a_later_one() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("red answers", true, #{needs: "the cable is there"});
            check("the cable is there", true);
            "#,
        )
        .stdout(
            r#"

            running 2 tests
            test x/lab::red answers        ... FAILED
            test x/lab::the cable is there ... ok

            failures:

            ---- x/lab::red answers ----
            labs/x/lab.rhai:1:1: `red answers` needs `the cable is there`, which was not reached before it
               |
             1 | check("red answers", true, #{needs: "the cable is there"});
               | ^


            failures:
                x/lab::red answers

            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            "#,
        )
        .code(1)
        .run();
}

#[test]
fn a_lab_stopped_half_way() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("before", true);
            up("eth7");
            check("first after", true);
            check("second after", true);
            "#,
        )
        .stdout(
            r#"

            running 3 tests
            test x/lab::before       ... ok
            test x/lab::first after  ... FAILED
            test x/lab::second after ... ignored (skipped: the lab stopped before it)

            failures:

            ---- x/lab::first after ----
            labs/x/lab.rhai:2:1: Cannot find device "eth7"
               |
             2 | up("eth7");
               | ^
            command: ip link set eth7 up
            hint: `host` has `lo`


            failures:
                x/lab::first after

            test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in [TIME]

            "#,
        )
        .code(1)
        .run();
}

#[test]
fn a_lab_stopped_after_its_last_check() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("it is fine", true);
            up("eth7");
            "#,
        )
        .fails_as(
            "x/lab::it is fine",
            r#"
            labs/x/lab.rhai:2:1: the lab stopped after this check: Cannot find device "eth7"
               |
             2 | up("eth7");
               | ^
            command: ip link set eth7 up
            hint: `host` has `lo`
            "#,
        )
        .run();
}

#[test]
fn a_lab_stopped_after_its_last_check_has_failed() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("it is fine", false);
            up("eth7");
            "#,
        )
        .fails_as(
            "x/lab::it is fine",
            r#"
            labs/x/lab.rhai:1:1: check `it is fine` failed
               |
             1 | check("it is fine", false);
               | ^
            expected: true
            seen: false
            hint: the lab also stopped after this check at 2:1: Cannot find device "eth7"
            "#,
        )
        .run();
}

#[test]
fn a_check_never_reached() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            check("red is here", true);
            if links().len() > 1 {
                check("it has a cable", true);
            }
            "#,
        )
        .stdout(
            r#"

            running 2 tests
            test x/lab::red is here    ... ok
            test x/lab::it has a cable ... FAILED

            failures:

            ---- x/lab::it has a cable ----
            labs/x/lab.rhai:3:5: check `it has a cable` was never reached
               |
             3 |     check("it has a cable", true);
               |     ^
            hint: the lab ended without coming here; a check in a branch must be reached all the same


            failures:
                x/lab::it has a cable

            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            "#,
        )
        .code(1)
        .run();
}

#[test]
fn a_lab_that_returns_early() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            return;
            check("red is here", true);
            "#,
        )
        .fails_as(
            "x/lab::red is here",
            r#"
            labs/x/lab.rhai:2:1: check `red is here` was never reached
               |
             2 | check("red is here", true);
               | ^
            hint: the lab ended without coming here; a check in a branch must be reached all the same
            "#,
        )
        .run();
}

#[test]
fn a_round_of_a_loop_that_fails() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            for i in 1..=3 {
                check("it is small", i < 2, #{hint: `it is ${i}`});
            }
            "#,
        )
        .fails_as(
            "x/lab::it is small",
            r#"
            labs/x/lab.rhai:2:5: check `it is small` failed
               |
             2 |     check("it is small", i < 2, #{hint: `it is ${i}`});
               |     ^
            expected: true
            seen: false
            hint: it is 2
            "#,
        )
        .run();
}

#[test]
fn a_lab_without_checks_is_a_test_case() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            netns("red");
            "#,
        )
        .stdout(
            "

            running 1 test
            test x/lab ... ok

            test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            ",
        )
        .run();
}
