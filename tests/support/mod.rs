//! Runs the built `nslab` in a folder of its own, and compares all that it
//! prints with what it ought to print.

#![allow(dead_code, reason = "each test target uses its own part")]

use crate::measured::{lacking, skip};
use pretty_assertions::StrComparison;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// The time limit of a command on a very busy machine. A command that hangs is a failed
/// test, not a test that hangs.
const PATIENCE: Duration = Duration::from_secs(100);

/// No further arguments: every lab below `labs`.
pub const NOTHING: [&str; 0] = [];

/// Two rooms at the ends of a cable, for the beginning of a lab.
pub const CABLE: &str = r#"
            let red = netns("red");
            let blue = netns("blue");
            veth(red, "eth0", blue, "eth0");
            red.addr_add("eth0", "10.0.0.1/24");
            blue.addr_add("eth0", "10.0.0.2/24");
            red.up("eth0");
            blue.up("eth0");
"#;

/// Hides `ip` from those who run [`after`](Nslab::after) it.
pub const NO_IP: &str = "for ip in /usr/sbin/ip /sbin/ip /usr/bin/ip /bin/ip; do [ ! -e $ip ] || mount --bind /dev/null $(readlink -f $ip); done";

/// Environment variables of the caller that would change the output, by the beginning of
/// their names.
const OTHERS: [&str; 17] = [
    "CARGO",
    "CI",
    "CLICOLOR",
    "CODESPACES",
    "DEVCONTAINER",
    "FORCE_COLOR",
    "GITHUB_",
    "GITLAB_",
    "INSTA_",
    "KUBERNETES_",
    "NEXTEST",
    "NO_COLOR",
    "NSLAB_",
    "REMOTE_CONTAINERS",
    "RUST_",
    "TF_BUILD",
    "container",
];

/// Does some work for each of the items, `many` at a time: a run of nslab mostly
/// waits, for programs that start and answers that do not come. All of them are
/// tried, and what is wrong with any is a panic.
pub fn side_by_side<T: Sync>(many: usize, items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..many {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(item))) {
                        *wrong.lock().expect("no panic is kept halfway") = Some(panic);
                    }
                }
            });
        }
    });
    if let Some(panic) = wrong.into_inner().expect("no panic is kept halfway") {
        resume_unwind(panic);
    }
}

/// A fresh folder, removed when it is dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("nslab-test-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().canonicalize().expect("a folder for temporary files").join(name);
        fs::create_dir(&folder).expect("a folder of its own");
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and the folders that it is in.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("its folders");
        fs::write(path, bytes).expect("the file is written");
    }

    /// Reads a file; `None` where there is none.
    pub fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.0.join(path)).ok()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One run of `nslab`: what is given, and what it ought to print.
#[derive(Debug)]
#[must_use = "nothing runs before `run`"]
pub struct Nslab {
    scratch: Scratch,
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, &'static str)>,
    /// A script of sh(1) that runs in new user and mount namespaces, and then
    /// becomes `nslab`.
    first: Option<&'static str>,
    needs_sandbox: bool,
    tools: &'static [&'static str],
    stdout: String,
    stderr: String,
    code: i32,
}

impl Nslab {
    /// `nslab` with arguments. It is to print nothing, and to end with 0.
    pub fn new<I: IntoIterator<Item: Into<OsString>>>(arguments: I) -> Self {
        Self {
            scratch: Scratch::new(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            variables: Vec::new(),
            first: None,
            needs_sandbox: true,
            tools: &[],
            stdout: String::new(),
            stderr: String::new(),
            code: 0,
        }
    }

    /// `nslab test`, one test case after the other: with several threads
    /// their order is anybody's.
    pub fn test<I: IntoIterator<Item: Into<OsString>>>(arguments: I) -> Self {
        let mut run = Self::new(["test"]);
        run.arguments.extend(arguments.into_iter().map(Into::into));
        run.arguments.extend(["--", "--test-threads=1"].map(Into::into));
        run
    }

    /// `nslab run labs/x/lab.rhai`.
    pub fn run_lab() -> Self {
        Self::new(["run", "labs/x/lab.rhai"])
    }

    /// Says that this runs no lab, and can so be tested everywhere.
    pub fn without_sandbox(mut self) -> Self {
        self.needs_sandbox = false;
        self
    }

    /// Says that these tools are needed, for what is printed to be this.
    pub fn needs(mut self, tools: &'static [&'static str]) -> Self {
        self.tools = tools;
        self
    }

