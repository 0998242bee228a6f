//! The command line: help, wrong usage, exit codes, pipes, and a machine that can't
//! measure everything.

use crate::measured::skip;
use crate::support::{NO_IP, NOTHING, Nslab, Scratch, ending, forget_others, output, sandbox_lack, wait};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Wrong usage: this is said, nothing runs, and the exit code is 2.
#[track_caller]
fn is_misused(arguments: &[&str], stderr: &str) {
    Nslab::new(arguments).without_sandbox().stderr(stderr).code(2).run();
}

#[test]
fn without_a_command() {
    is_misused(
        &[],
        "
        Labs for Linux networking: a script builds a network out of namespaces, asks it questions, and says what the answers must be

        Usage: nslab <COMMAND>

        Commands:
          test    Run every check of every lab, as test cases
          run     Run one lab, told step by step: each command, what it changed, what was seen
          why     Tell why one can't reach another: where the packet died, what killed it, and what mends it
          export  Print one lab as a shell script of `ip` commands
          grade   Grade what was handed in for an exercise
          shell   Work in a lab with your own shell; in an exercise, at its gap
          doctor  Tell whether this machine can run labs, what is missing, and the remedy
          help    Print this message or the help of the given subcommand(s)

        Options:
          -h, --help     Print help (see more with '--help')
          -V, --version  Print version

        Exit codes:
          0   all passed
          1   a check failed, or a lab stopped half-way
          2   wrong usage
          3   a lab is invalid
          4   nothing could be measured: this machine gives no sandbox
          70  a fault of nslab

        Begin with `nslab doctor`, which tells what this machine can do.
        ",
    );
}

#[test]
fn help_for_test() {
    Nslab::new(["test", "--help"])
        .without_sandbox()
        .stdout(
            "
            Run every check of every lab, as test cases

            Usage: nslab test [OPTIONS] [PATH]... [-- <LIBTEST FLAGS>...]

            Arguments:
              [PATH]...           Labs, and folders of labs [default: labs]
              [LIBTEST FLAGS]...  Flags of `cargo test`, such as a filter, --list, --exact, --skip or --test-threads

            Options:
                  --accept          Take each new text of a snapshot as the right one, and delete snapshots that no check asserts
                  --evidence <DIR>  Write a file below this folder for each diagnosis of a ping that failed, as `nslab why --evidence` does
                  --timeout <S>     Seconds that a lab may take [default: 60]
                  --patience <S>    Seconds that a command of a shell script may take before it gets a Ctrl-C [default: 3]
              -h, --help            Print help
              -V, --version         Print version

            Examples:
              nslab test                          every lab below labs/
              nslab test labs/cable               those of one subject
              nslab test -- 'cable/mask::'        the checks of one lab
              nslab test -- --list                the names of all checks
              nslab test --accept                 take what the snapshots show as right

            What this machine can't measure is ignored, with the reason;
            NSLAB_REQUIRE=1 makes it a failure.
            ",
        )
        .run();
}

#[test]
fn help_for_run() {
    Nslab::new(["run", "--help"])
        .without_sandbox()
        .stdout(
            "
            Run one lab, told step by step: each command, what it changed, what was seen

            Usage: nslab run [OPTIONS] <LAB>

            Arguments:
              <LAB>  The lab, a `.rhai` or `.sh` file

            Options:
                  --captures <DIR>  Write what is captured into this folder, for tcpdump and tshark
                  --timeout <S>     Seconds that a lab may take [default: 60]
                  --patience <S>    Seconds that a command of a shell script may take before it gets a Ctrl-C [default: 3]
              -h, --help            Print help
              -V, --version         Print version

            Examples:
              nslab run labs/cable/plug.rhai
              nslab run labs/bridge/capture.rhai --captures /tmp/seen
              nslab run tutorial.sh               commands of a shell, as they were pasted
            ",
        )
        .run();
}

#[test]
fn the_version() {
    Nslab::new(["--version"])
        .without_sandbox()
        .stdout(&format!("nslab {}\n", env!("CARGO_PKG_VERSION")))
        .run();
}

#[test]
fn a_misspelt_command() {
    is_misused(
        &["tset"],
        "
        error: unrecognized subcommand 'tset'

          tip: a similar subcommand exists: 'test'

        Usage: nslab <COMMAND>

        For more information, try '--help'.
        ",
    );
}

