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
//! The init itself has no use for these calls. Where the kernel takes no filter,
//! or on other processors, they are refused as ever, and the program says so.

use super::seccomp::{Filter, allow, call_it_done, jump, load_argument};
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

/// Has a filter answer these calls.
pub(super) fn answer(filter: &mut Filter) {
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
}