    /// Writes `labs/x/lab.rhai`, a lab set in as the code around it.
    pub fn lab(self, text: &str) -> Self {
        self.file("labs/x/lab.rhai", unindent(text))
    }

    /// Writes a file as it is.
    pub fn file(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.scratch.write(path, bytes);
        self
    }

    /// Adds an empty folder.
    pub fn folder(self, path: &str) -> Self {
        fs::create_dir_all(self.scratch.path().join(path)).expect("a folder");
        self
    }

    /// Makes what is no plain file: a link, a pipe, a mode.
    pub fn prepared(self, prepare: impl FnOnce(&Path)) -> Self {
        prepare(self.scratch.path());
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    /// Has `nslab` run where a script of sh(1) has changed the file systems,
    /// which nobody else sees.
    pub fn after(mut self, script: &'static str) -> Self {
        self.first = Some(script);
        self
    }

    /// The expected output, indented like the code around it.
    pub fn stdout(mut self, text: &str) -> Self {
        self.stdout = unindent(text);
        self
    }

    /// The same for standard error.
    pub fn stderr(mut self, text: &str) -> Self {
        self.stderr = unindent(text);
        self
    }

    /// The exit code that it ought to have.
    pub fn code(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    /// Expects the output of `nslab test` when these are the checks of `x/lab` and all
    /// pass.
    pub fn passes(mut self, checks: &[&str]) -> Self {
        let widest = checks.iter().map(|check| check.chars().count()).max().unwrap_or_default();
        let lines: String =
            checks.iter().map(|check| format!("test x/lab::{check:widest$} ... ok\n")).collect();
        let (count, s) = (checks.len(), if checks.len() == 1 { "" } else { "s" });
        self.stdout = format!(
            "
running {count} test{s}
{lines}
test result: ok. {count} passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

"
        );
        self
    }

    /// Expects the output of `nslab test` when `x/lab` is the only test case and fails
    /// with `report`.
    pub fn fails(self, report: &str) -> Self {
        self.fails_as("x/lab", report)
    }

    /// The same for a test case of this name.
    pub fn fails_as(mut self, name: &str, report: &str) -> Self {
        let report = unindent(report);
        let report = report.trim_end();
        self.stdout = format!(
            "
running 1 test
test {name} ... FAILED

failures:

---- {name} ----
{report}


failures:
    {name}

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in [TIME]

"
        );
        self.code(1)
    }

    /// The same for a lab that is found to be none before it runs.
    pub fn invalid(self, report: &str) -> Self {
        self.fails(report).code(3)
    }

    /// Runs it, and compares. Gives the folder back, for a look at the files;
    /// `None` where this machine can't run it, which is said aloud.
    #[track_caller]
    pub fn run(self) -> Option<Scratch> {
        let lack = (self.needs_sandbox.then(sandbox_lack).flatten())
            .or_else(|| self.first.and_then(|_| unshare_lack()))
            .map(String::from)
            .or_else(|| lacking(self.tools));
        if let Some(lack) = lack {
            skip(lack);
            return None;
        }
        let output = output(self.command());
        let scratch = self.scratch.path().display().to_string();
        let shown = |bytes: &[u8]| normal(&String::from_utf8_lossy(bytes), &scratch);
        let (stdout, stderr) = (shown(&output.stdout), shown(&output.stderr));
        let ended = ending(output.status);
        let mut wrong = String::new();
        for (what, expected, found) in [
            ("stdout", &self.stdout, &stdout),
            ("stderr", &self.stderr, &stderr),
            ("end", &format!("code {}", self.code), &ended),
        ] {
            if expected != found {
                wrong += &format!(
                    "\n{what}: {}\nthe whole {what}:\n{found}\n",
                    StrComparison::new(expected, found)
                );
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
        Some(self.scratch)
    }

    fn command(&self) -> Command {
        let nslab = env!("CARGO_BIN_EXE_nslab");
        let mut command = match self.first {
            None => Command::new(nslab),
            Some(script) => {
                let mut command = Command::new("unshare");
                let script = format!("{script}\nexec \"$@\"");
                command.args(["-Urm", "sh", "-ec", &script, "sh", nslab]);
                command
            }
        };
        command.args(&self.arguments).current_dir(self.scratch.path());
        forget_others(&mut command);
        command.envs(self.variables.iter().copied());
        command
    }
}

/// Removes variables that the caller of the tests has set.
pub fn forget_others(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if OTHERS.iter().any(|other| name.to_string_lossy().starts_with(other)) {
            command.env_remove(name);
        }
    }
}

/// Runs a command to its end, and not without end.
#[track_caller]
pub fn output(command: Command) -> Output {
    output_within(command, PATIENCE)
}

/// The same with as much patience as it takes.
#[track_caller]
pub fn output_within(mut command: Command, patience: Duration) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"));
    let stdout = listen(child.stdout.take());
    let stderr = listen(child.stderr.take());
    let deadline = Instant::now() + patience;
    let status =
        wait(&mut child, deadline).unwrap_or_else(|| panic!("{command:?} is not done after {patience:?}"));
    let heard = |from: Receiver<Vec<u8>>| {
        let left = deadline.saturating_duration_since(Instant::now());
        from.recv_timeout(left)
            .unwrap_or_else(|_| panic!("{command:?} has left somebody behind who holds its output"))
    };
    Output { status, stdout: heard(stdout), stderr: heard(stderr) }
}

fn listen(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (to, from) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
        let _ = to.send(bytes);
    });
    from
}

