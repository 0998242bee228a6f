//! What a submission may have of the machine.

use super::filter::filter;
use crate::sandbox::begin::at_most;
use crate::sandbox::seccomp::no_new_privileges;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;

/// What root of a lab's namespaces may do in them, and a submission needs:
/// others, such as CAP_SYS_RESOURCE, would lift what is set here.
const CAPABILITIES: [u32; 16] = [
    0,  // CAP_CHOWN
    1,  // CAP_DAC_OVERRIDE
    2,  // CAP_DAC_READ_SEARCH
    3,  // CAP_FOWNER
    4,  // CAP_FSETID
    5,  // CAP_KILL
    6,  // CAP_SETGID
    7,  // CAP_SETUID
    8,  // CAP_SETPCAP
    10, // CAP_NET_BIND_SERVICE
    11, // CAP_NET_BROADCAST
    12, // CAP_NET_ADMIN
    13, // CAP_NET_RAW
    18, // CAP_SYS_CHROOT
    21, // CAP_SYS_ADMIN, for `ip netns`
    31, // CAP_SETFCAP
];

/// How many processes there may be of a submission and of the judge together
/// before a submission gets no more; the judge gets more.
pub(in crate::sandbox) const PROCESSES: u64 = 256;
/// The files that a process may have open. Each may be a socket, with the
/// kernel's memory behind it.
const FILES: u64 = 512;
/// How large a file may grow, in bytes.
const FILE: u64 = 128 << 20;
/// The memory that a process may write to, in bytes.
pub(super) const MEMORY: u64 = 512 << 20;
/// How long a process may compute, in seconds.
const COMPUTING: u64 = 60;
/// How much later than others it is served: nobody else's checks wait for it.
const NICE: i32 = 10;

/// How many namespaces there may be of each kind, in the sandbox, beside those
/// that the lab has made.
const NAMESPACES: usize = 200;

/// How many instances of inotify(7) there may be: the kernel has 128 for each
/// user of the machine, and all sandboxes are one.
const INOTIFY: usize = 8;

/// How many signals may wait, of all processes together.
const SIGNALS: u64 = 512;

/// Does something with a limit on signals that holds for a user namespace that
/// is made meanwhile, all its processes together (Linux 5.14).
pub(super) fn with_few_signals<T>(act: impl FnOnce() -> T) -> T {
    let before = getrlimit(Resource::RLIMIT_SIGPENDING);
    if let Ok((_, hard)) = before {
        let _ = setrlimit(Resource::RLIMIT_SIGPENDING, SIGNALS.min(hard), hard);
    }
    let done = act();
    if let Ok((soft, hard)) = before {
        let _ = setrlimit(Resource::RLIMIT_SIGPENDING, soft, hard);
    }
    done
}

/// Limits the namespaces that can be made inside (namespaces(7)), and what else
/// is counted for each user namespace. Who has not CAP_SYS_RESOURCE can't lift
/// it.
pub(in crate::sandbox) fn limit_namespaces(made: usize) -> io::Result<()> {
    let set = |kind: &str, most: usize| fs::write(format!("/proc/sys/user/max_{kind}"), most.to_string());
    set("user_namespaces", 0)?;
    set("net_namespaces", made + NAMESPACES)?;
    for kind in ["mnt_namespaces", "pid_namespaces", "uts_namespaces", "ipc_namespaces", "cgroup_namespaces"]
    {
        set(kind, NAMESPACES)?;
    }
    // Not in every kernel.
    let _ = set("time_namespaces", NAMESPACES);
    let _ = set("inotify_instances", INOTIFY);
    let _ = set("fanotify_groups", 0);
    Ok(())
}

/// Takes from this process and all that it will start what a submission may
/// not do. Once for all of them: the kernel runs a new filter for each of its
/// calls, to know those that it always allows. Gives the way to the calls that
/// somebody has to decide about.
pub(super) fn take_rights() -> io::Result<OwnedFd> {
    // Until the kernel knows no more of them.
    for capability in 0..64 {
        // SAFETY: takes numbers only.
        let dropped = CAPABILITIES.contains(&capability)
            || unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) } == 0;
        if !dropped {
            break;
        }
    }
    no_new_privileges()?;
    filter().put_on_to_be_asked()
}

/// Limits a process that is about to be executed.
pub(in crate::sandbox) fn limit(count_processes: bool) -> io::Result<()> {
    if count_processes {
        at_most(Resource::RLIMIT_NPROC, PROCESSES)?;
    }
    at_most(Resource::RLIMIT_NOFILE, FILES)?;
    at_most(Resource::RLIMIT_FSIZE, FILE)?;
    at_most(Resource::RLIMIT_DATA, MEMORY)?;
    at_most(Resource::RLIMIT_CPU, COMPUTING)?;
    at_most(Resource::RLIMIT_MSGQUEUE, 0)?;
    // SAFETY: takes numbers only.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
    Ok(())
}
