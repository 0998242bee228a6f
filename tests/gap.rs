//! The gap of an exercise: what runs there, and labs whose gap is none.

use crate::support::{NO_IP, NOTHING, Nslab};

const SOLUTION: &str = "labs/x/solutions/way.rhai";

/// A lab with this text, and a reference solution that is empty, is invalid.
#[track_caller]
fn is_invalid(lab: &str, report: &str) {
    Nslab::test(NOTHING).lab(lab).file(SOLUTION, "note(\"nothing\");").invalid(report).run();
}

#[test]
fn no_reference() {
    is_invalid(
        r#"
        submission("solutions/wya.rhai");
        check("it works", true);
        "#,
        r#"
        labs/x/lab.rhai:1:1: there is no reference solution `solutions/wya.rhai`
           |
         1 | submission("solutions/wya.rhai");
           | ^
        hint: write one into `labs/x/solutions/wya.rhai`: an exercise is proved solvable by it
        "#,
    );
}

#[test]
fn a_second_gap() {
    is_invalid(
        r#"
        submission("solutions/way.rhai");
        submission("solutions/way.rhai");
        check("it works", true);
        "#,
        r#"
        labs/x/lab.rhai:2:1: an exercise has one gap, and this is a second
           |
         2 | submission("solutions/way.rhai");
           | ^
        hint: the first one is at 1:1; what stands after it is judged
        "#,
    );
}

#[test]
fn a_gap_that_may_not_be_reached() {
    for line in [
        "if true { submission(\"solutions/way.rhai\"); }",
        "for n in 0..2 { submission(\"solutions/way.rhai\"); }",
        "fn gap() { submission(\"solutions/way.rhai\"); }",
        "let gap = || submission(\"solutions/way.rhai\");",
        "let gap = submission(\"solutions/way.rhai\");",
    ] {
        let column = line.find("submission").expect("it is there");
        is_invalid(
            &format!("{line}\ncheck(\"it works\", true);\n"),
            &format!(
                "labs/x/lab.rhai:1:{}: `submission` stands alone, outside of every block and function\n   |\n \
                 1 | {line}\n   | {}^\n\
                 hint: it parts what is given from what is judged, so it is reached once, whatever happens\n",
                column + 1,
                " ".repeat(column)
            ),
        );
    }
}

#[test]
fn a_reference_whose_name_is_computed() {
    is_invalid(
        r#"
        let name = "way";
        submission(`solutions/${name}.rhai`);
        check("it works", true);
        "#,
        r#"
        labs/x/lab.rhai:2:1: the path of the reference solution is a string literal
           |
         2 | submission(`solutions/${name}.rhai`);
           | ^
        hint: write `submission("solutions/mask.sh");`, so that it is found without running the lab
        "#,
    );
}

#[test]
fn a_reference_elsewhere() {
    for path in ["../y/way.rhai", "/etc/passwd"] {
        is_invalid(
            &format!("submission(\"{path}\");\ncheck(\"it works\", true);\n"),
            &format!(
                "labs/x/lab.rhai:1:1: `{path}` leads away from the exercise\n   |\n 1 | submission(\"{path}\");\n   | ^\n\
                 hint: it is a file beside the exercise or below it, as `solutions/mask.sh`\n"
            ),
        );
    }
}

#[test]
fn nothing_is_judged() {
    is_invalid(
        r#"
        check("it is there", true);
        submission("solutions/way.rhai");
        "#,
        r#"
        labs/x/lab.rhai:2:1: nothing judges what is handed in
           |
         2 | submission("solutions/way.rhai");
           | ^
        hint: what stands after `submission(…)` is judged: write a `check` there
        "#,
    );
}

#[test]
fn points_that_nobody_can_count() {
    for points in ["-1", "0.5", "1 + 1", "\"two\""] {
        is_invalid(
            &format!(
                "submission(\"solutions/way.rhai\");\ncheck(\"it works\", true, #{{points: {points}}});\n"
            ),
            &format!(
                "labs/x/lab.rhai:2:1: the points of a check are a number, and not below 0\n   |\n \
                 2 | check(\"it works\", true, #{{points: {points}}});\n   | ^\n\
                 hint: they are counted also where the check is never reached: write `#{{points: 2}}`\n"
            ),
        );
    }
}

