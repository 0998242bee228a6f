//! The limits of a submission.

use super::filter::filter;
use crate::sandbox::cgroup::PROCESSES;
use crate::sandbox::process::at_most;
use crate::sandbox::seccomp::no_new_privileges;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;

/// The capabilities that a submission needs as root of the lab's namespaces.
/// Others, such as `CAP_SYS_RESOURCE`, would let it lift the limits set here.
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

/// The number of files that a process may have open. Each may be a socket, which
/// uses kernel memory.
const FILES: u64 = 512;
/// The largest size of a file, in bytes.
const FILE: u64 = 128 << 20;
/// The memory that a process may write to, in bytes.
pub(super) const MEMORY: u64 = 512 << 20;
/// The processor time of a process, in seconds.
const COMPUTING: u64 = 60;
/// The nice value: a submission must not delay the checks of others.
const NICE: i32 = 10;

/// The number of namespaces of each kind in the sandbox, in addition to those
/// that the lab has created.
const NAMESPACES: usize = 200;

/// The number of inotify(7) instances. The kernel allows 128 for each user of the
/// machine, and all sandboxes count as one user.
const INOTIFY: usize = 8;

/// The number of pending signals, of all processes together.
const SIGNALS: u64 = 512;

/// Runs `act` with a limit on pending signals. A user namespace that `act`
/// creates keeps the limit for all its processes together (Linux 5.14).
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

/// Limits the namespaces that can be created inside (namespaces(7)), and other
/// resources that are counted for each user namespace. Without `CAP_SYS_RESOURCE`
/// nobody can lift these limits.
pub(in crate::sandbox) fn limit_namespaces(made: usize) -> io::Result<()> {
    let set = |kind: &str, most: usize| fs::write(format!("/proc/sys/user/max_{kind}"), most.to_string());
    set("user_namespaces", 0)?;
    set("net_namespaces", made + NAMESPACES)?;
    for kind in ["mnt_namespaces", "pid_namespaces", "uts_namespaces", "ipc_namespaces", "cgroup_namespaces"]
    {
        set(kind, NAMESPACES)?;
    }
    // Not every kernel has these.
    let _ = set("time_namespaces", NAMESPACES);
    let _ = set("inotify_instances", INOTIFY);
    let _ = set("fanotify_groups", 0);
    Ok(())
}

/// Takes the rights that a submission must not have from this process and all its
/// children. The filter is installed once for all of them, because the kernel
/// runs each new filter for every system call to find those that it always
/// allows. Returns the listener for the calls that the doorman decides.
pub(super) fn take_rights() -> io::Result<OwnedFd> {
    // Until the kernel knows no higher capability.
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

/// Sets the limits of a process before its exec.
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
