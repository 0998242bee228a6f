//! The filter of calls that all programs of a lab have, those of a submission
//! included. What a submission may not do besides is in `booth::filter`.
//!
//! The init puts it on before it starts the first of them, once for all, as the
//! kernel takes a fifth of a millisecond for it.

use super::one_user;
use super::seccomp::{Filter, allow, jump, load_argument, load_upper, refuse};
use nix::libc::{self, c_long};

/// The numbers of the calls that it holds.
struct Calls {
    /// Those that make sockets of a family, which is their first argument.
    sockets: [c_long; 2],
    io_uring_setup: c_long,
    setrlimit: c_long,
    prlimit64: c_long,
}

const OWN: Calls = Calls {
    sockets: [libc::SYS_socket, libc::SYS_socketpair],
    io_uring_setup: libc::SYS_io_uring_setup,
    setrlimit: libc::SYS_setrlimit,
    prlimit64: libc::SYS_prlimit64,
};

/// Those of programs of 32 bits, where this kind of machine runs any: of i386, and
/// of Arm (arch/*/tools/syscall*.tbl of Linux).
#[cfg(target_arch = "x86_64")]
const OF_32_BITS: Option<Calls> =
    Some(Calls { sockets: [359, 360], io_uring_setup: 425, setrlimit: 75, prlimit64: 340 });
#[cfg(target_arch = "aarch64")]
const OF_32_BITS: Option<Calls> =
    Some(Calls { sockets: [281, 288], io_uring_setup: 425, setrlimit: 75, prlimit64: 369 });
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const OF_32_BITS: Option<Calls> = None;

/// The one call of i386 for all of sockets, whose arguments are in memory, where no
/// filter looks. Arm has none of this number.
const SOCKETCALL: c_long = 102;

/// The calls of the x32 ABI have numbers above this one, for the same as others. Few
/// kernels have that ABI, and other machines have no such numbers.
const LAST_BEFORE_X32: u32 = (1 << 30) - 1;

/// The filter, for [`Filter::put_on`].
pub(super) fn filter() -> Filter {
    let mut of_32_bits = Filter::of_foreign();
    if let Some(calls) = &OF_32_BITS {
        of_32_bits.when(SOCKETCALL, &[refuse(libc::ENOSYS)]);
        hold(&mut of_32_bits, calls);
    }
    let mut filter = Filter::with_foreign(&of_32_bits.allow_the_rest());
    filter.above(LAST_BEFORE_X32, &[refuse(libc::ENOSYS)]);
    one_user::answer(&mut filter);
    hold(&mut filter, &OWN);
    filter.allow_the_rest()
}

fn hold(filter: &mut Filter, calls: &Calls) {
    // No network namespace holds AF_VSOCK: it leads to the hypervisor, and to
    // programs that listen on the machine. io_uring(7) would open it as well, and
    // no filter sees that.
    let is_vsock = jump(libc::BPF_JEQ, libc::AF_VSOCK as u32, 0, 1);
    for call in calls.sockets {
        filter.when(call, &[load_argument(0), is_vsock, refuse(libc::EAFNOSUPPORT), allow()]);
    }
    filter.when(calls.io_uring_setup, &[refuse(libc::ENOSYS)]);
    // Without the limit of 1 (`begin::dump_no_core`), a program that crashes starts the
    // machine's handler of core dumps. Programs that set it to 0 do not go on when
    // that is refused, so they are told that it is done.
    let done = refuse(0);
    let is_core = jump(libc::BPF_JEQ, libc::RLIMIT_CORE, 0, 1);
    filter.when(calls.setrlimit, &[load_argument(0), is_core, done, allow()]);
    let is_read =
        [load_argument(2), jump(libc::BPF_JEQ, 0, 0, 2), load_upper(2), jump(libc::BPF_JEQ, 0, 1, 0)];
    let test =
        [&[load_argument(1), jump(libc::BPF_JEQ, libc::RLIMIT_CORE, 0, 5)], &is_read[..], &[done, allow()]];
    filter.when(calls.prlimit64, &test.concat());
}
