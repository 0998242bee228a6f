use super::exit::Findings;
use super::grader::Grader;
use super::{Shell, one};
use crate::event::{Event, Live, LiveAsk, Moment, Probe, Stop};
use crate::exercise::{Graded, HandedIn, Unfit};
use crate::lab::{Lab, Language, Solution, visible};
use crate::report::{self, grades};
use crate::run::{self, Settings};
use crate::sandbox::{For, Launcher, doctor};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::termios::{self, SetArg, Termios};
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The longest working time, in milliseconds: a day.
const DAY: u64 = 86_400_000;

/// Set when the window's size changes.
static RESIZED: AtomicBool = AtomicBool::new(false);

/// `nslab shell`
pub(super) fn run(typed: &Shell) -> ExitCode {
    if let Err(code) = one::look_at(&typed.lab) {
        return code;
    }
    let (lab, prepared) = match one::read(&typed.lab, For::Labs) {
        Ok(read) => read,
        Err(code) => return code,
    };
    let (launcher, mut sandbox) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return one::without_sandbox(&error),
    };
    let (ours, theirs) = match pair() {
        Ok(ends) => ends,
        Err(error) => {
            eprintln!("error: failed to make a terminal: {}", run::words(&error));
            return Findings { nothing_measured: true, ..Findings::default() }.into();
        }
    };
    let seed = typed.seed.clone().unwrap_or_default();
    let settings = Settings { timeout_ms: DAY, seed, ..Settings::default() };
    let mut order = run::order(&lab, &settings);
    order.live = Some(Live {
        at: typed.at.clone(),
        netns: typed.r#in.clone().filter(|name| name != "host"),
        shell: shell(),
        term: std::env::var("TERM").unwrap_or_else(|_| "dumb".into()),
        lab: lab.source.name.as_str().rsplit('/').next().unwrap_or_default().into(),
    });
    greet(&lab, &settings.seed);
    sandbox.order_on(&order, theirs.as_fd());
    drop(theirs);
    let desk = Desk { lab: &lab, launcher: &launcher, seed: &settings.seed, at: typed.at.as_deref() };
    let (ended, is_over) =
        nix::unistd::pipe2(OFlag::O_CLOEXEC).map_or((None, None), |(a, b)| (Some(a), Some(b)));
    let (stop, ran) = thread::scope(|scope| {
        let engine = scope.spawn(|| {
            let mut stop = None;
            let hear = |event| {
                if let Event::Stopped(why) = event {
                    stop = Some(why);
                }
            };
            let ran = sandbox.run_live(&order, hear, |_| None, |ask| desk.answer(ask));
            drop(is_over);
            (stop, ran)
        });
        if let Some(ended) = &ended {
            converse(&ours, ended.as_fd());
        }
        engine.join().unwrap_or((Some(Stop::Bug("the conversation has died".into())), Ok(())))
    });
    drop(sandbox);
    match (ran, stop) {
        (Err(error), _) => one::without_sandbox(&error),
        (Ok(()), None) => ExitCode::SUCCESS,
        (Ok(()), Some(stop)) => {
            eprintln!("error: {}", report::stop(&lab, &stop));
            let bug = matches!(stop, Stop::Bug(_));
            Findings { failed: true, bug, ..Findings::default() }.into()
        }
    }
}

/// Returns the person's own shell, if programs inside can find it and it can
/// report typed commands; else bash or sh.
fn shell() -> String {
    let can_tell =
        |path: &Path| path.file_name().is_some_and(|name| Live::SHELLS.iter().any(|known| name == *known));
    let own = std::env::var("SHELL")
        .ok()
        .filter(|path| (path.starts_with("/usr/") || path.starts_with("/bin/")) && can_tell(path.as_ref()));
    let bash = || ["/bin/bash", "/usr/bin/bash"].map(String::from).into_iter();
    own.into_iter().chain(bash()).find(|path| Path::new(path).is_file()).unwrap_or("/bin/sh".into())
}

/// Prints the task, and the commands for questions.
fn greet(lab: &Lab, seed: &str) {
    let task = lab.task(seed);
    if !task.is_empty() {
        println!("{}\n", visible(&task));
    }
    match lab.gap {
        Some(_) => println!("`check` tells how far you are, `why FROM TO` why one can't reach another,"),
        None => println!("`why FROM TO` tells why one can't reach another,"),
    }
    println!("`submit FILE` writes down what you have typed. `exit` ends it all.\n");
    let _ = io::stdout().flush();
}

/// Answers questions from the shell: runs the typed commands again, from the
/// beginning, in a sandbox of their own.
struct Desk<'a> {
    lab: &'a Lab,
    launcher: &'a Launcher,
    seed: &'a str,
    at: Option<&'a str>,
}

