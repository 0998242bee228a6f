//! What a submission may not ask of the kernel (seccomp(2)).
//!
//! A list of what is refused: a network is built with a good part of the
//! kernel, and `ip`, `nft`, `tcpdump`, servers and shells must go on as ever.
//! What the kernel learned after this was written does not exist in there.

use nix::libc::{self, sock_filter, sock_fprog};
use std::io;

/// This machine's own calls; those of others, as of 32 bits, have other
/// numbers.
#[cfg(target_arch = "x86_64")]
const MACHINE: u32 = 62 | 0x8000_0000 | 0x4000_0000;
#[cfg(target_arch = "aarch64")]
const MACHINE: u32 = 183 | 0x8000_0000 | 0x4000_0000;
#[cfg(target_arch = "riscv64")]
const MACHINE: u32 = 243 | 0x8000_0000 | 0x4000_0000;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
const MACHINE: u32 = 0;

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

/// Where seccomp_data has what.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
/// The lower half of an argument.
const fn argument(n: u32) -> u32 {
    16 + 8 * n + if cfg!(target_endian = "big") { 4 } else { 0 }
}

/// A filter, ready to be put on.
#[derive(Debug)]
pub(super) struct Filter(Vec<sock_filter>);

impl Filter {
    pub fn new() -> Self {
        let mut filter = Self(Vec::new());
        filter.load(ARCH);
        filter.unless(libc::BPF_JEQ, MACHINE, &[answer(libc::SECCOMP_RET_KILL_PROCESS, 0)]);
        filter.load(NUMBER);
        filter.when(libc::BPF_JGT, LAST, &[refuse(libc::ENOSYS)]);
        for call in NOT_THERE {
            filter.when(libc::BPF_JEQ, call as u32, &[refuse(libc::ENOSYS)]);
        }
        for call in NO_RIGHT {
            filter.when(libc::BPF_JEQ, call as u32, &[refuse(libc::EPERM)]);
        }
        // A user namespace of one's own has all rights in it.
        for (call, n) in [(libc::SYS_clone, 0), (libc::SYS_unshare, 0), (libc::SYS_setns, 1)] {
            let test = [
                load(argument(n)),
                jump(libc::BPF_JSET, libc::CLONE_NEWUSER as u32, 0, 1),
                refuse(libc::EPERM),
                allow(),
            ];
            filter.when(libc::BPF_JEQ, call as u32, &test);
        }
        let mut test = vec![load(argument(1))];
        for request in IOCTLS {
            test.extend([jump(libc::BPF_JEQ, request as u32, 0, 1), refuse(libc::EPERM)]);
        }
        test.push(allow());
        filter.when(libc::BPF_JEQ, libc::SYS_ioctl as u32, &test);
        for call in [libc::SYS_socket, libc::SYS_socketpair] {
            let mut test = vec![load(argument(0))];
            for family in FAMILIES {
                test.extend([jump(libc::BPF_JEQ, family as u32, 0, 1), allow()]);
            }
            test.push(refuse(libc::EAFNOSUPPORT));
            filter.when(libc::BPF_JEQ, call as u32, &test);
        }
        filter.0.push(allow());
        filter
    }

    fn load(&mut self, at: u32) {
        self.0.push(load(at));
    }

    /// Does these where the test holds.
    fn when(&mut self, test: u32, value: u32, then: &[sock_filter]) {
        self.0.push(jump(test, value, 0, then.len() as u8));
        self.0.extend_from_slice(then);
    }

    /// Does these where it does not.
    fn unless(&mut self, test: u32, value: u32, then: &[sock_filter]) {
        self.0.push(jump(test, value, then.len() as u8, 0));
        self.0.extend_from_slice(then);
    }

    /// Puts it on this process, and on all that it will start. Programs don't
    /// become somebody else by being started any more.
    pub fn put_on(&self) -> io::Result<()> {
        if MACHINE == 0 {
            return Err(io::Error::from_raw_os_error(libc::ENOSYS));
        }
        let program = sock_fprog { len: self.0.len() as u16, filter: self.0.as_ptr().cast_mut() };
        // SAFETY: the kernel copies the filter during the call.
        let done = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::syscall(
                    libc::SYS_seccomp,
                    libc::SECCOMP_SET_MODE_FILTER,
                    libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                    &raw const program,
                ) == 0
        };
        if done { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

fn load(at: u32) -> sock_filter {
    sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: at }
}

fn jump(test: u32, value: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: (libc::BPF_JMP | test | libc::BPF_K) as u16, jt, jf, k: value }
}

fn answer(action: u32, data: u32) -> sock_filter {
    sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: action | data }
}

fn refuse(errno: i32) -> sock_filter {
    answer(libc::SECCOMP_RET_ERRNO, errno as u32)
}

fn allow() -> sock_filter {
    answer(libc::SECCOMP_RET_ALLOW, 0)
}
