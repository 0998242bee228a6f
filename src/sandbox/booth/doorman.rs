//! Decides what the filter can't: the filter sees a call's numeric arguments, but
//! not the memory they point to.
//!
//! Some calls of a submission wait until the doorman, a process outside the
//! booth, has checked them (seccomp_unotify(2)). Another thread may change the
//! memory during the check. So if a decision depends on memory, the doorman makes
//! the call itself, from its own copy. The kernel only goes on with a call if
//! numbers alone decide.
//!
//! - **mount(2)**: new file systems of a few kinds only. Each one in memory gets a
//!   part of a common budget, which unmounting does not return: the file system may
//!   be held open where nobody sees it.
//! - **mmap(2)** of shared memory, which no limit of a single process counts. The
//!   doorman does not check the descriptor's file: another thread could replace it
//!   by `/dev/zero` after the check.
//! - **epoll_create(2)**: the kernel counts watches for a whole user of the machine.
//! - **setsockopt(2)** for packet rings, which are kernel memory.
//! - **unshare(2)** of a network namespace: the engine holds it from then on, so
//!   that its contents are counted, whether or not it has a name.
//! - **setns(2)**: the engine also holds the namespace that the thread leaves, in
//!   case it was created and left before the doorman could see it.
//!
//! If the doorman is gone, the kernel refuses these calls.

use super::calls::{Call, Notices};
use super::filter::{EPOLL_CREATE, OF_WHAT_IS_THERE};
use super::new_mount::{self, NewMount, Place};
use super::stat::fields;
use crate::sandbox::error::Refused;
use crate::sandbox::process::{close_all_but_these, die_with_parent, end};
use crate::sandbox::wire::Wire;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, Pid, fork};
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The budgets for shared mappings, in bytes, of all processes together, ever:
/// without a descriptor, and with one, which may be a file's. Of files, each
/// program with a locale maps 27 KB, and tcpdump 2 MiB.
const SHARED: u64 = 128 << 20;
const SHARED_BY_DESCRIPTOR: u64 = 384 << 20;
/// The number of epoll(7) instances that may be created, ever. A server creates
/// one for each of its threads.
const EPOLLS: u32 = 64;
/// The budget for packet rings, in bytes, ever. tcpdump's takes 2 MiB.
const RINGS: u64 = 256 << 20;

/// The longest wait for a new namespace: the call may wait for kernel locks, or
/// for a processor.
const APPEARS: Duration = Duration::from_secs(5);
/// The time of polling without a pause, and the pause afterwards.
const AT_ONCE: Duration = Duration::from_millis(2);
const LOOK: Duration = Duration::from_micros(100);
/// After this much user time since its call, in ticks, a thread must have
/// returned from the call.
const BACK: u64 = 2;

/// Starts the doorman. The filter's listener arrives on `from_warden`; each new
/// network namespace goes to the engine on `to_engine`.
pub(in crate::sandbox) fn start(
    warden: Pid,
    to_engine: OwnedFd,
    from_warden: OwnedFd,
) -> Result<(), Refused> {
    // SAFETY: this process has one thread.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => {
            die_with_parent();
            close_all_but_these([to_engine.as_raw_fd(), from_warden.as_raw_fd()]);
            let came = Wire::new(from_warden).receive_with::<()>();
            if let Ok(Some(((), mut fds))) = came
                && let Some(listener) = fds.pop()
            {
                Doorman {
                    warden,
                    host: fs::read_link("/proc/self/ns/net").ok(),
                    engine: Wire::new(to_engine),
                    shared: 0,
                    shared_by_descriptor: 0,
                    rings: 0,
                    epolls: 0,
                    mounts: Default::default(),
                }
                .serve(&Notices::new(listener));
            }
            end()
        }
        Ok(ForkResult::Parent { .. }) => Ok(()),
        Err(errno) => Err(("start the booth's doorman", errno)),
    }
}