#[test]
fn a_check_that_may_be_reached_before_the_gap() {
    is_invalid(
        r#"
        fn judge() { check("it works", true); }
        submission("solutions/way.rhai");
        judge();
        "#,
        r#"
        labs/x/lab.rhai:1:14: a check of an exercise stands outside of functions
           |
         1 | fn judge() { check("it works", true); }
           |              ^
        hint: its place says whether it judges what was handed in: before the gap it does not
        "#,
    );
}

#[test]
fn no_points() {
    is_invalid(
        r#"
        submission("solutions/way.rhai");
        check("it works", true, #{points: 0});
        "#,
        r#"
        labs/x/lab.rhai:1:1: there is no point to be had in this exercise
           |
         1 | submission("solutions/way.rhai");
           | ^
        hint: a check is worth 1 where it says nothing else
        "#,
    );
}

#[test]
fn the_reference_runs_in_the_gap() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            let red = netns("red");
            check("there is no address", red.addrs().len() == 0);
            submission("solutions/way.rhai");
            check("there is one", ping(red, "10.0.0.1"));
            "#,
        )
        .file(SOLUTION, "red.up(\"lo\");\nred.addr_add(\"lo\", \"10.0.0.1/32\");\n")
        .passes(&["there is no address", "there is one"])
        .run();
}

#[test]
fn a_reference_that_stops() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            submission("solutions/way.rhai");
            check("it works", true);
            "#,
        )
        .file(SOLUTION, "addr_add(\"lo\", \"10.0.0.1/33\");\n")
        .fails_as(
            "x/lab::it works",
            r#"
            labs/x/solutions/way.rhai:1:1: any valid prefix is expected rather than "10.0.0.1/33"
               |
             1 | addr_add("lo", "10.0.0.1/33");
               | ^
            command: ip addr add 10.0.0.1/33 dev lo
            hint: the mask is a number from 0 to 32, not `33`
            "#,
        )
        .run();
}

/// A solution acts; it does not judge, and it looks for nobody else's help.
#[test]
fn what_a_solution_may_not() {
    for (line, said, hint) in [
        ("check(\"it works\", true);", "a solution has no `check`", "a solution acts; the exercise judges"),
        ("why(\"10.0.0.1\");", "a solution has no `why`", "a solution acts; the exercise judges"),
        ("submission(\"x.sh\");", "a solution has no `submission`", "a solution acts; the exercise judges"),
        ("import \"other\" as o;", "a solution imports nothing", "a solution is one file"),
    ] {
        Nslab::test(NOTHING)
            .lab("submission(\"solutions/way.rhai\");\ncheck(\"it works\", true);\n")
            .file(SOLUTION, format!("{line}\n"))
            .fails_as(
                "x/lab::it works",
                &format!("labs/x/solutions/way.rhai:1:1: {said}\n   |\n 1 | {line}\n   | ^\nhint: {hint}\n"),
            )
            .run();
    }
}

const WITH_IP: &str = r#"
        submission("solutions/way.sh");
        check("it answers", ping("10.0.0.1"));
        "#;

/// A tool that the reference solution needs and the machine lacks is nobody's fault.
#[test]
fn a_machine_without_the_tools_of_the_reference() {
    let solution = "ip addr add 10.0.0.1/24 dev lo\n";
    Nslab::test(["labs/x/lab.rhai"])
        .after(NO_IP)
        .lab(WITH_IP)
        .file("labs/x/solutions/way.sh", solution)
        .stdout(
            r#"

            running 1 test
            test x/lab::it answers ... ignored (not measured: `ip` (line 1) is not installed; install it: `apt-get install iproute2`)

            test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in [TIME]

            "#,
        )
        .run();
    Nslab::new(["grade", "labs/x/lab.rhai", "ann.sh", "bob.rhai"])
        .after(NO_IP)
        .lab(WITH_IP)
        .file("labs/x/solutions/way.sh", solution)
        .file("ann.sh", solution)
        .file("bob.rhai", "addr_add(\"lo\", \"10.0.0.1/24\");\n")
        .stdout(
            r#"
            ann: nothing was measured
              ? it answers: not measured: `ip` is not installed; install it: `apt-get install iproute2`

            bob: 1 of 1 point
              ✓ it answers: 1 of 1

            x/lab: 2 students

            student  points  max
            ann           0    0
            bob           1    1

            For the instructor: not measured, and taken out of the points
              ann: `ip` is not installed; install it: `apt-get install iproute2`
            "#,
        )
        .code(1)
        .run();
}
