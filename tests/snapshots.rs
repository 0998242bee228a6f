//! Snapshots that are new, differ, are stale or damaged, or can't be kept.

use crate::support::{NOTHING, Nslab, Scratch};

/// A lab with one snapshot, of the links of a fresh namespace.
const LAB: &str = r#"let red = netns("red");
snapshot("red's links", links(red));
"#;

/// The file of that snapshot, its pending file, and the accepted text.
const SNAPSHOT: &str = "snapshots/x/lab/reds-links.snap";
const PENDING: &str = "snapshots/x/lab/reds-links.snap.new";
const RIGHT: &str =
    "---\nsource: labs/x/lab.rhai\n---\nlo: mtu 65536 state DOWN loopback 00:00:00:00:00:00\n";
const WRONG: &str = "---\nsource: labs/x/lab.rhai\n---\nlo: mtu 1500 state DOWN loopback 00:00:00:00:00:00\n";

/// A lab with that snapshot, and arguments of `nslab test`.
fn test(arguments: &[&str]) -> Nslab {
    Nslab::test(arguments).file("labs/x/lab.rhai", LAB)
}

/// Runs the test case of the snapshot, which fails with `report`.
fn differs(arguments: &[&str], report: &str) -> Nslab {
    test(arguments).fails_as("x/lab::red's links", report)
}

/// Runs the test case of the snapshot, which passes.
fn agrees(arguments: &[&str]) -> Nslab {
    test(arguments).stdout(
        "

        running 1 test
        test x/lab::red's links ... ok

        test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

        ",
    )
}

/// Compares the files, where the test could be run.
#[track_caller]
fn holds(scratch: Option<Scratch>, files: &[(&str, Option<&str>)]) {
    let Some(scratch) = scratch else { return };
    for (path, text) in files {
        pretty_assertions::assert_eq!(scratch.read(path).as_deref(), *text, "{path}");
    }
}

#[test]
fn a_snapshot_that_is_right() {
    let scratch = agrees(&[]).file(SNAPSHOT, RIGHT).run();
    holds(scratch, &[(SNAPSHOT, Some(RIGHT)), (PENDING, None)]);
}

#[test]
fn a_new_snapshot() {
    let scratch = differs(
        &[],
        r#"
        labs/x/lab.rhai:2:1: snapshot `red's links` is new: nobody has accepted a text yet
           |
         2 | snapshot("red's links", links(red));
           | ^
        seen: lo: mtu 65536 state DOWN loopback 00:00:00:00:00:00
        hint: look at it and accept it with `cargo insta review`, or accept all with `nslab test --accept`
        "#,
    )
    .run();
    let pending = RIGHT.replace("rhai\n", "rhai\nassertion_line: 2\n");
    holds(scratch, &[(SNAPSHOT, None), (PENDING, Some(&pending))]);
}

#[test]
fn a_new_snapshot_where_nothing_may_be_written() {
    let scratch = differs(
        &[],
        r#"
        labs/x/lab.rhai:2:1: snapshot `red's links` is new: nobody has accepted a text yet
           |
         2 | snapshot("red's links", links(red));
           | ^
        seen: lo: mtu 65536 state DOWN loopback 00:00:00:00:00:00
        hint: accept it with `nslab test --accept`
        "#,
    )
    .env("CI", "1")
    .run();
    holds(scratch, &[(SNAPSHOT, None), (PENDING, None)]);
}

#[test]
fn a_new_snapshot_that_is_accepted() {
    let scratch = agrees(&["--accept"]).run();
    holds(scratch, &[(SNAPSHOT, Some(RIGHT)), (PENDING, None)]);
}

