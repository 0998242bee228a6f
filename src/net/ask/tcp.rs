//! Tests a TCP port, in the words of nc(1).

use super::attempt::{Attempt, Failed};
use super::echo::SOON;
use crate::net::kernel::Kernel;
use crate::net::kernel::error::strerror;
use crate::net::names::target::{Target, address, any, family};
use crate::net::{NetError, Netns, Network, Witness};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{SockFlag, SockType, bind, connect, getsockopt, setsockopt, socket, sockopt};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Options of a connection attempt.
#[derive(Debug, Clone)]
pub struct TcpOptions {
    /// The timeout, in milliseconds.
    pub timeout_ms: u64,
    /// The source port; chosen by the kernel if not set.
    pub sport: Option<u16>,
    /// The deadline for resolving a name.
    pub deadline: Instant,
    /// Whether a request must get through as well, not only the handshake.
    pub talks: bool,
    /// The size of that request, in bytes.
    pub size: usize,
}

impl Default for TcpOptions {
    fn default() -> Self {
        let deadline = Instant::now() + Duration::from_secs(60);
        Self { timeout_ms: 1000, sport: None, deadline, talks: false, size: 0 }
    }
}

/// The result of a connection attempt.
#[derive(Debug, Clone)]
pub struct TcpAnswer(Attempt);

impl TcpAnswer {
    /// The address of the target, once it is known.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.ip
    }

    /// Tells whether there was a connection.
    pub fn ok(&self) -> bool {
        self.0.ok()
    }

    /// The reason why there was none, in a few words.
    pub fn error(&self) -> Option<String> {
        self.0.error()
    }

    /// The output of `nc -zv`.
    pub fn text(&self) -> String {
        let Attempt { dst, port, failed, .. } = &self.0;
        let to = self.0.to();
        self.0.with_objection(match failed {
            None => format!("Connection to {to} {port} port [tcp/*] succeeded!"),
            Some(Failed::NoName(words)) => format!("nc: getaddrinfo for host \"{dst}\" port {port}: {words}"),
            Some(Failed::Kernel(errno)) => {
                format!("nc: connect to {to} port {port} (tcp) failed: {}", strerror(*errno as i32))
            }
            Some(stalled @ Failed::Stalled { .. }) => {
                format!("Connection to {to} {port} port [tcp/*] succeeded!\n{}", stalled.words())
            }
            Some(Failed::TimedOut) => {
                format!("nc: connect to {to} port {port} (tcp) timed out: Operation now in progress")
            }
        })
    }
}

impl Network {
    /// Connects to a TCP port and closes the connection, as `nc -z` does. With a
    /// witness, a connection counts only if it was accepted by the namespace,
    /// service or program that the witness watches.
    ///
    /// # Errors
    ///
    /// If there is no such port. A refused connection is an answer, not an
    /// error.
    pub fn tcp(
        &self,
        netns: &Netns,
        dst: &str,
        port: &str,
        options: &TcpOptions,
        witness: Option<&Witness>,
    ) -> Result<TcpAnswer, NetError> {
        let port = crate::net::service::port(port)?;
        let kernel = self.look()?;
        let mut tried = Attempt::new(dst, port);
        match kernel.connect(netns, (dst, port), options.sport, options.timeout_ms, options.deadline)? {
            Ok(stream) => {
                tried.ip = stream.peer_addr().ok().map(|peer| peer.ip());
                tried.by_others = witness.and_then(|witness| witness.objects(self, dst, &stream));
                if options.talks {
                    tried.failed = talk(&stream, options).err();
                }
                hang_up(&stream, self.services.patience());
            }
            Err((ip, failed)) => (tried.ip, tried.failed) = (ip, Some(failed)),
        }
        Ok(TcpAnswer(tried))
    }
}

impl Kernel<'_> {
    /// Connects to the first address of a name that accepts.
    pub(in crate::net) fn connect(
        &self,
        netns: &Netns,
        (dst, port): (&str, u16),
        sport: Option<u16>,
        timeout_ms: u64,
        give_up: Instant,
    ) -> Result<Result<TcpStream, (Option<IpAddr>, Failed)>, NetError> {
        let (targets, name) = self.targets(netns, dst, give_up)?;
        if let Some(error) = name.error() {
            return Ok(Err((None, Failed::NoName(error))));
        }
        let deadline = Instant::now() + Duration::from_millis(timeout_ms);
        self.await_addresses()?;
        self.enter(netns)?;
        let mut failed = (None, Failed::TimedOut);
        for target in targets {
            match connect_to(target, (sport, port), deadline, || self.is_over_for(netns, target.ip)) {
                Ok(socket) => return Ok(Ok(socket.into())),
                Err(why) => failed = (Some(target.ip), why),
            }
        }
        Ok(Err(failed))
    }
}

