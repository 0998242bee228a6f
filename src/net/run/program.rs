//! Programs that run in a namespace of the lab.

use super::tools::{PATH, is_installed, missing_program, package_of};
use crate::net::calm::settle::Programs;
use crate::net::kernel::error::strerror;
use crate::net::{Cleared, Exit, MOST_PROCESSES, NetError, Netns, Network, Program, Started};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::PollTimeout;
use nix::unistd::pipe2;
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Limits of a program.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The maximum running time, in milliseconds.
    pub timeout_ms: u64,
    /// Whether it is the first process of a pid namespace of its own.
    pub pid: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout_ms: 10_000, pid: false }
    }
}

/// The maximum size of a program's output that is kept, in bytes, for each of
/// its two streams.
const KEPT: usize = 8 << 20;

/// The output of a program, and its exit status.
#[derive(Debug, Clone)]
pub struct ExecAnswer {
    /// The command as it was typed.
    pub command: String,
    /// The exit code; 128 plus the signal's number if it was killed, as in
    /// shells.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// The reason why we ended it.
    pub ended: Option<String>,
    /// A hint, if it failed for a known reason.
    pub hint: Option<String>,
}

/// The line in which a failed program gives the reason: its last one. Only
/// nft(8) prints the affected text below its error.
pub fn last_words(said: &str) -> Option<&str> {
    let mut lines = said.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    lines.clone().find(|line| line.contains(" Error: ")).or_else(|| lines.next())
}

impl ExecAnswer {
    /// Tells whether it ended by itself, with code 0.
    pub fn ok(&self) -> bool {
        self.code == 0 && self.ended.is_none()
    }

    /// The reason for the failure, in a few words.
    pub fn error(&self) -> Option<String> {
        if self.ok() {
            return None;
        }
        Some(match (&self.ended, last_words(&self.stderr)) {
            (Some(ended), _) => ended.clone(),
            (None, Some(words)) => words.into(),
            (None, None) => format!("exit code {}", self.code),
        })
    }

    /// The text that a terminal would show.
    pub fn text(&self) -> String {
        let mut text = format!("{}{}", self.stdout, self.stderr);
        if let Some(ended) = &self.ended {
            text.push_str(ended);
        } else if self.code != 0 {
            text.push_str(&format!("exit code {}", self.code));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("\nhint: {hint}"));
        }
        text.trim_end().to_string()
    }
}

/// A program that was started and may still run.
#[derive(Debug, Clone)]
pub struct Process(Rc<Running>);

#[derive(Debug)]
struct Running {
    command: String,
    netns: Netns,
    started: Started,
    out: RefCell<Output>,
    err: RefCell<Output>,
}

impl Process {
    /// The command as it was typed.
    pub fn command(&self) -> &str {
        &self.0.command
    }

    /// The namespace in which it was started.
    pub fn netns(&self) -> &Netns {
        &self.0.netns
    }

    /// Its PID inside the sandbox.
    pub fn pid(&self) -> i32 {
        self.0.started.pid
    }

    /// Its standard output so far.
    pub fn stdout(&self) -> String {
        self.0.out.borrow_mut().text()
    }

    /// Its standard error so far.
    pub fn stderr(&self) -> String {
        self.0.err.borrow_mut().text()
    }
}

/// The reading end of a program's stream.
#[derive(Debug)]
struct Output {
    pipe: OwnedFd,
    bytes: Vec<u8>,
    more: usize,
    open: bool,
}

