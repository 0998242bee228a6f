//! Sees who accepts a connection, or answers a datagram.

use super::echo::{Packet, Tap};
use super::sockets;
use super::{NetError, Netns, Network, Process, Service};
use std::fmt;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Who has to answer, so that it counts.
#[derive(Debug, Clone)]
pub enum Answerer {
    /// Whoever answers in this namespace.
    Netns(Netns),
    /// This service of the lab's.
    Service(Service),
    /// This program, or one that it has started.
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

/// How long somebody who has got a connection may take to accept it.
const ACCEPTS: Duration = Duration::from_millis(500);

impl Network {
    /// Watches who accepts connections from a namespace, where that matters.
    ///
    /// # Errors
    ///
    /// If the kernel gives no socket.
    pub fn witness(&self, netns: &Netns, by: Option<&Answerer>) -> Result<Option<Witness>, NetError> {
        let Some(by) = by else { return Ok(None) };
        let taps = (self.tap(netns, by.netns())?, self.tap(by.netns(), netns)?);
        Ok(Some(Witness { by: by.clone(), began: Instant::now(), taps }))
    }

    /// Tells whether the sockets that have a connection from `remote`, or wait
    /// for others at the port that it came to, are all a program's.
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

/// Sees who accepts a connection, whatever addresses and ports were rewritten
/// on the way: the first sequence number stays (RFC 9293, section 3.5). Who answers
/// a datagram is known by what the answer repeats.
pub struct Witness {
    by: Answerer,
    began: Instant,
    /// Where the connections begin, and where they are to be accepted.
    taps: (Tap, Tap),
}

impl Witness {
    /// Says so where a connection was accepted by somebody else.
    pub(super) fn objects(&self, network: &Network, dst: &str, stream: &TcpStream) -> Option<String> {
        let (here, there) = &self.taps;
        let port = stream.local_addr().map_or(0, |address| address.port());
        let asked = here.find_own(|packet| {
            let tcp = Segment::read(packet)?;
            (tcp.flags & (SYN | ACK) == SYN && tcp.source == port).then_some(tcp.sequence)
        });
        let accepted = asked.and_then(|first| {
            there.find_own(|packet| {
                let tcp = Segment::read(packet)?;
                let answers = tcp.flags & (SYN | ACK) == SYN | ACK && tcp.ack == first.wrapping_add(1);
                answers.then_some((tcp.remote, tcp.source))
            })
        });
        let is_it = accepted.is_some_and(|(remote, port)| match &self.by {
            Answerer::Netns(_) => true,
            Answerer::Service(service) => service.accepts(remote, self.began, ACCEPTS),
            Answerer::Process(process) => network.is_with(process, remote, port),
        });
        (!is_it).then(|| self.objection(dst))
    }

    /// Says so where somebody else has sent the answer that `is_it` knows.
    pub(super) fn objects_to_datagram(&self, dst: &str, is_it: impl Fn(&[u8]) -> bool) -> Option<String> {
        let (_, there) = &self.taps;
        let answered = there.find_own(|packet| {
            let (remote, said) = datagram(packet)?;
            is_it(said).then_some(remote)
        });
        let is_it = answered.is_some_and(|remote| match &self.by {
            Answerer::Netns(_) => true,
            Answerer::Service(service) => service.accepts(remote, self.began, ACCEPTS),
            // The kernel does not say whose a datagram is.
            Answerer::Process(_) => false,
        });
        (!is_it).then(|| self.objection(dst))
    }

    fn objection(&self, dst: &str) -> String {
        format!("{dst} answered, but it was not {} that did", self.by)
    }
}

/// What follows an IP header of this protocol, and to whom it goes.
fn above_ip(packet: Packet<'_>, protocol: libc::c_int) -> Option<(IpAddr, &[u8])> {
    match packet {
        Packet::V4(bytes) if i32::from(*bytes.get(9)?) == protocol => {
            let to: [u8; 4] = bytes.get(16..20)?.try_into().ok()?;
            Some((IpAddr::from(to), bytes.get(usize::from(bytes[0] & 0x0f) * 4..)?))
        }
        Packet::V6(bytes) if i32::from(*bytes.get(6)?) == protocol => {
            let to: [u8; 16] = bytes.get(24..40)?.try_into().ok()?;
            Some((IpAddr::from(to), bytes.get(40..)?))
        }
        _ => None,
    }
}

/// To whom a datagram goes, and what it says.
fn datagram(packet: Packet<'_>) -> Option<(SocketAddr, &[u8])> {
    const HEADER: usize = 8;
    let (ip, udp) = above_ip(packet, libc::IPPROTO_UDP)?;
    let port = u16::from_be_bytes(udp.get(2..4)?.try_into().ok()?);
    Some((SocketAddr::new(ip, port), udp.get(HEADER..)?))
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// What is looked at of a TCP segment.
struct Segment {
    source: u16,
    /// To whom it goes.
    remote: SocketAddr,
    sequence: u32,
    ack: u32,
    flags: u8,
}

impl Segment {
    fn read(packet: Packet) -> Option<Self> {
        let (ip, tcp) = above_ip(packet, libc::IPPROTO_TCP)?;
        let number = |at: usize| Some(u32::from_be_bytes(tcp.get(at..at + 4)?.try_into().ok()?));
        Some(Self {
            source: (number(0)? >> 16) as u16,
            remote: SocketAddr::new(ip, number(0)? as u16),
            sequence: number(4)?,
            ack: number(8)?,
            flags: *tcp.get(13)?,
        })
    }
}
