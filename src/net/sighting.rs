//! Taps on every interface of every namespace, and the packets they saw.

use super::error::strerror;
use super::{NetError, Netns, Network};
use etherparse::{EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, RecvMsg, SockFlag, SockProtocol, SockType,
    SockaddrLike, SockaddrStorage, recv, recvmsg, setsockopt, socket, sockopt,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

/// A packet at one interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The namespace.
    pub netns: String,
    /// The interface.
    pub dev: String,
    /// The interface's index.
    pub index: u32,
    /// Whether it was outgoing.
    pub out: bool,
    /// Whether the hardware address is not the interface's, so that the network
    /// layer ignores the packet.
    pub for_another: bool,
    /// The time since 1970.
    pub time: Duration,
    /// The source and destination hardware addresses, if it has some.
    pub macs: Option<(String, String)>,
    /// The length, from the network header on.
    pub length: usize,
    /// The decoded packet.
    pub packet: SeenPacket,
    /// The inner packet of a VXLAN packet.
    pub within: Option<Box<SeenPacket>>,
}

/// The fields of a packet that a diagnosis needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeenPacket {
    /// ARP (RFC 826), or a neighbour solicitation or advertisement (RFC 4861).
    Neighbour {
        /// Whether it is a request.
        asks: bool,
        /// The sender: unspecified for duplicate address detection.
        sender: IpAddr,
        /// The address to be resolved, also in an answer.
        target: IpAddr,
    },
    /// An ICMP or ICMPv6 echo.
    Echo {
        /// Whether it is the request.
        request: bool,
        /// The source.
        src: IpAddr,
        /// The destination.
        dst: IpAddr,
        /// Its sequence number.
        seq: u16,
        /// The time to live.
        ttl: u8,
    },
    /// An ICMP or ICMPv6 error, with the addresses of the packet that it is
    /// about.
    Error {
        /// The source.
        src: IpAddr,
        /// The destination.
        dst: IpAddr,
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
        /// The source and destination of the packet that it is about.
        about: Option<(IpAddr, IpAddr)>,
    },
    /// TCP.
    Tcp {
        /// The source.
        src: IpAddr,
        /// The destination.
        dst: IpAddr,
        /// The source and destination ports.
        ports: (u16, u16),
        /// The flags SYN, ACK and RST.
        flags: (bool, bool, bool),
        /// The time to live.
        ttl: u8,
    },
    /// UDP.
    Udp {
        /// The source.
        src: IpAddr,
        /// The destination.
        dst: IpAddr,
        /// The source and destination ports.
        ports: (u16, u16),
    },
    /// A fragment of an IP packet other than the first.
    Fragment {
        /// The source.
        src: IpAddr,
        /// The destination.
        dst: IpAddr,
    },
    /// Another IP packet.
    Ip {
        /// The source.
        src: IpAddr,
        /// The destination.
        dst: IpAddr,
        /// Its protocol.
        protocol: u8,
    },
    /// Any other frame.
    Other {
        /// The EtherType of its frame.
        kind: u16,
    },
}

impl SeenPacket {
    /// The source and destination, if it is an IP packet.
    pub fn ends(&self) -> Option<(IpAddr, IpAddr)> {
        match self {
            Self::Echo { src, dst, .. }
            | Self::Error { src, dst, .. }
            | Self::Tcp { src, dst, .. }
            | Self::Udp { src, dst, .. }
            | Self::Fragment { src, dst }
            | Self::Ip { src, dst, .. } => Some((*src, *dst)),
            Self::Neighbour { .. } | Self::Other { .. } => None,
        }
    }
}

/// Taps on all interfaces of some namespaces.
///
/// Closing one takes the kernel some 15 ms: it waits until no processor uses it
/// any more. So taps are used as long as possible, and are finally closed in
/// parallel, in the background.
#[derive(Default)]
pub struct Taps(Vec<(Netns, OwnedFd)>);

/// A packet waits this long before it is read, to check whether its timestamp is
/// the arrival time.
const LATE: Duration = Duration::from_micros(200);

/// The number of threads that close taps in parallel.
const AT_ONCE: usize = 16;

impl Drop for Taps {
    fn drop(&mut self) {
        let mut taps: Vec<OwnedFd> = self.0.drain(..).map(|(_, tap)| tap).collect();
        let each = taps.len().div_ceil(AT_ONCE).max(1);
        while !taps.is_empty() {
            let some = taps.split_off(taps.len().saturating_sub(each));
            // If no thread starts, they are closed here.
            let _ = std::thread::Builder::new().name("close".into()).spawn(move || drop(some));
        }
    }
}

/// Makes the kernel timestamp packets from now on, as long as this process
/// lives. It starts only some time after the request. A tap before that gets the
/// time of its read, and a random order.
pub fn stamp_packets() {
    static STAMPED: OnceLock<Option<OwnedFd>> = OnceLock::new();
    STAMPED.get_or_init(|| {
        let flags = SockFlag::SOCK_CLOEXEC;
        let any = socket(AddressFamily::Inet, SockType::Datagram, flags, None).ok()?;
        setsockopt(&any, sockopt::ReceiveTimestampns, &true).ok()?;
        Some(any)
    });
}

