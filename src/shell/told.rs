use super::prelude::FIELDS;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What bash tells of a command that it is about to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// The status of the command before it.
    pub status: i32,
    /// Its line in its file.
    pub line: u32,
    /// The shell that runs it: the script's own, or one below it.
    pub pid: i32,
    /// How deep in functions and sourced files it is.
    pub depth: u32,
    /// The shell's options, as `$-` has them.
    pub options: String,
    /// The file from which it was read.
    pub file: String,
    /// The command, as bash prints it.
    pub command: String,
}

/// The pipe through which bash tells, and the one through which it is told to
/// go on.
#[derive(Debug)]
pub(super) struct Talk {
    told: OwnedFd,
    go: OwnedFd,
    waiting: Vec<u8>,
}

impl Talk {
    pub fn new(told: OwnedFd, go: OwnedFd) -> Self {
        Self { told, go, waiting: Vec::new() }
    }

    /// Becomes readable when bash tells something.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.told.as_fd()
    }

    /// The next command of which bash has told.
    pub fn next(&mut self) -> Option<Told> {
        let mut chunk = [0; 16 * 1024];
        while let Ok(length @ 1..) = nix::unistd::read(&self.told, &mut chunk) {
            self.waiting.extend_from_slice(&chunk[..length]);
        }
        loop {
            let ends: Vec<usize> =
                self.waiting.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(at, _)| at).collect();
            let end = *ends.get(FIELDS - 1)?;
            let fields: Vec<u8> = self.waiting.drain(..=end).collect();
            let fields: Vec<String> = fields
                .split(|byte| *byte == 0)
                .map(|field| String::from_utf8_lossy(field).into_owned())
                .collect();
            // A program of the lab can write into the pipe as well.
            if let Some(told) = Told::read(&fields) {
                return Some(told);
            }
        }
    }

    /// Lets a shell that waits go on.
    pub fn go(&self) -> io::Result<()> {
        nix::unistd::write(&self.go, b"\n")?;
        Ok(())
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
