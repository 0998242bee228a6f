//! The filter of calls that all programs of a lab have, those of a submission
//! included. What a submission may not do besides is in `booth::filter`.
//!
//! The init puts it on before it starts the first of them, once for all, as the
//! kernel takes a fifth of a millisecond for it. Calls of 32 bits are left out.

use super::one_user;
use super::seccomp::{Filter, allow, jump, load_argument, load_upper, refuse};
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
    // Without the limit of 1 (`begin::dump_no_core`), a program that crashes starts the
    // machine's handler of core dumps. Programs that set it to 0 do not go on when
    // that is refused, so they are told that it is done.
    let done = refuse(0);
    let is_core = jump(libc::BPF_JEQ, libc::RLIMIT_CORE, 0, 1);
    filter.when(libc::SYS_setrlimit, &[load_argument(0), is_core, done, allow()]);
    let is_read =
        [load_argument(2), jump(libc::BPF_JEQ, 0, 0, 2), load_upper(2), jump(libc::BPF_JEQ, 0, 1, 0)];
    let test =
        [&[load_argument(1), jump(libc::BPF_JEQ, libc::RLIMIT_CORE, 0, 5)], &is_read[..], &[done, allow()]];
    filter.when(libc::SYS_prlimit64, &test.concat());
    filter.allow_the_rest()
}
