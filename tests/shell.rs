//! Shell labs: the commands that bash runs, reported one by one.

use crate::measured::{lacking, skip};
use crate::support::{Nslab, Scratch, forget_others, output, sandbox_lack, unindent};
use std::process::Command;

/// `nslab run labs/x/lab.sh`, a script set in as the code around it.
fn run_shell(script: &str) -> Nslab {
    Nslab::new(["run", "labs/x/lab.sh"]).file("labs/x/lab.sh", unindent(script))
}

/// `nslab test` of the same.
fn test_shell(script: &str) -> Nslab {
    Nslab::test(["labs"]).file("labs/x/lab.sh", unindent(script))
}

/// Returns the output of `nslab run` for a script; nothing if there is no sandbox.
fn told(script: &str, arguments: &[&str]) -> Option<String> {
    if let Some(lack) = sandbox_lack() {
        skip(lack);
        return None;
    }
    let scratch = Scratch::new();
    scratch.write("lab.sh", unindent(script));
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.args(["run", "lab.sh"]).args(arguments).current_dir(scratch.path());
    forget_others(&mut command);
    let output = output(command);
    Some(
        String::from_utf8_lossy(&output.stdout).into_owned()
            + String::from_utf8_lossy(&output.stderr).as_ref(),
    )
}

#[test]
fn commands_are_told_with_what_they_print_and_change() {
    run_shell(
        r#"
        #!/bin/bash
        # Two rooms
        ip netns add red
        ip netns add red
        ip -n red link set lo up

        echo out; echo err >&2
        ip netns exec red cat /proc/sys/net/ipv4/ip_forward
        ip -n red addr add 10.0.0.1/24 dev lo
        ip netns delete red
        "#,
    )
    .stdout(
        r#"
        x/lab

          # Two rooms
          $ ip netns add red
              red: a namespace, with `lo` alone
          $ ip netns add red
            Cannot create namespace file "/run/netns/red": File exists
            labs/x/lab.sh:4:1: exit code 1
          $ ip -n red link set lo up
              red: ~ lo: state DOWN → UNKNOWN
              red: + inet 127.0.0.1/8 scope host lo
              red: + inet6 ::1/128 scope host lo
          $ echo out
            out
          $ echo err >&2
            err
          $ ip netns exec red cat /proc/sys/net/ipv4/ip_forward
            0
          $ ip -n red addr add 10.0.0.1/24 dev lo
              red: + inet 10.0.0.1/24 scope global lo
          $ ip netns delete red
              red: gone

        what did not work
          labs/x/lab.sh:4:1: ip netns add red

        1 passed
        "#,
    )
    .needs(&["ip"])
    .run();
}

#[test]
fn what_people_paste_runs() {
    run_shell(
        r#"
        ```bash
        $ sudo ip netns add red
        ❯ sudo -E ip netns list
        ```
        root@host:~# echo one
        [me@host ~]$ echo two
        # 남은 것
        ip netns exec red true (작동함)
        ip netns exec red true   # 작동함
        echo "$ stays" '
        $ stays'
        cat <<EOF
        $ stays
        EOF
        iptable -L
        echo `echo three`
        "#,
    )
    .stdout(
        r#"
        x/lab

          $ sudo ip netns add red
              red: a namespace, with `lo` alone
          $ sudo -E ip netns list
            red
          $ echo one
            one
          $ echo two
            two
          # 남은 것
          $ ip netns exec red true (작동함)
            labs/x/lab.sh: line 8: syntax error near unexpected token `('
            labs/x/lab.sh: line 8: `ip netns exec red true (작동함)'
            labs/x/lab.sh:8:1: exit code 2
          $ ip netns exec red true
          $ echo "$ stays" '
          $ stays'
            $ stays
            $ stays
          $ cat <<EOF
            $ stays
          $ iptable -L
            labs/x/lab.sh: line 15: iptable: command not found
            labs/x/lab.sh:15:1: exit code 127
          $ echo `echo three`
            three

        what did not work
          labs/x/lab.sh:8:1: ip netns exec red true (작동함)
          labs/x/lab.sh:15:1: iptable -L

        1 passed
        "#,
    )
    .needs(&["ip"])
    .run();
}

