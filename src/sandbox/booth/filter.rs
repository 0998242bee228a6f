//! The filter of system calls for a submission (seccomp(2)).
//!
//! It is a list of refused calls: building a network needs a good part of the
//! kernel, and `ip`, `nft`, `tcpdump`, servers and shells must work as usual.
//! System calls newer than this list do not exist for a submission. Calls that
//! can't be decided by their numbers wait for the [`doorman`](super::doorman).

use crate::sandbox::seccomp::{Filter, allow, jump, keep, kill, load_argument, load_upper, refuse, wait};
use nix::libc;

/// The newest call that this list considers (`mseal`, Linux 6.10). On x86-64,
/// calls of the x32 ABI have higher numbers, too.
const LAST: u32 = 462;

/// Calls refused with `EPERM`, as the kernel does without the right.
const NO_RIGHT: [libc::c_long; 43] = [
    // Calls that inspect other processes, or act as them.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_bpf,
    // Resources that the kernel keeps for all namespaces together.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_syslog,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_fanotify_init,
    libc::SYS_vhangup,
    // Access to files without their paths, or outside of the root.
    libc::SYS_open_by_handle_at,
    libc::SYS_pivot_root,
    // Memory that belongs to no process, so that it can't be accounted.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_mq_open,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    libc::SYS_set_mempolicy,
    libc::SYS_mbind,
    libc::SYS_remap_file_pages,
    // Pages held by a pipe are counted nowhere, and may be huge pages.
    libc::SYS_vmsplice,
];

/// Calls refused with `ENOSYS`, as in an older kernel: callers then use another
/// way.
const NOT_THERE: [libc::c_long; 14] = [
    // Its flags are in memory, which no filter can read.
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    // The features of mount(2) are enough.
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_name_to_handle_at,
];

/// The allowed address families. Others, such as `AF_VSOCK`, lead out of the
/// network namespace, or into large parts of the kernel that no lab needs.
const FAMILIES: [libc::c_int; 7] = [
    libc::AF_UNSPEC,
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
    libc::AF_PACKET,
    libc::AF_KEY,
];

/// Requests that insert input into a terminal, or change its line discipline or
/// console.
const IOCTLS: [libc::c_ulong; 4] =
    [libc::TIOCSTI as _, libc::TIOCLINUX as _, libc::TIOCSETD as _, libc::TIOCCONS as _];

/// The calls that create an epoll(7) instance.
pub(super) const EPOLL_CREATE: &[libc::c_long] = &[
    libc::SYS_epoll_create1,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_create,
];

/// Flags of mount(2) that mount no new file system.
pub(super) const OF_WHAT_IS_THERE: libc::c_ulong =
    libc::MS_BIND | libc::MS_SHARED | libc::MS_PRIVATE | libc::MS_SLAVE | libc::MS_UNBINDABLE | libc::MS_MOVE;

/// Calls that change another process's limits or scheduling. The kernel allows
/// them for all processes of the same user, and the warden is one. The caller
/// itself is process 0.
const OTHERS: [(libc::c_long, Others); 7] = [
    (libc::SYS_prlimit64, Others { named_by: 0, of_kind: None, only_if: Some(2) }),
    (libc::SYS_setpriority, Others { named_by: 1, of_kind: Some((0, libc::PRIO_PROCESS)), only_if: None }),
    (libc::SYS_ioprio_set, Others { named_by: 1, of_kind: Some((0, IOPRIO_WHO_PROCESS)), only_if: None }),
    (libc::SYS_sched_setscheduler, Others { named_by: 0, of_kind: None, only_if: None }),
    (libc::SYS_sched_setparam, Others { named_by: 0, of_kind: None, only_if: None }),
    (libc::SYS_sched_setattr, Others { named_by: 0, of_kind: None, only_if: None }),
    (libc::SYS_sched_setaffinity, Others { named_by: 0, of_kind: None, only_if: None }),
];

/// `IOPRIO_WHO_PROCESS` of ioprio_set(2).
const IOPRIO_WHO_PROCESS: u32 = 1;

/// The arguments by which a call names its target.
struct Others {
    named_by: u32,
    /// The argument with the kind of target, and its value for one process.
    of_kind: Option<(u32, u32)>,
    /// The argument with the address of the new values; if it is 0, the call
    /// changes nothing.
    only_if: Option<u32>,
}

