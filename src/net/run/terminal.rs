//! Runs a program on its own terminal, as for a person.

use crate::net::calm::settle::Programs;
use crate::net::kernel::error::strerror;
use crate::net::{Exit, NetError, Netns, Network, Placed, Program, Started};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

/// The mark that we write into a terminal's stream.
const MARK: &[u8] = b"\0\x1bnslab\x1b\0";

/// The size of the terminal.
static SIZE: libc::winsize = libc::winsize { ws_row: 50, ws_col: 160, ws_xpixel: 0, ws_ypixel: 0 };

/// A program, and its terminal.
#[derive(Debug)]
pub struct Terminal {
    started: Started,
    /// Our end.
    ours: OwnedFd,
    /// The program's end, opened once more for our marks.
    theirs: OwnedFd,
}

impl Terminal {
    /// The program's PID inside the sandbox.
    pub fn pid(&self) -> i32 {
        self.started.pid
    }

    /// A descriptor that becomes readable when something was printed.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.ours.as_fd()
    }

    /// Reads the output that is available.
    pub fn read(&self, mut hear: impl FnMut(&[u8])) {
        let mut chunk = [0; 16 * 1024];
        // The amount is limited: a program may print faster than we read.
        for _ in 0..64 {
            match nix::unistd::read(&self.ours, &mut chunk) {
                Ok(0) => return,
                Ok(length) => hear(&chunk[..length]),
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }

    /// Reads everything that was printed before this call. The kernel delivers
    /// it a moment later, so a mark is written after it, and reading stops at
    /// the mark.
    pub fn read_all(&self, mut hear: impl FnMut(&[u8])) {
        let mut to_write = MARK;
        let mut tail: Vec<u8> = Vec::new();
        loop {
            if !to_write.is_empty()
                && let Ok(written) = nix::unistd::write(&self.theirs, to_write)
            {
                to_write = &to_write[written..];
            }
            let events = if to_write.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
            let mut fds =
                [PollFd::new(self.ours.as_fd(), PollFlags::POLLIN), PollFd::new(self.theirs.as_fd(), events)];
            match poll(&mut fds, PollTimeout::from(5000u16)) {
                Ok(0) => return hear(&tail),
                Err(error) if error != Errno::EINTR => return hear(&tail),
                _ => {}
            }
            self.read(|bytes| tail.extend_from_slice(bytes));
            if let Some(at) = tail.windows(MARK.len()).position(|window| window == MARK) {
                hear(&tail[..at]);
                return hear(&tail[at + MARK.len()..]);
            }
            let kept = tail.len().saturating_sub(MARK.len());
            hear(&tail[..kept]);
            tail.drain(..kept);
        }
    }
}

impl Network {
    /// Starts a program on a terminal; its standard input is empty.
    ///
    /// # Errors
    ///
    /// If it can't be executed.
    pub fn on_terminal(&self, argv: Vec<String>) -> Result<Terminal, NetError> {
        let kernel = self.look()?;
        kernel.await_addresses()?;
        let (ours, theirs, marks) = pair().map_err(|errno| {
            NetError::new(format!("failed to make a terminal: {}", strerror(errno as i32)))
        })?;
        let program = Program { argv, netns: None, pid: false };
        let started = self.rooms.start(&program, None, theirs.as_fd(), theirs.as_fd())?;
        self.pending.programs.set(Programs::RUNNING);
        self.waiting.set(Some(started));
        Ok(Terminal { started, ours, theirs: marks })
    }

    /// Starts a program on the user's terminal, in a namespace or in the host's.
    /// Its standard input is empty; its output is the terminal.
    ///
    /// # Errors
    ///
    /// If there is no such namespace, or it can't be executed.
    pub fn on_this_terminal(
        &self,
        argv: Vec<String>,
        netns: Option<&str>,
        terminal: BorrowedFd,
    ) -> Result<Started, NetError> {
        let all = self.namespaces()?;
        let within = match netns {
            None => None,
            Some(name) => Some(all.iter().find(|ns| ns.name() == name).ok_or_else(|| {
                let names: Vec<&str> = all.iter().map(Netns::name).collect();
                let hint = format!("there are host, {}", names.join(", "));
                NetError::new(format!("there is no namespace `{name}`")).hint(hint)
            })?),
        };
        let program = Program { argv, netns: netns.map(String::from), pid: false };
        let fd = within.and_then(Netns::fd);
        let kernel = self.look()?;
        kernel.await_addresses()?;
        let fd = fd.as_ref().map(|fd| fd.as_fd());
        let started = self.rooms.start(&program, fd, terminal, terminal)?;
        self.pending.programs.set(Programs::RUNNING);
        self.waiting.set(Some(started));
        Ok(started)
    }

    /// The exit status of a program, if it has ended.
    pub fn exit_of_started(&self, started: Started) -> Option<Exit> {
        self.rooms.exit_of(started, None)
    }

    /// The exit status of the program on a terminal, if it has ended.
    pub fn exit_of_terminal(&self, terminal: &Terminal) -> Option<Exit> {
        self.rooms.exit_of(terminal.started, None)
    }

    /// Ends a program on a terminal if it still runs. Its background processes
    /// may continue to print: the terminal is still read, because a process
    /// would block on a terminal that is not read, and fail without one.
    pub fn leave(&self, terminal: Terminal) {
        if self.exit_of_terminal(&terminal).is_none() {
            let _ = self.rooms.kill(terminal.started, libc::SIGKILL);
        }
        self.waiting.set(None);
        // The thread runs until this process ends: our open end prevents a
        // hangup.
        std::thread::spawn(move || {
            loop {
                let mut fds = [PollFd::new(terminal.as_fd(), PollFlags::POLLIN)];
                if let Err(errno) = poll(&mut fds, PollTimeout::NONE)
                    && errno != Errno::EINTR
                {
                    return;
                }
                terminal.read(|_| {});
            }
        });
    }

    /// A descriptor that becomes readable when a program ends.
    pub fn program_events(&self) -> BorrowedFd<'_> {
        self.rooms.events()
    }

    /// Places files where a program of the lab will look for them.
    ///
    /// # Errors
    ///
    /// If they can't be placed there.
    pub fn place(&self, files: &[Placed]) -> Result<(), NetError> {
        Ok(self.rooms.place(files)?)
    }

    /// Opens a file as the sandbox sees it.
    ///
    /// # Errors
    ///
    /// If it can't be opened.
    pub fn open(&self, path: &Path, flags: OFlag) -> Result<OwnedFd, NetError> {
        let failed = |errno: Errno| NetError::new(format!("{}: {}", path.display(), strerror(errno as i32)));
        self.rooms.open(path, flags).map_err(failed)
    }

    /// The processes inside, each with its parent.
    pub fn parents(&self) -> Vec<(i32, i32)> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let Ok(folder) = self.rooms.open(Path::new("/proc"), flags) else { return Vec::new() };
        let Ok(mut folder) = nix::dir::Dir::from_fd(folder) else { return Vec::new() };
        let names = folder.iter().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let pids: Vec<i32> = names.filter_map(|name| name.parse().ok()).collect();
        let parent = |pid: i32| {
            let path = format!("/proc/{pid}/stat");
            let stat = self.rooms.open(Path::new(&path), OFlag::O_RDONLY).ok()?;
            let mut text = [0; 512];
            let length = nix::unistd::read(&stat, &mut text).ok()?;
            // The name, in brackets, may contain anything.
            let text = String::from_utf8_lossy(&text[..length]);
            text.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
        };
        pids.into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect()
    }

    /// Sends a signal to some processes, and to no others.
    pub fn signal(&self, pids: &[i32], signal: &str) {
        if pids.is_empty() {
            return;
        }
        let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
        let script = format!("kill -{signal} {}", pids.join(" "));
        let program = Program { argv: vec!["sh".into(), "-c".into(), script], netns: None, pid: false };
        if let Ok(null) = open("/dev/null", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()) {
            let _ = self.rooms.start(&program, None, null.as_fd(), null.as_fd());
        }
    }
}

