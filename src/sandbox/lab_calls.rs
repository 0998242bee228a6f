//! The filter of calls that all programs of a lab have, those of a submission
//! included. What a submission may not do besides is in `booth::filter`.
//!
//! The init puts it on before it starts the first of them, once for all, as the
//! kernel takes a fifth of a millisecond for it. Calls of 32 bits are left out.

use super::one_user;
use super::seccomp::{Filter, allow, jump, load_argument, refuse};
use nix::libc;

/// The filter, for [`Filter::put_on`].
pub(super) fn filter() -> Filter {
    let mut filter = Filter::new(allow());
    one_user::answer(&mut filter);
    // No network namespace holds AF_VSOCK: it leads to the hypervisor, and to
    // programs that listen on the machine. io_uring(7) would open it as well, and
    // no filter sees that.
    let is_vsock = jump(libc::BPF_JEQ, libc::AF_VSOCK as u32, 0, 1);
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        filter.when(call, &[load_argument(0), is_vsock, refuse(libc::EAFNOSUPPORT), allow()]);
    }
    filter.when(libc::SYS_io_uring_setup, &[refuse(libc::ENOSYS)]);
    filter.allow_the_rest()
}