#[test]
fn a_line_that_bash_can_not_parse_fails_alone() {
    run_shell(
        r#"
        for name in red blue; do
            ip netns add $name
            echo (made)
        done
        echo it's open
        if true; then
            echo in it
        ip netns
        echo a \
            (b)
        fi fi
        echo last
        "#,
    )
    .stdout(
        r#"
        x/lab

          $ ip netns add $name
              red: a namespace, with `lo` alone
          $ echo (made)
            labs/x/lab.sh: line 3: syntax error near unexpected token `made'
            labs/x/lab.sh: line 3: `    echo (made)'
            labs/x/lab.sh:3:5: exit code 2
          $ ip netns add $name
              blue: a namespace, with `lo` alone
          $ echo (made)
            labs/x/lab.sh: line 3: syntax error near unexpected token `made'
            labs/x/lab.sh: line 3: `    echo (made)'
            labs/x/lab.sh:3:5: exit code 2
          $ echo it's open
            labs/x/lab.sh: line 5: unexpected EOF while looking for matching `''
            labs/x/lab.sh:5:1: exit code 2
          $ if true; then
            labs/x/lab.sh: line 13: syntax error: unexpected end of file
            labs/x/lab.sh:6:1: exit code 2
          $ echo in it
            in it
          $ ip netns
            blue
            red
          $ echo a \
              (b)
            labs/x/lab.sh: line 10: syntax error near unexpected token `('
            labs/x/lab.sh: line 10: `    (b)'
            labs/x/lab.sh:9:1: exit code 2
          $ fi fi
            labs/x/lab.sh: line 11: syntax error near unexpected token `fi'
            labs/x/lab.sh: line 11: `fi fi'
            labs/x/lab.sh:11:1: exit code 2
          $ echo last
            last

        what did not work
          labs/x/lab.sh:3:5: echo (made)
          labs/x/lab.sh:3:5: echo (made)
          labs/x/lab.sh:5:1: echo it's open
          labs/x/lab.sh:6:1: if true; then
          labs/x/lab.sh:9:1: echo a \
              (b)
          labs/x/lab.sh:11:1: fi fi

        1 passed
        "#,
    )
    .needs(&["ip"])
    .run();
}

#[test]
fn what_never_ends_is_interrupted() {
    Nslab::new(["run", "labs/x/lab.sh", "--patience", "1"])
        .file(
            "labs/x/lab.sh",
            "ip netns add red\n\
             sleep 1000\n\
             ip netns monitor\n\
             sleep 1000 | sleep 1000\n\
             x=$(sleep 1000; echo 1)\n\
             ( sleep 1000; echo after )\n\
             sleep 1000 &\n\
             wait\n\
             { sh -c 'trap \"\" INT TERM; echo stubborn; while :; do sleep 0.1; done'; } 2> /dev/null\n\
             exec sleep 1000\n",
        )
        .stdout(
            r#"
            x/lab

              $ ip netns add red
                  red: a namespace, with `lo` alone
              $ sleep 1000
                interrupted, as with Ctrl-C, after 1 s; `--patience` gives it longer
                labs/x/lab.sh:2:1: exit code 130
              $ ip netns monitor
                interrupted, as with Ctrl-C, after 1 s; `--patience` gives it longer
                labs/x/lab.sh:3:1: exit code 130
              $ sleep 1000 | sleep 1000
                interrupted, as with Ctrl-C, after 1 s; `--patience` gives it longer
                labs/x/lab.sh:4:1: exit code 130
              $ x=$(sleep 1000; echo 1)
                interrupted, as with Ctrl-C, after 1 s; `--patience` gives it longer
                labs/x/lab.sh:5:1: exit code 130
              $ sleep 1000
                interrupted, as with Ctrl-C, after 1 s; `--patience` gives it longer
                labs/x/lab.sh:6:3: exit code 130
              $ echo after
                after
              $ sleep 1000 &
              $ wait
                interrupted, as with Ctrl-C, after 1 s; `--patience` gives it longer
                labs/x/lab.sh:8:1: exit code 130
              $ sh -c 'trap "" INT TERM; echo stubborn; while :; do sleep 0.1; done'
                stubborn
                killed, as it took no notice of Ctrl-C, after 1 s; `--patience` gives it longer
                labs/x/lab.sh:9:3: exit code 137
              $ exec sleep 1000
                interrupted, as with Ctrl-C, after 1 s; `--patience` gives it longer
                labs/x/lab.sh:10:1: exit code 130

            1 passed
            "#,
        )
        .needs(&["ip"])
        .run();
}

#[test]
fn prompts_of_lines_that_go_on_are_left_out() {
    run_shell(
        r#"
        $ for name in red blue; do
        >   ip netns add $name
        > done
        $ echo a \
        > b
        $ cat <<EOF > file
        > one
        >  two
        > EOF
        $ cat file
        dquote> none
        $ echo "x
        dquote> y" |
        pipe> nope
        $ cat <<EOF
        > a quote
        and an answer
        EOF
        > file
        "#,
    )
    .stdout(
        r#"
        x/lab

          $ ip netns add $name
              red: a namespace, with `lo` alone
          $ ip netns add $name
              blue: a namespace, with `lo` alone
          $ echo a \
          b
            a b
          $ cat <<EOF > file
          $ cat file
            one
             two
          $ dquote> none
            labs/x/lab.sh: line 11: dquote: command not found
            labs/x/lab.sh:11:1: exit code 127
          $ echo "x
          y" |
          nope
            labs/x/lab.sh: line 14: nope: command not found
            labs/x/lab.sh:12:3: exit code 127
          $ cat <<EOF
            > a quote
            and an answer
          $ > file

        what did not work
          labs/x/lab.sh:11:1: dquote> none
          labs/x/lab.sh:12:3: echo "x
          y" |
          nope

        1 passed
        "#,
    )
    .needs(&["ip"])
    .run();
}

#[test]
fn a_command_has_its_place_behind_such_a_prompt() {
    run_shell("$ for n in 1; do\n> nope; nope2\n>   nope3\n> done\n")
        .stdout(
            r#"
            x/lab

              $ nope
                labs/x/lab.sh: line 2: nope: command not found
                labs/x/lab.sh:2:3: exit code 127
              $ nope2
                labs/x/lab.sh: line 2: nope2: command not found
                labs/x/lab.sh:2:9: exit code 127
              $ nope3
                labs/x/lab.sh: line 3: nope3: command not found
                labs/x/lab.sh:3:5: exit code 127

            what did not work
              labs/x/lab.sh:2:3: nope
              labs/x/lab.sh:2:9: nope2
              labs/x/lab.sh:3:5: nope3

            1 passed
            "#,
        )
        .run();
}

#[test]
fn a_here_document_that_is_not_closed_fails_alone() {
    run_shell(
        r#"
        cat <<EOF
        nearly
         EOF
        echo one
        if true; then
            cat <<END > file
            echo two
        fi
        $ cat <<LAST
        three
        $ echo four
        "#,
    )
    .stdout(
        r#"
        x/lab

          $ cat <<EOF
          nearly
           EOF
            labs/x/lab.sh: line 11: warning: here-document at line 1 delimited by end-of-file (wanted `EOF')
            labs/x/lab.sh:1:1: exit code 2
          $ echo one
            one
          $ true
          $ cat <<END > file
            labs/x/lab.sh: line 11: warning: here-document at line 6 delimited by end-of-file (wanted `END')
            labs/x/lab.sh:6:5: exit code 2
          $ echo two
            two
          $ cat <<LAST
          three
            labs/x/lab.sh: line 11: warning: here-document at line 9 delimited by end-of-file (wanted `LAST')
            labs/x/lab.sh:9:3: exit code 2
          $ echo four
            four

        what did not work
          labs/x/lab.sh:1:1: cat <<EOF
          nearly
           EOF
          labs/x/lab.sh:6:5: cat <<END > file
          labs/x/lab.sh:9:3: cat <<LAST
          three

        1 passed
        "#,
    )
    .run();
}

#[test]
fn the_answer_of_a_condition_is_no_failure() {
    run_shell(
        r#"
        there() { ip link show "$1"; }
        if there red0; then echo never; elif ip link show red1; then echo never; fi
        until ip link show red0; do ip link add red0 address 02:00:00:00:00:01 type bridge; done > /dev/null
        ip link show nope || ip link show nope2
        ! there lo > /dev/null
        if nope; then echo never; else true; fi
        ip link show nope3 && echo never
        { ip link show nope4; ip link show nope5; } || true
        there nope6
        ip netns list | grep -q nope7 && echo never
        grep -q nope8 /dev/null | nope9
        "#,
    )
    .stdout(
        r#"
        x/lab

          $ there red0
          $ ip link show "$1"
            Device "red0" does not exist.
            labs/x/lab.sh:1:11: exit code 1
          $ ip link show red1
            Device "red1" does not exist.
          $ ip link show red0
            Device "red0" does not exist.
            labs/x/lab.sh:3:7: exit code 1
          $ ip link add red0 address 02:00:00:00:00:01 type bridge
              host: + red0: mtu 1500 state DOWN bridge 02:00:00:00:00:01
          $ ip link show red0
          $ ip link show nope
            Device "nope" does not exist.
            labs/x/lab.sh:4:1: exit code 1
          $ ip link show nope2
            Device "nope2" does not exist.
            labs/x/lab.sh:4:22: exit code 1
          $ there lo > /dev/null
          $ ip link show "$1"
            labs/x/lab.sh:1:11: exit code 1
          $ nope
            labs/x/lab.sh: line 6: nope: command not found
            labs/x/lab.sh:6:4: exit code 127
          $ true
          $ ip link show nope3
            Device "nope3" does not exist.
            labs/x/lab.sh:7:1: exit code 1
          $ ip link show nope4
            Device "nope4" does not exist.
            labs/x/lab.sh:8:3: exit code 1
          $ ip link show nope5
            Device "nope5" does not exist.
            labs/x/lab.sh:8:23: exit code 1
          $ true
          $ there nope6
          $ ip link show "$1"
            Device "nope6" does not exist.
            labs/x/lab.sh:1:11: exit code 1
          $ ip netns list | grep -q nope7
            labs/x/lab.sh:10:1: exit code 1
          $ grep -q nope8 /dev/null | nope9
            labs/x/lab.sh: line 11: nope9: command not found
            labs/x/lab.sh:11:1: exit code 127

        what did not work
          labs/x/lab.sh:4:22: ip link show nope2
          labs/x/lab.sh:6:4: nope
          labs/x/lab.sh:7:1: ip link show nope3
          labs/x/lab.sh:1:11: ip link show "$1"
          labs/x/lab.sh:11:1: grep -q nope8 /dev/null | nope9

        1 passed
        "#,
    )
    .needs(&["ip"])
    .run();
}

#[test]
fn what_runs_in_the_background_is_told_with_its_sign() {
    run_shell("sleep 1000 & sleep 1001|cat&\necho a # &\n{ sleep 1000; } &\n")
        .stdout(
            r#"
            x/lab

              $ sleep 1000 &
              $ sleep 1001|cat &
              $ echo a
                a

            1 passed
            "#,
        )
        .run();
}

#[test]
fn a_script_that_asks_for_it_ends_at_the_first_failure() {
    test_shell(
        r#"
        set -e
        ip netns add red
        false || true
        if false; then true; fi
        ip -n red link set nope up
        echo never
        "#,
    )
    .fails(
        r#"
        labs/x/lab.sh:5:1: Cannot find device "nope" (exit code 1)
           |
         5 | ip -n red link set nope up
           | ^
        command: ip -n red link set nope up
        hint: the script asks with `set -e` to end at the first command that fails; `|| true` behind one forgives it
        "#,
    )
    .needs(&["ip"]).run();
}

#[test]
fn a_script_that_leaves_with_a_code() {
    test_shell(
        r#"
        trap 'echo bye; true' EXIT
        if ! ip link show nope; then
            exit 3
        fi
        "#,
    )
    .fails(
        r#"
        labs/x/lab.sh:3:5: the script left with exit code 3
           |
         3 |     exit 3
           |     ^
        command: exit 3
        "#,
    )
    .run();
}

/// A script passes: it comes to bash's end.
#[track_caller]
fn passes(script: &str) {
    test_shell(script)
        .stdout(
            "

running 1 test
test x/lab ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

",
        )
        .run();
}

#[test]
fn a_script_that_comes_to_its_end_passes() {
    passes("false");
    passes("exit");
    passes("echo a\nexit 0\nfalse");
    passes("trap 'false' EXIT\ntrue");
    passes("cat <<EOF\nno end");
    passes("echo a \\");
    passes("nope | nope; (nope)");
    passes("set -e; true");
    passes("while read -r line; do echo \"$line\"; done; cat; read x");
    passes("echo a\r\nif true; then\r\n  echo b\r\nfi\r\n[ \"$(echo c)\" = c ] || exit 1\r\n");
}

#[test]
fn a_script_that_kills_its_shell() {
    test_shell("echo a\nkill -TERM $$\necho b\n")
        .fails(
            r#"
            labs/x/lab.sh:2:1: bash was killed by SIGTERM before it came to the end of the script
               |
             2 | kill -TERM $$
               | ^
            command: kill -TERM $$
            "#,
        )
        .run();
}

#[test]
fn a_variable_that_is_not_set() {
    test_shell("set -u\necho a\necho $nope\necho b\n")
        .fails(
            r#"
            labs/x/lab.sh:3:1: labs/x/lab.sh: line 3: nope: unbound variable (exit code 1)
               |
             3 | echo $nope
               | ^
            command: echo $nope
            "#,
        )
        .run();
}

#[test]
fn a_script_past_the_deadline() {
    Nslab::test(["labs", "--timeout", "0.5"])
        .file("labs/x/lab.sh", "echo a\nx=$(while true; do true; done)\n")
        .fails(
            r#"
            labs/x/lab.sh:2:1: the lab was not done after 0.5 s
               |
             2 | x=$(while true; do true; done)
               | ^
            hint: give it longer with `--timeout`, or look for what does not end
            "#,
        )
        .run();
}

#[test]
fn a_script_without_a_command() {
    for empty in ["", "# only this\n", "#!/bin/bash\n"] {
        Nslab::test(["labs"])
            .file("labs/x/lab.sh", empty)
            .invalid(&format!(
                "
                labs/x/lab.sh:1:1: the lab is empty{}
                hint: a lab has at least one command, as `ip netns add red`
                ",
                match empty.lines().next() {
                    None => String::new(),
                    Some(line) =>
                        format!("\n                   |\n                 1 | {line}\n                   | ^"),
                }
            ))
            .run();
    }
}

#[test]
fn a_script_that_is_no_text() {
    Nslab::test(["labs"])
        .file("labs/x/lab.sh", b"echo a\necho \xff\n")
        .invalid(
            r#"
            labs/x/lab.sh:2:6: the lab is not UTF-8 text
            hint: save it as UTF-8
            "#,
        )
        .run();
}

/// Runs a script that writes to `log` in bash and in nslab: both logs have to be the
/// same.
#[test]
fn bash_runs_it_as_it_always_does() {
    let script = r#"
        exec 3> log
        say() { echo "$@" >&3; }
        say "0=$0 #=$# @=$@ line=$LINENO"
        false; say "status $?"
        true one two; say "last $_"
        f() { local x=$1; say "in ${FUNCNAME[0]} at $LINENO from ${BASH_LINENO[0]}"; return "$x"; }
        f 3; say "returned $?"
        f 0 && say and || say or
        for i in 1 2 3; do [ $i = 2 ] && continue; say "round $i"; done
        i=0; while [ $((i++)) -lt 2 ]; do say "while $i"; done
        case abc in a*) say case ;; *) say other ;; esac
        say "$(echo inner; exit 4) $?"
        x=$(exit 5); say "captured $?"
        (exit 6); say "subshell $?"
        ( x=1; say "level $BASH_SUBSHELL" ); say "x=$x"
        echo a b c | { read -r a b; say "read $a, $b"; }
        false | true; say "pipe ${PIPESTATUS[*]}"
        ! true; say "not $?"
        cat <<EOF >&3
        here $x \$x
        EOF
        cat <<'EOF' >&3
        $ here $x
        EOF
        say "over
        lines" 'and
        more'
        say one \
            two
        eval 'say eval $LINENO'
        trap 'say "err $? at $LINENO"' ERR
        false
        trap - ERR
        false
        trap 'say "usr1"' USR1
        kill -USR1 $$
        trap 'say "debug $BASH_COMMAND"' DEBUG
        true a
        say b
        trap - DEBUG
        true c
        g() { trap 'say returned' RETURN; true; }
        array=(1 "2 3" 4); say "${#array[@]} ${array[1]}"
        [[ abc =~ b(.) ]] && say "match ${BASH_REMATCH[1]}"
        set -x; true traced; set +x
        say "options ${-//T/}"
        sleep 0.01 & wait $!; say "waited $?"
        say "background ${!:+known}"
        mapfile -t lines < <(printf 'a\nb\n'); say "lines ${lines[*]}"
        say "${BASH_SOURCE[0]}"
        shopt -s extglob
        [[ abc == !(x) ]] && say extglob
        exec 4<<< "string"; read -r -u 4 word; say "$word"
        source ./beside.sh arg; say "sourced $?"
        readonly r=1; say "$(declare -p r)"
        printf -v v '%03d' 7; say "$v"
        set -- p q; say "$1 $2 $#"; shift; say "$1"
        trap 'say "exit $?"; cat log' EXIT
        (set -e; false; say never); say "inner set -e $?"
        set -u; (say "$unset"); say "unbound $?"
        REPLY=kept; true; say "REPLY $REPLY"
        exit 0
        "#;
    let beside = "say \"beside ${BASH_SOURCE[0]} $1 $LINENO ${#BASH_SOURCE[@]}\"\nreturn 9\n";
    let Some(log) = log_of(script, beside) else { return };
    let scratch = Scratch::new();
    scratch.write("lab.sh", unindent(script));
    scratch.write("beside.sh", beside);
    let mut bash = Command::new("bash");
    bash.arg("lab.sh").current_dir(scratch.path()).env("LANG", "C.UTF-8");
    output(bash);
    let plain = scratch.read("log").expect("bash writes the log");
    assert!(plain.lines().count() > 60, "{plain}");
    pretty_assertions::assert_eq!(log, plain);
}

