//! Whatever a lab does, and however it ends, this machine stays as it was.

use crate::machine::{differences, listing};
use crate::measured::skip;
use crate::support::sandbox_lack;
use nix::sys::signal::{SigHandler, Signal, killpg, signal};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A lab that does what it can to be noticed, and then does not end.
const NOISY: &str = r##"
let red = netns("red");
veth("a", "b");
set_netns("a", red);
bridge("br0");
addr_add("b", "10.99.0.1/24");
up("b");
sysctl("net.ipv4.ip_forward", 1);
sysctl(red, "net.ipv4.ip_forward", 1);
sh("echo nameserver 10.99.0.1 > /etc/resolv.conf; echo x > /etc/nslab-was-here; rm -f /etc/hosts");
sh("touch /tmp/nslab-was-here /run/nslab-was-here /var/tmp/nslab-was-here /dev/shm/nslab-was-here /nslab-was-here");
sh("for f in vm/swappiness kernel/core_pattern kernel/hostname; do echo 1 > /proc/sys/$f; done");
sh("hostname nslab-was-here; mount -t tmpfs x /mnt; umount /etc; mount -o remount,rw /");
let sleeper = start("sleep MARK");
sh("(setsid sleep MARK &) ; setsid -f sleep MARK; nohup sleep MARK & disown");
start(red, "sh -c 'trap : TERM INT HUP; while :; do sleep MARK; done'");
check("ready", true);
note("ready");
sh("sleep MARK", #{timeout_ms: 60000});
"##;

/// How a run is ended.
#[derive(Debug, Clone, Copy)]
enum End {
    /// SIGKILL for the process that was started.
    Kill,
    /// Ctrl-C: SIGINT for its whole group.
    Interrupt,
    /// The lab's own deadline.
    Deadline,
}

#[test]
fn nothing_is_left_of_a_lab_however_it_ends() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    let before = listing();
    for (number, end) in [End::Kill, End::Interrupt, End::Deadline].into_iter().enumerate() {
        for command in ["run", "test"] {
            let run = Run::start(command, end, number);
            run.await_its_programs();
            run.end(end);
        }
    }
    let after = listing();
    assert_eq!(differences(&before, &after), "");
}

fn nslab() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.env("INSTA_UPDATE", "no").env_remove("NEXTEST");
    command
}

/// A lab at work. Its programs sleep for a number of seconds that nobody else
/// sleeps for, by which they are found.
struct Run {
    child: Child,
    folder: PathBuf,
    mark: String,
}

impl Run {
    fn start(command: &str, end: End, number: usize) -> Self {
        let mark = format!("{}.{number}", 86_400 + std::process::id());
        let folder =
            std::env::temp_dir().join(format!("nslab-test-{}-{number}-{command}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the lab");
        let lab = folder.join("noisy.rhai");
        fs::write(&lab, NOISY.replace("MARK", &mark)).expect("the lab is written");
        let timeout = if matches!(end, End::Deadline) { "2" } else { "60" };
        let mut nslab = nslab();
        nslab.args([command, "--timeout", timeout]).arg(&lab).stdout(Stdio::null()).stderr(Stdio::null());
        nslab.process_group(0);
        // The caller of the tests may ignore SIGINT, as a shell does for background jobs.
        // SAFETY: `signal` may be called between fork and exec.
        unsafe {
            nslab.pre_exec(|| signal(Signal::SIGINT, SigHandler::SigDfl).map(|_| ()).map_err(Into::into));
        }
        let child = nslab.spawn().expect("nslab starts");
        Self { child, folder, mark }
    }

    /// The processes that are this lab's: its programs, and those of nslab,
    /// which keep the command line with the lab's folder in it.
    fn processes(&self) -> Vec<String> {
        let folder = self.folder.display().to_string();
        let all = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
        all.filter_map(|path| Some((fs::read(path.join("cmdline")).ok()?, path)))
            .map(|(bytes, path)| (String::from_utf8_lossy(&bytes).replace('\0', " "), path))
            .filter(|(line, _)| line.contains(&self.mark) || line.contains(&folder))
            .filter(|(_, path)| !is_dead(path))
            .map(|(line, _)| line)
            .collect()
    }

    fn await_its_programs(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.processes().iter().filter(|line| line.starts_with("sleep ")).count() < 5 {
            assert!(Instant::now() < deadline, "the lab did not come so far: {:?}", self.processes());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn end(mut self, end: End) {
        let pid = self.child.id();
        match end {
            End::Kill => self.child.kill().expect("it can be killed"),
            End::Interrupt => {
                killpg(Pid::from_raw(pid as i32), Signal::SIGINT).expect("it can be interrupted");
            }
            End::Deadline => {}
        }
        self.child.wait().expect("it ends");
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.processes().is_empty() {
            assert!(Instant::now() < deadline, "{end:?} left these: {:#?}", self.processes());
            std::thread::sleep(Duration::from_millis(5));
        }
        fs::remove_dir_all(&self.folder).expect("the lab's folder is removed");
    }
}

/// Tells whether a process is dead and only waits to be reaped by the machine's first
/// process.
fn is_dead(path: &Path) -> bool {
    let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_none_or(|rest| matches!(rest.trim_start().chars().next(), None | Some('Z' | 'X')))
}
