//! Taps on every interface of every namespace, and the packets they saw.

use crate::net::kernel::Kernel;
use crate::net::kernel::error::strerror;
use crate::net::packet;
use crate::net::packet::{Icmp, IpPacket, Packet, Segment};
use crate::net::{NetError, Netns, Network};
use crate::table;
use etherparse::{EtherType, IpNumber};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, RecvMsg, SockFlag, SockProtocol, SockType,
    SockaddrLike, SockaddrStorage, recv, recvmsg, setsockopt, socket, sockopt,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::net::IpAddr;
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

/// The most packets that are read from a tap at once. The queue of a tap has room for fewer, so
/// that only a storm brings more, in which reading would never end.
const MOST: usize = 4000;

/// The lengths of the headers of Ethernet and UDP.
const FRAME: usize = 14;
const UDP: usize = 8;

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
        // The probe that follows is prepared.
        let kernel = self.bare();
        self.namespaces()?;
        if taps.0.is_empty() {
            kernel.await_stamps();
        }
        taps.0.retain(|(netns, _)| !netns.is_deleted());
        for netns in self.everywhere() {
            if taps.0.iter().any(|(tapped, _)| *tapped == netns) {
                continue;
            }
            kernel.enter(&netns)?;
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let opened = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll);
            let tap = opened.map_err(failed)?;
            setsockopt(&tap, sockopt::ReceiveTimestampns, &true).map_err(failed)?;
            let _ = setsockopt(&tap, sockopt::RcvBuf, &(1 << 20));
            taps.0.push((netns, tap));
        }
        for (_, tap) in &taps.0 {
            let empty = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            let read =
                |_: &usize| !matches!(recv(tap.as_raw_fd(), &mut [], empty), Err(errno) if !passes(errno));
            let _ = (0..MOST).take_while(read).count();
        }
        Ok(())
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
        // Links were looked at before; the packets are named after them.
        let kernel = self.bare();
        kernel.enter(netns)?;
        let all = nix::net::if_::if_nameindex().map_err(failed)?;
        Ok(all.iter().map(|link| (link.index(), link.name().to_string_lossy().into_owned())).collect())
    }
}

impl Kernel<'_> {
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
    for _ in 0..MOST {
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
        let frame = Frame::read(&bytes[..length], has_macs);
        seen.push(Sighting {
            netns: netns.name().into(),
            dev: names.get(&index).cloned().unwrap_or_else(|| format!("if{index}")),
            index,
            out: kind == libc::PACKET_OUTGOING,
            for_another: kind == libc::PACKET_OTHERHOST,
            time,
            macs: frame.macs.filter(|_| !is_loopback),
            length: frame.length,
            within: frame.within.map(Box::new),
            packet: frame.packet,
        });
    }
}

/// A decoded frame.
pub(in crate::net) struct Frame {
    pub packet: SeenPacket,
    /// The source and destination hardware addresses.
    pub macs: Option<(String, String)>,
    /// The length, from the network header on.
    pub length: usize,
    /// The inner packet of a VXLAN packet.
    pub within: Option<SeenPacket>,
}

impl Frame {
    /// Decodes a frame, or an IP packet without one.
    pub(in crate::net) fn read(bytes: &[u8], has_macs: bool) -> Self {
        let (kind, macs, bytes) = match bytes.split_at_checked(FRAME) {
            _ if !has_macs => (packet::ether_type(bytes), None, bytes),
            Some((header, rest)) => {
                let macs = (table::mac(&header[6..12]), table::mac(&header[..6]));
                (EtherType(packet::be16(header, 12).unwrap_or_default()), Some(macs), rest)
            }
            None => (EtherType(0), None, [].as_slice()),
        };
        let packet = Packet::read(kind, bytes);
        let within = match &packet {
            Some(Packet::Ip(packet)) if packet.protocol == IpNumber::UDP && packet.offset == 0 => {
                let port = packet::ports(packet.payload).map_or(0, |(_, port)| port);
                let inner = packet.payload.get(UDP..).and_then(|payload| packet::vxlan(port, payload));
                inner.map(|(_, frame)| Self::read(frame, true).packet)
            }
            _ => None,
        };
        let packet = packet.as_ref().map_or(SeenPacket::Other { kind: kind.0 }, SeenPacket::of);
        Self { packet, macs, length: bytes.len(), within }
    }
}

impl SeenPacket {
    fn of(packet: &Packet) -> Self {
        let packet = match packet {
            Packet::Arp(arp) => {
                let asks = arp.operation == 1;
                // An answer is about its sender.
                let target = if asks { arp.target } else { arp.sender };
                return Self::Neighbour { asks, sender: arp.sender, target };
            }
            Packet::Ip(packet) => packet,
        };
        let IpPacket { src, dst, ttl, protocol, offset, payload, .. } = *packet;
        if offset > 0 {
            return Self::Fragment { src, dst };
        }
        let other = Self::Ip { src, dst, protocol: protocol.0 };
        if let Some(Icmp { kind, code, echo }) = Icmp::read(protocol, payload) {
            let v6 = protocol == IpNumber::IPV6_ICMP;
            return match (v6, kind, echo) {
                (_, _, Some((_, seq))) => {
                    Self::Echo { request: kind == 8 || kind == 128, src, dst, seq, ttl }
                }
                (true, 135 | 136, _) => {
                    let target = payload.get(8..24).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
                    let target = target.map_or(dst, IpAddr::from);
                    Self::Neighbour { asks: kind == 135, sender: src, target }
                }
                (false, 3 | 4 | 5 | 11 | 12, _) | (true, 1..=4 | 137, _) => {
                    // An error quotes the packet that it is about.
                    let about = payload.get(8..).and_then(IpPacket::read).map(|about| (about.src, about.dst));
                    Self::Error { src, dst, kind, code, about }
                }
                _ => other,
            };
        }
        match protocol {
            IpNumber::TCP => Segment::read(payload).map_or(other, |tcp| Self::Tcp {
                src,
                dst,
                ports: (tcp.source, tcp.destination),
                flags: (tcp.has(Segment::SYN), tcp.has(Segment::ACK), tcp.has(Segment::RST)),
                ttl,
            }),
            IpNumber::UDP => packet::ports(payload).map_or(other, |ports| Self::Udp { src, dst, ports }),
            _ => other,
        }
    }
}