#[test]
fn a_misspelt_flag() {
    is_misused(
        &["test", "--acept"],
        "
        error: unexpected argument '--acept' found

          tip: a similar argument exists: '--accept'
          tip: to pass '--acept' as a value, use '-- --acept'

        Usage: nslab test --accept [PATH]... [-- <LIBTEST FLAGS>...]

        For more information, try '--help'.
        ",
    );
}

#[test]
fn a_deadline_that_is_none() {
    is_misused(
        &["test", "--timeout", "soon"],
        "
        error: invalid value 'soon' for '--timeout <S>': a number of seconds is wanted

        For more information, try '--help'.
        ",
    );
    for seconds in ["0", "1e9", "inf", "nan"] {
        is_misused(
            &["run", "--timeout", seconds, "labs/x/lab.rhai"],
            &format!(
                "
                error: invalid value '{seconds}' for '--timeout <S>': from 0.001 to 86400 seconds

                For more information, try '--help'.
                "
            ),
        );
    }
}

#[test]
fn run_without_a_lab() {
    is_misused(
        &["run"],
        "
        error: the following required arguments were not provided:
          <LAB>

        Usage: nslab run <LAB>

        For more information, try '--help'.
        ",
    );
}

#[test]
fn run_of_two_labs() {
    is_misused(
        &["run", "labs/a.rhai", "labs/b.rhai"],
        "
        error: unexpected argument 'labs/b.rhai' found

        Usage: nslab run [OPTIONS] <LAB>

        For more information, try '--help'.
        ",
    );
}

#[test]
fn run_of_a_folder() {
    Nslab::new(["run", "labs"])
        .without_sandbox()
        .folder("labs")
        .stderr(
            "
            error: `labs` is a folder
            hint: name one lab in it, or run them all with `nslab test labs`
            ",
        )
        .code(2)
        .run();
}

#[test]
fn a_missing_file() {
    is_misused(
        &["test", "labs/none.rhai"],
        "
        error: failed to read `labs/none.rhai`: No such file or directory
        ",
    );
    is_misused(
        &["run", "labs/none.rhai"],
        "
        error: failed to read `labs/none.rhai`: No such file or directory
        ",
    );
}

#[test]
fn a_folder_without_labs() {
    for path in ["labs", "labs/empty", "."] {
        Nslab::new(["test", path])
            .without_sandbox()
            .folder("labs/empty")
            .file("labs/solutions/answer.rhai", "netns(\"red\");\n")
            .file("labs/README.md", "Labs to come.\n")
            .stderr(&format!(
                "
                error: there is no lab below `{path}`
                hint: a lab is a file that ends in `.rhai` or `.sh`
                "
            ))
            .code(2)
            .run();
    }
}

#[test]
fn a_lab_asked_for_twice() {
    Nslab::new(["test", "labs/x/lab.rhai", "labs"])
        .without_sandbox()
        .file("labs/x/lab.rhai", "check(\"a\", true);\n")
        .stderr(
            "
            error: two test cases are named `x/lab::a`
            hint: a lab's name is its path below `labs`; ask for each file once, and for labs of the same name one at a time
            ",
        )
        .code(2)
        .run();
}

#[test]
fn flags_that_libtest_does_not_know() {
    is_misused(
        &["test", "--", "--nope"],
        "
        error: unexpected argument '--nope' found

          tip: a similar argument exists: '--ignored'

        Usage: nslab test -- --ignored [FILTER]

        For more information, try '--help'.
        ",
    );
    is_misused(
        &["test", "--", "one", "two"],
        "
        error: unexpected argument 'two' found

        Usage: nslab test -- [OPTIONS] [FILTER]

        For more information, try '--help'.
        ",
    );
}

#[test]
fn no_thread_to_test_with() {
    is_misused(
        &["test", "--", "--test-threads=0"],
        "
        error: --test-threads is at least 1
        ",
    );
}

#[test]
fn a_list_runs_nothing() {
    Nslab::new(["test", "--", "--list"])
        .without_sandbox()
        .file("labs/x/lab.rhai", "up(\"eth7\");\ncheck(\"a\", true);\nsnapshot(\"b\", links());\n")
        .file("labs/x/other.rhai", "hots();\n")
        .stdout(
            "
            x/lab::a: test
            x/lab::b: test
            x/other: test
            ",
        )
        .run();
}

