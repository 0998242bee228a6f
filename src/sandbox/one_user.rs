//! Lets the lab's programs become another user, in name.
//!
//! In a sandbox there is one user and one group, 0: its user namespace maps no
//! other, since who starts nslab need not be root. The kernel refuses
//! setgroups(2) there, and any other user or group. Many programs that begin
//! as root give that up, and end where they can't: tcpdump empties its groups
//! and becomes `tcpdump`, dnsmasq becomes `nobody`.
//!
//! These calls are answered with success, and do nothing. That gives nobody
//! anything: a process stays who it was, in the only user that there is; what
//! it gives up in vain it had before, and all of it ends at the sandbox. No
//! file, process or socket in there belongs to another user, from whom that
//! program would have to be kept. What a program must not be told is that it
//! has become root again: calls for user and group 0 go to the kernel.
//!
//! It holds for what a lab starts, a submission's programs included: the init
//! puts it on before the first of them, once for all, as the kernel takes a
//! fifth of a millisecond for it. The init itself has no use for these calls,
//! and calls of 32 bits are left out. Where the kernel takes no filter, or on
//! other processors, they are refused as ever, and the program says so.

use super::seccomp::{Filter, allow, call_it_done, jump, load_argument, refuse};
use nix::libc::{self, c_long};

/// The calls by which a process becomes another user or group, and how many
/// numbers each takes. 0 is who everybody is, and -1 leaves it as it is.
const BECOME: [(c_long, u32); 6] = [
    (libc::SYS_setuid, 1),
    (libc::SYS_setgid, 1),
    (libc::SYS_setreuid, 2),
    (libc::SYS_setregid, 2),
    (libc::SYS_setresuid, 3),
    (libc::SYS_setresgid, 3),
];

/// The filter, for [`Filter::put_on`].
pub(super) fn filter() -> Filter {
    let mut filter = Filter::new(allow());
    filter.when(libc::SYS_setgroups, &[call_it_done()]);
    for (call, numbers) in BECOME {
        let mut test = Vec::new();
        for n in 0..numbers {
            test.extend([
                load_argument(n),
                jump(libc::BPF_JEQ, 0, 2, 0),
                jump(libc::BPF_JEQ, u32::MAX, 1, 0),
                call_it_done(),
            ]);
        }
        test.push(allow());
        filter.when(call, &test);
    }
    // No network namespace holds AF_VSOCK: it leads to the hypervisor
    // and to whoever listens on the machine. io_uring(7) would open it as well,
    // where no filter looks.
    let is_vsock = jump(libc::BPF_JEQ, libc::AF_VSOCK as u32, 0, 1);
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        filter.when(call, &[load_argument(0), is_vsock, refuse(libc::EAFNOSUPPORT), allow()]);
    }
    filter.when(libc::SYS_io_uring_setup, &[refuse(libc::ENOSYS)]);
    filter.allow_the_rest()
}