/// Connects a socket in this thread's current namespace.
///
/// `is_over` tells whether waiting further is useless.
fn connect_to(
    target: Target,
    (sport, port): (Option<u16>, u16),
    deadline: Instant,
    is_over: impl FnOnce() -> bool,
) -> Result<OwnedFd, Failed> {
    let from = sport.map(|sport| (any(target).ip, sport));
    let socket = begin_connect(target, from, port, false).map_err(Failed::Kernel)?;
    let soon = deadline.min(Instant::now() + SOON);
    if !wait_for(&socket, PollFlags::POLLOUT, soon) {
        let until = if is_over() { Instant::now() } else { deadline };
        if !wait_for(&socket, PollFlags::POLLOUT, until) {
            return Err(Failed::TimedOut);
        }
    }
    match connected(&socket) {
        Some(Ok(())) => Ok(socket),
        // The kernel's own timeout has expired.
        None | Some(Err(Errno::ETIMEDOUT)) => Err(Failed::TimedOut),
        Some(Err(errno)) => Err(Failed::Kernel(errno)),
    }
}

/// Begins to connect a socket in this thread's current namespace, without waiting; from an
/// address and a port, if they are given. With `icmp`, the socket keeps ICMP errors.
pub(super) fn begin_connect(
    target: Target,
    from: Option<(IpAddr, u16)>,
    port: u16,
    icmp: bool,
) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family(target), SockType::Stream, flags, None)?;
    match target.ip {
        _ if !icmp => {}
        IpAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
        IpAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
    }
    if let Some((ip, sport)) = from {
        // An earlier connection may still be closing.
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
        bind(socket.as_raw_fd(), &address(Target { ip, scope: 0 }, sport))?;
    }
    match connect(socket.as_raw_fd(), &address(target, port)) {
        Ok(()) | Err(Errno::EINPROGRESS | Errno::EINTR) => Ok(socket),
        Err(errno) => Err(errno),
    }
}

/// Returns the result of a connection; `None` if it is still being made.
pub(super) fn connected(socket: &OwnedFd) -> Option<nix::Result<()>> {
    if !wait_for(socket, PollFlags::POLLOUT, Instant::now()) {
        return None;
    }
    Some(match getsockopt(socket, sockopt::SocketError) {
        Ok(0) => Ok(()),
        Ok(errno) => Err(Errno::from_raw(errno)),
        Err(errno) => Err(errno),
    })
}

pub(in crate::net) fn wait_for(socket: impl AsFd, events: PollFlags, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(socket.as_fd(), events)];
        match poll(&mut fds, timeout) {
            Ok(0) if left.is_zero() => return false,
            Ok(0) | Err(Errno::EINTR) => {}
            _ => return true,
        }
    }
}

/// The size of a request whose padding is empty.
const REQUEST: usize = "GET / HTTP/1.0\r\nX-Padding: \r\n\r\n".len();

/// The time that a service may take to answer a request that it has received.
/// Not every service answers.
const THINKS: Duration = Duration::from_millis(300);

/// Sends data that a service may answer, and checks whether it was received.
fn talk(stream: &TcpStream, options: &TcpOptions) -> Result<(), Failed> {
    let deadline = Instant::now() + Duration::from_millis(options.timeout_ms);
    let padding = "x".repeat(options.size.saturating_sub(REQUEST));
    // A header that no server knows makes the request as large as wanted.
    let field = if padding.is_empty() { String::new() } else { format!("X-Padding: {padding}\r\n") };
    let request = format!("GET / HTTP/1.0\r\n{field}\r\n");
    let mut left = request.as_bytes();
    left = &left[nix::unistd::write(stream, left).map_err(Failed::Kernel)?..];
    let mut thinks_until: Option<Instant> = None;
    loop {
        let step = Instant::now() + Duration::from_millis(5);
        // The socket takes the rest when there is room.
        if !left.is_empty() && wait_for(stream, PollFlags::POLLOUT, Instant::now()) {
            left = &left[nix::unistd::write(stream, left).map_err(Failed::Kernel)?..];
        }
        let is_sent = left.is_empty() && waiting(stream) == 0;
        // A server may greet before it has got the request.
        if (options.size == 0 || is_sent) && wait_for(stream, PollFlags::POLLIN, step) {
            return match nix::unistd::read(stream, &mut [0; 4096]) {
                Ok(_) => Ok(()),
                Err(errno) => Err(Failed::Kernel(errno)),
            };
        }
        let now = Instant::now();
        if thinks_until.is_none() && is_sent {
            thinks_until = Some(now + THINKS);
        }
        match thinks_until {
            Some(until) if now > until => return Ok(()),
            None if now > deadline && options.size > 0 => {
                let left = waiting(stream) as usize + left.len();
                return Err(Failed::Stalled { sent: request.len(), left });
            }
            None if now > deadline => return Err(Failed::TimedOut),
            _ => {}
        }
    }
}

/// The number of bytes sent but not acknowledged (`SIOCOUTQ`).
fn waiting(stream: &TcpStream) -> i32 {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the call writes an int, which lives through it.
    let done = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if done == 0 { bytes } else { 0 }
}

/// Closes a connection, and gives the other side a moment to close it as well,
/// so that no state of it is left for the next observation.
fn hang_up(stream: &TcpStream, patience: Duration) {
    let deadline = Instant::now() + patience;
    let _ = stream.shutdown(Shutdown::Write);
    let mut bytes = [0; 4096];
    while wait_for(stream, PollFlags::POLLIN, deadline) {
        match nix::unistd::read(stream, &mut bytes) {
            Ok(1..) if Instant::now() < deadline => {}
            _ => return,
        }
    }
}
