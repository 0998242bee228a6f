//! What a submission may not ask of the kernel (seccomp(2)).
//!
//! A list of what is refused: a network is built with a good part of the
//! kernel, and `ip`, `nft`, `tcpdump`, servers and shells must go on as ever.
//! What the kernel learned after this was written does not exist in there.

use crate::sandbox::seccomp::{Filter, allow, jump, kill, load_argument, refuse};
use nix::libc;

/// The last call that was looked at (`mseal`, Linux 6.10). On x86-64 this is
/// below those of the x32 ABI as well.
const LAST: u32 = 462;

/// Refused as the kernel refuses them to who has no right.
const NO_RIGHT: [libc::c_long; 42] = [
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
    // A user namespace of one's own has all rights in it.
    for (call, n) in [(libc::SYS_clone, 0), (libc::SYS_unshare, 0), (libc::SYS_setns, 1)] {
        let test = [
            load_argument(n),
            jump(libc::BPF_JSET, libc::CLONE_NEWUSER as u32, 0, 1),
            refuse(libc::EPERM),
            allow(),
        ];
        filter.when(call, &test);
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