impl Others {
    /// Refuses the call if its target is another process.
    fn test(&self) -> Vec<libc::sock_filter> {
        let mut test = Vec::new();
        if let Some(new) = self.only_if {
            // Either half of an address may be 0.
            test.extend([load_argument(new), jump(libc::BPF_JEQ, 0, 0, 3)]);
            test.extend([load_upper(new), jump(libc::BPF_JEQ, 0, 0, 1), allow()]);
        }
        if let Some((kind, one)) = self.of_kind {
            test.extend([load_argument(kind), jump(libc::BPF_JEQ, one, 1, 0), refuse(libc::EPERM)]);
        }
        test.extend([load_argument(self.named_by), jump(libc::BPF_JEQ, 0, 0, 1), allow()]);
        test.push(refuse(libc::EPERM));
        test
    }
}

/// Returns the filter, for [`Filter::put_on`].
pub(super) fn filter() -> Filter {
    let mut filter = Filter::new(kill());
    filter.above(LAST, &[refuse(libc::ENOSYS)]);
    for call in NOT_THERE {
        filter.when(call, &[refuse(libc::ENOSYS)]);
    }
    for call in NO_RIGHT {
        filter.when(call, &[refuse(libc::EPERM)]);
    }
    // A new user namespace would give all rights within it. A network namespace
    // must be created by unshare(2), where the doorman sees it.
    let any = |bits: i32, then| [jump(libc::BPF_JSET, bits as u32, 0, 1), then];
    let refused = |n, bits| [&[load_argument(n)], &any(bits, refuse(libc::EPERM))[..], &[allow()]].concat();
    filter.when(libc::SYS_clone, &refused(0, libc::CLONE_NEWUSER | libc::CLONE_NEWNET));
    let user = any(libc::CLONE_NEWUSER, refuse(libc::EPERM));
    filter.when(libc::SYS_setns, &[&[load_argument(1)], &user[..], &[wait()]].concat());
    let net = any(libc::CLONE_NEWNET, wait());
    filter.when(libc::SYS_unshare, &[&[load_argument(0)], &user[..], &net, &[allow()]].concat());
    // Existing mounts may be mounted elsewhere, as `ip netns` does; new ones wait
    // for the doorman. Old programs set a magic number in place of flags.
    let mark = (libc::MS_MGC_MSK as u32, libc::MS_MGC_VAL as u32);
    let test = [
        [load_argument(3), keep(mark.0)],
        [jump(libc::BPF_JEQ, mark.1, 0, 1), wait()],
        [load_argument(3), jump(libc::BPF_JSET, libc::MS_REMOUNT as u32, 0, 1)],
        [wait(), jump(libc::BPF_JSET, OF_WHAT_IS_THERE as u32, 0, 1)],
        [allow(), wait()],
    ];
    filter.when(libc::SYS_mount, test.as_flattened());
    for call in EPOLL_CREATE {
        filter.when(*call, &[wait()]);
    }
    // Shared memory, which may have no file.
    let mut test = vec![load_argument(3), keep(libc::MAP_TYPE as u32)];
    for kind in [libc::MAP_SHARED, libc::MAP_SHARED_VALIDATE] {
        test.extend([jump(libc::BPF_JEQ, kind as u32, 0, 1), wait()]);
    }
    test.push(allow());
    filter.when(libc::SYS_mmap, &test);
    // Packet rings.
    let mut test = vec![load_argument(1), jump(libc::BPF_JEQ, libc::SOL_PACKET as u32, 1, 0), allow()];
    test.push(load_argument(2));
    for ring in [libc::PACKET_RX_RING, libc::PACKET_TX_RING] {
        test.extend([jump(libc::BPF_JEQ, ring as u32, 0, 1), wait()]);
    }
    test.push(allow());
    filter.when(libc::SYS_setsockopt, &test);
    for (call, others) in &OTHERS {
        filter.when(*call, &others.test());
    }
    let mut test = vec![load_argument(1)];
    for request in IOCTLS {
        test.extend([jump(libc::BPF_JEQ, request as u32, 0, 1), refuse(libc::EPERM)]);
    }
    test.push(allow());
    filter.when(libc::SYS_ioctl, &test);
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        let mut test = vec![load_argument(0)];
        for family in FAMILIES {
            test.extend([jump(libc::BPF_JEQ, family as u32, 0, 1), allow()]);
        }
        test.push(refuse(libc::EAFNOSUPPORT));
        filter.when(call, &test);
    }
    filter.allow_the_rest()
}
