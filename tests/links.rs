//! Links in a lab's folder that lead elsewhere: nothing is read, written or
//! deleted through them, whoever runs the lab.

use crate::measured::skip;
use crate::support::{Nslab, Scratch, forget_others, output, sandbox_lack};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const SECRET: &str = "root:x:secret\n";

/// Makes a link, and the folder that it is in.
fn link(scratch: &Path, to: &str, from: &str) {
    let from = scratch.join(from);
    fs::create_dir_all(from.parent().expect("a link is in a folder")).expect("its folder");
    symlink(to, from).expect("a link");
}

/// `nslab test` of one lab, beside a secret that is not below `labs`.
fn test() -> Nslab {
    Nslab::test(["labs/x/lab.rhai"]).file("secret", SECRET)
}

fn linked(to: &'static str, from: &'static str) -> impl FnOnce(&Path) {
    move |scratch| link(scratch, to, from)
}

#[test]
fn a_lab_that_leads_away_is_not_read() {
    for to in ["../../secret", "/etc/passwd"] {
        test()
            .prepared(linked(to, "labs/x/lab.rhai"))
            .invalid(
                "
                labs/x/lab.rhai: failed to read the lab: a symbolic link leads out of the folder `labs`
                ",
            )
            .run();
    }
}

#[test]
fn a_lab_in_a_folder_that_leads_away_is_not_read() {
    test()
        .file("elsewhere/lab.rhai", SECRET)
        .prepared(linked("../elsewhere", "labs/x"))
        .invalid(
            "
            labs/x/lab.rhai: failed to read the lab: a symbolic link leads out of the folder `labs`
            ",
        )
        .run();
}

#[test]
fn a_link_to_another_lab_is_one() {
    test()
        .file("labs/y/real.rhai", "check(\"a\", true);\n")
        .prepared(linked("../y/real.rhai", "labs/x/lab.rhai"))
        .passes(&["a"])
        .run();
}

#[test]
fn a_helper_that_leads_away_is_not_read() {
    test()
        .lab(
            r#"
            import "cable" as cable;
            "#,
        )
        .prepared(linked("../../secret", "labs/x/cable.rhai"))
        .invalid(
            r#"
            labs/x/lab.rhai:1:8: failed to read `labs/x/cable.rhai`: a symbolic link leads out of the folder `labs`
               |
             1 | import "cable" as cable;
               |        ^
            "#,
        )
        .run();
}

#[test]
fn a_reference_solution_that_leads_away_is_not_read() {
    test()
        .lab(
            r#"
            submission("solutions/a.sh");
            check("a", true);
            "#,
        )
        .prepared(linked("../../../secret", "labs/x/solutions/a.sh"))
        .invalid(
            r#"
            labs/x/lab.rhai:1:1: failed to read the reference solution `labs/x/solutions/a.sh`: a symbolic link leads out of the folder `labs`
               |
             1 | submission("solutions/a.sh");
               | ^
            "#,
        )
        .run();
}

#[test]
fn a_file_beside_a_shell_lab_that_leads_away_does_not_travel() {
    let scratch = Nslab::test(["labs/x/lab.sh"])
        .file("secret", SECRET)
        .file("labs/x/own.sh", "own=1\n")
        .file("labs/x/lab.sh", "set -e\n. labs/x/own.sh\n[ \"$own\" = 1 ]\n[ ! -e labs/x/secret.sh ]\n")
        .prepared(linked("../../secret", "labs/x/secret.sh"))
        .stdout(
            "

            running 1 test
            test x/lab ... ok

            test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            ",
        )
        .needs(&["bash"])
        .run();
    drop(scratch);
}

/// Opening a pipe would wait for the other end.
#[test]
fn a_lab_is_a_file() {
    test()
        .folder("labs/x")
        .prepared(|scratch| {
            let mode = nix::sys::stat::Mode::S_IRUSR;
            nix::unistd::mkfifo(&scratch.join("labs/x/lab.rhai"), mode).unwrap();
        })
        .invalid(
            "
            labs/x/lab.rhai: failed to read the lab: it is a named pipe, and no file
            ",
        )
        .run();
}

#[test]
fn a_lab_has_a_length() {
    test()
        .file("labs/x/lab.rhai", "// a\n".repeat(300_000))
        .invalid(
            "
            labs/x/lab.rhai: failed to read the lab: it is longer than 1 MiB
            ",
        )
        .run();
}