/// Waits for the end of a child; kills one that is late.
pub fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait().expect("a child of ours") {
            Some(status) => return Some(status),
            None if Instant::now() >= deadline => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// How a process ended, in words.
pub fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("code {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or(0)),
    }
}

/// Takes the words out that differ from run to run.
fn normal(text: &str, scratch: &str) -> String {
    let text = text.replace(scratch, "[SCRATCH]");
    let mut parts = text.split("finished in ");
    let mut normal = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let time = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        normal += &format!("finished in [TIME]{}", time.strip_prefix('s').unwrap_or(time));
    }
    normal
}

/// Takes away the indentation that all lines have, the line break at the
/// beginning, and the line of the closing quotes.
pub fn unindent(text: &str) -> String {
    let Some(text) = text.strip_prefix('\n') else { return text.to_string() };
    let lines: Vec<&str> = text.split('\n').collect();
    let indents = lines.iter().filter(|line| !line.trim().is_empty());
    let indent = indents.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let lines = lines.iter().map(|line| line.get(indent..).unwrap_or("").trim_end());
    lines.collect::<Vec<_>>().join("\n")
}

/// Why there is no sandbox on this machine, if there is none: asked once, of
/// `nslab` itself, whose exit code 4 means that.
pub fn sandbox_lack() -> Option<&'static str> {
    static LACK: OnceLock<Option<String>> = OnceLock::new();
    let lack = LACK.get_or_init(|| {
        let scratch = Scratch::new();
        scratch.write("lab.rhai", "host();");
        let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
        command.args(["run", "lab.rhai"]).current_dir(scratch.path());
        forget_others(&mut command);
        let output = output(command);
        let said = String::from_utf8_lossy(&output.stderr).replace("error: ", "").trim().replace('\n', "; ");
        (output.status.code() == Some(4)).then_some(said)
    });
    lack.as_deref()
}

/// Why unshare(1) can't give mounts of one's own on this machine.
fn unshare_lack() -> Option<&'static str> {
    static LACK: OnceLock<Option<String>> = OnceLock::new();
    let lack = LACK.get_or_init(|| {
        let tried = Command::new("unshare").args(["-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
        match tried {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().into()),
            Err(error) => Some(format!("failed to start unshare: {error}")),
        }
    });
    lack.as_deref()
}