#[test]
fn a_mismatch_shows_its_difference_once() {
    let scratch = differs(
        &[],
        r#"
        labs/x/lab.rhai:2:1: snapshot `red's links` differs from the accepted one
           |
         2 | snapshot("red's links", links(red));
           | ^
        Diff < accepted / seen > :
        <lo: mtu 1500 state DOWN loopback 00:00:00:00:00:00
        >lo: mtu 65536 state DOWN loopback 00:00:00:00:00:00
        hint: look at it and accept it with `cargo insta review`, or accept all with `nslab test --accept`
        "#,
    )
    .file(SNAPSHOT, WRONG)
    .run();
    let pending = RIGHT.replace("rhai\n", "rhai\nassertion_line: 2\n");
    holds(scratch, &[(SNAPSHOT, Some(WRONG)), (PENDING, Some(&pending))]);
}

#[test]
fn a_mismatch_that_is_accepted() {
    let scratch = agrees(&["--accept"]).file(SNAPSHOT, WRONG).run();
    holds(scratch, &[(SNAPSHOT, Some(RIGHT)), (PENDING, None)]);
}

#[test]
fn a_mismatch_of_several_lines_that_speak_of_left_and_right() {
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", "snapshot(\"doors\", [\"left\", \"right, not left\", \"same\"]);\n")
        .file("snapshots/x/lab/doors.snap", "---\nsource: labs/x/lab.rhai\n---\nleft\nright\nsame\n")
        .env("CI", "1")
        .fails_as(
            "x/lab::doors",
            r#"
            labs/x/lab.rhai:1:1: snapshot `doors` differs from the accepted one
               |
             1 | snapshot("doors", ["left", "right, not left", "same"]);
               | ^
            Diff < accepted / seen > :
             left
            <right
            >right, not left
             same
            hint: accept it with `nslab test --accept`
            "#,
        )
        .run();
}

#[test]
fn run_tells_a_mismatch_and_writes_nothing() {
    let scratch = Nslab::run_lab()
        .file("labs/x/lab.rhai", LAB)
        .file(SNAPSHOT, WRONG)
        .stdout(
            r#"
            x/lab

              $ ip netns add red
                  red: a namespace, with `lo` alone
              $ ip -n red link
                lo: mtu 65536 state DOWN loopback 00:00:00:00:00:00
              ✗ red's links

            labs/x/lab.rhai:2:1: snapshot `red's links` differs from the accepted one
               |
             2 | snapshot("red's links", links(red));
               | ^
            Diff < accepted / seen > :
            <lo: mtu 1500 state DOWN loopback 00:00:00:00:00:00
            >lo: mtu 65536 state DOWN loopback 00:00:00:00:00:00
            hint: accept it with `nslab test --accept`

            0 passed, 1 failed
            "#,
        )
        .code(1)
        .run();
    holds(scratch, &[(SNAPSHOT, Some(WRONG)), (PENDING, None)]);
}

#[test]
fn a_pending_text_that_has_become_right_goes_away() {
    let scratch = agrees(&[]).file(SNAPSHOT, RIGHT).file(PENDING, WRONG).run();
    holds(scratch, &[(SNAPSHOT, Some(RIGHT)), (PENDING, None)]);
}

#[test]
fn a_stale_snapshot() {
    let scratch = test(&[])
        .file(SNAPSHOT, RIGHT)
        .file("snapshots/x/lab/blues-links.snap", RIGHT)
        .stdout(
            "

            running 2 tests
            test x/lab::red's links                              ... ok
            test stale snapshot snapshots/x/lab/blues-links.snap ... FAILED

            failures:

            ---- stale snapshot snapshots/x/lab/blues-links.snap ----
            snapshots/x/lab/blues-links.snap: no check asserts this snapshot
            hint: delete it, or have `nslab test --accept` do so; where its check was renamed, move it


            failures:
                stale snapshot snapshots/x/lab/blues-links.snap

            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            ",
        )
        .code(1)
        .run();
    holds(scratch, &[(SNAPSHOT, Some(RIGHT)), ("snapshots/x/lab/blues-links.snap", Some(RIGHT))]);
}

#[test]
fn a_stale_snapshot_that_is_accepted_away() {
    let scratch =
        agrees(&["--accept"]).file(SNAPSHOT, RIGHT).file("snapshots/x/lab/blues-links.snap", RIGHT).run();
    holds(scratch, &[(SNAPSHOT, Some(RIGHT)), ("snapshots/x/lab/blues-links.snap", None)]);
}