/// Returns a script's `log`, which it prints at its end.
fn log_of(script: &str, beside: &str) -> Option<String> {
    if let Some(lack) = sandbox_lack() {
        skip(lack);
        return None;
    }
    let scratch = Scratch::new();
    scratch.write("lab.sh", unindent(script));
    scratch.write("beside.sh", beside);
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.args(["run", "lab.sh"]).current_dir(scratch.path());
    forget_others(&mut command);
    let told = String::from_utf8_lossy(&output(command).stdout).into_owned();
    let (_, log) = told.split_once("  $ cat log\n")?;
    let lines = log.lines().take_while(|line| line.starts_with("    "));
    Some(lines.map(|line| format!("{}\n", &line[4..])).collect())
}

#[test]
fn what_is_printed_without_end_is_not_kept() {
    let Some(told) = told(
        "yes $(printf %079d) | head -c 200000000\necho after\n",
        &["--patience", "90", "--timeout", "90"],
    ) else {
        return;
    };
    assert!(told.len() < 1_000_000, "{}", told.len());
    assert!(told.contains("more bytes are left out]"));
    assert!(told.ends_with("  $ echo after\n    after\n\n1 passed\n"));
}

#[test]
fn files_beside_it_come_along() {
    Nslab::new(["run", "labs/x/lab.sh"])
        .file("labs/x/lab.sh", "source \"$(dirname \"$0\")/common.sh\"\nroom red\n")
        .file("labs/x/common.sh", "room() {\n  ip netns add \"$1\"\n  nope\n}\n")
        .stdout(
            r#"
            x/lab

              $ source "$(dirname "$0")/common.sh"
              $ room red
              $ ip netns add "$1"
                  red: a namespace, with `lo` alone
              $ nope
                labs/x/common.sh: line 3: nope: command not found
                labs/x/common.sh:3:1: exit code 127

            what did not work
              labs/x/common.sh:3:1: nope

            1 passed
            "#,
        )
        .needs(&["ip"])
        .run();
}

#[test]
fn a_machine_without_bash_can_not_tell() {
    test_shell("echo a")
        .after("for bash in /bin/bash /usr/bin/bash /usr/local/bin/bash; do [ ! -e $bash ] || mount --bind /dev/null $bash; done")
        .stdout(
            "

running 1 test
test x/lab ... ignored (not measured: `bash` is not installed; install it: `apt-get install bash`)

test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in [TIME]

",
        )
        .run();
}

#[test]
fn a_ping_without_end_that_nobody_answers_did_not_work() {
    let script = "ip link add name a type veth peer name b\nip addr add 10.0.0.1/24 dev a\nip link set dev a up\n\
                  ip link set dev b up\nping 10.0.0.9\n";
    if let Some(lack) = lacking(&["ip", "ping"]) {
        return skip(lack);
    }
    let Some(told) = told(script, &["--patience", "1"]) else { return };
    assert!(told.contains("what did not work\n  lab.sh:5:1: ping 10.0.0.9\n"), "{told}");
}
