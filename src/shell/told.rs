use super::prelude::FIELDS;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Bash's report of a command that it is about to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// The status of the command before it.
    pub status: i32,
    /// Its line in its file.
    pub line: u32,
    /// The PID of the shell that runs it: the script's own, or a subshell.
    pub pid: i32,
    /// The nesting depth of functions and sourced files.
    pub depth: u32,
    /// The shell's options, from `$-`.
    pub options: String,
    /// The file from which it was read.
    pub file: String,
    /// The command, as bash prints it.
    pub command: String,
}

/// The most unread bytes: far more than one report of bash. Programs of the lab
/// can write to the pipe, too.
const MOST: usize = 32 * 1024;

/// The pipe of bash's reports, and the pipe that lets bash go on.
#[derive(Debug)]
pub(super) struct Talk {
    told: OwnedFd,
    go: OwnedFd,
    heard: Heard,
}

/// The received bytes that are not parsed yet.
#[derive(Debug, Default)]
pub(super) struct Heard(Vec<u8>);

impl Talk {
    pub fn new(told: OwnedFd, go: OwnedFd) -> Self {
        Self { told, go, heard: Heard::default() }
    }

    /// Becomes readable when bash reports something.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.told.as_fd()
    }

    /// Returns the next command that bash has reported.
    pub fn next(&mut self) -> Option<Told> {
        let mut chunk = [0; MOST / 2];
        if self.heard.0.len() < MOST
            && let Ok(length @ 1..) = nix::unistd::read(&self.told, &mut chunk)
        {
            self.heard.take(&chunk[..length]);
        }
        self.heard.next()
    }

    /// Lets a waiting shell go on.
    pub fn go(&self) -> io::Result<()> {
        nix::unistd::write(&self.go, b"\n")?;
        Ok(())
    }
}

impl Heard {
    /// Appends received bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Returns the next reported command.
    pub fn next(&mut self) -> Option<Told> {
        loop {
            let mut ends = self.0.iter().enumerate().filter(|(_, byte)| **byte == 0);
            let Some((end, _)) = ends.nth(FIELDS - 1) else {
                if self.0.len() >= MOST {
                    self.0.clear();
                }
                return None;
            };
            let fields: Vec<u8> = self.0.drain(..=end).collect();
            let fields: Vec<String> = fields
                .split(|byte| *byte == 0)
                .map(|field| String::from_utf8_lossy(field).into_owned())
                .collect();
            // A program of the lab can write to the pipe, too.
            if let Some(told) = Told::read(&fields) {
                return Some(told);
            }
        }
    }
}

impl Told {
    fn read(fields: &[String]) -> Option<Self> {
        let [status, line, pid, _subshell, depth, options, file, command, ..] = fields else { return None };
        Some(Self {
            status: status.parse().ok()?,
            line: line.parse().ok()?,
            pid: pid.parse().ok()?,
            depth: depth.parse().ok()?,
            options: options.clone(),
            file: file.clone(),
            command: command.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk() -> (OwnedFd, Talk) {
        let (told, theirs) = nix::unistd::pipe().unwrap();
        nix::fcntl::fcntl(&told, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK)).unwrap();
        let (_, go) = nix::unistd::pipe().unwrap();
        (theirs, Talk::new(told, go))
    }

    #[test]
    fn what_is_not_understood_is_not_kept() {
        let (theirs, mut talk) = talk();
        for _ in 0..20 {
            nix::unistd::write(&theirs, &[b'x'; 30_000]).unwrap();
            for _ in 0..4 {
                assert_eq!(talk.next(), None);
                assert!(talk.heard.0.len() < 2 * MOST);
            }
        }
        // Later reports of bash are still read after that.
        nix::unistd::write(&theirs, b"\0\0\0\0\0\0\0\0").unwrap();
        nix::unistd::write(&theirs, b"0\x001\x007\x000\x001\0h\0a.sh\0true\0").unwrap();
        let told = (0..4).find_map(|_| talk.next()).unwrap();
        assert_eq!((told.pid, told.command.as_str()), (7, "true"));
    }
}
