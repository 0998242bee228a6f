//! Labs that would run, or grow, without end.

use crate::support::{NOTHING, Nslab};

/// A lab with this text is stopped, and this is said of it.
#[track_caller]
fn is_stopped(lab: &str, report: &str) {
    Nslab::test(NOTHING).lab(lab).fails(report).run();
}

#[test]
fn a_loop_without_end() {
    is_stopped(
        r#"
        loop {}
        "#,
        r#"
        labs/x/lab.rhai:1:6: the script runs on and on: it has done ten million operations
           |
         1 | loop {}
           |      ^
        hint: a loop that waits for something is an `eventually(name, timeout_ms, || value)`
        "#,
    );
}

#[test]
fn a_loop_that_works_without_end() {
    is_stopped(
        r#"
        let more = true;
        while more { }
        "#,
        r#"
        labs/x/lab.rhai:2:7: the script runs on and on: it has done ten million operations
           |
         2 | while more { }
           |       ^
        hint: a loop that waits for something is an `eventually(name, timeout_ms, || value)`
        "#,
    );
}

#[test]
fn a_loop_past_the_deadline() {
    Nslab::test(["--timeout", "0.02"])
        .lab(
            r#"
            loop {}
            "#,
        )
        .fails(
            r#"
            labs/x/lab.rhai:1:6: the lab was not done after 0.02 s
               |
             1 | loop {}
               |      ^
            hint: give it longer with `--timeout`, or look for what does not end
            "#,
        )
        .run();
}

#[test]
fn a_loop_in_a_try_past_the_deadline() {
    Nslab::test(["--timeout", "0.02"])
        .lab(
            r#"
            try {
                loop {}
            } catch {
                note("caught");
            }
            check("it is caught", true);
            "#,
        )
        .fails_as(
            "x/lab::it is caught",
            r#"
            labs/x/lab.rhai:2:10: the lab was not done after 0.02 s
               |
             2 |     loop {}
               |          ^
            hint: give it longer with `--timeout`, or look for what does not end
            "#,
        )
        .run();
}

#[test]
fn a_recursion_without_end() {
    is_stopped(
        r#"
        fn dig(depth) {
            dig(depth + 1)
        }
        dig(0);
        "#,
        r#"
        labs/x/lab.rhai:4:1: the functions call each other without end
           |
         4 | dig(0);
           | ^
        hint: a script's calls may be 64 deep
        "#,
    );
}

#[test]
fn a_recursion_through_closures() {
    is_stopped(
        r#"
        fn dig(depth) {
            [depth].map(|depth| dig(depth + 1))
        }
        dig(0);
        "#,
        r#"
        labs/x/lab.rhai:2:13: the functions call each other without end
           |
         2 |     [depth].map(|depth| dig(depth + 1))
           |             ^
        hint: a script's calls may be 64 deep
        "#,
    );
}

#[test]
fn a_string_that_doubles() {
    is_stopped(
        r#"
        let text = "x";
        loop {
            text += text;
        }
        "#,
        r#"
        labs/x/lab.rhai:3:10: the strings here are too long: a script may have 16 MiB of them
           |
         3 |     text += text;
           |          ^
        "#,
    );
}

#[test]
fn a_string_that_doubles_in_backticks() {
    is_stopped(
        r#"
        let text = "x";
        loop {
            text = `${text}${text}`;
        }
        "#,
        r#"
        labs/x/lab.rhai:3:21: the strings here are too long: a script may have 16 MiB of them
           |
         3 |     text = `${text}${text}`;
           |                     ^
        "#,
    );
}

#[test]
fn a_string_of_ten_gigabytes() {
    is_stopped(
        r#"
        let text = "x";
        text.pad(10000000000, "y");
        "#,
        r#"
        labs/x/lab.rhai:2:6: the strings here are too long: a script may have 16 MiB of them
           |
         2 | text.pad(10000000000, "y");
           |      ^
        "#,
    );
}

#[test]
fn an_array_that_doubles() {
    is_stopped(
        r#"
        let items = [0];
        loop {
            items += items;
        }
        "#,
        r#"
        labs/x/lab.rhai:3:11: there are too many items: an array may have 100000, those within it included
           |
         3 |     items += items;
           |           ^
        "#,
    );
}

#[test]
fn an_array_of_ten_billion() {
    is_stopped(
        r#"
        let items = [];
        items.pad(10000000000, 0);
        "#,
        r#"
        labs/x/lab.rhai:2:7: there are too many items: an array may have 100000, those within it included
           |
         2 | items.pad(10000000000, 0);
           |       ^
        "#,
    );
}

#[test]
fn arrays_in_arrays() {
    is_stopped(
        r#"
        let items = [0];
        loop {
            items = [items, items];
        }
        "#,
        r#"
        labs/x/lab.rhai:3:21: there are too many items: an array may have 100000, those within it included
           |
         3 |     items = [items, items];
           |                     ^
        "#,
    );
}

#[test]
fn maps_in_maps() {
    is_stopped(
        r#"
        let map = #{};
        loop {
            map = #{a: map, b: map};
        }
        "#,
        r#"
        labs/x/lab.rhai:3:24: there are too many entries: a map may have 100000, those within it included
           |
         3 |     map = #{a: map, b: map};
           |                        ^
        "#,
    );
}

#[test]
fn long_strings_in_an_array() {
    is_stopped(
        r#"
        let text = "";
        text.pad(10000000, "x");
        let texts = [text, text];
        "#,
        r#"
        labs/x/lab.rhai:3:20: the strings here are too long: a script may have 16 MiB of them
           |
         3 | let texts = [text, text];
           |                    ^
        "#,
    );
}

/// With half a second to go.
#[track_caller]
fn is_late(lab: &str, name: &str, report: &str) {
    Nslab::test(["--timeout", "0.5"]).lab(lab).fails_as(name, report).run();
}

#[test]
fn a_program_past_the_deadline() {
    is_late(
        r#"
        sh("sleep 100");
        "#,
        "x/lab",
        r#"
        labs/x/lab.rhai:1:1: the lab was not done after 0.5 s
           |
         1 | sh("sleep 100");
           | ^
        hint: give it longer with `--timeout`, or look for what does not end
        "#,
    );
}

#[test]
fn a_check_of_a_program_past_the_deadline() {
    is_late(
        r#"
        refute("it sleeps", sh("sleep 100"));
        "#,
        "x/lab::it sleeps",
        r#"
        labs/x/lab.rhai:1:21: the lab was not done after 0.5 s
           |
         1 | refute("it sleeps", sh("sleep 100"));
           |                     ^
        hint: give it longer with `--timeout`, or look for what does not end
        "#,
    );
}

#[test]
fn an_eventually_past_the_deadline() {
    is_late(
        r#"
        let sleeper = start("sleep 100");
        eventually("it ends", 10000, || !sleeper.running);
        "#,
        "x/lab::it ends",
        r#"
        labs/x/lab.rhai:2:1: the lab was not done after 0.5 s
           |
         2 | eventually("it ends", 10000, || !sleeper.running);
           | ^
        hint: give it longer with `--timeout`, or look for what does not end
        "#,
    );
}

#[test]
fn a_replacement_of_three_gigabytes() {
    is_stopped(
        r#"
        let text = "";
        text.pad(200, "x");
        let more = "";
        more.pad(16000000, "y");
        text.replace("x", more);
        "#,
        "
        labs/x/lab.rhai: the script ran out of memory (1 GiB)
        ",
    );
}
