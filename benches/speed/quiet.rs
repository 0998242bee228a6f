//! Knows when the kernel has come to rest.
//!
//! Whatever lived in a network namespace is taken down after the last process
//! has left it, by one worker of the kernel, under locks that everybody else
//! needs. The worker takes namespaces in the order in which they were given
//! up. So one more is given up, with one end of a cable in it: when the other
//! end is gone, all that was there before is gone too.

use crate::floor::network::{End, FIRST, Space, lay_cable};
use crate::floor::sandbox::become_nobody_special;
use nix::sched::{CloneFlags, setns, unshare};
use std::env;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

/// The first argument of a process that watches. It reads requests from its standard
/// input, and answers there.
pub const ARGUMENT: &str = "__quiet";

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(1);

/// The time that the kernel gets after that: the last namespace was still being removed
/// when its cable had gone.
const REST: Duration = Duration::from_millis(40);

/// A process that watches. It ends when this value goes.
pub struct Quiet {
    process: Child,
    asked: Option<UnixStream>,
}

impl Quiet {
    pub fn watch() -> io::Result<Self> {
        let (asked, answering) = UnixStream::pair()?;
        let process = Command::new(env::current_exe()?)
            .arg(ARGUMENT)
            .stdin(OwnedFd::from(answering))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self { process, asked: Some(asked) })
    }

    /// Waits until the kernel is at rest, and a moment longer.
    pub fn wait(&self) -> io::Result<()> {
        self.wait_for_teardown()?;
        thread::sleep(REST);
        Ok(())
    }

    /// Waits until all namespaces that nobody uses have been taken down.
    pub fn wait_for_teardown(&self) -> io::Result<()> {
        let mut asked = self.asked.as_ref().expect("it is here until it is dropped");
        asked.write_all(&[0])?;
        asked.read_exact(&mut [0])
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        drop(self.asked.take());
        if let Err(error) = self.process.wait() {
            eprintln!("warning: failed to wait for the process that watches: {error}");
        }
    }
}

/// Watches, in this process, which has one thread and nothing else to do: answers each
/// byte with a byte when the kernel is at rest.
pub fn run() -> ExitCode {
    match io::stdin().as_fd().try_clone_to_owned().and_then(|fd| watch(UnixStream::from(fd))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to see whether the kernel is at rest: {error}");
            ExitCode::FAILURE
        }
    }
}

fn watch(mut asked: UnixStream) -> io::Result<()> {
    become_nobody_special()?;
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
    let home = Space::here()?;
    let mut byte = [0];
    while asked.read(&mut byte)? > 0 {
        give_one_up(&home)?;
        while home.has(FIRST)? {
            thread::sleep(INTERVAL);
        }
        asked.write_all(&byte)?;
    }
    Ok(())
}

/// Makes a namespace with an end of a cable whose other end is here, and
/// leaves it.
fn give_one_up(home: &Space) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    let given_up = Space::here()?;
    let near = End { space: &given_up, name: "given-up", index: FIRST };
    lay_cable(&near, None, &End { space: home, name: "watched", index: FIRST })?;
    setns(home.file(), CloneFlags::CLONE_NEWNET)?;
    Ok(())
}