#[test]
fn what_was_captured_is_written_through_no_link() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    let scratch = Scratch::new();
    scratch.write("secret", SECRET);
    scratch.write("lab.rhai", "host();\ncapture(\"lo\");\nping(\"127.0.0.1\");\n");
    link(scratch.path(), "../secret", "captured/1-host-lo.pcap");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.args(["run", "lab.rhai", "--captures", "captured"]).current_dir(scratch.path());
    forget_others(&mut command);
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("failed to write `captured/1-host-lo.pcap`: Too many levels"), "{said}");
    assert_eq!(scratch.read("secret").as_deref(), Some(SECRET));
}

const LAB: &str = "snapshot(\"a\", arp(netns(\"red\")));\n";
const RIGHT: &str = "---\nsource: labs/x/lab.rhai\n---\n";

/// `nslab test` of a lab with a snapshot, in a project beside which other things
/// are.
fn project(arguments: &[&str]) -> Nslab {
    Nslab::test([&["project/labs"], arguments].concat())
        .file("project/labs/x/lab.rhai", LAB)
        .file("secret", SECRET)
        .file("elsewhere/lab/a.snap", SECRET)
        .file("elsewhere/lab/other.snap", SECRET)
        .file("elsewhere/lab/other.snap.new", SECRET)
}

/// All that is beside the project is as it was.
#[track_caller]
fn untouched(scratch: Option<Scratch>) {
    let Some(scratch) = scratch else { return };
    for path in ["secret", "elsewhere/lab/a.snap", "elsewhere/lab/other.snap", "elsewhere/lab/other.snap.new"]
    {
        assert_eq!(scratch.read(path).as_deref(), Some(SECRET), "{path}");
    }
    assert!(!scratch.path().join("elsewhere/lab/a.snap.new").exists(), "something was written");
}

fn said(message: &str) -> String {
    format!(
        "project/labs/x/lab.rhai:1:1: {message}\n   |\n 1 | snapshot(\"a\", arp(netns(\"red\")));\n   | ^\n"
    )
}

#[test]
fn a_snapshot_is_a_file() {
    for (file, message) in [
        ("a.snap", "failed to read `snapshots/x/lab/a.snap`: it is a symbolic link, and no file"),
        ("a.snap.new", "failed to read `snapshots/x/lab/a.snap.new`: it is a symbolic link, and no file"),
    ] {
        for arguments in [&[][..], &["--accept"]] {
            let from = format!("project/snapshots/x/lab/{file}");
            untouched(
                project(arguments)
                    .prepared(|scratch| link(scratch, "../../../../secret", &from))
                    .fails_as("x/lab::a", &said(message))
                    .run(),
            );
        }
    }
}

#[test]
fn snapshots_elsewhere_are_neither_read_nor_written_nor_deleted() {
    let message =
        "failed to read `snapshots/x/lab/a.snap`: a symbolic link leads out of the folder that it is in";
    for arguments in [&[][..], &["--accept"]] {
        for (to, from) in [
            ("../../elsewhere", "project/snapshots/x"),
            ("../../../elsewhere/lab", "project/snapshots/x/lab"),
        ] {
            untouched(
                project(arguments)
                    .prepared(|scratch| link(scratch, to, from))
                    .fails_as("x/lab::a", &said(message))
                    .run(),
            );
        }
    }
}

#[test]
fn what_nobody_asserts_elsewhere_is_not_deleted() {
    for arguments in [&[][..], &["--accept"]] {
        let scratch = project(arguments)
            .file("project/snapshots/x/lab/a.snap", RIGHT)
            .prepared(linked("../../elsewhere", "project/snapshots/gone"))
            .passes(&["a"])
            .run();
        untouched(scratch);
    }
}

/// insta would read, and delete, the file that such a header names.
#[test]
fn a_header_names_no_other_file() {
    for header in [
        "source: a\nsnapshot_kind: binary\nextension: /../../../../../secret",
        "snapshot_kind: binary",
        "source: {a: b}",
        "source: a\ninfo:\n  a: [[[[",
        "? a",
    ] {
        for file in ["a.snap", "a.snap.new"] {
            for arguments in [&[][..], &["--accept"]] {
                let message =
                    format!("the snapshot `a` is damaged: `snapshots/x/lab/{file}` has no header of ours");
                let hint =
                    "hint: restore the file from version control, or delete it and accept the text anew";
                let scratch = project(arguments)
                    .file(&format!("project/snapshots/x/lab/{file}"), format!("---\n{header}\n---\n"))
                    .folder("project/snapshots/x/lab/a.snap.")
                    .fails_as("x/lab::a", &format!("{}{hint}\n", said(&message)))
                    .run();
                untouched(scratch);
            }
        }
    }
}