impl Output {
    /// Creates a pipe; returns our end and the program's.
    fn pipe() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // A larger pipe lets a program continue while we don't read from it.
        let _ = fcntl(&ours, FcntlArg::F_SETPIPE_SZ(1 << 20));
        Ok((Self { pipe: ours, bytes: Vec::new(), more: 0, open: true }, theirs))
    }

    /// Reads the available output.
    fn drain(&mut self) {
        let mut chunk = [0; 64 * 1024];
        while self.open {
            match nix::unistd::read(&self.pipe, &mut chunk) {
                Ok(0) => self.open = false,
                Ok(length) => {
                    let kept = length.min(KEPT.saturating_sub(self.bytes.len()));
                    self.bytes.extend_from_slice(&chunk[..kept]);
                    self.more += length - kept;
                }
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => return,
                Err(_) => self.open = false,
            }
        }
    }

    fn text(&mut self) -> String {
        self.drain();
        let mut text = String::from_utf8_lossy(&self.bytes).into_owned();
        if self.more > 0 {
            text.push_str(&format!("\n[{} more bytes are left out]\n", self.more));
        }
        text
    }
}

impl Network {
    /// Runs a command, a program and its arguments, and waits for its end.
    ///
    /// # Errors
    ///
    /// If there is no such program.
    pub fn exec(&self, netns: &Netns, command: &str, limits: Limits) -> Result<ExecAnswer, NetError> {
        let argv = words(command)?;
        self.run(netns, command, argv, limits)
    }

    /// Carries out a script for which this machine lacks a program.
    fn without(
        &self,
        netns: &Netns,
        script: &str,
        tool: &str,
        limits: Limits,
    ) -> Result<ExecAnswer, NetError> {
        match self.applets(netns, script, limits) {
            Some(answer) => answer.map_err(|refused| not_installed(tool).and_refused(&refused)),
            None => Err(not_installed(tool)),
        }
    }

    /// Runs a script of sh(1), and waits for its end.
    ///
    /// # Errors
    ///
    /// If the script names a program that this machine lacks.
    pub fn sh(&self, netns: &Netns, script: &str, limits: Limits) -> Result<ExecAnswer, NetError> {
        if let Some(tool) = missing_program(script) {
            return self.without(netns, script, &tool, limits);
        }
        self.run(netns, script, vec!["sh".into(), "-c".into(), script.into()], limits)
    }

    /// Runs a script of bash(1), and waits for its end.
    ///
    /// # Errors
    ///
    /// If the script names a program that this machine lacks.
    pub fn bash(&self, netns: &Netns, script: &str, limits: Limits) -> Result<ExecAnswer, NetError> {
        self.bash_in(None, netns, script, limits)
    }

    /// Runs a script of bash(1) in the folder where the lab began, and waits for its end.
    ///
    /// # Errors
    ///
    /// If the script names a program that this machine lacks.
    pub fn bash_at_home(&self, netns: &Netns, script: &str, limits: Limits) -> Result<ExecAnswer, NetError> {
        let home = self.home.borrow().clone();
        self.bash_in(home.as_deref(), netns, script, limits)
    }

    fn bash_in(
        &self,
        folder: Option<&str>,
        netns: &Netns,
        script: &str,
        limits: Limits,
    ) -> Result<ExecAnswer, NetError> {
        if let Some(tool) = missing_program(script) {
            return self.without(netns, script, &tool, limits);
        }
        let moved = folder.map(|folder| format!("cd {folder}\n{script}"));
        let argv = vec!["bash".into(), "-c".into(), moved.unwrap_or_else(|| script.into())];
        self.run(netns, script, argv, limits)
    }

    /// Sets the folder where the lab begins.
    pub fn begin_in(&self, folder: &str) {
        *self.home.borrow_mut() = Some(folder.into());
    }

    /// Starts a command, which runs until it ends or the lab does; with `pid`,
    /// as the first process of its own pid namespace.
    ///
    /// # Errors
    ///
    /// If there is no such program.
    pub fn start(&self, netns: &Netns, command: &str, pid: bool) -> Result<Process, NetError> {
        let argv = words(command)?;
        let process = self.launch(netns, command, argv, pid)?;
        self.await_command_line(process.pid());
        self.started.set(Some(process.pid()));
        self.processes.borrow_mut().push(process.clone());
        Ok(process)
    }