/// The decision about a call.
enum Answer {
    /// The kernel goes on with it.
    GoOn,
    /// The doorman has carried it out, or refuses it with this error.
    Done(Result<(), Errno>),
}

struct Doorman {
    warden: Pid,
    /// The link text of the host's network namespace. This process is in it, too.
    host: Option<PathBuf>,
    engine: Wire,
    /// The parts of the budgets used so far, in bytes.
    shared: u64,
    shared_by_descriptor: u64,
    rings: u64,
    epolls: u32,
    mounts: new_mount::Taken,
}

impl Doorman {
    fn serve(&mut self, notices: &Notices) {
        while let Some(call) = notices.next() {
            match self.decide(&call, notices) {
                Answer::GoOn if call.number == libc::SYS_unshare => self.hold_what_it_makes(&call, notices),
                Answer::GoOn if call.number == libc::SYS_setns => {
                    self.hold_where_it_is(&call);
                    notices.go_on(&call);
                }
                Answer::GoOn => notices.go_on(&call),
                Answer::Done(result) => notices.answer(&call, result),
            }
        }
    }

    fn decide(&mut self, call: &Call, notices: &Notices) -> Answer {
        match call.number {
            libc::SYS_mount => self.mount(call, notices),
            libc::SYS_mmap => self.share(call),
            libc::SYS_setsockopt => Answer::Done(self.ring(call, notices)),
            libc::SYS_unshare | libc::SYS_setns => Answer::GoOn,
            number if EPOLL_CREATE.contains(&number) => self.watch(),
            _ => Answer::Done(Err(Errno::EPERM)),
        }
    }

    fn mount(&mut self, call: &Call, notices: &Notices) -> Answer {
        let mut flags = call.arguments[3];
        // As in the kernel: old programs set a magic number in place of flags.
        if flags & libc::MS_MGC_MSK == libc::MS_MGC_VAL {
            flags &= !libc::MS_MGC_MSK;
        }
        if flags & libc::MS_REMOUNT != 0 {
            // A bind remount changes the mount only; others change the file
            // system and its size.
            return match flags & libc::MS_BIND {
                0 => Answer::Done(Err(Errno::EPERM)),
                _ => Answer::GoOn,
            };
        }
        if flags & OF_WHAT_IS_THERE != 0 {
            return Answer::GoOn;
        }
        let made = NewMount::read(call, flags).and_then(|mut new| {
            let size = self.mounts.take(&mut new)?;
            // If the caller is gone, its PID may belong to another process, such
            // as one of the judge's.
            let done = Place::of(call).and_then(|place| match notices.is_still_there(call) {
                true => new.make(&place),
                false => Err(Errno::EINTR),
            });
            self.mounts.give_back_unless(done.is_ok(), size);
            done
        });
        Answer::Done(made)
    }

    /// Counts memory that is to be shared.
    fn share(&mut self, call: &Call) -> Answer {
        let [_, length, _, flags, ..] = call.arguments;
        let (taken, most) = match flags & libc::MAP_ANONYMOUS as u64 {
            0 => (&mut self.shared_by_descriptor, SHARED_BY_DESCRIPTOR),
            _ => (&mut self.shared, SHARED),
        };
        let sum = taken.saturating_add(length);
        if sum > most {
            return Answer::Done(Err(Errno::ENOMEM));
        }
        *taken = sum;
        Answer::GoOn
    }

    /// Counts epoll(7) instances.
    fn watch(&mut self) -> Answer {
        if self.epolls == EPOLLS {
            return Answer::Done(Err(Errno::EMFILE));
        }
        self.epolls += 1;
        Answer::GoOn
    }