/// Creates a pseudoterminal (pty(7)) that passes output unchanged. Returns our
/// end, the program's, and the program's once more. If the machine has no
/// pseudoterminals, creates a pipe.
fn pair() -> nix::Result<(OwnedFd, OwnedFd, OwnedFd)> {
    let (ours, theirs, marks) = match pseudoterminal() {
        Ok(ends) => ends,
        Err(_) => {
            let (ours, theirs) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
            let again = format!("/proc/self/fd/{}", theirs.as_raw_fd());
            let marks = open(again.as_str(), OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
            (ours, theirs, marks)
        }
    };
    for fd in [&ours, &marks] {
        fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    }
    Ok((ours, theirs, marks))
}

fn pseudoterminal() -> io::Result<(OwnedFd, OwnedFd, OwnedFd)> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let ours = open("/dev/ptmx", flags, Mode::empty())?;
    let raw = ours.as_raw_fd();
    let done = |result: libc::c_int| match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    };
    // SAFETY: each argument is the one that its request needs (ioctl_tty(2)) and
    // lives through the call. The kernel creates the descriptors for us.
    unsafe {
        let unlocked: libc::c_int = 0;
        done(libc::ioctl(raw, libc::TIOCSPTLCK, &raw const unlocked))?;
        done(libc::ioctl(raw, libc::TIOCSWINSZ, &raw const SIZE))?;
        let theirs = done(libc::ioctl(raw, libc::TIOCGPTPEER, flags.bits()))?;
        let theirs = OwnedFd::from_raw_fd(theirs);
        let marks = OwnedFd::from_raw_fd(done(libc::ioctl(raw, libc::TIOCGPTPEER, flags.bits()))?);
        let mut settings: libc::termios = std::mem::zeroed();
        done(libc::tcgetattr(theirs.as_raw_fd(), &raw mut settings))?;
        settings.c_oflag &= !libc::OPOST;
        settings.c_lflag &= !(libc::ECHO | libc::ICANON | libc::ISIG);
        done(libc::tcsetattr(theirs.as_raw_fd(), libc::TCSANOW, &raw const settings))?;
        Ok((ours, theirs, marks))
    }
}
