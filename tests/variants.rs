//! The variants that an exercise draws for each student, and labs that can't be drawn.

use crate::support::{NOTHING, Nslab, Scratch};
use nslab::run;
use nslab::script::Compiler;

/// A lab with this text is invalid.
#[track_caller]
fn is_invalid(lab: &str, report: &str) {
    Nslab::test(NOTHING).lab(lab).invalid(report).run();
}

#[test]
fn a_key_that_is_computed() {
    is_invalid(
        r#"
        let key = "lan";
        let lan = pick(key, ["10.0.1", "10.0.2"]);
        "#,
        r#"
        labs/x/lab.rhai:2:16: the key of what is drawn is a string literal
           |
         2 | let lan = pick(key, ["10.0.1", "10.0.2"]);
           |                ^
        hint: it is found without running the lab, to fill in the `//!` lines
        "#,
    );
}

#[test]
fn a_key_that_can_not_stand_in_braces() {
    is_invalid(
        r#"
        let lan = pick("the LAN", ["10.0.1", "10.0.2"]);
        "#,
        r#"
        labs/x/lab.rhai:1:11: `the LAN` can't be a key
           |
         1 | let lan = pick("the LAN", ["10.0.1", "10.0.2"]);
           |           ^
        hint: it has small letters, digits and `_`, as `lan_2`: in the `//!` lines it stands in braces
        "#,
    );
}

#[test]
fn a_key_drawn_twice() {
    is_invalid(
        r#"
        let lan = pick("lan", ["10.0.1", "10.0.2"]);
        let other = pick("lan", ["10.0.1", "10.0.2"]);
        "#,
        r#"
        labs/x/lab.rhai:2:13: `lan` is drawn twice
           |
         2 | let other = pick("lan", ["10.0.1", "10.0.2"]);
           |             ^
        hint: it was drawn at 1:11: keep it there with `let lan = …`
        "#,
    );
}

#[test]
fn items_that_are_computed() {
    for items in ["[netns(\"red\")]", "[`10.0.${n}`]", "lans", "\"10.0.1\"", "0..n"] {
        let line = format!("let lan = pick(\"lan\", {items});");
        let column = line.find(items).expect("they are there") + 1;
        // An operator stands between what it joins.
        let column = if items == "0..n" { column + 1 } else { column };
        is_invalid(
            &format!("let n = 3;\nlet lans = [n];\n{line}\n"),
            &format!(
                "labs/x/lab.rhai:3:{column}: what is drawn from is an array of strings and numbers, or a range of numbers\n   |\n 3 | {line}\n   | {:>column$}\nhint: they are literals: what is drawn is known without running the lab\n",
                "^"
            ),
        );
    }
}

#[test]
fn nothing_to_draw() {
    is_invalid(
        r#"
        let lan = pick("lan", []);
        "#,
        r#"
        labs/x/lab.rhai:1:23: there is nothing to draw for `lan`
           |
         1 | let lan = pick("lan", []);
           |                       ^
        "#,
    );
    is_invalid(
        r#"
        let host = pick("host", 5..5);
        "#,
        r#"
        labs/x/lab.rhai:1:26: there is nothing to draw for `host`
           |
         1 | let host = pick("host", 5..5);
           |                          ^
        "#,
    );
}

#[test]
fn a_task_that_names_what_is_not_drawn() {
    is_invalid(
        r#"
        //! Give red an address of {lan},
        //! and blue one of {lna}.
        let lan = pick("lan", ["10.0.1", "10.0.2"]);
        "#,
        r#"
        labs/x/lab.rhai:2:21: nothing is drawn for `{lna}`
           |
         2 | //! and blue one of {lna}.
           |                     ^
        hint: did you mean `{lan}`?
        "#,
    );
    Nslab::test(NOTHING)
        .lab(
            r#"
            //! Give red an address of {lan}.
            submission("solutions/way.rhai");
            check("it works", true);
            "#,
        )
        .file("labs/x/solutions/way.rhai", "note(\"nothing\");")
        .invalid(
            r#"
            labs/x/lab.rhai:1:28: nothing is drawn for `{lan}`
               |
             1 | //! Give red an address of {lan}.
               |                            ^
            hint: draw it, as by `let lan = pick("lan", ["10.0.1", "10.0.2"]);`
            "#,
        )
        .run();
}

#[test]
fn a_helper_that_draws() {
    Nslab::test(["labs/x/lab.rhai"])
        .lab(
            r#"
            import "lans" as lans;
            "#,
        )
        .file("labs/x/lans.rhai", "let lan = pick(\"lan\", [\"10.0.1\"]);\n")
        .invalid(
            r#"
            labs/x/lans.rhai:1:11: a helper draws nothing
               |
             1 | let lan = pick("lan", ["10.0.1"]);
               |           ^
            hint: draw in the lab itself, and give the helper what was drawn
            "#,
        )
        .run();
}

#[test]
fn a_helper_with_a_gap() {
    Nslab::test(["labs/x/lab.rhai"])
        .lab(
            r#"
            import "gap" as gap;
            "#,
        )
        .file("labs/x/gap.rhai", "submission(\"solutions/way.rhai\");\n")
        .invalid(
            r#"
            labs/x/gap.rhai:1:1: a helper has no gap
               |
             1 | submission("solutions/way.rhai");
               | ^
            hint: it stands in the exercise itself, which is read without being run
            "#,
        )
        .run();
}

