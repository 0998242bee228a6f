//! Checks which namespace, service or program accepts a connection or answers a
//! datagram.

use super::echo::Tap;
use crate::net::kernel::Kernel;
use crate::net::packet;
use crate::net::packet::{IpPacket, Segment};
use crate::net::survey::sockets;
use crate::net::{NetError, Netns, Network, Process, Service};
use etherparse::IpNumber;
use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The one that must answer, so that the answer counts.
#[derive(Debug, Clone)]
pub enum Answerer {
    /// Anything that answers in this namespace.
    Netns(Netns),
    /// This service of the lab.
    Service(Service),
    /// This program, or one of its descendants.
    Process(Process),
}

impl Answerer {
    /// The namespace in which it answers.
    fn netns(&self) -> &Netns {
        match self {
            Self::Netns(netns) => netns,
            Self::Service(service) => service.netns(),
            Self::Process(process) => process.netns(),
        }
    }
}

impl fmt::Display for Answerer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Netns(netns) => write!(f, "`{netns}`"),
            Self::Service(service) => write!(f, "{} in `{}`", service.name(), service.netns()),
            Self::Process(process) => write!(f, "`{}` in `{}`", process.command(), process.netns()),
        }
    }
}

/// The time that a program may take to accept a new connection.
const ACCEPTS: Duration = Duration::from_millis(500);

impl Network {
    /// Watches the acceptance of connections from a namespace, if `by` is set.
    ///
    /// # Errors
    ///
    /// If the kernel gives no socket.
    pub fn witness(&self, netns: &Netns, by: Option<&Answerer>) -> Result<Option<Witness>, NetError> {
        // The connection that follows is prepared.
        let kernel = self.bare();
        let Some(by) = by else { return Ok(None) };
        let taps = (kernel.tap(netns, by.netns())?, kernel.tap(by.netns(), netns)?);
        Ok(Some(Witness { by: by.clone(), began: Instant::now(), taps }))
    }
}

impl Kernel<'_> {
    /// Tells whether a program owns all sockets that have a connection from
    /// `remote`, or listen at its destination port.
    fn is_with(&self, process: &Process, remote: SocketAddr, port: u16) -> bool {
        let Ok(family) = self.family_of(process.pid()) else { return false };
        let deadline = Instant::now() + ACCEPTS;
        loop {
            if self.enter(process.netns()).is_err() {
                return false;
            }
            let inodes = sockets::at(remote, port);
            if !inodes.is_empty() {
                return inodes.iter().all(|inode| self.has_socket(&family, *inode));
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Checks which one accepts a connection, even if addresses and ports were
/// rewritten on the way: the initial sequence number stays the same (RFC 9293,
/// section 3.5). The sender of a datagram's answer is recognized by the repeated
/// request.
pub struct Witness {
    by: Answerer,
    began: Instant,
    /// Taps at the client's namespace and at the expected server's namespace.
    taps: (Tap, Tap),
}

impl Witness {
    /// Returns an objection if something else has accepted the connection.
    pub(in crate::net) fn objects(&self, network: &Network, dst: &str, stream: &TcpStream) -> Option<String> {
        let (here, there) = &self.taps;
        let port = stream.local_addr().map_or(0, |address| address.port());
        let asked = here.find_own(|packet| {
            let tcp = segment(packet)?;
            let asks = tcp.has(Segment::SYN) && !tcp.has(Segment::ACK);
            (asks && tcp.source == port).then_some(tcp.sequence)
        });
        let accepted = asked.and_then(|first| {
            there.find_own(|packet| {
                let tcp = segment(packet)?;
                let accepts = tcp.has(Segment::SYN) && tcp.has(Segment::ACK);
                let answers = accepts && tcp.ack == first.wrapping_add(1);
                answers.then_some((SocketAddr::new(packet.dst, tcp.destination), tcp.source))
            })
        });
        let is_it = accepted.is_some_and(|(remote, port)| match &self.by {
            Answerer::Netns(_) => true,
            Answerer::Service(service) => service.accepts(remote, self.began, ACCEPTS),
            Answerer::Process(process) => network.bare().is_with(process, remote, port),
        });
        (!is_it).then(|| self.objection(dst))
    }

    /// Returns an objection if something else has sent the answer that `is_it`
    /// recognizes.
    pub(in crate::net) fn objects_to_datagram(
        &self,
        dst: &str,
        is_it: impl Fn(&[u8]) -> bool,
    ) -> Option<String> {
        let (_, there) = &self.taps;
        let answered = there.find_own(|packet| {
            let (remote, said) = datagram(packet)?;
            is_it(said).then_some(remote)
        });
        let is_it = answered.is_some_and(|remote| match &self.by {
            Answerer::Netns(_) => true,
            Answerer::Service(service) => service.accepts(remote, self.began, ACCEPTS),
            // The kernel does not tell which program sent a datagram.
            Answerer::Process(_) => false,
        });
        (!is_it).then(|| self.objection(dst))
    }

    fn objection(&self, dst: &str) -> String {
        format!("{dst} answered, but it was not {} that did", self.by)
    }
}

/// Returns the destination and the payload of a datagram.
fn datagram<'a>(packet: &IpPacket<'a>) -> Option<(SocketAddr, &'a [u8])> {
    const HEADER: usize = 8;
    let (_, port) = packet::ports(packet.payload).filter(|_| packet.protocol == IpNumber::UDP)?;
    Some((SocketAddr::new(packet.dst, port), packet.payload.get(HEADER..)?))
}

fn segment(packet: &IpPacket) -> Option<Segment> {
    Segment::read(packet.payload).filter(|_| packet.protocol == IpNumber::TCP)
}
