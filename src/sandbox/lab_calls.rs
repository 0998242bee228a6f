//! The filter of system calls for all programs of a lab, a submission's included.
//! A submission has a second filter, `booth::filter`.
//!
//! The init installs it before the first program, once for all, because that
//! takes the kernel a fifth of a millisecond.

use super::one_user;
use super::seccomp::{Filter, allow, jump, load_argument, load_upper, refuse};
use nix::libc::{self, c_long};

/// The numbers of the filtered calls.
struct Calls {
    /// The calls that create sockets; their first argument is the family.
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

/// The numbers for 32-bit programs, on machines that run them: i386 and Arm
/// (arch/*/tools/syscall*.tbl of Linux).
#[cfg(target_arch = "x86_64")]
const OF_32_BITS: Option<Calls> =
    Some(Calls { sockets: [359, 360], io_uring_setup: 425, setrlimit: 75, prlimit64: 340 });
#[cfg(target_arch = "aarch64")]
const OF_32_BITS: Option<Calls> =
    Some(Calls { sockets: [281, 288], io_uring_setup: 425, setrlimit: 75, prlimit64: 369 });
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const OF_32_BITS: Option<Calls> = None;

/// The call of i386 for all socket operations. Its arguments are in memory, which
/// no filter can read. Arm has no call of this number.
const SOCKETCALL: c_long = 102;

/// The calls of the x32 ABI have numbers above this one. Few kernels have that
/// ABI, and other machines have no such numbers.
const LAST_BEFORE_X32: u32 = (1 << 30) - 1;

/// Returns the filter, for [`Filter::put_on`].
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
    // `AF_VSOCK` ignores network namespaces: it reaches the hypervisor, and
    // programs that listen on the machine. io_uring(7) could open one as well,
    // out of sight of any filter.
    let is_vsock = jump(libc::BPF_JEQ, libc::AF_VSOCK as u32, 0, 1);
    for call in calls.sockets {
        filter.when(call, &[load_argument(0), is_vsock, refuse(libc::EAFNOSUPPORT), allow()]);
    }
    filter.when(calls.io_uring_setup, &[refuse(libc::ENOSYS)]);
    // Without the limit of 1 (`begin::dump_no_core`), a crashing program starts
    // the machine's core dump handler. Programs that set the limit to 0 give up
    // if that is refused, so the filter reports success.
    let done = refuse(0);
    let is_core = jump(libc::BPF_JEQ, libc::RLIMIT_CORE, 0, 1);
    filter.when(calls.setrlimit, &[load_argument(0), is_core, done, allow()]);
    let is_read =
        [load_argument(2), jump(libc::BPF_JEQ, 0, 0, 2), load_upper(2), jump(libc::BPF_JEQ, 0, 1, 0)];
    let test =
        [&[load_argument(1), jump(libc::BPF_JEQ, libc::RLIMIT_CORE, 0, 5)], &is_read[..], &[done, allow()]];
    filter.when(calls.prlimit64, &test.concat());
}