    /// Sets whether programs that start from now on are a submission's. These
    /// see nothing of the judge, can signal none of its programs, and have
    /// tighter limits. A running program keeps its status.
    ///
    /// # Errors
    ///
    /// If the kernel refuses the isolation.
    pub fn confine(&self, confined: bool) -> Result<(), NetError> {
        // The isolation of programs does not depend on links.
        let kernel = self.bare();
        let remedy = "a submission runs by itself or not at all; `nslab doctor` says what a sandbox needs";
        match confined {
            true => kernel.guard_from_now(),
            false => kernel.guard_now(),
        }
        self.rooms.confine(confined).map_err(|error| NetError::from(error).unmeasured(remedy))
    }

    /// Freezes the processes that a submission has left running, except services
    /// of these names.
    ///
    /// # Errors
    ///
    /// If the sandbox is gone.
    pub fn freeze(&self, services: &[String]) -> Result<(), NetError> {
        Ok(self.rooms.freeze(services)?)
    }

    /// The reason why all programs of a submission were ended since the last
    /// call, if they were.
    pub fn why_cleared(&self) -> Option<Cleared> {
        self.rooms.why_cleared()
    }

    /// The process that was started since the last call.
    pub fn last_started(&self) -> Option<i32> {
        self.started.take()
    }

    /// The exit status of a started program, if it has ended.
    pub fn exit_of(&self, process: &Process) -> Option<Exit> {
        self.rooms.exit_of(process.0.started, None)
    }

    /// Ends a started program and its children, and waits until they are gone.
    ///
    /// # Errors
    ///
    /// If the sandbox is gone.
    pub fn stop(&self, process: &Process) -> Result<(), NetError> {
        if self.exit_of(process).is_none() {
            // First SIGTERM, then SIGKILL.
            let _ = self.rooms.kill(process.0.started, libc::SIGTERM);
            let soon = Instant::now() + Duration::from_millis(500);
            if self.rooms.exit_of(process.0.started, Some(soon)).is_none() {
                let _ = self.rooms.kill(process.0.started, libc::SIGKILL);
                self.rooms.exit_of(process.0.started, Some(Instant::now() + Duration::from_secs(5)));
            }
        }
        Ok(())
    }

    pub(in crate::net) fn run(
        &self,
        netns: &Netns,
        command: &str,
        argv: Vec<String>,
        limits: Limits,
    ) -> Result<ExecAnswer, NetError> {
        if let Some(answer) = self.applet(netns, command, &argv) {
            return answer.map_err(|refused| not_installed(&argv[0]).and_refused(&refused));
        }
        let deadline = Instant::now() + Duration::from_millis(limits.timeout_ms);
        let process = self.launch(netns, command, argv, limits.pid)?;
        let mut ended = None;
        let mut exit = None;
        while exit.is_none() {
            if !self.listen(&process, deadline) && ended.is_none() {
                ended = Some(format!("ended after {} ms, it ran on", limits.timeout_ms));
                let _ = self.rooms.kill(process.0.started, libc::SIGKILL);
            }
            let patience = ended.as_ref().map(|_| Instant::now() + Duration::from_secs(5));
            exit = self.rooms.exit_of(process.0.started, patience);
            if exit.is_none() && ended.is_some() {
                exit = Some(Exit::Signal(libc::SIGKILL));
            }
        }
        // A program that fails to start another does not say why. Some processes
        // may have ended meanwhile.
        if exit != Some(Exit::Code(0)) && self.count_processes() >= MOST_PROCESSES * 9 / 10 {
            let full = format!("a lab has at most {MOST_PROCESSES} processes, and they are in use");
            ended = Some(ended.map_or(full.clone(), |ended| format!("{ended}; {full}")));
        }
        let code = match exit {
            Some(Exit::Code(code)) => code,
            Some(Exit::Signal(signal)) => 128 + signal,
            None => unreachable!("the loop ends with an exit"),
        };
        let (stdout, stderr) = (process.stdout(), process.stderr());
        let hint = (code != 0).then(|| self.hint_on_tun(command, &stderr)).flatten();
        Ok(ExecAnswer { command: command.into(), code, stdout, stderr, ended, hint })
    }

