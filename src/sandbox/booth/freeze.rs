//! Freezes the programs that a submission has left running, when the submission
//! has ended: a program that watches the judge could change the network between
//! two checks.
//!
//! SIGSTOP is not enough, because a process can set a timer that sends it
//! SIGCONT. So the init traces each program (ptrace(2)) and never lets it go on.
//! The program's sockets, namespaces and links stay. Services that the exercise
//! names go on.

use super::stat::fields;
use crate::net::PATH;
use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The time limit for all to stop. Programs that do not stop are killed.
const PATIENCE: Duration = Duration::from_secs(1);

/// Freezes all programs of the booth except these services. All have received
/// SIGSTOP before. `warden` is the booth's first process.
pub(in crate::sandbox) fn freeze(warden: Pid, services: &[String]) {
    let services: BTreeSet<(u64, u64)> = services.iter().filter_map(|name| program(name)).collect();
    let mut traced = BTreeSet::new();
    let until = Instant::now() + PATIENCE;
    loop {
        let all = processes(warden);
        let (serve, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|process| {
            identity(&format!("/proc/{process}/exe")).is_some_and(|exe| services.contains(&exe))
        });
        let threads: Vec<(Pid, Pid)> = others
            .iter()
            .flat_map(|process| threads_of(*process).into_iter().map(|thread| (*process, thread)))
            .collect();
        let mut calm = true;
        for (process, thread) in threads {
            if traced.insert(thread) && trace(thread) != Ok(()) {
                let _ = kill(process, Signal::SIGKILL);
            }
            calm &= stands_still(thread);
        }
        if calm || Instant::now() > until {
            if !calm {
                others
                    .iter()
                    .filter(|process| !threads_of(**process).into_iter().all(stands_still))
                    .for_each(|process| {
                        let _ = kill(*process, Signal::SIGKILL);
                    });
            }
            for process in serve {
                let _ = kill(process, Signal::SIGCONT);
            }
            return;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Returns the processes of the booth: those in another user namespace than this
/// process, except the warden.
fn processes(warden: Pid) -> Vec<Pid> {
    let own = fs::read_link("/proc/self/ns/user").ok();
    let namespace = |process: &Pid| fs::read_link(format!("/proc/{process}/ns/user")).ok();
    let theirs = |process: &Pid| namespace(process).is_some_and(|found| Some(found) != own);
    numbers(Path::new("/proc")).into_iter().filter(|process| *process != warden && theirs(process)).collect()
}

fn threads_of(process: Pid) -> Vec<Pid> {
    numbers(&PathBuf::from(format!("/proc/{process}/task")))
}

fn numbers(folder: &Path) -> Vec<Pid> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).map(Pid::from_raw).collect()
}

/// Traces a thread, and the threads that it creates before it stops; stops it.
fn trace(thread: Pid) -> Result<(), Errno> {
    let options = libc::PTRACE_O_EXITKILL
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK;
    for (request, data) in [(libc::PTRACE_SEIZE, options), (libc::PTRACE_INTERRUPT, 0)] {
        // SAFETY: neither request reads or writes our memory.
        let done = unsafe { libc::ptrace(request, thread.as_raw(), 0usize, data as usize) };
        match Errno::result(done) {
            // The thread has ended, or is already traced by this process, which
            // traces the thread that created it.
            Err(Errno::ESRCH) => return Ok(()),
            Err(Errno::EPERM) if is_traced(thread) => {}
            done => drop(done?),
        }
    }
    Ok(())
}

/// Tells whether this process traces a thread.
fn is_traced(thread: Pid) -> bool {
    let own = format!("TracerPid:\t{}\n", nix::unistd::getpid());
    fs::read_to_string(format!("/proc/{thread}/status")).is_ok_and(|status| status.contains(&own))
}

/// Tells whether a thread is stopped by its tracer, has ended, or waits in the
/// kernel for a thread that is stopped.
fn stands_still(thread: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{thread}/stat")).unwrap_or_default();
    matches!(fields(&stat).next(), None | Some("t" | "Z" | "X" | "D"))
}

/// Finds a program of the machine by its name.
fn program(name: &str) -> Option<(u64, u64)> {
    PATH.split(':').find_map(|folder| identity(&format!("{folder}/{name}")))
}

fn identity(path: &str) -> Option<(u64, u64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}
