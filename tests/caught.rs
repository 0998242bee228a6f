//! Errors that `try … catch` catches, and those that it does not.

use crate::support::{NOTHING, Nslab};

/// A lab with this text stops at a mistake, and this is said of it.
#[track_caller]
fn stops(lab: &str, report: &str) {
    let lab = format!("let red = netns(\"red\");\n{lab}\n");
    Nslab::test(NOTHING).lab(&lab).fails(report).run();
}

#[test]
fn a_wrong_argument_is_not_caught() {
    stops(
        r#"try { up(red, "lo"); up(5); } catch (e) { note(e.error); }"#,
        r#"
        labs/x/lab.rhai:2:22: `up` does not take (int)
           |
         2 | try { up(red, "lo"); up(5); } catch (e) { note(e.error); }
           |                      ^
        hint: write `up([ns,] link)`
        "#,
    );
}

#[test]
fn neither_is_a_mistake_in_a_closure() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            let red = netns("red");
            let fine = || {
                try {
                    red.nope
                } catch { true }
            };
            eventually("it is fine", 100, fine);
            "#,
        )
        .fails_as(
            "x/lab::it is fine",
            r#"
            labs/x/lab.rhai:4:13: a netns has no field `nope`
               |
             4 |         red.nope
               |             ^
            "#,
        )
        .run();
}

#[test]
fn nor_one_of_arithmetic() {
    stops(
        r#"let rows = []; try { try { rows[1] } catch { 1 - red } } catch {}"#,
        r#"
        labs/x/lab.rhai:2:33: array index 1 out of bounds: array is empty
           |
         2 | let rows = []; try { try { rows[1] } catch { 1 - red } } catch {}
           |                                 ^
        "#,
    );
}

#[test]
fn nor_one_in_a_helper() {
    Nslab::test(["labs/x/lab.rhai"])
        .file("labs/x/cable.rhai", "fn plug(ns) {\n    try { ns.up(\"lo\"); ns.veth(\"a\"); } catch {}\n}\n")
        .lab("import \"cable\" as cable;\ncable::plug(netns(\"red\"));\n")
        .fails(
            r#"
            labs/x/cable.rhai:2:27: `veth` does not take (netns, string)
               |
             2 |     try { ns.up("lo"); ns.veth("a"); } catch {}
               |                           ^
            hint: write `veth(a, b)` or `veth(ns_a, a, ns_b, b)`
            "#,
        )
        .run();
}

#[test]
fn refusals_and_what_is_thrown_are_caught_and_all_else_goes_on() {
    Nslab::new(["run", "labs/x/lab.rhai"])
        .lab(
            r#"
            fn first(wanted) {
                for name in ["lo", "nope", "last"] {
                    try {
                        if name == wanted { return `found ${name}`; }
                        if name == "lo" { continue; }
                        up(name);
                    } catch (e) { note(e.error); }
                }
            }
            note(first("last"));
            try { throw #{error: "mine"}; } catch (e) { note(e.error); }
            try { try { throw 5; } catch { throw; } } catch (e) { note(`${e}`); }
            let a = 1;
            try { let b = 2; a += b; throw "over"; } catch (e) { let c = a + 1; note(`${c}, ${e}`); }
            try{ down("nope") }catch(e){ note(e.command) }
            "#,
        )
        .stdout(
            r#"
            x/lab

              $ ip link set nope up
                  Cannot find device "nope"
                  hint: `host` has `lo`
              Cannot find device "nope"
              found last
              mine
              5
              4, over
              $ ip link set nope down
                  Cannot find device "nope"
                  hint: `host` has `lo`
              ip link set nope down

            1 passed
            "#,
        )
        .run();
}
