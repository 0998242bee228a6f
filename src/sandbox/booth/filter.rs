//! What a submission may not ask of the kernel (seccomp(2)).
//!
//! A list of what is refused: a network is built with a good part of the
//! kernel, and `ip`, `nft`, `tcpdump`, servers and shells must go on as ever.
//! What the kernel learned after this was written does not exist in there.
//! What can't be told from numbers waits for the [`doorman`](super::doorman).

use crate::sandbox::seccomp::{Filter, allow, jump, keep, kill, load_argument, load_upper, refuse, wait};
use nix::libc;

/// The last call that was looked at (`mseal`, Linux 6.10). On x86-64 this is
/// below those of the x32 ABI as well.
const LAST: u32 = 462;

/// Refused as the kernel refuses them to who has no right.
const NO_RIGHT: [libc::c_long; 43] = [
    // To look into others, or to act as them.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_bpf,
    // What the kernel keeps for all namespaces together.
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
    // Files past their paths.
    libc::SYS_open_by_handle_at,
    libc::SYS_pivot_root,
    // Memory that no process has, so that nobody could say whose it is.
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
    // Pages that a pipe holds are counted nowhere, and may be huge ones.
    libc::SYS_vmsplice,
];

/// Not there, as in an older kernel: who asks for them knows another way.
const NOT_THERE: [libc::c_long; 14] = [
    // Its flags are in memory, where no filter looks.
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    // The ways of mount(2) are enough.
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_name_to_handle_at,
];

/// What a socket may speak: others, such as AF_VSOCK, lead out of the network
/// namespace, or deep into code that no lab needs.
const FAMILIES: [libc::c_int; 7] = [
    libc::AF_UNSPEC,
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
    libc::AF_PACKET,
    libc::AF_KEY,
];

/// Types into a terminal as if somebody sat there, or changes what a terminal
/// is.
const IOCTLS: [libc::c_ulong; 4] =
    [libc::TIOCSTI as _, libc::TIOCLINUX as _, libc::TIOCSETD as _, libc::TIOCCONS as _];

/// How an instance of epoll(7) is made.
pub(super) const EPOLL_CREATE: &[libc::c_long] = &[
    libc::SYS_epoll_create1,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_create,
];

/// Flags of mount(2) with which nothing new is mounted.
pub(super) const OF_WHAT_IS_THERE: libc::c_ulong =
    libc::MS_BIND | libc::MS_SHARED | libc::MS_PRIVATE | libc::MS_SLAVE | libc::MS_UNBINDABLE | libc::MS_MOVE;

/// Calls that change what another process may have, or how it is served, and
/// that the kernel allows to everybody of the same user: the warden is. One's
/// own is called 0.
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

/// Where a call says whom it is about.
struct Others {
    named_by: u32,
    /// The argument that says by what they are named, and what stands there for
    /// one process.
    of_kind: Option<(u32, u32)>,
    /// The address of what is to be changed; where it is 0, nothing is.
    only_if: Option<u32>,
}

impl Others {
    /// Refuses the call where it is about somebody else.
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

/// The filter, for [`Filter::put_on`].
pub(super) fn filter() -> Filter {
    let mut filter = Filter::new(kill());
    filter.above(LAST, &[refuse(libc::ENOSYS)]);
    for call in NOT_THERE {
        filter.when(call, &[refuse(libc::ENOSYS)]);
    }
    for call in NO_RIGHT {
        filter.when(call, &[refuse(libc::EPERM)]);
    }
    // A user namespace of one's own has all rights in it. A network namespace
    // is made by unshare(2) alone, where the doorman sees it.
    let any = |bits: i32, then| [jump(libc::BPF_JSET, bits as u32, 0, 1), then];
    let refused = |n, bits| [&[load_argument(n)], &any(bits, refuse(libc::EPERM))[..], &[allow()]].concat();
    filter.when(libc::SYS_clone, &refused(0, libc::CLONE_NEWUSER | libc::CLONE_NEWNET));
    let user = any(libc::CLONE_NEWUSER, refuse(libc::EPERM));
    filter.when(libc::SYS_setns, &[&[load_argument(1)], &user[..], &[wait()]].concat());
    let net = any(libc::CLONE_NEWNET, wait());
    filter.when(libc::SYS_unshare, &[&[load_argument(0)], &user[..], &net, &[allow()]].concat());
    // What is mounted already may be mounted elsewhere, as `ip netns` does; what
    // is new waits. Old programs have a mark where the kernel has flags.
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
    // Memory that processes share, and that may be no file's.
    let mut test = vec![load_argument(3), keep(libc::MAP_TYPE as u32)];
    for kind in [libc::MAP_SHARED, libc::MAP_SHARED_VALIDATE] {
        test.extend([jump(libc::BPF_JEQ, kind as u32, 0, 1), wait()]);
    }
    test.push(allow());
    filter.when(libc::SYS_mmap, &test);
    // Rings of packets.
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
