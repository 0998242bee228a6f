//! `nslab shell`: somebody works in a lab.

use crate::measured::{lacking, skip};
use crate::support::{Scratch, forget_others, sandbox_lack, wait};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const EXERCISE: &str = r#"//! Give lo of red the address {lan}.1.
let red = netns("red");
let lan = pick("lan", ["10.0.1", "10.0.2"]);
step("Before");
step("After");
red.up("lo");
submission("solutions/way.rhai");
check("it answers", ping(red, `${lan}.1`), #{points: 3, hint: "an address has a mask"});
"#;

fn scratch() -> Option<Scratch> {
    let lack = sandbox_lack().map(String::from);
    if let Some(lack) = lack.or_else(|| lacking(&["bash", "ip", "setsid"])) {
        skip(lack);
        return None;
    }
    let scratch = Scratch::new();
    scratch.write("labs/x/lab.rhai", EXERCISE);
    scratch.write("labs/x/solutions/way.rhai", "red.addr_add(\"lo\", \"{lan}.1/24\");\n");
    Some(scratch)
}

fn shell(scratch: &Scratch, arguments: &[&str]) -> Command {
    shell_of("/bin/bash", scratch, arguments)
}

fn shell_of(own: &str, scratch: &Scratch, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    forget_others(&mut command);
    command.args(["shell", "labs/x/lab.rhai"]).args(arguments).current_dir(scratch.path());
    command.env("SHELL", own).env("TERM", "dumb");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Types something, and gives all that is printed.
fn type_in(scratch: &Scratch, arguments: &[&str], keys: &str) -> String {
    type_in_to(shell(scratch, arguments), keys)
}

fn type_in_to(mut shell: Command, keys: &str) -> String {
    let mut child = shell.spawn().expect("nslab starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(keys.as_bytes()).expect("it is typed");
    drop(stdin);
    let output = child.wait_with_output().expect("nslab ends");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).replace('\r', "")
}

#[track_caller]
fn says(text: &str, wanted: &str) {
    assert!(text.contains(wanted), "{wanted:?} is not in:\n{text}");
}

#[test]
fn what_is_typed_is_checked_and_written_down() {
    let Some(scratch) = scratch() else { return };
    let said = type_in(
        &scratch,
        &[],
        "check\nip netns exec red bash\nip addr add 10.0.1.1/24 dev lo\nexit\ncheck\nsubmit way.sh\nexit\n",
    );
    says(&said, "Give lo of red the address 10.0.1.1.\n");
    says(&said, "you: 0 of 3 points\n");
    says(&said, "hint: an address has a mask\n");
    says(&said, "you: 3 of 3 points\n");
    says(&said, "1 line is in way.sh\n");
    let written = scratch.read("way.sh").expect("the submission is there");
    assert_eq!(written, "ip netns exec red bash -c 'ip addr add 10.0.1.1/24 dev lo'\n");
}

/// A user of another shell gets bash, in which typed commands can be reported.
#[test]
fn each_shell_tells_what_is_typed() {
    let Some(scratch) = scratch() else { return };
    for (own, within) in [("zsh", "zsh"), ("fish", "fish"), ("sh", "bash")] {
        let Ok(path) = which::which(own) else {
            skip(format!("there is no {own}"));
            continue;
        };
        let keys = format!(
            "ip netns exec red {within}\nip addr add '10.0.1.1'/24 dev lo\nexit\ncheck\nsubmit {own}.sh\nexit\n"
        );
        let said = type_in_to(shell_of(&path.display().to_string(), &scratch, &[]), &keys);
        says(&said, "you: 3 of 3 points\n");
        let written = scratch.read(&format!("{own}.sh")).expect("the submission is there");
        let quoted = r"'\''10.0.1.1'\''";
        assert_eq!(written, format!("ip netns exec red bash -c 'ip addr add {quoted}/24 dev lo'\n"), "{own}");
    }
}

#[test]
fn why_knows_what_was_typed() {
    let Some(scratch) = scratch() else { return };
    let said =
        type_in(&scratch, &[], "ip -n red link set lo down\nwhy red 127.0.0.1\nwhy\nwhy rde 1.1.1.1\nexit\n");
    says(&said, "red can't reach 127.0.0.1: ");
    says(&said, "(nslab why --explain loopback-down)");
    says(&said, "write `why FROM TO`, as `why red 10.0.0.2`\n");
    says(&said, "hint: it has `red`, and the host's: `host`\n");
}

#[test]
fn it_begins_where_it_is_told_to() {
    let Some(scratch) = scratch() else { return };
    let said = type_in(&scratch, &["--at", "before", "--in", "red"], "ip -br link show lo\nexit\n");
    says(&said, "lab:red# ");
    says(&said, "lo               DOWN");
    let said = type_in(&scratch, &["--at", "2", "--in", "red"], "ip -br link show lo\nexit\n");
    says(&said, "lo               UNKNOWN");
    let said = type_in(&scratch, &["--at", "nowhere"], "exit\n");
    says(
        &said,
        "error: labs/x/lab.rhai: the lab has no step `nowhere`\nhint: its steps are 1 `Before`, 2 `After`\n",
    );
    let said = type_in(&scratch, &["--in", "blue"], "exit\n");
    says(&said, "there is no namespace `blue`\n");
    says(&said, "hint: there are host, red\n");
}

#[test]
fn nothing_is_left_of_a_shell_that_is_killed() {
    let Some(scratch) = scratch() else { return };
    let mut child = shell(&scratch, &[]).spawn().expect("nslab starts");
    let stdin = child.stdin.as_mut().expect("it is piped");
    let mark = format!("3600.{}", std::process::id());
    stdin.write_all(format!("sleep {mark} & sleep {mark}\n").as_bytes()).expect("it is typed");
    let sleepers = || {
        let all = fs::read_dir("/proc").expect("it can be read").flatten();
        all.filter(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line) == format!("sleep\0{mark}\0")
        })
        .count()
    };
    let until = Instant::now() + Duration::from_secs(60);
    while sleepers() < 2 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(sleepers(), 2);
    child.kill().expect("it can be killed");
    wait(&mut child, until).expect("it ends");
    while sleepers() > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(sleepers(), 0);
}