#[test]
fn a_snapshot_of_a_lab_that_is_gone() {
    test(&[])
        .file(SNAPSHOT, RIGHT)
        .file("snapshots/y/gone/links.snap", RIGHT)
        .stdout(
            "

            running 2 tests
            test x/lab::red's links                         ... ok
            test stale snapshot snapshots/y/gone/links.snap ... FAILED

            failures:

            ---- stale snapshot snapshots/y/gone/links.snap ----
            snapshots/y/gone/links.snap: no check asserts this snapshot
            hint: delete it, or have `nslab test --accept` do so; where its check was renamed, move it


            failures:
                stale snapshot snapshots/y/gone/links.snap

            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            ",
        )
        .code(1)
        .run();
}

#[test]
fn a_snapshot_cut_in_its_header() {
    let report = r#"
        labs/x/lab.rhai:2:1: the snapshot `red's links` is damaged: `snapshots/x/lab/reds-links.snap` has no header of ours
           |
         2 | snapshot("red's links", links(red));
           | ^
        hint: restore the file from version control, or delete it and accept the text anew
        "#;
    for cut in ["---\nsource: labs/x/l", "-", ""] {
        let scratch = differs(&[], report).file(SNAPSHOT, cut).run();
        holds(scratch, &[(SNAPSHOT, Some(cut)), (PENDING, None)]);
        // An unreadable snapshot is not overwritten either.
        let scratch = differs(&["--accept"], report).file(SNAPSHOT, cut).run();
        holds(scratch, &[(SNAPSHOT, Some(cut)), (PENDING, None)]);
    }
}

#[test]
fn a_snapshot_cut_in_its_body() {
    let cut = "---\nsource: labs/x/lab.rhai\n---\nlo: mtu 65536 state DOWN loo";
    differs(
        &[],
        r#"
        labs/x/lab.rhai:2:1: snapshot `red's links` differs from the accepted one
           |
         2 | snapshot("red's links", links(red));
           | ^
        Diff < accepted / seen > :
        <lo: mtu 65536 state DOWN loo
        >lo: mtu 65536 state DOWN loopback 00:00:00:00:00:00
        hint: look at it and accept it with `cargo insta review`, or accept all with `nslab test --accept`
        "#,
    )
    .file(SNAPSHOT, cut)
    .run();
}

#[test]
fn a_file_where_the_folder_of_snapshots_should_be() {
    for arguments in [&[][..], &["--accept"]] {
        let scratch = differs(
            arguments,
            r#"
            labs/x/lab.rhai:2:1: failed to read `snapshots/x/lab/reds-links.snap`: Not a directory
               |
             2 | snapshot("red's links", links(red));
               | ^
            "#,
        )
        .file("snapshots", "a file")
        .run();
        holds(scratch, &[("snapshots", Some("a file"))]);
    }
}

#[test]
fn a_folder_of_snapshots_that_is_read_only() {
    for arguments in [&[][..], &["--accept"]] {
        let scratch = differs(
            arguments,
            r#"
            labs/x/lab.rhai:2:1: snapshot `red's links` is new: nobody has accepted a text yet
               |
             2 | snapshot("red's links", links(red));
               | ^
            seen: lo: mtu 65536 state DOWN loopback 00:00:00:00:00:00
            hint: the new text could not be kept for review: Read-only file system
            "#,
        )
        .folder("snapshots")
        .after("mount --bind snapshots snapshots && mount -o remount,bind,ro snapshots")
        .run();
        holds(scratch, &[(SNAPSHOT, None), (PENDING, None)]);
    }
}

#[test]
fn a_read_only_folder_of_snapshots_that_are_right() {
    agrees(&[])
        .file(SNAPSHOT, RIGHT)
        .after("mount --bind snapshots snapshots && mount -o remount,bind,ro snapshots")
        .run();
}

