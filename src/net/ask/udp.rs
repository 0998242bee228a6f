//! Tests a UDP port, and waits for an answer.

use super::attempt::{Attempt, Failed};
use super::echo::random;
use super::tcp::wait_for;
use crate::net::kernel::error::strerror;
use crate::net::names::target::{Target, address, any, family};
use crate::net::{NetError, Netns, Network, Witness};
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{SockFlag, SockType, bind, connect, socket};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Options of a UDP request.
#[derive(Debug, Clone)]
pub struct UdpOptions {
    /// The timeout, in milliseconds.
    pub timeout_ms: u64,
    /// The source port; chosen by the kernel if not set.
    pub sport: Option<u16>,
    /// Whether to send a DNS query in place of a random text, which no name server answers.
    pub query: bool,
    /// The deadline for resolving a name.
    pub deadline: Instant,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self {
            timeout_ms: 1000,
            sport: None,
            query: false,
            deadline: Instant::now() + Duration::from_secs(60),
        }
    }
}

/// The result of a UDP request.
#[derive(Debug, Clone)]
pub struct UdpAnswer(Attempt);

impl UdpAnswer {
    /// The address of the target, once it is known.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.ip
    }

    /// Tells whether there was an answer.
    pub fn ok(&self) -> bool {
        self.0.ok()
    }

    /// The reason why there was none, in a few words.
    pub fn error(&self) -> Option<String> {
        self.0.error()
    }

    /// The result in one line. (`nc -u` prints nothing.)
    pub fn text(&self) -> String {
        let what = match &self.0.failed {
            None => "an answer".into(),
            Some(Failed::TimedOut) => "no answer".into(),
            Some(failed) => failed.words(),
        };
        self.0.with_objection(format!("{} port {} (udp): {what}", self.0.to(), self.0.port))
    }
}

impl Network {
    /// Sends a datagram to a UDP port, and waits for one from there. With a
    /// witness, an answer counts only under two conditions. It repeats the
    /// request after a prefix of its own, as answers of
    /// [`serve_udp`](Network::serve_udp) do, and it was sent by the namespace or
    /// service that the witness watches.
    ///
    /// # Errors
    ///
    /// If there is no such port. A missing answer is an answer, not an error.
    pub fn udp(
        &self,
        netns: &Netns,
        dst: &str,
        port: &str,
        options: &UdpOptions,
        witness: Option<&Witness>,
    ) -> Result<UdpAnswer, NetError> {
        let port = crate::net::service::port(port)?;
        let kernel = self.look()?;
        let mut tried = Attempt::new(dst, port);
        let (targets, name) = kernel.targets(netns, dst, options.deadline)?;
        if let Some(error) = name.error() {
            tried.failed = Some(Failed::NoName(error));
            return Ok(UdpAnswer(tried));
        }
        let question = question().map_err(|errno| NetError::new(strerror(errno as i32)))?;
        let deadline = Instant::now() + Duration::from_millis(options.timeout_ms);
        let is_it = |said: &[u8]| witness.is_none() || answers(said, &question);
        kernel.await_addresses()?;
        kernel.enter(netns)?;
        for target in targets {
            let sent = if options.query { &QUERY } else { question.as_bytes() };
            let heard = ask(target, (options.sport, port), sent)
                .and_then(|socket| hear(&socket, deadline, is_it, || kernel.is_over_for_services(netns)));
            tried.ip = Some(target.ip);
            tried.failed = heard.err();
            if tried.failed.is_none() {
                break;
            }
        }
        if let (None, Some(witness)) = (&tried.failed, witness) {
            tried.by_others = witness.objects_to_datagram(dst, |said| answers(said, &question));
        }
        Ok(UdpAnswer(tried))
    }
}

/// A DNS query for the name servers of the root (RFC 1035, section 4.1).
const QUERY: [u8; 17] = [b'n', b's', 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];

/// Returns random text.
fn question() -> nix::Result<String> {
    let mut bytes = [0; 16];
    random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Tells whether it repeats the request, and is not the request itself on its
/// way.
fn answers(said: &[u8], question: &str) -> bool {
    said.len() > question.len() && said.ends_with(question.as_bytes())
}

/// Sends a datagram in this thread's current namespace.
fn ask(target: Target, (sport, port): (Option<u16>, u16), question: &[u8]) -> Result<OwnedFd, Failed> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family(target), SockType::Datagram, flags, None).map_err(Failed::Kernel)?;
    if let Some(sport) = sport {
        bind(socket.as_raw_fd(), &address(any(target), sport)).map_err(Failed::Kernel)?;
    }
    connect(socket.as_raw_fd(), &address(target, port)).map_err(Failed::Kernel)?;
    nix::unistd::write(&socket, question).map_err(Failed::Kernel)?;
    Ok(socket)
}

/// The time that a program gets to answer before the caller checks whether an
/// answer can still come. A program needs longer than the kernel, and the check
/// takes some milliseconds.
const THINKS: Duration = Duration::from_millis(20);

/// Waits for an answer.
///
/// `is_over` tells whether waiting further is useless.
fn hear(
    socket: &OwnedFd,
    deadline: Instant,
    is_it: impl Fn(&[u8]) -> bool,
    is_over: impl FnOnce() -> bool,
) -> Result<(), Failed> {
    let mut bytes = [0; 4096];
    let mut heard = |until| -> Result<bool, Failed> {
        while wait_for(socket, PollFlags::POLLIN, until) {
            match nix::unistd::read(socket, &mut bytes) {
                Ok(length) if is_it(&bytes[..length]) => return Ok(true),
                Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(errno) => return Err(Failed::Kernel(errno)),
            }
        }
        Ok(false)
    };
    if heard(deadline.min(Instant::now() + THINKS))? {
        return Ok(());
    }
    // An answer that has come meanwhile counts.
    let until = if is_over() { Instant::now() } else { deadline };
    if heard(until)? { Ok(()) } else { Err(Failed::TimedOut) }
}
