//! Many questions at once: who answers an echo request, and who accepts a connection.

use super::echo::{Echo, SOON, probe};
use super::ping::{PingOptions, PingSource};
use super::tcp::{begin_connect, connected, wait_for};
use crate::net::kernel::Kernel;
use crate::net::names::target::Target;
use crate::net::{NetError, Netns, Network};
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{MsgFlags, recv};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// A question to an address.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The namespace that asks.
    pub from: Netns,
    /// The address that it asks from; the kernel's choice if there is none.
    pub source: Option<IpAddr>,
    /// The address.
    pub to: IpAddr,
    /// The TCP port; an echo request if there is none.
    pub port: Option<u16>,
    /// Whether a refusal of the host counts, as of a port at which nobody listens.
    pub refusal: bool,
}

/// A question that was asked, with its socket.
enum Asked {
    Echo(Echo),
    /// A connection, and whether a refusal counts.
    Tcp(OwnedFd, bool),
    Refused,
}

/// The number of questions that are under way at the same time. Each has a descriptor.
const AT_ONCE: usize = 200;

/// The time after which it is looked again whether answers can still come.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Network {
    /// Asks all questions; tells for each whether it was answered: an echo request by a reply,
    /// a connection by an acceptance, or by a reset if a refusal counts. An ICMP error, as a
    /// firewall's REJECT sends it, is no answer. Waits for all answers together at most
    /// `timeout`, and less if none can come any more.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer. A question without a route has no answer.
    pub fn ask_all(&self, questions: &[Question], timeout: Duration) -> Result<Vec<bool>, NetError> {
        let kernel = self.look()?;
        kernel.await_addresses()?;
        let mut answers = Vec::with_capacity(questions.len());
        for some in questions.chunks(AT_ONCE) {
            self.spare_neighbours()?;
            answers.extend(kernel.ask_some(some, timeout)?);
        }
        Ok(answers)
    }
}

impl Kernel<'_> {
    fn ask_some(&self, questions: &[Question], timeout: Duration) -> Result<Vec<bool>, NetError> {
        let mut answers = vec![false; questions.len()];
        let mut open: Vec<(usize, Asked)> = Vec::new();
        for (n, question) in questions.iter().enumerate() {
            self.enter(&question.from)?;
            // Without a route there is nothing to wait for.
            open.extend(ask(question).ok().map(|asked| (n, asked)));
        }
        let deadline = Instant::now() + timeout;
        // Everything that came before the last look has been read when it is over.
        let (mut over, mut until) = (false, Instant::now() + SOON);
        loop {
            open.retain(|(n, asked)| match asked.answer() {
                Some(answered) => {
                    answers[*n] = answered;
                    false
                }
                None => true,
            });
            let Some((first, asked)) = open.first().filter(|_| !over) else { return Ok(answers) };
            if asked.wait(deadline.min(until)) {
                continue;
            }
            let v6 = open.iter().map(|(n, _)| questions[*n].to).find(IpAddr::is_ipv6);
            let asked = &questions[*first];
            over = Instant::now() >= deadline || self.is_over_for(&asked.from, v6.unwrap_or(asked.to));
            until = Instant::now() + LOOK_AGAIN;
        }
    }
}

/// Sends a question from this thread's current namespace.
fn ask(question: &Question) -> nix::Result<Asked> {
    let target = Target { ip: question.to, scope: 0 };
    let Some(port) = question.port else {
        let source = question.source.map(PingSource::Address);
        let options = PingOptions { source, ..PingOptions::default() };
        probe(target, &options)?;
        let echo = Echo::open(target, &options)?;
        echo.send(SEQ)?;
        return Ok(Asked::Echo(echo));
    };
    match begin_connect(target, question.source.map(|ip| (ip, 0)), port, true) {
        // Refused at once: the address is the namespace's own.
        Err(Errno::ECONNREFUSED) if question.refusal => Ok(Asked::Refused),
        socket => socket.map(|socket| Asked::Tcp(socket, question.refusal)),
    }
}

/// Tells whether an ICMP error has come for a socket (`IP_RECVERR` of ip(7)).
fn has_icmp_error(socket: &OwnedFd) -> bool {
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    recv(socket.as_raw_fd(), &mut [0; 64], flags).is_ok()
}

/// The sequence number of the only request.
const SEQ: u16 = 1;

impl Asked {
    /// Tells whether it was answered; `None` if it waits.
    fn answer(&self) -> Option<bool> {
        match self {
            Self::Echo(echo) => echo.outcome(SEQ),
            Self::Refused => Some(true),
            Self::Tcp(socket, refusal) => match connected(socket)? {
                Ok(()) => Some(true),
                // A host resets what has reached it.
                Err(Errno::ECONNREFUSED) => Some(*refusal && !has_icmp_error(socket)),
                Err(_) => Some(false),
            },
        }
    }

    /// Waits until something has come for it, or the deadline has passed.
    fn wait(&self, deadline: Instant) -> bool {
        match self {
            Self::Echo(echo) => echo.wait(deadline),
            Self::Tcp(socket, _) => wait_for(socket, PollFlags::POLLOUT, deadline),
            Self::Refused => true,
        }
    }
}
