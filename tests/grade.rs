//! `nslab grade`: the grades of a class, and every kind of submission that can't be
//! graded.

use crate::measured::{lacking, skip};
use crate::support::{Nslab, Scratch, forget_others, output, sandbox_lack, unindent, wait};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const EXERCISE: &str = r#"
    //! Red and blue have a cable. Let red reach 10.0.0.2, which is blue.
    let red = netns("red");
    let blue = netns("blue");
    veth(red, "r", blue, "b");
    check("there is a cable", links(red).len() == 2);
    submission("solution.rhai");
    check("r is up", links(red).contains(#{name: "r", state: "UP"}), #{hint: "ip link set … up"});
    check("red reaches blue", ping(red, "10.0.0.2", #{by: blue}), #{points: 2, needs: "r is up"});
"#;

/// In the vocabulary, which needs no tool.
const SOLUTION: &str = r#"
red.up("r");
blue.up("b");
red.addr_add("r", "10.0.0.1/24");
blue.addr_add("b", "10.0.0.2/24");
"#;

const UP_ONLY: &str = r#"red.up("r"); blue.up("b");"#;

fn grade(arguments: &[&str]) -> Nslab {
    let all = ["grade", "labs/x/lab.rhai"].iter().chain(arguments);
    Nslab::new(all.copied()).lab(EXERCISE).file("labs/x/solution.rhai", SOLUTION)
}

/// Three students: all points, some, none.
fn class(run: Nslab) -> Nslab {
    run.file("subs/alice.rhai", SOLUTION)
        .file("subs/bob/mine.rhai", UP_ONLY)
        .file("subs/carol.rhai", "note(\"?\");")
}

#[test]
fn a_class_as_a_person_reads_it() {
    class(grade(&["subs"]))
        .stdout(
            "
        alice: 3 of 3 points
          ✓ r is up: 1 of 1
          ✓ red reaches blue: 2 of 2

        bob: 1 of 3 points
          ✓ r is up: 1 of 1
          ✗ red reaches blue: 0 of 2
              why:
                red can't reach 10.0.0.2, for 2 reasons, and each of them alone stops it:
                  1. nobody has 10.0.0.2: blue has no address on b
                     (nslab why --explain address-missing)
                  2. red has no address on r, so it has no route to 10.0.0.0/24, where blue has
                     10.0.0.2
                     (nslab why --explain address-missing)

                  request  [red] ✗
                  the request did not leave any interface of red

                cure
                    ip -n blue addr add 10.0.0.2/24 dev b
                    ip -n red addr add 10.0.0.1/24 dev r
                proved: a replay of the lab with these commands reaches 10.0.0.2
              expected: an answer
              seen:
                $ ip netns exec red ping -c1 -W1 10.0.0.2
                ping: connect: Network is unreachable

        carol: 0 of 3 points
          ✗ r is up: 0 of 1
              expected: true
              seen:
                false
                $ ip -n red link
                lo: mtu 65536 state DOWN loopback 00:00:00:00:00:00
                r@b: mtu 1500 state DOWN veth 02:90:03:c0:21:d2
              hint: ip link set … up
          - red reaches blue: 0 of 2: skipped: it needs `r is up`, which failed

        x/lab: 3 students

        student  points  max
        alice         3    3
        bob           1    3
        carol         0    3
        ",
        )
        .code(1)
        .needs(&["ip"])
        .run();
}

#[test]
fn who_has_all_points() {
    grade(&["alice.rhai"])
        .file("alice.rhai", SOLUTION)
        .stdout(
            "
        alice: 3 of 3 points
          ✓ r is up: 1 of 1
          ✓ red reaches blue: 2 of 2

        x/lab: 1 student

        student  points  max
        alice         3    3
        ",
        )
        .run();
}

#[test]
fn as_a_spreadsheet() {
    class(grade(&["subs", "--format", "csv"]))
        .stdout(
            "
        student,points,max,r is up,red reaches blue
        alice,3,3,1,2
        bob,1,3,1,0
        carol,0,3,0,0
        ",
        )
        .code(1)
        .run();
}

#[test]
fn as_json() {
    grade(&["bob.rhai", "--format", "json"]).file("bob.rhai", UP_ONLY).stdout(r#"
        {
          "exercise": "x/lab",
          "fingerprint": "90ea4a535d3139312af216d7c5ef94db",
          "results": [
            {
              "student": "bob",
              "points": 1,
              "max": 3,
              "checks": [
                {
                  "name": "r is up",
                  "passed": true,
                  "points": 1,
                  "max": 1,
                  "rationale": null,
                  "expected": null,
                  "actual": null,
                  "hint": null,
                  "dependency": null
                },
                {
                  "name": "red reaches blue",
                  "passed": false,
                  "points": 0,
                  "max": 2,
                  "rationale": "check `red reaches blue` failed\n\nred can't reach 10.0.0.2, for 2 reasons, and each of them alone stops it:\n  1. nobody has 10.0.0.2: blue has no address on b\n     (nslab why --explain address-missing)\n  2. red has no address on r, so it has no route to 10.0.0.0/24, where blue has\n     10.0.0.2\n     (nslab why --explain address-missing)\n\n  request  [red] ✗\n  the request did not leave any interface of red\n\ncure\n    ip -n blue addr add 10.0.0.2/24 dev b\n    ip -n red addr add 10.0.0.1/24 dev r\nproved: a replay of the lab with these commands reaches 10.0.0.2",
                  "expected": "an answer",
                  "actual": "$ ip netns exec red ping -c1 -W1 10.0.0.2\nping: connect: Network is unreachable",
                  "hint": null,
                  "dependency": "r is up"
                }
              ]
            }
          ]
        }
        "#).code(1).needs(&["ip"]).run();
}

#[test]
fn as_junit() {
    class(grade(&["subs", "--format", "junit"])).stdout(r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="x/lab" tests="6" failures="2" errors="0">
          <testsuite name="alice" tests="2" failures="0" errors="0" skipped="0">
            <properties>
              <property name="points" value="3"/>
              <property name="max" value="3"/>
            </properties>
            <testcase name="r is up" classname="x/lab.alice"/>
            <testcase name="red reaches blue" classname="x/lab.alice"/>
          </testsuite>
          <testsuite name="bob" tests="2" failures="1" errors="0" skipped="0">
            <properties>
              <property name="points" value="1"/>
              <property name="max" value="3"/>
            </properties>
            <testcase name="r is up" classname="x/lab.bob"/>
            <testcase name="red reaches blue" classname="x/lab.bob">
              <failure message="0 of 2 points: check `red reaches blue` failed" type="check">check `red reaches blue` failed

        red can't reach 10.0.0.2, for 2 reasons, and each of them alone stops it:
          1. nobody has 10.0.0.2: blue has no address on b
             (nslab why --explain address-missing)
          2. red has no address on r, so it has no route to 10.0.0.0/24, where blue has
             10.0.0.2
             (nslab why --explain address-missing)

          request  [red] ✗
          the request did not leave any interface of red

        cure
            ip -n blue addr add 10.0.0.2/24 dev b
            ip -n red addr add 10.0.0.1/24 dev r
        proved: a replay of the lab with these commands reaches 10.0.0.2
        expected: an answer
        seen:
        $ ip netns exec red ping -c1 -W1 10.0.0.2
        ping: connect: Network is unreachable</failure>
            </testcase>
          </testsuite>
          <testsuite name="carol" tests="2" failures="1" errors="0" skipped="1">
            <properties>
              <property name="points" value="0"/>
              <property name="max" value="3"/>
            </properties>
            <testcase name="r is up" classname="x/lab.carol">
              <failure message="0 of 1 point: check `r is up` failed" type="check">check `r is up` failed
        expected: true
        seen:
        false
        $ ip -n red link
        lo: mtu 65536 state DOWN loopback 00:00:00:00:00:00
        r@b: mtu 1500 state DOWN veth 02:90:03:c0:21:d2
        hint: ip link set … up</failure>
            </testcase>
            <testcase name="red reaches blue" classname="x/lab.carol">
              <skipped message="it needs `r is up`, which failed"/>
            </testcase>
          </testsuite>
        </testsuites>
        "#).code(1).needs(&["ip"]).run();
}

#[test]
fn as_gradescope_one_by_one() {
    grade(&["alice.rhai", "--format", "gradescope"])
        .file("alice.rhai", SOLUTION)
        .stdout(
            r#"
        {
          "extra_data": {
            "exercise": "x/lab",
            "max": 3,
            "student": "alice",
            "unmeasured": []
          },
          "output": "",
          "output_format": "text",
          "score": 3,
          "stdout_visibility": "hidden",
          "tests": [
            {
              "max_score": 1,
              "name": "r is up",
              "output": "",
              "output_format": "text",
              "score": 1,
              "status": "passed",
              "visibility": "visible"
            },
            {
              "max_score": 2,
              "name": "red reaches blue",
              "output": "",
              "output_format": "text",
              "score": 2,
              "status": "passed",
              "visibility": "visible"
            }
          ],
          "visibility": "visible"
        }
        "#,
        )
        .run();
    class(grade(&["subs", "--format", "gradescope"]))
        .stderr(
            "
        error: Gradescope takes the results of one submission, and there are 3
        hint: name one submission, or take `--format json`
        ",
        )
        .code(2)
        .run();
}

/// Each of them is told why, and costs nobody else anything.
#[test]
fn what_is_no_submission() {
    let prepare = |folder: &Path| {
        let at = |name: &str| folder.join("subs").join(name);
        symlink("/etc/passwd", at("link.sh")).unwrap();
        symlink("zoe.rhai", at("copycat.rhai")).unwrap();
        nix::unistd::mkfifo(&at("pipe.sh"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        drop(UnixListener::bind(at("socket.sh")).unwrap());
        File::create(at("large.sh")).unwrap().set_len(1 << 30).unwrap();
    };
    grade(&["subs"])
        .file("subs/zoe.rhai", SOLUTION)
        .file("subs/binary.sh", b"\x7fELF\0")
        .file("subs/empty.sh", "")
        .file("subs/latin.sh", b"# caf\xe9\n")
        .file("subs/python.sh", "#!/usr/bin/python\nprint(1)\n")
        .file("subs/report.docx", "PK\u{3}")
        .file("subs/syntax.rhai", "red.up(\"r\" 1)")
        .file("subs/windows.rhai", SOLUTION.replace('\n', "\r\n"))
        .file("subs/two/a.sh", "true")
        .file("subs/two/b.sh", "true")
        .file("subs/twice.sh", "true")
        .file("subs/twice.rhai", "true")
        .folder("subs/nothing")
        .folder("subs/dir.sh")
        .prepared(prepare)
        .stdout(
            r#"
            binary: 0 of 3 points
              the submission is no text, but a binary file
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            copycat: 0 of 3 points
              the submission is a symbolic link: hand in the file itself
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            dir.sh: 0 of 3 points
              the folder has no `.sh` file and no `.rhai` file in it
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            empty: 0 of 3 points
              the submission is empty
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            large: 0 of 3 points
              the submission is 1024 MiB long: 1 MiB is the most
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            latin: 0 of 3 points
              the submission is not UTF-8 text (line 1): save it as UTF-8
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            link: 0 of 3 points
              the submission is a symbolic link: hand in the file itself
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            nothing: 0 of 3 points
              the folder has no `.sh` file and no `.rhai` file in it
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            pipe: 0 of 3 points
              the submission is a named pipe, and no file
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            python: 0 of 3 points
              the submission is a script of `python`: a shell script or a Rhai script is wanted
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            report: 0 of 3 points
              the submission is neither a `.sh` file, a shell script, nor a `.rhai` file, a Rhai script
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            socket: 0 of 3 points
              the submission is a socket, and no file
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            syntax: 0 of 3 points
              subs/syntax.rhai:1:12: expected `,` or `)` in the call of `up`
                 |
               1 | red.up("r" 1)
                 |            ^
              ✗ r is up: 0 of 1
                  expected: true
                  seen:
                    false
                    $ ip -n red link
                    lo: mtu 65536 state DOWN loopback 00:00:00:00:00:00
                    r@b: mtu 1500 state DOWN veth 02:90:03:c0:21:d2
                  hint: ip link set … up
              - red reaches blue: 0 of 2: skipped: it needs `r is up`, which failed

            twice: 0 of 3 points
              there are 2 submissions of this name: `subs/twice.rhai`, `subs/twice.sh`
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            two: 0 of 3 points
              the folder has 2 scripts in it, and one is wanted: `a.sh`, `b.sh`
              ✗ r is up: 0 of 1
              ✗ red reaches blue: 0 of 2

            windows: 3 of 3 points
              Windows line ends were read as those of Linux
              ✓ r is up: 1 of 1
              ✓ red reaches blue: 2 of 2

            zoe: 3 of 3 points
              ✓ r is up: 1 of 1
              ✓ red reaches blue: 2 of 2

            x/lab: 17 students

            student  points  max
            binary        0    3
            copycat       0    3
            dir.sh        0    3
            empty         0    3
            large         0    3
            latin         0    3
            link          0    3
            nothing       0    3
            pipe          0    3
            python        0    3
            report        0    3
            socket        0    3
            syntax        0    3
            twice         0    3
            two           0    3
            windows       3    3
            zoe           3    3
            "#,
        )
        .code(1)
        .run();
}

#[test]
fn a_device_is_no_submission() {
    grade(&["/dev/zero", "--format", "csv"])
        .stdout(
            "
        student,points,max,r is up,red reaches blue
        zero,0,3,0,0
        ",
        )
        .code(1)
        .run();
}

/// It is the instructor who has to open it.
#[test]
fn what_can_not_be_read_costs_nothing() {
    let close = |folder: &Path| {
        fs::set_permissions(folder.join("alice.rhai"), fs::Permissions::from_mode(0o000)).unwrap();
    };
    if nix::unistd::geteuid().is_root() {
        // Nothing is closed to it; the suite runs as somebody else, too.
        return;
    }
    grade(&["alice.rhai"])
        .file("alice.rhai", SOLUTION)
        .prepared(close)
        .stdout(
            "
            alice: nothing was measured
              ? r is up: not measured: failed to read the submission: Permission denied
              ? red reaches blue: not measured: failed to read the submission: Permission denied

            x/lab: 1 student

            student  points  max
            alice         0    0

            For the instructor: not measured, and taken out of the points
              alice: failed to read the submission: Permission denied
            ",
        )
        .code(4)
        .run();
    grade(&["alice.rhai", "--format", "csv"])
        .file("alice.rhai", SOLUTION)
        .prepared(close)
        .stdout("student,points,max,r is up,red reaches blue\nalice,0,0,,\n")
        .stderr("note: not measured: alice: failed to read the submission: Permission denied\n")
        .code(4)
        .run();
}

#[test]
fn nobody_has_handed_in() {
    grade(&["subs"])
        .folder("subs")
        .without_sandbox()
        .stderr(
            "
        error: nobody has handed in: the folder `subs` is empty
        hint: each entry of the folder is a student: `alice.sh`, or a folder `alice` with one script in it
        ",
        )
        .code(2)
        .run();
    grade(&["nowhere"])
        .without_sandbox()
        .stderr(
            "
        error: failed to read `nowhere`: No such file or directory
        ",
        )
        .code(2)
        .run();
}

#[test]
fn parts_are_typed_as_k_of_n() {
    let typed = |shard: &str, said: &str| {
        let error = format!("error: invalid value '{shard}' for '--shard <K/N>': {said}\n");
        let run = grade(&["subs", "--shard", shard]).without_sandbox().code(2);
        run.stderr(&format!("{error}\nFor more information, try '--help'.\n")).run();
    };
    typed("3", "a part is K/N, as 2/5");
    typed("4/3", "there is no part 4 of 3");
}

/// The parts of a class, graded one by one and merged, are the class.
#[test]
fn parts_make_a_class() {
    let script = "
        for part in 1 2 3; do
            \"$1\" grade labs/x/lab.rhai subs --shard $part/3 --format json > $part.json || [ $? = 1 ]
        done
        \"$1\" grade labs/x/lab.rhai subs --format json > all.json || [ $? = 1 ]
        \"$1\" grade --merge 3.json 1.json 2.json --format json > merged.json || [ $? = 1 ]
        cmp all.json merged.json
        grep -h student ?.json | sort | uniq -c | tr -s ' '
        \"$1\" grade --merge 3.json 1.json --format csv > /dev/null || [ $? = 1 ]
    ";
    class(grade(&["subs", "--format", "csv"]))
        .file("subs/dave.rhai", SOLUTION)
        .after(script)
        .stdout(
            r#"
             1 "student": "alice",
             1 "student": "bob",
             1 "student": "carol",
             1 "student": "dave",
            student,points,max,r is up,red reaches blue
            alice,3,3,1,2
            bob,1,3,1,0
            carol,0,3,0,0
            dave,3,3,1,2
            "#,
        )
        .stderr(
            "
            note: of the class, 2/3 is missing
            ",
        )
        .code(1)
        .run();
}

#[test]
fn results_of_something_else() {
    let other = "
        \"$1\" grade labs/x/other.rhai subs --resume r.jsonl > /dev/null
    ";
    let changed = "
        \"$1\" grade labs/x/lab.rhai subs --resume r.jsonl > /dev/null
        sed -i s/cable/wire/ labs/x/lab.rhai
    ";
    let run = |script| {
        grade(&["subs", "--resume", "r.jsonl"])
            .file("labs/x/other.rhai", unindent(EXERCISE))
            .file("subs/alice.rhai", SOLUTION)
            .after(script)
            .code(2)
    };
    run(other)
        .stderr(
            "
        error: `r.jsonl` has results of `x/other`, not of `x/lab`
        hint: name another file
        ",
        )
        .run();
    run(changed).stderr("
        error: `r.jsonl` has results of another text of `x/lab`: it was 90ea4a535d3139312af216d7c5ef94db, and is e0f3c7f460f2e82b749e3ba7858801bc now
        hint: the exercise or its seed has changed since: grade anew into another file
        ").run();
    grade(&["subs", "--resume", "subs/alice.rhai"])
        .file("subs/alice.rhai", SOLUTION)
        .stderr(
            "
            error: `subs/alice.rhai` is no results file of `nslab grade`
            hint: name a new file, or one that `--resume` has written
            ",
        )
        .code(2)
        .run();
    grade(&["subs", "--resume", "/dev/full"])
        .file("subs/alice.rhai", SOLUTION)
        .stderr(
            "
        error: `/dev/full` is no file that results can be kept in
        ",
        )
        .code(2)
        .run();
}

/// Results from before the disk was full are kept, and the run goes on when there is room
/// again.
#[test]
fn a_full_disk() {
    let script = "
        mkdir disk
        mount -t tmpfs -o size=64k tmpfs disk
        \"$1\" grade labs/x/lab.rhai subs/alice.rhai --resume disk/r.jsonl > /dev/null
        dd if=/dev/zero of=disk/ballast bs=4k > /dev/null 2>&1 || true
        \"$@\" || echo \"code $?\"
        grep -c '\"student\":\"alice\"' disk/r.jsonl
        wc -l < disk/r.jsonl
        rm disk/ballast
    ";
    // So long that a page of the disk is not enough for who is told it.
    let hint = "ip link set up ".repeat(400);
    Nslab::new(["grade", "labs/x/lab.rhai", "subs", "--resume", "disk/r.jsonl", "--format", "csv"])
        .lab(&EXERCISE.replace("ip link set … up", hint.trim()))
        .file("labs/x/solution.rhai", SOLUTION)
        .file("subs/alice.rhai", SOLUTION)
        .file("subs/bob.rhai", "note(\"?\");")
        .after(script)
        .stdout(
            "
            student,points,max,r is up,red reaches blue
            alice,3,3,1,2
            code 2
            1
            3
            student,points,max,r is up,red reaches blue
            alice,3,3,1,2
            bob,0,3,0,0
            ",
        )
        .stderr(
            "
            error: failed to write `disk/r.jsonl`: No space left on device
            ",
        )
        .code(1)
        .run();
}

/// A run that is killed, with no time for a last word, goes on where it was.
#[test]
fn a_killed_run_goes_on() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    if let Some(lack) = lacking(&["ip"]) {
        return skip(lack);
    }
    let scratch = Scratch::new();
    scratch.write("labs/x/lab.rhai", unindent(EXERCISE));
    scratch.write("labs/x/solution.rhai", SOLUTION);
    scratch.write("subs/alice.rhai", SOLUTION);
    scratch.write("subs/bob.rhai", UP_ONLY);
    // So the run has not come to its end when it is killed.
    scratch.write("subs/zoe.sh", "sleep 1000");
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
        command.args([
            "grade",
            "labs/x/lab.rhai",
            "subs",
            "--resume",
            "r.jsonl",
            "--format",
            "csv",
            "--timeout",
            "900",
        ]);
        command.current_dir(scratch.path());
        forget_others(&mut command);
        command
    };
    let kept = |text: &str, student: &str| text.matches(&format!("\"student\":\"{student}\"")).count();
    let mut first = command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let late = Instant::now() + Duration::from_secs(60);
    let mut text = String::new();
    while kept(&text, "alice") + kept(&text, "bob") < 2 && Instant::now() < late {
        std::thread::sleep(Duration::from_millis(5));
        text = scratch.read("r.jsonl").unwrap_or_default();
    }
    first.kill().unwrap();
    wait(&mut first, late);
    assert_eq!((kept(&text, "alice"), kept(&text, "bob")), (1, 1), "{text}");
    scratch.write("subs/zoe.sh", "ip -n red link set dev r up\nip -n blue link set dev b up\n");
    let ended = output(command());
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    assert_eq!(
        String::from_utf8_lossy(&ended.stdout),
        "student,points,max,r is up,red reaches blue\nalice,3,3,1,2\nbob,1,3,1,0\nzoe,1,3,1,0\n"
    );
    let text = scratch.read("r.jsonl").unwrap();
    assert_eq!((kept(&text, "alice"), kept(&text, "bob")), (1, 1), "{text}");
}
