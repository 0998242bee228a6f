//! Files that are no labs: what is wrong with them is said before anything
//! runs, at its place.

use crate::support::{NOTHING, Nslab};

/// A lab with this text is invalid, and this is said of it.
#[track_caller]
fn is_invalid(lab: &str, report: &str) {
    Nslab::test(NOTHING).lab(lab).invalid(report).run();
}

#[test]
fn a_misspelt_function() {
    is_invalid(
        r#"
        let red = netns("red");
        adr_add(red, "lo", "10.0.0.1/24");
        "#,
        r#"
        labs/x/lab.rhai:2:1: there is no function `adr_add`
           |
         2 | adr_add(red, "lo", "10.0.0.1/24");
           | ^
        hint: did you mean `addr_add`?
        "#,
    );
}

#[test]
fn a_misspelt_function_after_a_dot() {
    is_invalid(
        r#"
        let red = netns("red");
        red.pnig("10.0.0.1");
        "#,
        r#"
        labs/x/lab.rhai:2:5: there is no function `pnig`
           |
         2 | red.pnig("10.0.0.1");
           |     ^
        hint: did you mean `ping`?
        "#,
    );
}

#[test]
fn a_misspelt_function_of_the_labs_own() {
    is_invalid(
        r#"
        fn plug(a) { up(a); }
        plgu("lo");
        "#,
        r#"
        labs/x/lab.rhai:2:1: there is no function `plgu`
           |
         2 | plgu("lo");
           | ^
        hint: did you mean `plug`?
        "#,
    );
}

#[test]
fn a_function_that_is_like_no_other() {
    is_invalid(
        r#"
        frobnicate();
        "#,
        r#"
        labs/x/lab.rhai:1:1: there is no function `frobnicate`
           |
         1 | frobnicate();
           | ^
        "#,
    );
}

#[test]
fn the_first_of_several_faults_is_told() {
    is_invalid(
        r#"
        fn later() { veth("a"); }
        let a = lniks();
        check("a", true);
        check("a", true);
        "#,
        r#"
        labs/x/lab.rhai:1:14: `veth` does not take 1 argument
           |
         1 | fn later() { veth("a"); }
           |              ^
        hint: write `veth(a, b)` or `veth(ns_a, a, ns_b, b)`
        "#,
    );
}

#[test]
fn a_wrong_number_of_arguments() {
    is_invalid(
        r#"
        veth("a");
        "#,
        r#"
        labs/x/lab.rhai:1:1: `veth` does not take 1 argument
           |
         1 | veth("a");
           | ^
        hint: write `veth(a, b)` or `veth(ns_a, a, ns_b, b)`
        "#,
    );
}

#[test]
fn a_wrong_number_of_arguments_after_a_dot() {
    is_invalid(
        r#"
        let red = netns("red");
        red.up("a", "b");
        "#,
        r#"
        labs/x/lab.rhai:2:5: `up` does not take 3 arguments
           |
         2 | red.up("a", "b");
           |     ^
        hint: write `up([ns,] link)`; what stands before the dot is the first argument
        "#,
    );
}

#[test]
fn a_wrong_number_of_arguments_of_the_languages_own() {
    is_invalid(
        r#"
        let a = [1];
        a.push(1, 2);
        "#,
        r#"
        labs/x/lab.rhai:2:3: `push` takes 1 argument, not 2
           |
         2 | a.push(1, 2);
           |   ^
        "#,
    );
}

#[test]
fn a_wrong_number_of_arguments_of_the_labs_own() {
    is_invalid(
        r#"
        fn plug(a, b) { veth(a, b); }
        plug("a");
        "#,
        r#"
        labs/x/lab.rhai:2:1: `plug` takes 2 arguments, not 1
           |
         2 | plug("a");
           | ^
        "#,
    );
}

#[test]
fn a_function_with_the_name_of_one_of_ours() {
    is_invalid(
        r#"
        let a = 1;
        fn ping(dst) { dst }
        "#,
        r#"
        labs/x/lab.rhai:2:14: the lab's own function `ping` has the name of one of nslab's
           |
         2 | fn ping(dst) { dst }
           |              ^
        hint: give it another name
        "#,
    );
}

