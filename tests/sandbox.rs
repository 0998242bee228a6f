//! Things that a lab can see and do inside its sandbox, and things that it can't.

use crate::measured::skip;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Runs a lab, and gives what `nslab test` printed. `None`, said aloud, where
/// this machine gives no sandbox.
fn test(name: &str, lab: &str) -> Option<Output> {
    let folder = Folder::new(name);
    let file = folder.0.join("lab.rhai");
    fs::write(&file, lab).expect("the lab is written");
    let output = nslab().arg("test").arg(&file).output().expect("nslab starts");
    if output.status.code() == Some(4) {
        skip(shown(&output));
        return None;
    }
    Some(output)
}

/// Runs a lab all of whose checks must pass.
#[track_caller]
fn passes(name: &str, lab: &str) {
    if let Some(output) = test(name, lab) {
        assert!(output.status.success(), "{}", shown(&output));
        // Checks whose tool is missing are reported, and the rest counts.
        let shown = shown(&output);
        let lacks: Vec<&str> = shown.lines().filter(|line| line.contains("not measured")).collect();
        match lacks[..] {
            [] => assert!(!shown.contains(" 0 passed"), "{shown}"),
            _ => skip(lacks.join("\n")),
        }
    }
}

fn nslab() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    // Whether a tool is there decides what a lab can measure, not these tests.
    command.env_remove("NEXTEST").env_remove("NSLAB_REQUIRE");
    command
}

fn shown(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nslab-test-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for the lab");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_host_has_lo_up_and_a_namespace_has_it_down() {
    passes(
        "lo",
        r#"let red = netns("red");
           check("the host's", ping("127.0.0.1") == true && links()[0].state == "UNKNOWN");
           check("red's", links(red)[0].state == "DOWN" && links(red).len() == 1);"#,
    );
}

#[test]
fn ip_netns_works_inside() {
    passes(
        "netns",
        r#"let red = netns("red");
           check("none yet", true);
           check("listed", exec("ip netns list").stdout == "red\n");
           check("entered", exec("ip netns exec red ip -o link").stdout.split("\n")[0].contains("lo"));
           sh("ip netns add blue");
           check("found", "blue" in netns_list());
           check("its links", links(netns_list()[0]).len() == 1);
           delete(red);
           check("gone", exec("ip netns list").stdout == "blue\n");"#,
    );
}

#[test]
fn what_a_deleted_namespace_held_is_gone_at_once() {
    passes(
        "deleted",
        r#"let keeper = netns("keeper");
           for round in 0..20 {
               let red = netns(`red${round}`);
               veth(keeper, `k${round}`, red, "far");
               exec(red, "true");
               delete(red);
               check("the other end is gone", links(keeper).len() == 1);
           }
           let held = netns("held");
           veth(keeper, "k", held, "far");
           start(held, "sleep 30");
           delete(held);
           check("who is in it keeps it", links(keeper).len() == 2);"#,
    );
}

#[test]
fn etc_run_tmp_proc_and_sys_are_its_own() {
    passes(
        "own",
        r#"let red = netns("red");
           check("its own resolv.conf", sh("test ! -s /etc/resolv.conf").ok);
           check("its own hosts", sh("grep -c . /etc/hosts").stdout == "2\n");
           check("which can be written", sh("echo nameserver 10.0.0.1 > /etc/resolv.conf && echo x > /etc/new").ok);
           check("the machine's other files are there", sh("test -r /etc/ld.so.cache || test -e /etc/alpine-release").ok);
           check("its own run", sh("ls /run | sort | xargs").stdout == "lock netns nslab\n");
           check("its own tmp", sh("test -z \"$(ls -A /tmp)\" && touch /tmp/x").ok);
           check("its own processes", sh("ls -d /proc/[0-9]* | wc -l").stdout.trim_left().parse_int() < 6);
           check("its own links", exec("ls /sys/class/net").stdout == "lo\n");
           veth("a", "b");
           set_netns("a", red);
           check("red's links", exec(red, "ls /sys/class/net").stdout == "a\nlo\n");
           check("its own name", exec("hostname").stdout == "host\n");"#
            .replace(".trim_left()", "")
            .as_str(),
    );
}

#[test]
fn root_is_nobody_special() {
    passes(
        "nobody",
        r#"check("root inside", sh("id -u").stdout == "0\n");
           for file in ["/proc/sys/vm/swappiness", "/proc/sys/kernel/core_pattern", "/usr/bin/env", "/usr/new"] {
               refute("writes nothing of the machine's", sh(`echo x >> ${file}`));
           }
           refute("reads no secrets", sh("cat /etc/shadow"));
           check("nobody's files are there", sh("ls -A /root /home /srv /mnt /var/spool /var/mail | grep -v :").stdout == "\n\n\n\n\n");
           refute("makes no device", sh("mknod /tmp/sda b 8 0"));
           refute("mounts no disk", sh("mount /dev/vda /mnt"));
           refute("makes nothing writable again", sh("mount -o remount,rw / && touch /usr/bin/nslab-was-here"));
           refute("does not uncover", sh("umount /etc && touch /etc/nslab-was-here"));
           refute("traces no judge", sh("kill -9 1 && sleep 0.1 && ! kill -0 1"));
           refute("sees no descriptors of it", sh("ls /proc/1/fd/0"));
           let refused = false;
           try { sysctl("vm.swappiness", 1) } catch (e) { refused = e.error == "permission denied on key \"vm.swappiness\"" }
           check("a switch of the machine is refused", refused);"#,
    );
}

#[test]
fn programs_get_no_environment_and_no_descriptors() {
    passes(
        "clean",
        r#"check("no environment", !sh("env").stdout.contains("CARGO"));
           check("no descriptors", sh("ls /proc/self/fd | wc -l").stdout == "4\n");"#,
    );
}

#[test]
fn fifty_at_once() {
    let folder = Folder::new("fifty");
    let file = folder.0.join("lab.rhai");
    let lab = r#"let red = netns("red");
        let blue = netns("blue");
        veth(red, "a", blue, "b");
        red.addr_add("a", "10.0.0.1/24");
        blue.addr_add("b", "10.0.0.2/24");
        red.up("a");
        blue.up("b");
        check("red reaches blue", ping(red, "10.0.0.2"));"#;
    fs::write(&file, lab).expect("the lab is written");
    if test("fifty-first", lab).is_none() {
        return;
    }
    let start = || nslab().arg("test").arg(&file).stdout(Stdio::piped()).spawn().expect("nslab starts");
    let all: Vec<_> = (0..50).map(|_| start()).collect();
    for one in all {
        let output = one.wait_with_output().expect("nslab ends");
        assert!(output.status.success(), "{}", shown(&output));
    }
}

#[test]
fn a_lab_of_programs_that_never_end_ends() {
    let lab = r#"start("sleep 1000");
        start("sh -c 'trap : TERM; while :; do sleep 1; done'");
        let slow = exec("sleep 1000", #{timeout_ms: 100});
        check("it was ended", slow.error == "ended after 100 ms, it ran on");
        check("its output is kept", sh("echo so far; sleep 1000", #{timeout_ms: 300}).stdout == "so far\n");"#;
    passes("endless", lab);
}

#[test]
fn much_output_is_cut() {
    passes(
        "output",
        r#"let much = sh("head -c 20000000 /dev/zero | tr '\\0' x");
           check("the rest is counted", much.stdout.contains("more bytes are left out"));"#,
    );
}