#[test]
fn everything_passes() {
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", "check(\"a\", true);\n")
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
fn an_invalid_lab_is_graver_than_a_failed_check() {
    Nslab::test(NOTHING)
        .file("labs/x/failed.rhai", "check(\"a\", false);\n")
        .file("labs/x/invalid.rhai", "hots();\n")
        .stdout(
            "

            running 2 tests
            test x/failed::a ... FAILED
            test x/invalid   ... FAILED

            failures:

            ---- x/failed::a ----
            labs/x/failed.rhai:1:1: check `a` failed
               |
             1 | check(\"a\", false);
               | ^
            expected: true
            seen: false

            ---- x/invalid ----
            labs/x/invalid.rhai:1:1: there is no function `hots`
               |
             1 | hots();
               | ^
            hint: did you mean `host`?


            failures:
                x/failed::a
                x/invalid

            test result: FAILED. 0 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            ",
        )
        .code(3)
        .run();
}

/// A script that forbids user namespaces below its own.
const NO_SANDBOX: &str = "echo 0 > /proc/sys/user/max_user_namespaces";
/// And how to allow them for good.
const KEPT: &str = "to stay, in a terminal:

echo user.max_user_namespaces=15000 | sudo tee /etc/sysctl.d/60-nslab.conf
";

#[test]
fn a_machine_without_sandboxes_fails_where_labs_are_required() {
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", "check(\"a\", true);\n")
        .after(NO_SANDBOX)
        .env("NSLAB_REQUIRE", "1")
        .fails_as(
            "x/lab::a",
            "
            not measured: failed to create a user namespace: No space left on device (ENOSPC); allow user namespaces: `sudo sysctl -w user.max_user_namespaces=15000`
            NSLAB_REQUIRE=1 makes that a failure
            ",
        )
        .stderr(KEPT)
        .code(4)
        .run();
}

#[test]
fn run_on_a_machine_without_sandboxes() {
    Nslab::run_lab()
        .file("labs/x/lab.rhai", "check(\"a\", true);\n")
        .after(NO_SANDBOX)
        .stdout(
            "
            x/lab
            ",
        )
        .stderr(
            "
            error: failed to create a user namespace: No space left on device (ENOSPC)
            hint: allow user namespaces: `sudo sysctl -w user.max_user_namespaces=15000`

            to stay, in a terminal:

            echo user.max_user_namespaces=15000 | sudo tee /etc/sysctl.d/60-nslab.conf
            ",
        )
        .code(4)
        .run();
}

#[test]
fn a_machine_without_sandboxes_tells_why_nothing_is_measured() {
    Nslab::test(NOTHING)
        .file("labs/x/lab.rhai", "check(\"a\", true);\n")
        .after(NO_SANDBOX)
        .stdout(
            "

            running 1 test
            test x/lab::a ... ignored (not measured: failed to create a user namespace: No space left on device (ENOSPC); allow user namespaces: `sudo sysctl -w user.max_user_namespaces=15000`)

            test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in [TIME]

            ",
        )
        .stderr(KEPT)
        .code(4)
        .run();
}

#[test]
fn no_folder_of_labs() {
    is_misused(
        &["test"],
        "
        error: failed to read `labs`: No such file or directory
        hint: labs are looked for below `labs`, unless a path is given
        ",
    );
}

#[test]
fn a_missing_tool_fails_where_it_is_required() {
    Nslab::test(NOTHING)
        .after(NO_IP)
        .file("labs/x/lab.rhai", "check(\"before\", true);\ncheck(\"it shows\", exec(\"ip show\"));\n")
        .env("NSLAB_REQUIRE", "1")
        .stdout(
            "

            running 2 tests
            test x/lab::before   ... ok
            test x/lab::it shows ... FAILED

            failures:

            ---- x/lab::it shows ----
            not measured: `ip` (line 2) is not installed; install it: `apt-get install iproute2`
            NSLAB_REQUIRE=1 makes that a failure


            failures:
                x/lab::it shows

            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            ",
        )
        .code(1)
        .run();
}

#[test]
fn a_missing_tool_is_ignored_with_its_reason() {
    Nslab::test(NOTHING)
        .after(NO_IP)
        .file(
            "labs/x/lab.rhai",
            "check(\"before\", true);\ncheck(\"it shows\", exec(\"ip show\"));\n",
        )
        .stdout(
            "

            running 2 tests
            test x/lab::before   ... ok
            test x/lab::it shows ... ignored (not measured: `ip` (line 2) is not installed; install it: `apt-get install iproute2`)

            test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in [TIME]

            ",
        )
        .run();
}

#[test]
fn a_missing_tool_that_shows_while_the_lab_runs() {
    Nslab::test(NOTHING)
        .after(NO_IP)
        .file(
            "labs/x/lab.rhai",
            "let tool = \"ip\";\ncheck(\"before\", true);\ncheck(\"it shows\", exec(tool + \" show\"));\n",
        )
        .stdout(
            "

            running 2 tests
            test x/lab::before   ... ok
            test x/lab::it shows ... ignored (not measured: exec of \"ip\" failed: No such file or directory; install it: `apt-get install iproute2`)

            test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in [TIME]

            ",
        )
        .run();
}

#[test]
fn a_missing_tool_in_a_function_that_nobody_calls() {
    Nslab::test(NOTHING)
        .after(NO_IP)
        .file("labs/x/lab.rhai", "fn show() { exec(\"ip show\") }\ncheck(\"a\", true);\n")
        .stdout(
            "

            running 1 test
            test x/lab::a ... ok

            test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

            ",
        )
        .run();
}

/// A folder with labs, one of which is done when somebody has read a line
/// already.
fn slow() -> Scratch {
    let scratch = Scratch::new();
    scratch.write(
        "labs/x/lab.rhai",
        "note(\"begun\");\ncheck(\"a\", sh(\"sleep 0.3\"));\ncheck(\"b\", true);\n",
    );
    scratch.write("labs/x/quick.rhai", "check(\"a\", true);\n");
    scratch
}

#[test]
fn a_pipe_that_is_closed_ends_it_without_a_word() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    for arguments in [&["test"][..], &["run", "labs/x/lab.rhai"]] {
        let scratch = slow();
        let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
        command.args(arguments).current_dir(scratch.path()).stdin(Stdio::null());
        forget_others(&mut command);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("nslab starts");
        let mut first = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut first).expect("a first line");
        let status = wait(&mut child, Instant::now() + Duration::from_secs(100)).expect("it ends");
        let mut stderr = String::new();
        child.stderr.take().expect("it is piped").read_to_string(&mut stderr).expect("text");
        let sigpipe = format!("signal {}", libc::SIGPIPE);
        assert_eq!((ending(status), stderr.as_str()), (sigpipe, ""), "{arguments:?} after {first:?}");
    }
}

#[test]
fn head_takes_the_first_line() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    for (typed, first) in [("test", "\n"), ("run labs/x/lab.rhai", "x/lab\n")] {
        let scratch = slow();
        let mut command = Command::new("sh");
        let pipeline = format!("\"$0\" {typed} | head -1");
        command.args(["-c", &pipeline, env!("CARGO_BIN_EXE_nslab")]).current_dir(scratch.path());
        forget_others(&mut command);
        let output = output(command);
        let printed = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!((printed.0.as_ref(), printed.1.as_ref()), (first, ""), "nslab {typed} | head -1");
        assert_eq!(ending(output.status), "code 0");
    }
}

#[test]
fn no_room_for_what_is_printed() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    let scratch = Scratch::new();
    scratch.write("labs/x/lab.rhai", "check(\"a\", true);\n");
    scratch.write("labs/x/other.rhai", "check(\"b\", true);\n");
    for (arguments, what) in [
        (&["test"][..], "the results"),
        (&["test", "labs/x/lab.rhai"], "the results"),
        (&["run", "labs/x/lab.rhai"], "what happened"),
        (&["export", "labs/x/lab.rhai"], "the script"),
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
        let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
        command.args(arguments).current_dir(scratch.path()).stdout(full).stdin(Stdio::null());
        forget_others(&mut command);
        let output = command.stderr(Stdio::piped()).spawn().and_then(|child| child.wait_with_output());
        let output = output.expect("nslab runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            said,
            format!("error: failed to print {what}: No space left on device\n"),
            "{arguments:?}"
        );
        assert_eq!(ending(output.status), "code 1", "{arguments:?}");
    }
}