impl Desk<'_> {
    fn answer(&self, ask: &LiveAsk) -> String {
        match ask {
            LiveAsk::Check { typed } => self.check(typed),
            LiveAsk::Why { typed, words } => self.why(typed, words),
            LiveAsk::Submit { typed, words } => submit(typed, words),
        }
    }

    fn settings(&self) -> Settings {
        // The person has already stopped long commands by Ctrl-C, so they end
        // sooner here.
        Settings { seed: self.seed.into(), patience_ms: 1000, ..Settings::default() }
    }

    fn check(&self, typed: &str) -> String {
        if self.lab.gap.is_none() {
            return "this lab is no exercise: nothing is to be checked\n".into();
        }
        let grader = Grader::new(self.lab.clone(), self.settings());
        let handed_in = HandedIn { solution: solution(typed), remarks: Vec::new() };
        let graded = self
            .launcher
            .open()
            .and_then(|mut sandbox| grader.once(self.launcher, &mut sandbox, ("you", self.seed), &handed_in))
            .unwrap_or_else(|error| {
                Graded::unfit("you", self.lab, &Unfit::Machine(doctor::with_remedy(&error)))
            });
        grades::student(&graded, io::stdout().is_terminal())
    }

    fn why(&self, typed: &str, words: &[String]) -> String {
        let [from, to] = words else { return "write `why FROM TO`, as `why red 10.0.0.2`\n".into() };
        let lab = self.lab.up_to_here(self.at, solution(typed));
        let probe = Probe { from: from.clone(), ..Probe::to(from, to) };
        let explained = self.launcher.open().map_err(run::WhyError::from).and_then(|first| {
            run::why(&lab, self.launcher, first, &self.settings(), &probe, &Moment::End, &|_| {})
        });
        match explained {
            Ok(explanation) if io::stdout().is_terminal() => {
                report::explanation_in_colour(&lab, &explanation)
            }
            Ok(explanation) => report::explanation(&lab, &explanation),
            Err(run::WhyError::Misuse(misuse)) => {
                let hint = misuse.hint.map(|hint| format!("hint: {hint}\n"));
                format!("error: {}\n{}", misuse.message, hint.unwrap_or_default())
            }
            Err(error) => format!("error: {error}\n"),
        }
    }
}

fn solution(typed: &str) -> Solution {
    Solution { path: "typed.sh".into(), text: typed.into(), language: Language::Shell }
}

/// Writes the typed commands into a new file.
fn submit(typed: &str, words: &[String]) -> String {
    let [path] = words else { return "write `submit FILE`, as `submit mask.sh`\n".into() };
    let commands = typed.lines().count();
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(typed.as_bytes()));
    match written {
        Ok(()) if commands == 1 => format!("1 line is in {path}\n"),
        Ok(()) => format!("{commands} lines are in {path}\n"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            format!("error: there is a file `{path}` already\nhint: give it another name\n")
        }
        Err(error) => format!("error: failed to write `{path}`: {}\n", run::words(&error)),
    }
}

/// Creates a terminal for the shell, and returns our end and the shell's.
fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let ends = openpty(None, None)?;
    resize(&ends.master);
    Ok((ends.master, ends.slave))
}

/// Passes on the size of the person's window.
fn resize(ours: &OwnedFd) {
    // SAFETY: the size lives through both calls (ioctl_tty(2)).
    unsafe {
        let mut size: nix::libc::winsize = std::mem::zeroed();
        if nix::libc::ioctl(0, nix::libc::TIOCGWINSZ, &raw mut size) == 0 && size.ws_col > 0 {
            nix::libc::ioctl(ours.as_raw_fd(), nix::libc::TIOCSWINSZ, &raw const size);
        }
    }
}

/// Restores the person's terminal when it is dropped.
struct Raw(Option<Termios>);

impl Raw {
    /// Sets raw mode: each key goes to the shell.
    fn begin() -> Self {
        let before = termios::tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut raw = before.clone();
            termios::cfmakeraw(&mut raw);
            let _ = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw);
        }
        Self(before)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, before);
        }
    }
}

/// Copies keys to the shell, and its output to the person, until the shell ends.
fn converse(ours: &OwnedFd, ended: BorrowedFd) {
    extern "C" fn resized(_: nix::libc::c_int) {
        RESIZED.store(true, Ordering::Relaxed);
    }
    let action = SigAction::new(SigHandler::Handler(resized), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler only sets an atomic.
    let _ = unsafe { sigaction(Signal::SIGWINCH, &action) };
    let _ = fcntl(ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    let _raw = Raw::begin();
    let stdin = io::stdin();
    let mut typing = true;
    loop {
        if RESIZED.swap(false, Ordering::Relaxed) {
            resize(ours);
        }
        let keys = if typing { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut fds = [
            PollFd::new(ours.as_fd(), PollFlags::POLLIN),
            PollFd::new(ended, PollFlags::POLLIN),
            PollFd::new(stdin.as_fd(), keys),
        ];
        let _ = poll(&mut fds, PollTimeout::NONE);
        let came = |n: usize| fds[n].revents().is_some_and(|events| !events.is_empty());
        let (printed, is_over, pressed) = (came(0), came(1), typing && came(2));
        if printed || is_over {
            show(ours);
        }
        if is_over {
            return;
        }
        if pressed {
            let mut keys = [0; 4096];
            match nix::unistd::read(&stdin, &mut keys) {
                // End of input is the same as Ctrl-D.
                Ok(0) => {
                    typing = false;
                    press(ours, b"\x04");
                }
                Ok(length) => press(ours, &keys[..length]),
                Err(nix::Error::EINTR | nix::Error::EAGAIN) => {}
                Err(_) => typing = false,
            }
        }
    }
}

fn press(ours: &OwnedFd, mut keys: &[u8]) {
    while !keys.is_empty() {
        match nix::unistd::write(ours, keys) {
            Ok(written) => keys = &keys[written..],
            Err(nix::Error::EAGAIN) => {
                // The shell prints before it reads more.
                show(ours);
                let mut fds = [PollFd::new(ours.as_fd(), PollFlags::POLLOUT | PollFlags::POLLIN)];
                let _ = poll(&mut fds, PollTimeout::from(100_u16));
            }
            Err(_) => return,
        }
    }
}

fn show(ours: &OwnedFd) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(length @ 1..) = nix::unistd::read(ours, &mut chunk) {
        let mut out = io::stdout().lock();
        if out.write_all(&chunk[..length]).and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}