impl Network {
    /// Taps every interface of every namespace, including later interfaces, if
    /// that is not done yet. Earlier packets are discarded.
    ///
    /// # Errors
    ///
    /// If the kernel gives no socket.
    pub fn tap_everywhere(&self, taps: &mut Taps) -> Result<(), NetError> {
        self.namespaces()?;
        if taps.0.is_empty() {
            self.await_stamps();
        }
        taps.0.retain(|(netns, _)| !netns.is_deleted());
        for netns in self.everywhere() {
            if taps.0.iter().any(|(tapped, _)| *tapped == netns) {
                continue;
            }
            self.enter(&netns)?;
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let opened = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll);
            let tap = opened.map_err(failed)?;
            setsockopt(&tap, sockopt::ReceiveTimestampns, &true).map_err(failed)?;
            let _ = setsockopt(&tap, sockopt::RcvBuf, &(1 << 20));
            taps.0.push((netns, tap));
        }
        for (_, tap) in &taps.0 {
            let empty = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            while !matches!(recv(tap.as_raw_fd(), &mut [], empty), Err(errno) if !passes(errno)) {}
        }
        Ok(())
    }

    /// Waits for a while until packets are timestamped on arrival.
    fn await_stamps(&self) {
        self.let_packets_pass(1);
        let Some(socket) = self.queue.get() else { return };
        let Ok(own) = socket.local_addr() else { return };
        let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
        for _ in 0..100 {
            if socket.send_to(&[0], own).is_err() {
                return;
            }
            std::thread::sleep(LATE);
            let mut control = nix::cmsg_space!(libc::timespec);
            let mut byte = [0];
            let mut parts = [IoSliceMut::new(&mut byte)];
            let received = recvmsg::<SockaddrStorage>(
                socket.as_raw_fd(),
                &mut parts,
                Some(&mut control),
                MsgFlags::empty(),
            );
            let Ok(received) = received else { return };
            let stamp = stamp_of(&received);
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            // Otherwise the timestamp is the time of the read.
            if stamp.is_some_and(|stamp| now.saturating_sub(stamp) >= LATE) {
                return;
            }
        }
    }

    /// The packets since the last call, ordered by time.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn sightings(&self, taps: &Taps) -> Result<Vec<Sighting>, NetError> {
        let mut seen = Vec::new();
        for (netns, tap) in &taps.0 {
            let names = if netns.is_deleted() { BTreeMap::new() } else { self.names_of_links(netns)? };
            drain(netns, tap, &names, &mut seen);
        }
        seen.sort_by_key(|sighting| sighting.time);
        Ok(seen)
    }

    /// The links of a namespace, by index.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn names_of_links(&self, netns: &Netns) -> Result<BTreeMap<u32, String>, NetError> {
        self.enter(netns)?;
        let all = nix::net::if_::if_nameindex().map_err(failed)?;
        Ok(all.iter().map(|link| (link.index(), link.name().to_string_lossy().into_owned())).collect())
    }
}

fn failed(errno: Errno) -> NetError {
    NetError::new(format!("failed to tap the network: {}", strerror(errno as i32)))
}

/// The arrival time of a packet.
fn stamp_of<S>(received: &RecvMsg<S>) -> Option<Duration> {
    received.cmsgs().ok()?.find_map(|part| match part {
        ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
        _ => None,
    })
}

/// Tells whether reading may continue: a link that went down is reported as an
/// error once.
fn passes(errno: Errno) -> bool {
    matches!(errno, Errno::EINTR | Errno::ENETDOWN)
}

fn drain(netns: &Netns, tap: &OwnedFd, names: &BTreeMap<u32, String>, seen: &mut Vec<Sighting>) {
    let mut bytes = vec![0; 66_000];
    loop {
        let mut control = nix::cmsg_space!(libc::timespec);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let received =
            recvmsg::<LinkAddr>(tap.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT);
        let (length, from, time) = match received {
            Ok(received) => {
                let time = stamp_of(&received).unwrap_or_default();
                (received.bytes, received.address, time)
            }
            Err(errno) if passes(errno) => continue,
            Err(_) => return,
        };
        let Some(from) = from else { continue };
        // SAFETY: a LinkAddr is a sockaddr_ll.
        let kind = unsafe { (*from.as_ptr().cast::<libc::sockaddr_ll>()).sll_pkttype };
        let is_loopback = from.hatype() == libc::ARPHRD_LOOPBACK;
        // A packet that leaves by lo also arrives by it.
        if kind == libc::PACKET_OUTGOING && is_loopback {
            continue;
        }
        let index = from.ifindex() as u32;
        let has_macs = from.hatype() == libc::ARPHRD_ETHER || is_loopback;
        let (packet, macs, rest) = decode(&bytes[..length], has_macs);
        seen.push(Sighting {
            netns: netns.name().into(),
            dev: names.get(&index).cloned().unwrap_or_else(|| format!("if{index}")),
            index,
            out: kind == libc::PACKET_OUTGOING,
            for_another: kind == libc::PACKET_OTHERHOST,
            time,
            macs: macs.filter(|_| !is_loopback),
            length: rest,
            within: within(&bytes[..length], &packet),
            packet,
        });
    }
}

