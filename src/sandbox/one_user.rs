//! Lets the lab's programs become another user, in name only.
//!
//! A sandbox has one user and one group, 0. Its user namespace maps no others,
//! because the user of nslab need not be root. The kernel refuses setgroups(2)
//! there, and any other user or group. Many programs that start as root drop
//! these rights, and exit if they can't: tcpdump empties its groups and becomes
//! `tcpdump`, dnsmasq becomes `nobody`.
//!
//! The filter answers these calls with success and does nothing. That gives no
//! process new rights: it stays the only user that there is, with rights that it
//! had before and that end at the sandbox. No file, process or socket in there
//! belongs to another user who needs protection from it. But a program must not
//! be told that it has become root again: calls for user and group 0 go to the
//! kernel.
//!
//! The init itself never makes these calls. If the kernel accepts no filter, or
//! on other processors, the calls fail as usual, and the program reports that.

use super::seccomp::{Filter, allow, call_it_done, jump, load_argument};
use nix::libc::{self, c_long};

/// The calls by which a process changes its user or group, and the number of
/// their arguments. 0 is the only user, and -1 leaves an ID as it is.
const BECOME: [(c_long, u32); 6] = [
    (libc::SYS_setuid, 1),
    (libc::SYS_setgid, 1),
    (libc::SYS_setreuid, 2),
    (libc::SYS_setregid, 2),
    (libc::SYS_setresuid, 3),
    (libc::SYS_setresgid, 3),
];

/// Makes a filter answer these calls.
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
