//! Helper files that a lab imports, and what is wrong with them.

use crate::support::Nslab;

/// `nslab test` of the one lab: below a folder, its helpers are asked for too.
fn test() -> Nslab {
    Nslab::test(["labs/x/lab.rhai"])
}

#[test]
fn a_helper_that_does_not_exist() {
    test()
        .lab(
            r#"
            import "helpers/cable" as cable;
            cable::plug();
            "#,
        )
        .invalid(
            r#"
            labs/x/lab.rhai:1:8: there is no helper `helpers/cable`
               |
             1 | import "helpers/cable" as cable;
               |        ^
            hint: a helper is a `.rhai` file beside the lab or below `labs`
            "#,
        )
        .run();
}

#[test]
fn a_helper_out_of_the_labs() {
    test()
        .lab(
            r#"
            import "../../secret" as secret;
            "#,
        )
        .file("secret.rhai", "let a = 1;\n")
        .invalid(
            r#"
            labs/x/lab.rhai:1:8: there is no helper `../../secret`
               |
             1 | import "../../secret" as secret;
               |        ^
            hint: a helper is a `.rhai` file beside the lab or below `labs`
            "#,
        )
        .run();
}

#[test]
fn a_helper_whose_path_is_computed() {
    test()
        .lab(
            r#"
            let name = "cable";
            import name as cable;
            "#,
        )
        .invalid(
            r#"
            labs/x/lab.rhai:2:1: the path of an import is a string literal
               |
             2 | import name as cable;
               | ^
            "#,
        )
        .run();
}

#[test]
fn a_helper_that_declares_checks() {
    test()
        .lab(
            r#"
            import "cable" as cable;
            "#,
        )
        .file("labs/x/cable.rhai", "fn plug() {\n    check(\"it is plugged in\", true);\n}\n")
        .invalid(
            r#"
            labs/x/cable.rhai:2:5: a helper declares no checks
               |
             2 |     check("it is plugged in", true);
               |     ^
            hint: a check belongs in the lab itself, where it can be found
            "#,
        )
        .run();
}

#[test]
fn a_helper_with_a_misspelt_function() {
    test()
        .lab(
            r#"
            import "cable" as cable;
            "#,
        )
        .file("labs/cable.rhai", "fn plug() {\n    vteh(\"a\", \"b\");\n}\n")
        .invalid(
            r#"
            labs/cable.rhai:2:5: there is no function `vteh`
               |
             2 |     vteh("a", "b");
               |     ^
            hint: did you mean `veth`?
            "#,
        )
        .run();
}

#[test]
fn a_helper_that_is_not_utf_8() {
    test()
        .lab(
            r#"
            import "cable" as cable;
            "#,
        )
        .file("labs/x/cable.rhai", b"// caf\xe9\n")
        .invalid(
            r#"
            labs/x/lab.rhai:1:8: the helper `labs/x/cable.rhai` is not UTF-8 text
               |
             1 | import "cable" as cable;
               |        ^
            hint: save it as UTF-8
            "#,
        )
        .run();
}

#[test]
fn a_helper_that_a_helper_lacks() {
    test()
        .lab(
            r#"
            import "cable" as cable;
            "#,
        )
        .file("labs/x/cable.rhai", "let a = 1;\nimport \"plug\" as plug;\n")
        .invalid(
            r#"
            labs/x/cable.rhai:2:8: there is no helper `plug`
               |
             2 | import "plug" as plug;
               |        ^
            hint: a helper is a `.rhai` file beside the lab or below `labs`
            "#,
        )
        .run();
}

#[test]
fn helpers_that_import_each_other() {
    test()
        .lab(
            r#"
            import "cable" as cable;
            "#,
        )
        .file("labs/x/cable.rhai", "import \"plug\" as plug;\n")
        .file("labs/x/plug.rhai", "import \"cable\" as cable;\n")
        .invalid(
            r#"
            labs/x/plug.rhai:1:8: the imports go in a circle
               |
             1 | import "cable" as cable;
               |        ^
            hint: labs/x/lab.rhai → labs/x/cable.rhai → labs/x/plug.rhai → labs/x/cable.rhai
            "#,
        )
        .run();
}

#[test]
fn a_lab_that_imports_itself() {
    test()
        .lab(
            r#"
            import "lab" as lab;
            "#,
        )
        .invalid(
            r#"
            labs/x/lab.rhai:1:8: the imports go in a circle
               |
             1 | import "lab" as lab;
               |        ^
            hint: labs/x/lab.rhai → labs/x/lab.rhai
            "#,
        )
        .run();
}

#[test]
fn a_misspelt_name_of_an_import() {
    test()
        .lab(
            r#"
            import "cable" as cable;
            calbe::plug();
            "#,
        )
        .file("labs/x/cable.rhai", "fn plug() {}\n")
        .invalid(
            r#"
            labs/x/lab.rhai:2:1: nothing is imported as `calbe`
               |
             2 | calbe::plug();
               | ^
            hint: did you mean `cable`?
            "#,
        )
        .run();
}

#[test]
fn a_function_that_a_helper_does_not_have() {
    test()
        .lab(
            r#"
            import "cable" as cable;
            cable::plug("a");
            "#,
        )
        .file("labs/x/cable.rhai", "fn plug() {}\n")
        .fails(
            r#"
            labs/x/lab.rhai:2:8: there is no function `cable::plug` that takes (string)
               |
             2 | cable::plug("a");
               |        ^
            "#,
        )
        .run();
}

#[test]
fn an_act_refused_in_a_helper() {
    test()
        .lab(
            r#"
            import "cable" as cable;
            cable::plug("eth7");
            "#,
        )
        .file("labs/x/cable.rhai", "fn plug(link) {\n    up(link);\n}\n")
        .fails(
            r#"
            labs/x/cable.rhai:2:5: Cannot find device "eth7"
               |
             2 |     up(link);
               |     ^
            command: ip link set eth7 up
            hint: `host` has `lo`
            "#,
        )
        .run();
}

#[test]
fn an_act_refused_while_a_helper_is_imported() {
    test()
        .lab(
            r#"
            import "cable" as cable;
            "#,
        )
        .file("labs/x/cable.rhai", "let link = \"eth7\";\nup(link);\n")
        .fails(
            r#"
            labs/x/cable.rhai:2:1: Cannot find device "eth7"
               |
             2 | up(link);
               | ^
            command: ip link set eth7 up
            hint: `host` has `lo`
            "#,
        )
        .run();
}

#[test]
fn what_a_helper_asks_on_the_same_line_is_not_evidence() {
    test()
        .lab(
            r#"
            import "cable" as cable;
            cable::look();
            check("nothing was asked", false);
            "#,
        )
        .file("labs/x/cable.rhai", "fn look() {\n    let why = 1;\n    links();\n}\n")
        .fails_as(
            "x/lab::nothing was asked",
            r#"
            labs/x/lab.rhai:3:1: check `nothing was asked` failed
               |
             3 | check("nothing was asked", false);
               | ^
            expected: true
            seen: false
            "#,
        )
        .run();
}