#[test]
fn an_unknown_variable() {
    is_invalid(
        r#"
        let red = netns("red");
        ping(rde, "10.0.0.1");
        "#,
        r#"
        labs/x/lab.rhai:2:6: there is no variable `rde`
           |
         2 | ping(rde, "10.0.0.1");
           |      ^
        hint: did you mean `red`?
        "#,
    );
}

#[test]
fn a_function_without_its_brackets() {
    is_invalid(
        r#"
        ping(host, "10.0.0.1");
        "#,
        r#"
        labs/x/lab.rhai:1:6: there is no variable `host`
           |
         1 | ping(host, "10.0.0.1");
           |      ^
        hint: `host` is a function: write `host(…)`
        "#,
    );
}

#[test]
fn a_variable_of_the_lab_in_a_function() {
    is_invalid(
        r#"
        let red = netns("red");
        fn switch_on() {
            red.up("lo");
        }
        switch_on();
        "#,
        r#"
        labs/x/lab.rhai:3:5: there is no variable `red`
           |
         3 |     red.up("lo");
           |     ^
        hint: it is known from its `let` on, within the same braces, and a `fn` sees its arguments only
        "#,
    );
}

#[test]
fn a_call_that_is_not_closed() {
    is_invalid(
        r#"
        let red = netns("red"
        red.up("lo");
        "#,
        r#"
        labs/x/lab.rhai:2:1: expected `,` or `)` in the call of `netns`
           |
         2 | red.up("lo");
           | ^
        "#,
    );
}

#[test]
fn an_array_and_a_map_that_are_not_closed() {
    is_invalid(
        r#"
        let names = ["red", "blue";
        "#,
        r#"
        labs/x/lab.rhai:1:27: expected `,` or `]` in this array
           |
         1 | let names = ["red", "blue";
           |                           ^
        "#,
    );
    is_invalid(
        r#"
        ping("10.0.0.1", #{count: 3);
        "#,
        r#"
        labs/x/lab.rhai:1:28: expected `,` or `}` in this map
           |
         1 | ping("10.0.0.1", #{count: 3);
           |                            ^
        "#,
    );
}

#[test]
fn a_missing_semicolon() {
    is_invalid(
        r#"
        let red = netns("red")
        red.up("lo");
        "#,
        r#"
        labs/x/lab.rhai:2:1: expected `;`
           |
         2 | red.up("lo");
           | ^
        hint: a statement ends with `;`, and the one before this place does not
        "#,
    );
}

#[test]
fn a_block_that_is_not_closed() {
    is_invalid(
        r#"
        if true {
            up("lo");
        "#,
        r#"
        labs/x/lab.rhai:3:1: expected `}`
        hint: a `{` further up is not closed
        "#,
    );
}

#[test]
fn a_string_that_is_not_closed() {
    is_invalid(
        r#"
        let red = netns("red);
        red.up("lo");
        "#,
        r#"
        labs/x/lab.rhai:1:17: a string is not closed
           |
         1 | let red = netns("red);
           |                 ^
        hint: a string ends with the quote it began with; only one in backticks has several lines
        "#,
    );
}

#[test]
fn a_comment_that_is_not_closed_and_has_checks_in_it() {
    is_invalid(
        r#"
        check("a", true); /* fine */
        let text = "/* a string"; // and /* a line
        /* once: /* in another
        check("b", false);
        "#,
        r#"
        labs/x/lab.rhai:3:1: a comment is not closed
           |
         3 | /* once: /* in another
           | ^
        hint: a comment that begins with `/*` ends with `*/`; all below would be left out
        "#,
    );
}

#[test]
fn a_string_in_single_quotes() {
    is_invalid(
        r#"
        netns('red');
        "#,
        r#"
        labs/x/lab.rhai:1:7: `'red'` is not one character
           |
         1 | netns('red');
           |       ^
        hint: a string stands in double quotes: `"red"`
        "#,
    );
}

#[test]
fn a_comment_of_the_shell() {
    is_invalid(
        r#"
        # Two rooms
        netns("red");
        "#,
        r#"
        labs/x/lab.rhai:1:1: `#` does not belong here
           |
         1 | # Two rooms
           | ^
        hint: a comment begins with `//`
        "#,
    );
}

#[test]
fn a_reserved_word() {
    is_invalid(
        r#"
        spawn("sleep 100");
        "#,
        r#"
        labs/x/lab.rhai:1:1: `spawn` is a reserved word of the language
           |
         1 | spawn("sleep 100");
           | ^
        hint: a program is started with `start`
        "#,
    );
}

#[test]
fn a_word_that_labs_do_not_have() {
    is_invalid(
        r#"
        eval("host()");
        "#,
        r#"
        labs/x/lab.rhai:1:1: `eval` does not belong here
           |
         1 | eval("host()");
           | ^
        "#,
    );
}

#[test]
fn a_number_where_a_bool_is_needed() {
    is_invalid(
        r#"
        if 1 { host(); }
        "#,
        r#"
        labs/x/lab.rhai:1:4: a bool is needed here, not a number
           |
         1 | if 1 { host(); }
           |    ^
        "#,
    );
}

#[test]
fn a_change_of_a_constant() {
    is_invalid(
        r#"
        const LINK = "lo";
        LINK = "eth0";
        "#,
        r#"
        labs/x/lab.rhai:2:1: `LINK` is a constant
           |
         2 | LINK = "eth0";
           | ^
        hint: make it with `let`
        "#,
    );
}

#[test]
fn brackets_without_end() {
    let depth = 1_000;
    let (open, close) = ("(".repeat(depth), ")".repeat(depth));
    let text = format!("let a = {open}1{close};");
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", &text)
        .invalid(&format!(
            "
labs/x/lab.rhai:1:40: this is nested too deeply
   |
 1 | {text}
   | {}^
hint: take a part of it out, with a `let` of its own
",
            " ".repeat(39)
        ))
        .run();
}

#[test]
fn a_check_name_that_is_computed() {
    is_invalid(
        r#"
        for name in ["red", "blue"] {
            check("room " + name, true);
        }
        "#,
        r#"
        labs/x/lab.rhai:2:19: the name of a check is a string literal
           |
         2 |     check("room " + name, true);
           |                   ^
        hint: it is a test case, and is found without running the lab; in a loop one name stands for all rounds
        "#,
    );
    is_invalid(
        r#"
        let name = "red";
        refute(`room ${name}`, false);
        "#,
        r#"
        labs/x/lab.rhai:2:8: the name of a refute is a string literal
           |
         2 | refute(`room ${name}`, false);
           |        ^
        hint: it is a test case, and is found without running the lab; in a loop one name stands for all rounds
        "#,
    );
}

#[test]
fn a_check_name_used_twice() {
    is_invalid(
        r#"
        check("red reaches blue", true);

        refute("red reaches blue", false);
        "#,
        r#"
        labs/x/lab.rhai:3:1: the name `red reaches blue` is used twice
           |
         3 | refute("red reaches blue", false);
           | ^
        hint: it was used first at 1:1; each check is a test case of its own
        "#,
    );
}

#[test]
fn snapshots_that_would_be_one_file() {
    is_invalid(
        r#"
        snapshot("red: links", links());
        snapshot("red, links", links());
        "#,
        r#"
        labs/x/lab.rhai:2:1: the snapshots `red: links` and `red, links` would be the same file
           |
         2 | snapshot("red, links", links());
           | ^
        hint: they differ in signs only, which a file's name leaves out
        "#,
    );
}

#[test]
fn a_snapshot_in_a_loop() {
    is_invalid(
        r#"
        for i in 0..3 {
            snapshot("links", links());
        }
        "#,
        r#"
        labs/x/lab.rhai:2:5: a snapshot in a loop
           |
         2 |     snapshot("links", links());
           |     ^
        hint: a snapshot has one text; give each round's a `check`, or take it outside the loop
        "#,
    );
}

#[test]
fn a_check_without_a_name() {
    is_invalid(
        r#"
        check("", true);
        "#,
        r#"
        labs/x/lab.rhai:1:1: a check needs a name
           |
         1 | check("", true);
           | ^
        hint: write `check("its name", …)`
        "#,
    );
}

#[test]
fn a_check_name_that_would_break_a_tests_name() {
    is_invalid(
        r#"
        check("a::b", true);
        "#,
        r#"
        labs/x/lab.rhai:1:1: the name of a check has no `::` and no control character
           |
         1 | check("a::b", true);
           | ^
        hint: it becomes part of a test's name and of a file's
        "#,
    );
}

#[test]
fn a_check_name_that_would_steer_a_terminal() {
    is_invalid(
        r#"
        check("a\x1b[2J", true);
        "#,
        r#"
        labs/x/lab.rhai:1:1: the name of a check has no `::` and no control character
           |
         1 | check("a\x1b[2J", true);
           | ^
        hint: it becomes part of a test's name and of a file's
        "#,
    );
}

#[test]
fn a_snapshot_name_that_is_too_long_for_a_file() {
    let name = "long ".repeat(50);
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", format!("snapshot(\"{name}\", links());\n"))
        .invalid(&format!(
            r#"
            labs/x/lab.rhai:1:1: the name of the snapshot is too long
               |
             1 | snapshot("{name}", links());
               | ^
            hint: it becomes a file's name, of 240 bytes at most
            "#
        ))
        .run();
}

#[test]
fn a_check_called_in_a_roundabout_way() {
    is_invalid(
        r#"
        let judge = Fn("check");
        judge.call("a", true);
        "#,
        r#"
        labs/x/lab.rhai:1:16: `check` is called by its name only
           |
         1 | let judge = Fn("check");
           |                ^
        hint: write `check("its name", …)`, so that it is found without running the lab
        "#,
    );
    is_invalid(
        r#"
        "a".check(true);
        "#,
        r#"
        labs/x/lab.rhai:1:5: `check` is not called with a dot
           |
         1 | "a".check(true);
           |     ^
        hint: write `check("its name", …)`
        "#,
    );
}

#[test]
fn an_empty_file() {
    is_invalid(
        "",
        r#"
        labs/x/lab.rhai:1:1: the lab is empty
        hint: a lab says at least one thing, as `netns("red");`
        "#,
    );
}

#[test]
fn a_file_of_comments() {
    is_invalid(
        r#"
        //! Two rooms and one cable.
        // To be written.
        "#,
        r#"
        labs/x/lab.rhai:1:1: the lab is empty
           |
         1 | //! Two rooms and one cable.
           | ^
        hint: a lab says at least one thing, as `netns("red");`
        "#,
    );
}

#[test]
fn a_byte_that_is_no_text() {
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", "host();\nhost();\0host();\n")
        .invalid(
            "
            labs/x/lab.rhai:2:8: the character U+0000 does not belong here
               |
             2 | host();^@host();
               |        ^
            ",
        )
        .run();
}

#[test]
fn a_file_that_is_not_utf_8() {
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", b"host();\n// caf\xe9\n")
        .invalid(
            "
            labs/x/lab.rhai:2:7: the lab is not UTF-8 text
            hint: save it as UTF-8
            ",
        )
        .run();
}

#[test]
fn a_byte_order_mark_is_no_fault() {
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", "\u{feff}check(\"a\", true);\r\n")
        .stdout(
            "

            running 1 test
            test x/lab::a ... ok

            test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            ",
        )
        .run();
}

#[test]
fn run_says_the_same_on_standard_error() {
    Nslab::run_lab()
        .without_sandbox()
        .lab(
            r#"
            let red = netns("red");
            red.pnig("10.0.0.1");
            "#,
        )
        .stderr(
            r#"
            error: labs/x/lab.rhai:2:5: there is no function `pnig`
               |
             2 | red.pnig("10.0.0.1");
               |     ^
            hint: did you mean `ping`?
            "#,
        )
        .code(3)
        .run();
}

#[test]
fn a_sound_lab_beside_an_invalid_one_runs() {
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", "check(\"a\", true);\n")
        .file("labs/x/other.rhai", "hots();\n")
        .stdout(
            "

            running 2 tests
            test x/lab::a ... ok
            test x/other  ... FAILED

            failures:

            ---- x/other ----
            labs/x/other.rhai:1:1: there is no function `hots`
               |
             1 | hots();
               | ^
            hint: did you mean `host`?


            failures:
                x/other

            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            ",
        )
        .code(3)
        .run();
}
