//! `nslab grade --self-test` and `--sheet`: what an instructor learns of an
//! exercise before a student does.

use crate::support::Nslab;

const SOLUTION: &str = "red.up(\"lo\");\nred.addr_add(\"lo\", \"10.0.0.1/24\");\n";

fn self_test(lab: &str, solution: &str) -> Nslab {
    Nslab::new(["grade", "labs/x/lab.rhai", "--self-test"])
        .lab(lab)
        .file("labs/x/solutions/way.rhai", solution)
}

#[test]
fn an_exercise_that_is_sound() {
    self_test(
        r#"
        //! Switch lo on, and give it 10.0.0.1 (3 points).
        let red = netns("red");
        submission("solutions/way.rhai");
        check("lo has its network", red.addrs().contains(#{addr: "10.0.0.1/24"}));
        check("it answers", ping(red, "10.0.0.1"), #{points: 2});
        "#,
        SOLUTION,
    )
    .stdout(
        r#"
        x/lab: 2 checks, 3 points

        ✓ the reference solution has 3 of 3 points
        ✓ a solution that does nothing has 0 of 3 points
        ✓ each of 9 solutions with one thing wrong loses a point
        ✓ each check fails where something is wrong
        "#,
    )
    .run();
}

#[test]
fn an_exercise_whose_checks_are_blind() {
    self_test(
        r#"
        //! Switch lo on, for 5 points.
        let red = netns("red");
        submission("solutions/way.rhai");
        check("there is a link", red.links().len() == 1);
        check("it answers", ping(red, "10.0.0.1"), #{points: 2});
        "#,
        SOLUTION,
    )
    .stdout(
        r#"
        x/lab: 2 checks, 3 points

        ✓ the reference solution has 3 of 3 points
        ✓ a solution that does nothing has 1 of 3 points
        ✗ the task speaks of 5 points, and the checks are worth 3
        ✗ of 9 solutions with one thing wrong, no check sees 5
            labs/x/solutions/way.rhai:2: `10.0.0.1/24` → `10.0.0.1/16` in `red.addr_add("lo", "10.0.0.1/24");`
            labs/x/solutions/way.rhai:2: `10.0.0.1/24` → `10.0.0.1/25` in `red.addr_add("lo", "10.0.0.1/24");`
            labs/x/solutions/way.rhai:2: `10.0.0.1/24` → `10.0.0.1/30` in `red.addr_add("lo", "10.0.0.1/24");`
            labs/x/solutions/way.rhai:2: `10.0.0.1/24` → `10.0.0.1/32` in `red.addr_add("lo", "10.0.0.1/24");`
            labs/x/solutions/way.rhai:2: `10.0.0.1/24` → `10.0.0.65/24` in `red.addr_add("lo", "10.0.0.1/24");`
        ✗ these checks pass whatever is wrong
            there is a link
        "#,
    )
    .code(1)
    .run();
}

#[test]
fn an_exercise_that_nobody_can_solve() {
    self_test(
        r#"
        let red = netns("red");
        submission("solutions/way.rhai");
        check("it answers", ping(red, "10.0.0.2"));
        check("it does not", !ping(red, "10.0.0.2").ok);
        "#,
        "red.up(\"lo\");\nred.adress(\"lo\");\n",
    )
    .stdout(
        r#"
        x/lab: 2 checks, 2 points

        ✗ the reference solution has 1 of 2 points
            it answers: check `it answers` failed
            labs/x/solutions/way.rhai:2:5: `adress` does not take (netns, string)
        ✓ a solution that does nothing has 1 of 2 points
        ✓ each of 3 solutions with one thing wrong loses a point
        ✗ these checks pass whatever is wrong
            it does not
        "#,
    )
    .code(1)
    .run();
}

#[test]
fn an_exercise_that_stops_by_itself() {
    self_test(
        r#"
        let red = netns("red");
        submission("solutions/way.rhai");
        check("its address is right", red.addrs().filter(|row| row.addr.contains("10."))[0].addr == "10.0.0.1/24");
        check("it answers", ping(red, "10.0.0.1"));
        "#,
        SOLUTION,
    )
    .stdout(
        r#"
        x/lab: 2 checks, 2 points

        ✓ the reference solution has 2 of 2 points
        ✓ a solution that does nothing has 0 of 2 points
        ✓ each of 9 solutions with one thing wrong loses a point
        ✓ each check fails where something is wrong
        ✗ with 2 of these solutions the exercise stops by itself, and what it has not asked earns nothing
            labs/x/lab.rhai:3:81: there is no row 0: the table has 0 rows
                a solution that does nothing, and 1 more
        "#,
    )
    .code(1)
    .run();
}

#[test]
fn each_variant_is_solved() {
    self_test(
        r#"
        //! Give lo the address {lan}.1.
        let lan = pick("lan", ["10.0.1", "10.0.2", "10.0.3"]);
        submission("solutions/way.rhai");
        check("it answers", ping(`${lan}.1`));
        "#,
        "addr_add(\"lo\", \"{lan}.1/24\");\n",
    )
    .stdout(
        r#"
        x/lab: 1 check, 1 point

        ✓ the reference solution has 1 of 1 point
        ✓ a solution that does nothing has 0 of 1 point
        ✓ the reference solution solves 12 other variants
        ✗ of 7 solutions with one thing wrong, no check sees 5
            labs/x/solutions/way.rhai:1: `10.0.1.1/24` → `10.0.1.1/16` in `addr_add("lo", "10.0.1.1/24");`
            labs/x/solutions/way.rhai:1: `10.0.1.1/24` → `10.0.1.1/25` in `addr_add("lo", "10.0.1.1/24");`
            labs/x/solutions/way.rhai:1: `10.0.1.1/24` → `10.0.1.1/30` in `addr_add("lo", "10.0.1.1/24");`
            labs/x/solutions/way.rhai:1: `10.0.1.1/24` → `10.0.1.1/32` in `addr_add("lo", "10.0.1.1/24");`
            labs/x/solutions/way.rhai:1: `10.0.1.1/24` → `10.0.1.65/24` in `addr_add("lo", "10.0.1.1/24");`
        ✓ each check fails where something is wrong
        "#,
    )
    .code(1)
    .run();
}

#[test]
fn a_sheet_has_the_tasks_and_the_key() {
    Nslab::new(["grade", "labs/x/lab.rhai", "--sheet", "--seed", "", "alice"])
        .lab(
            r#"
            //! Give lo the address {lan}.1.
            let lan = pick("lan", ["10.0.1", "10.0.2", "10.0.3"]);
            submission("solutions/way.rhai");
            check("it answers", ping(`${lan}.1`), #{points: 2});
            "#,
        )
        .file("labs/x/solutions/way.rhai", "addr_add(\"lo\", \"{lan}.1/24\");\n")
        .stdout(
            r#"
            x/lab for alice
            ===============
            Give lo the address 10.0.1.1.

                2  it answers
                2  points in all


            ANSWER KEY

            x/lab for alice
              lan = 10.0.1
                addr_add("lo", "10.0.1.1/24");
            "#,
        )
        .run();
}

const LO: &str = r#"
    //! Switch lo on, and give it 10.0.0.1 (3 points).
    let red = netns("red");
    submission("solutions/way.rhai");
    check("lo has its network", red.addrs().contains(#{addr: "10.0.0.1/24"}));
    check("it answers", ping(red, "10.0.0.1"), #{points: 2});
"#;

#[test]
fn counter_examples_have_what_they_deserve() {
    self_test(LO, SOLUTION)
        .file(
            "labs/x/solutions/lab/wrong-mask.rhai",
            "// deserves: 2 of 3\nred.up(\"lo\");\nred.addr_add(\"lo\", \"10.0.0.1/32\");\n",
        )
        .file("labs/x/solutions/lab/wrong-nothing.sh", "#!/bin/bash\n# deserves: 0 of 3\ntrue\n")
        .file(
            "labs/x/solutions/lab/right-order.rhai",
            "addr_add(netns_list()[0], \"lo\", \"10.0.0.1/24\");\nup(netns_list()[0], \"lo\");\n",
        )
        .file("labs/x/solutions/lab/README", "This is none.\n")
        .needs(&["bash"])
        .stdout(
            r#"
            x/lab: 2 checks, 3 points

            ✓ the reference solution has 3 of 3 points
            ✓ a solution that does nothing has 0 of 3 points
            ✓ each of 9 solutions with one thing wrong loses a point
            ✓ the other solution has full marks
            ✓ each of 2 counter-examples has the points that it deserves
            ✓ each check fails where something is wrong
            "#,
        )
        .run();
}

#[test]
fn another_solution_that_has_less() {
    self_test(LO, SOLUTION)
        .file(
            "labs/x/solutions/lab/right-mask.rhai",
            "red.up(\"lo\");\nred.addr_add(\"lo\", \"10.0.0.1/8\");\n",
        )
        .stdout(
            r#"
            x/lab: 2 checks, 3 points

            ✓ the reference solution has 3 of 3 points
            ✓ a solution that does nothing has 0 of 3 points
            ✓ each of 9 solutions with one thing wrong loses a point
            ✗ of 1 other solution, 1 got something else
                labs/x/solutions/lab/right-mask.rhai: 2 of 3; it deserves 3
            ✓ each check fails where something is wrong
            "#,
        )
        .code(1)
        .run();
}

#[test]
fn a_counter_example_that_has_more() {
    self_test(LO, SOLUTION)
        .file("labs/x/solutions/lab/wrong-other-way.rhai", format!("// deserves: 1 of 3\n{SOLUTION}"))
        .stdout(
            r#"
            x/lab: 2 checks, 3 points

            ✓ the reference solution has 3 of 3 points
            ✓ a solution that does nothing has 0 of 3 points
            ✓ each of 9 solutions with one thing wrong loses a point
            ✗ of 1 counter-example, 1 got something else
                labs/x/solutions/lab/wrong-other-way.rhai: 3 of 3; it deserves 1
            ✓ each check fails where something is wrong
            "#,
        )
        .code(1)
        .run();
}

#[test]
fn a_counter_example_that_does_not_say_what_it_deserves() {
    self_test(LO, SOLUTION)
        .file("labs/x/solutions/lab/wrong-nothing.sh", "true\n")
        .stderr(
            "
            error: labs/x/solutions/lab/wrong-nothing.sh: its first line does not say what it deserves
            hint: write `# deserves: 0 of 3`, or `// deserves: …` in a `.rhai` file
            ",
        )
        .code(3)
        .run();
}