    /// Waits until the program prints something or ends.
    fn listen(&self, process: &Process, deadline: Instant) -> bool {
        use nix::poll::{PollFd, PollFlags, poll};
        let (mut out, mut err) = (process.0.out.borrow_mut(), process.0.err.borrow_mut());
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        {
            let mut fds = vec![PollFd::new(self.rooms.events(), PollFlags::POLLIN)];
            for output in [&*out, &*err] {
                if output.open {
                    fds.push(PollFd::new(output.pipe.as_fd(), PollFlags::POLLIN));
                }
            }
            let _ = poll(&mut fds, self.until(left));
        }
        out.drain();
        err.drain();
        true
    }

    /// The time to wait if `left` remains: not beyond the next check of a
    /// submission's resources.
    pub fn until(&self, left: Duration) -> PollTimeout {
        let look = self.guard().map(|at| at.saturating_duration_since(Instant::now()));
        let wait = look.map_or(left, |look| left.min(look)) + Duration::from_micros(999);
        PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)
    }

    fn launch(
        &self,
        netns: &Netns,
        command: &str,
        argv: Vec<String>,
        pid: bool,
    ) -> Result<Process, NetError> {
        self.must_exist(netns)?;
        let kernel = self.look()?;
        kernel.await_addresses()?;
        let program = &argv[0];
        if !program.contains('/') && !is_installed(program) {
            return Err(not_installed(program));
        }
        let failed = |error: io::Error| NetError::new(format!("failed to make a pipe: {error}"));
        let (out, their_out) = Output::pipe().map_err(failed)?;
        let (err, their_err) = Output::pipe().map_err(failed)?;
        // The exact namespace, even if its name now belongs to another.
        let fd = if netns.is_host() { None } else { netns.fd() };
        let name = (!netns.is_host()).then(|| netns.name().to_string());
        let inside = Program { argv: argv.clone(), netns: name, pid };
        self.pending.programs.set(Programs::RUNNING);
        let ends: [BorrowedFd; 2] = [their_out.as_fd(), their_err.as_fd()];
        let fd = fd.as_ref().map(|fd| fd.as_fd());
        let started = self.rooms.start(&inside, fd, ends[0], ends[1]).map_err(|error| {
            let refused = NetError::new(format!("exec of \"{program}\" failed: {}", strerror(error.errno)));
            let absent = error.errno == nix::errno::Errno::ENOENT as i32 && program.contains('/');
            match absent {
                true => refused.hint(not_inside(program)),
                false => refused,
            }
        })?;
        Ok(Process(Rc::new(Running {
            command: command.into(),
            netns: netns.clone(),
            started,
            out: RefCell::new(out),
            err: RefCell::new(err),
        })))
    }
}

/// Splits a command into words as a shell would, without expanding anything.
pub(in crate::net) fn words(command: &str) -> Result<Vec<String>, NetError> {
    let words = shell_words::split(command).map_err(|_| {
        NetError::new(format!("`{command}` has a quote that is not closed"))
            .hint("what begins with a quote ends with the same one, as in a shell")
    })?;
    if words.is_empty() {
        return Err(NetError::new("there is no command")
            .hint("a command is the name of a program and its arguments, as `ip link`"));
    }
    Ok(words)
}

/// The message that a file does not exist inside, with the reason if this
/// machine has it.
fn not_inside(path: &str) -> String {
    let inside = format!("no file is at `{path}` in the sandbox");
    match Path::new(path).exists() {
        true => format!("{inside}: of this machine it has the programs below /usr, and nobody's files"),
        false => inside,
    }
}

fn not_installed(program: &str) -> NetError {
    let error = NetError::new(format!("exec of \"{program}\" failed: No such file or directory"));
    match package_of(program) {
        Some(package) => error.unmeasured(format!("install it: `apt-get install {package}`")),
        None => error.hint(format!("this machine has no program `{program}` in {PATH}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        assert_eq!(words("ip link add 'a b' type veth").unwrap()[3], "a b");
        assert!(words("echo 'a").is_err());
        assert!(words("  ").is_err());
    }
}