#[test]
fn a_full_disk_where_snapshots_go() {
    for arguments in [&[][..], &["--accept"]] {
        differs(
            arguments,
            r#"
            labs/x/lab.rhai:2:1: snapshot `red's links` is new: nobody has accepted a text yet
               |
             2 | snapshot("red's links", links(red));
               | ^
            seen: lo: mtu 65536 state DOWN loopback 00:00:00:00:00:00
            hint: the new text could not be kept for review: No space left on device
            "#,
        )
        .folder("snapshots")
        .after(
            "mount -t tmpfs -o size=4k tmpfs snapshots
             mkdir -p snapshots/x/lab
             head -c 4096 /dev/zero > snapshots/filler",
        )
        .run();
    }
}

#[test]
fn a_disk_without_room_for_a_folder_of_snapshots() {
    differs(
        &[],
        r#"
        labs/x/lab.rhai:2:1: snapshot `red's links` is new: nobody has accepted a text yet
           |
         2 | snapshot("red's links", links(red));
           | ^
        seen: lo: mtu 65536 state DOWN loopback 00:00:00:00:00:00
        hint: the new text could not be kept for review: No space left on device
        "#,
    )
    .folder("snapshots")
    .after("mount -t tmpfs -o size=4k,nr_inodes=2 tmpfs snapshots")
    .run();
}

#[test]
fn a_second_text_for_the_same_snapshot() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            fn look(text) { snapshot("text", text); }
            look("one");
            look("two");
            check("it goes on", true);
            "#,
        )
        .file("snapshots/x/lab/text.snap", "---\nsource: labs/x/lab.rhai\n---\none\n")
        .stdout(
            r#"

            running 2 tests
            test x/lab::text       ... ok
            test x/lab::it goes on ... FAILED

            failures:

            ---- x/lab::it goes on ----
            labs/x/lab.rhai:1:17: the snapshot `text` was taken before in this run
               |
             1 | fn look(text) { snapshot("text", text); }
               |                 ^
            hint: a snapshot has one text; give each round's a `check`


            failures:
                x/lab::it goes on

            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            "#,
        )
        .code(1)
        .run();
}

#[test]
fn a_snapshot_of_what_cannot_be_read() {
    Nslab::test(NOTHING)
        .lab(
            r#"
            snapshot("red", netns("red"));
            "#,
        )
        .fails_as(
            "x/lab::red",
            r#"
            labs/x/lab.rhai:1:1: `snapshot` takes a table, an answer or a text, not a namespace
               |
             1 | snapshot("red", netns("red"));
               | ^
            hint: it keeps what can be read, as `routes(red)`
            "#,
        )
        .run();
}

/// An invalid lab, whose snapshots nobody can name.
const INVALID: &str = "hots();\nsnapshot(\"red's links\", links());\n";

#[test]
fn the_snapshots_of_an_invalid_lab_are_not_stale() {
    for arguments in [&[][..], &["--accept"]] {
        let scratch = Nslab::test(arguments)
            .file("labs/x/lab.rhai", INVALID)
            .file(SNAPSHOT, RIGHT)
            .invalid(
                "
                labs/x/lab.rhai:1:1: there is no function `hots`
                   |
                 1 | hots();
                   | ^
                hint: did you mean `host`?
                ",
            )
            .run();
        holds(scratch, &[(SNAPSHOT, Some(RIGHT))]);
    }
}

#[test]
fn only_what_a_filter_leaves_in_is_accepted() {
    let scratch = Nslab::new(["test", "--accept", "--", "--test-threads=1", "red"])
        .file("labs/x/lab.rhai", format!("{LAB}snapshot(\"two\", \"a text\");\n"))
        .file("snapshots/x/lab/gone.snap", RIGHT)
        .stdout(
            "

            running 1 test
            test x/lab::red's links ... ok

            test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out; finished in [TIME]

            ",
        )
        .run();
    holds(
        scratch,
        &[
            (SNAPSHOT, Some(RIGHT)),
            ("snapshots/x/lab/two.snap", None),
            ("snapshots/x/lab/gone.snap", Some(RIGHT)),
        ],
    );
}