#[test]
fn a_solution_that_draws() {
    Nslab::test(["labs/x/lab.rhai"])
        .lab(
            r#"
            submission("solutions/way.rhai");
            check("it works", true);
            "#,
        )
        .file("labs/x/solutions/way.rhai", "pick(\"lan\", [1, 2]);\n")
        .fails_as(
            "x/lab::it works",
            r#"
            labs/x/solutions/way.rhai:1:1: a solution has no `pick`
               |
             1 | pick("lan", [1, 2]);
               | ^
            hint: a solution acts; the exercise judges
            "#,
        )
        .run();
}

/// A lab that is no exercise writes in braces what it likes.
#[test]
fn braces_of_a_lab_that_draws_nothing() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            //! Options stand in {braces}.
            check("it works", true);
            "#,
        )
        .passes(&["it works"])
        .run();
}

const EXERCISE: &str = r#"//! Give red {lan}.{host}/24. There are {lan}.0 to {lan}.255.
//!
//! A namespace is made as `netns("x", #{ipv6: false})`.
let host = pick("host", 10..=99);
let lan = pick("lan", ["10.0.1", "10.0.2", "10.0.3"]);
let hidden = pick("hidden", [1, 2]);
let red = netns("red");
submission("solutions/way.rhai");
check("red has its address", addrs(red).contains(#{addr: `${lan}.${host}/24`}));
check("a number is one", host + hidden > 10);
"#;

const SOLUTION: &str = "let lan = \"{lan}\";\nred.addr_add(\"lo\", `${lan}.{host}/24`);\n";

#[test]
fn by_default_it_is_the_first() {
    Nslab::test(["labs/x/lab.rhai"])
        .file("labs/x/lab.rhai", EXERCISE)
        .file("labs/x/solutions/way.rhai", SOLUTION)
        .passes(&["red has its address", "a number is one"])
        .run();
}

#[test]
fn each_student_has_a_task_and_a_solution_of_the_own() {
    let scratch = Scratch::new();
    scratch.write("labs/x/lab.rhai", EXERCISE);
    scratch.write("labs/x/solutions/way.rhai", SOLUTION);
    let lab = run::read(&Compiler::default(), &scratch.path().join("labs/x/lab.rhai")).expect("a lab");
    let rest = "\n\nA namespace is made as `netns(\"x\", #{ipv6: false})`.";
    assert_eq!(lab.task(""), format!("Give red 10.0.1.10/24. There are 10.0.1.0 to 10.0.1.255.{rest}"));
    assert_eq!(lab.task("지수"), format!("Give red 10.0.2.55/24. There are 10.0.2.0 to 10.0.2.255.{rest}"));
    let reference = lab.reference("지수").expect("an exercise has one");
    assert_eq!(reference.text, "let lan = \"10.0.2\";\nred.addr_add(\"lo\", `${lan}.55/24`);\n");
    assert_eq!(lab.picks("ann").iter().map(|(key, _)| key).collect::<Vec<_>>(), ["hidden", "host", "lan"]);
}

/// A student who hands in the reference solution unchanged is told so.
#[test]
fn a_solution_with_blanks_in_it() {
    Nslab::new(["grade", "labs/x/lab.rhai", "labs/x/solutions/way.rhai", "--seed", ""])
        .file("labs/x/lab.rhai", EXERCISE)
        .file("labs/x/solutions/way.rhai", SOLUTION)
        .code(1)
        .stdout(
            r#"
            way: 1 of 2 points
              `{lan}` is not filled in in what is handed in: write `10.0.1`
              labs/x/solutions/way.rhai:2:5: any valid prefix is expected rather than "{lan}.{host}/24"
                 |
               2 | red.addr_add("lo", `${lan}.{host}/24`);
                 |     ^
              command: ip -n red addr add '{lan}.{host}/24' dev lo
              hint: an IPv4 address is four numbers from 0 to 255, as `192.168.15.1`
              ✗ red has its address: 0 of 1
                  expected: true
                  seen:
                    false
                    $ ip -n red addr
                    (nothing)
              ✓ a number is one: 1 of 1

            x/lab: 1 student

            student  points  max
            way           1    2
            "#,
        )
        .run();
}

/// Each is judged by the own numbers: those of a neighbour are wrong.
#[test]
fn a_solution_that_was_copied() {
    let ann = "red.addr_add(\"lo\", \"10.0.1.69/24\");\n";
    Nslab::new(["grade", "labs/x/lab.rhai", "class", "--format", "csv"])
        .file("labs/x/lab.rhai", EXERCISE)
        .file("labs/x/solutions/way.rhai", SOLUTION)
        .file("class/ann.rhai", ann)
        .file("class/bob.rhai", ann)
        .file("class/지수.rhai", "red.addr_add(\"lo\", \"10.0.2.55/24\");\n")
        .code(1)
        .stdout(
            "
            student,points,max,red has its address,a number is one
            ann,2,2,1,1
            bob,1,2,0,1
            지수,2,2,1,1
            ",
        )
        .run();
}