fn mac(bytes: &[u8]) -> String {
    crate::table::mac(bytes)
}

/// Decodes a frame, or an IP packet without one.
pub(super) fn decode(bytes: &[u8], has_macs: bool) -> (SeenPacket, Option<(String, String)>, usize) {
    if !has_macs {
        let kind = if bytes.first().is_some_and(|first| first >> 4 == 6) {
            EtherType::IPV6
        } else {
            EtherType::IPV4
        };
        return (packet(kind, bytes), None, bytes.len());
    }
    let (Some(to), Some(from), Some(kind)) = (bytes.get(..6), bytes.get(6..12), bytes.get(12..14)) else {
        return (SeenPacket::Other { kind: 0 }, None, 0);
    };
    let kind = EtherType(u16::from_be_bytes([kind[0], kind[1]]));
    (packet(kind, &bytes[14..]), Some((mac(from), mac(to))), bytes.len() - 14)
}

/// The inner packet of a packet to a VXLAN port.
pub(super) fn within(bytes: &[u8], outer: &SeenPacket) -> Option<Box<SeenPacket>> {
    let SeenPacket::Udp { ports: (_, 4789 | 8472), src, .. } = outer else { return None };
    // Ethernet, IP, UDP, VXLAN (RFC 7348).
    let header = if src.is_ipv4() { 20 } else { 40 };
    let inner = bytes.get(14 + header + 8 + 8..)?;
    Some(Box::new(decode(inner, true).0))
}

fn packet(kind: EtherType, bytes: &[u8]) -> SeenPacket {
    let other = SeenPacket::Other { kind: kind.0 };
    let sliced = LaxSlicedPacket::from_ether_type(kind, bytes);
    let (src, dst, ttl, part, payload) = match &sliced.net {
        Some(LaxNetSlice::Arp(arp)) => {
            let v4 =
                |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(|four| IpAddr::from(Ipv4Addr::from(four)));
            let asks = arp.operation().0 == 1;
            let (Some(sender), Some(target)) =
                (v4(arp.sender_protocol_addr()), v4(arp.target_protocol_addr()))
            else {
                return other;
            };
            return match asks {
                true => SeenPacket::Neighbour { asks, sender, target },
                // An answer is about its sender.
                false => SeenPacket::Neighbour { asks, sender, target: sender },
            };
        }
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            let part = header.fragments_offset().value() > 0;
            (
                IpAddr::from(header.source_addr()),
                IpAddr::from(header.destination_addr()),
                header.ttl(),
                part,
                ip.payload(),
            )
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let header = ip.header();
            (
                IpAddr::from(header.source_addr()),
                IpAddr::from(header.destination_addr()),
                header.hop_limit(),
                false,
                ip.payload(),
            )
        }
        _ => return other,
    };
    if part {
        return SeenPacket::Fragment { src, dst };
    }
    let (protocol, bytes) = (payload.ip_number, payload.payload);
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let word = |at: usize| u16::from_be_bytes([byte(at), byte(at + 1)]);
    match protocol {
        IpNumber::ICMP => match byte(0) {
            0 | 8 => SeenPacket::Echo { request: byte(0) == 8, src, dst, seq: word(6), ttl },
            kind @ (3 | 4 | 5 | 11 | 12) => {
                SeenPacket::Error { src, dst, kind, code: byte(1), about: about(bytes) }
            }
            _ => SeenPacket::Ip { src, dst, protocol: protocol.0 },
        },
        IpNumber::IPV6_ICMP => match byte(0) {
            128 | 129 => SeenPacket::Echo { request: byte(0) == 128, src, dst, seq: word(6), ttl },
            kind @ 135..=136 => {
                let target = bytes.get(8..24).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
                let target = target.map_or(dst, IpAddr::from);
                SeenPacket::Neighbour { asks: kind == 135, sender: src, target }
            }
            kind @ (1..=4 | 137) => SeenPacket::Error { src, dst, kind, code: byte(1), about: about(bytes) },
            _ => SeenPacket::Ip { src, dst, protocol: protocol.0 },
        },
        IpNumber::TCP => {
            let flag = |bit: u8| byte(13) & bit != 0;
            SeenPacket::Tcp { src, dst, ports: (word(0), word(2)), flags: (flag(2), flag(16), flag(4)), ttl }
        }
        IpNumber::UDP => SeenPacket::Udp { src, dst, ports: (word(0), word(2)) },
        _ => SeenPacket::Ip { src, dst, protocol: protocol.0 },
    }
}

/// The source and destination of the packet that an ICMP error quotes.
fn about(icmp: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let inner = icmp.get(8..)?;
    let kind = if inner.first()? >> 4 == 6 { EtherType::IPV6 } else { EtherType::IPV4 };
    packet(kind, inner).ends()
}