    /// Creates a packet ring from a copy of the request.
    fn ring(&mut self, call: &Call, notices: &Notices) -> Result<(), Errno> {
        /// The size of `tpacket_req3` of packet(7), the longest request.
        const LONGEST: usize = 28;
        let [fd, level, name, at, length, _] = call.arguments;
        let request = call.read(at, (length as usize).min(LONGEST))?;
        let word = |n: usize| {
            request
                .get(4 * n..4 * n + 4)
                .map(|bytes| u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        };
        let (Some(size), Some(count)) = (word(0), word(1)) else { return Err(Errno::EINVAL) };
        let sum = self.rings.saturating_add(u64::from(size) * u64::from(count));
        if sum > RINGS {
            return Err(Errno::ENOMEM);
        }
        let socket = call.borrow(fd as i32)?;
        if !notices.is_still_there(call) {
            return Err(Errno::EINTR);
        }
        // SAFETY: the request is ours and lives through the call.
        let done = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                level as i32,
                name as i32,
                request.as_ptr().cast(),
                request.len() as libc::socklen_t,
            )
        };
        Errno::result(done)?;
        self.rings = sum;
        Ok(())
    }

    /// Sends the network namespace of a thread to the engine, unless it is the
    /// host's. Returns its link text.
    fn hold_where_it_is(&self, call: &Call) -> Option<PathBuf> {
        if call.pid == self.warden {
            // The namespace is one of the lab's.
            return None;
        }
        let path = format!("/proc/{}/ns/net", call.pid);
        let name = fs::read_link(&path).ok()?;
        if self.host.as_ref() != Some(&name) {
            let held = open(path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
            let _ = self.engine.send_with(&(), &[held.as_fd()]);
        }
        Some(name)
    }

    /// Lets the call go on, and holds the network namespace that it creates.
    fn hold_what_it_makes(&self, call: &Call, notices: &Notices) {
        // The doorman may have missed the current one, too.
        let (before, computed) = (self.hold_where_it_is(call), Progress::of(call.pid));
        notices.go_on(call);
        let (Some(before), Some(computed)) = (before, computed) else { return };
        let (began, path) = (Instant::now(), format!("/proc/{}/ns/net", call.pid));
        loop {
            // In this order: the namespace may appear between the two reads.
            let at_it = began.elapsed() < APPEARS
                && Progress::of(call.pid).is_some_and(|now| now.may_be_in_a_call_since(&computed));
            match fs::read_link(&path) {
                // Most namespaces appear within microseconds, and could be left
                // as fast. After that, leave the processor to the thread.
                Ok(now) if now == before && at_it => match began.elapsed() < AT_ONCE {
                    true => std::thread::yield_now(),
                    false => std::thread::sleep(LOOK),
                },
                Ok(now) if now != before => {
                    self.hold_where_it_is(call);
                    return;
                }
                _ => return,
            }
        }
    }
}

/// The progress of a thread (proc_pid_stat(5)).
struct Progress {
    state: char,
    /// Its user time, in ticks.
    computed: u64,
}

impl Progress {
    fn of(thread: Pid) -> Option<Self> {
        // The statistics of the thread, not of its whole process.
        Self::read(&fs::read_to_string(format!("/proc/{thread}/task/{thread}/stat")).ok()?)
    }

    fn read(stat: &str) -> Option<Self> {
        let mut fields = fields(stat);
        Some(Self { state: fields.next()?.chars().next()?, computed: fields.nth(10)?.parse().ok()? })
    }

    /// Tells whether the thread may still be in the call of `then`, if that call
    /// sleeps for nothing but locks.
    fn may_be_in_a_call_since(&self, then: &Self) -> bool {
        "RD".contains(self.state) && self.computed < then.computed + BACK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_whatever_the_name() {
        let stat = "7 (a) b (c) D 1 7 7 0 -1 4194304 249 0 0 0 12 34 0 0 20 0 1 0 344";
        let progress = Progress::read(stat).unwrap();
        assert_eq!((progress.state, progress.computed), ('D', 12));
        assert!(Progress::read("7 (a) D 1").is_none());
    }
}
