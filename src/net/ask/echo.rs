//! Echo requests on raw sockets, and their results.

use super::ping::{PingAnswer, PingOptions, PingSource, Reply, TooLarge};
use crate::net::kernel::error::strerror;
use crate::net::names::target::{Target, address, family};
use crate::net::notation::icmp_words::describe;
use crate::net::packet::{IpPacket, Packet};
use etherparse::{EtherType, IpNumber};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrLike,
    SockaddrStorage, bind, connect, recvfrom, recvmsg, sendto, setsockopt, socket, sockopt,
};
use std::cell::Cell;
use std::ffi::OsString;
use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Sets the source of a socket, as the options ask.
fn from(socket: &OwnedFd, options: &PingOptions) -> nix::Result<()> {
    if options.broadcast {
        setsockopt(socket, sockopt::Broadcast, &true)?;
    }
    match &options.source {
        None => Ok(()),
        Some(PingSource::Interface(name)) => setsockopt(socket, sockopt::BindToDevice, &OsString::from(name)),
        Some(PingSource::Address(ip)) => bind(socket.as_raw_fd(), &address(Target { ip: *ip, scope: 0 }, 0)),
    }
}

/// Asks the kernel for a route to the target without sending anything, as
/// ping(8) does first.
pub(in crate::net) fn probe(target: Target, options: &PingOptions) -> nix::Result<()> {
    let socket = socket(family(target), SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    from(&socket, options)?;
    // For a link-local address without a link, ping(8) skips this check.
    if target.scope == 0 && is_link_local(target.ip) {
        return Ok(());
    }
    connect(socket.as_raw_fd(), &address(target, 1025))
}

/// Tells whether an address is link-local, and needs the name of its link.
fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.octets()[..2] == [0xff, 0x02],
    }
}

/// The zone of an address that names its link, as `%veth-red`; in this thread's
/// current namespace.
fn zone(ip: IpAddr, scope: u32) -> String {
    match nix::net::if_::if_indextoname(scope) {
        Ok(name) if is_link_local(ip) => format!("%{}", name.to_string_lossy()),
        _ => String::new(),
    }
}

/// An unhindered reply has this much time before the caller checks whether one
/// will come at all.
pub(in crate::net) const SOON: Duration = Duration::from_millis(1);

/// A raw socket for one ping.
pub(in crate::net) struct Echo {
    socket: OwnedFd,
    target: Target,
    id: u16,
    /// The payload of a request, which its reply repeats.
    payload: Vec<u8>,
    /// Whether a reply counts only if it comes from the target itself.
    strict: bool,
}

impl Echo {
    pub fn open(target: Target, options: &PingOptions) -> nix::Result<Self> {
        thread_local! {
            /// Raw sockets see each other's replies.
            static NEXT_ID: Cell<u16> = const { Cell::new(0x4e53) };
        }
        let id = NEXT_ID.get();
        NEXT_ID.set(id.wrapping_add(1));
        let payload = (0..options.size).map(|n| n as u8).collect();
        let mut echo = Self { socket: socket_for(target, options)?, target, id, payload, strict: false };
        if options.by.is_some() {
            echo.be_unforeseen()?;
            echo.strict = !options.broadcast && !target.ip.is_multicast();
        }
        Ok(echo)
    }

    /// Makes the request unpredictable, so that no reply can be prepared in
    /// advance, for instance in a queue of the kernel.
    fn be_unforeseen(&mut self) -> nix::Result<()> {
        let mut id = [0; 2];
        random(&mut id)?;
        random(&mut self.payload)?;
        self.id = u16::from_be_bytes(id);
        Ok(())
    }

    /// Sends one request and waits for its result. `is_over` tells whether
    /// waiting further is useless.
    pub fn exchange(
        &self,
        seq: u16,
        options: &PingOptions,
        answer: &mut PingAnswer,
        mut is_over: impl FnMut() -> bool,
    ) {
        let sent = Instant::now();
        if let Err(errno) = self.send(seq) {
            // The kernel may have queued the reason, such as the path's MTU.
            if !self.read_error(seq, answer) {
                if errno == Errno::EMSGSIZE {
                    answer.too_large = Some(TooLarge::AtSender);
                }
                answer.refused = Some(format!("sendmsg: {}", strerror(errno as i32)));
            }
            return;
        }
        let deadline = sent + Duration::from_millis(options.timeout_ms);
        let (mut looked, mut over) = (false, false);
        loop {
            match self.read_reply(seq) {
                Some((from, zone, ttl)) => {
                    let time = sent.elapsed();
                    answer.replies.push(Reply { from, zone, seq, ttl, time });
                    return;
                }
                None if self.read_error(seq, answer) => return,
                None => {}
            }
            // Everything that came before the last check has been read by now.
            if over {
                return;
            }
            if wait(&self.socket, if looked { deadline } else { deadline.min(sent + SOON) }) {
                continue;
            }
            if looked || Instant::now() >= deadline {
                return;
            }
            looked = true;
            over = is_over();
        }
    }

    /// Returns the address that it asks.
    pub fn target(&self) -> IpAddr {
        self.target.ip
    }

    /// Sends request `seq`.
    pub fn send(&self, seq: u16) -> nix::Result<()> {
        let to = address(self.target, 0);
        sendto(self.socket.as_raw_fd(), &self.request(seq), &to, MsgFlags::MSG_NOSIGNAL).map(drop)
    }

    /// Tells whether request `seq` was answered, without waiting: false for an error, `None`
    /// if nothing has come.
    pub fn outcome(&self, seq: u16) -> Option<bool> {
        if self.read_reply(seq).is_some() {
            return Some(true);
        }
        self.read_error(seq, &mut PingAnswer::default()).then_some(false)
    }

    /// Waits until something has come, or the deadline has passed.
    pub fn wait(&self, deadline: Instant) -> bool {
        wait(&self.socket, deadline)
    }

    /// Builds an echo request (RFC 792, RFC 4443); the kernel adds the checksum
    /// for IPv6.
    fn request(&self, seq: u16) -> Vec<u8> {
        let mut bytes = vec![0; 8];
        bytes[0] = if self.target.ip.is_ipv4() { 8 } else { 128 };
        bytes[4..6].copy_from_slice(&self.id.to_be_bytes());
        bytes[6..8].copy_from_slice(&seq.to_be_bytes());
        bytes.extend(&self.payload);
        if self.target.ip.is_ipv4() {
            let sum = checksum(&bytes).to_be_bytes();
            bytes[2..4].copy_from_slice(&sum);
        }
        bytes
    }

    /// Tells whether a message repeats the request's payload, as far as it came
    /// in one piece.
    fn is_repeated(&self, icmp: &[u8]) -> bool {
        let payload = icmp.get(8..).unwrap_or_default();
        payload.is_empty() == self.payload.is_empty()
            && self.payload.starts_with(&payload[..payload.len().min(self.payload.len())])
    }

    /// Reads the reply to request `seq`, and discards everything else received.
    fn read_reply(&self, seq: u16) -> Option<(IpAddr, String, Option<u8>)> {
        // The reply repeats the request, after headers of 68 bytes at most.
        let mut bytes = vec![0; self.payload.len() + 128];
        loop {
            let mut control = nix::cmsg_space!([i32; 4]);
            let mut parts = [IoSliceMut::new(&mut bytes)];
            let received = recvmsg::<SockaddrStorage>(
                self.socket.as_raw_fd(),
                &mut parts,
                Some(&mut control),
                MsgFlags::MSG_DONTWAIT,
            );
            let (length, from, hops) = match received {
                Ok(received) => {
                    let hops = received.cmsgs().ok().into_iter().flatten().find_map(|part| match part {
                        ControlMessageOwned::Ipv6HopLimit(hops) => u8::try_from(hops).ok(),
                        _ => None,
                    });
                    (received.bytes, received.address, hops)
                }
                Err(Errno::EINTR) => continue,
                // An error is pending; it is read from the error queue.
                Err(_) => return None,
            };
            let bytes = &bytes[..length];
            let (from, scope, ttl, icmp, reply) = match (self.target.ip, from) {
                (IpAddr::V4(_), _) => {
                    // The packet includes the IP header (raw(7)).
                    let Some(packet) = IpPacket::read(bytes) else { continue };
                    (packet.src, 0, Some(packet.ttl), packet.payload, 0)
                }
                (IpAddr::V6(_), from) => {
                    let Some(from) = from.and_then(|from| from.as_sockaddr_in6().copied()) else { continue };
                    (IpAddr::V6(from.ip()), from.scope_id(), hops, bytes, 129)
                }
            };
            let counts = !self.strict || from == self.target.ip && self.is_repeated(icmp);
            if counts && is_echo(icmp, reply, self.id, seq) {
                return Some((from, zone(from, scope), ttl));
            }
        }
    }

    /// Reads an error about request `seq` from the error queue (`IP_RECVERR` of
    /// ip(7)), and discards errors about others.
    fn read_error(&self, seq: u16, answer: &mut PingAnswer) -> bool {
        let mut bytes = [0; 2048];
        loop {
            let mut control = nix::cmsg_space!([u8; 256]);
            let mut parts = [IoSliceMut::new(&mut bytes)];
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let received =
                recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut parts, Some(&mut control), flags);
            let Ok(received) = received else { return false };
            let length = received.bytes;
            let mut error = None;
            for part in received.cmsgs().ok().into_iter().flatten() {
                match part {
                    ControlMessageOwned::Ipv4RecvErr(report, from) => {
                        let from = from.map(|from| Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr)));
                        error = Some((report, from.map(|from| from.to_string())));
                    }
                    ControlMessageOwned::Ipv6RecvErr(report, from) => {
                        let from = from.map(|from| {
                            let ip = Ipv6Addr::from(from.sin6_addr.s6_addr);
                            format!("{ip}{}", zone(ip.into(), from.sin6_scope_id))
                        });
                        error = Some((report, from));
                    }
                    _ => {}
                }
            }
            let Some((report, from)) = error else { continue };
            let request = if self.target.ip.is_ipv4() { 8 } else { 128 };
            let local = report.ee_origin == libc::SO_EE_ORIGIN_LOCAL;
            if !local && !is_echo(&bytes[..length], request, self.id, seq) {
                continue;
            }
            let line = if local {
                match report.ee_errno as i32 {
                    libc::EMSGSIZE => format!("ping: local error: message too long, mtu: {}", report.ee_info),
                    errno => format!("ping: local error: {}", strerror(errno)),
                }
            } else {
                let from = from.unwrap_or_else(|| "?".into());
                let what = describe(report.ee_origin, report.ee_type, report.ee_code, report.ee_info);
                format!("From {from} icmp_seq={seq} {what}")
            };
            if report.ee_errno as i32 == libc::EMSGSIZE {
                answer.too_large = Some(if local { TooLarge::AtSender } else { TooLarge::AtRouter });
            }
            answer.errors.push(line);
            return true;
        }
    }
}

/// Opens a raw socket for requests to a target.
fn socket_for(target: Target, options: &PingOptions) -> nix::Result<OwnedFd> {
    let protocol = if target.ip.is_ipv4() { SockProtocol::Icmp } else { SockProtocol::IcmpV6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family(target), SockType::Raw, flags, protocol)?;
    from(&socket, options)?;
    match target.ip {
        IpAddr::V4(_) => {
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
            if let Some(ttl) = options.ttl {
                setsockopt(&socket, sockopt::Ipv4Ttl, &ttl.into())?;
            }
            if options.df {
                set(&socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO)?;
            }
        }
        IpAddr::V6(_) => {
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
            set(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, 1)?;
            if let Some(ttl) = options.ttl {
                setsockopt(&socket, sockopt::Ipv6Ttl, &ttl.into())?;
            }
            if options.df {
                set(&socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO)?;
            }
        }
    }
    Ok(socket)
}

/// Fills `bytes` with random data (getrandom(2)).
pub(in crate::net) fn random(bytes: &mut [u8]) -> nix::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        let rest = &mut bytes[filled..];
        // SAFETY: the kernel writes at most `rest.len()` bytes.
        let length = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match Errno::result(length) {
            Ok(length) => filled += length as usize,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Tells whether `bytes` are an echo message of this kind, id and sequence.
pub(in crate::net) fn is_echo(bytes: &[u8], kind: u8, id: u16, seq: u16) -> bool {
    bytes.len() >= 8
        && bytes[0] == kind
        && bytes[4..6] == id.to_be_bytes()
        && bytes[6..8] == seq.to_be_bytes()
}

/// The internet checksum (RFC 1071).
pub(in crate::net) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

pub(in crate::net) fn set(socket: &OwnedFd, level: i32, option: i32, value: i32) -> nix::Result<()> {
    // SAFETY: the value lives through the call.
    let result = unsafe {
        let length = size_of::<i32>() as libc::socklen_t;
        libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), length)
    };
    Errno::result(result).map(drop)
}

/// Waits until the socket has a reply or an error, or until the deadline.
fn wait(socket: &OwnedFd, deadline: Instant) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let timeout = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(0) | Err(Errno::EINTR) => {}
            _ => return true,
        }
    }
}

/// A packet socket (packet(7)). Closing one takes the kernel some 15 ms, so a thread
/// does it.
#[derive(Debug)]
pub(in crate::net) struct PacketSocket(Option<OwnedFd>);

impl PacketSocket {
    /// Opens a socket in this thread's current namespace, for incoming packets
    /// alone, or for outgoing ones as well (`EthAll`).
    pub fn open(of: SockProtocol) -> nix::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        socket(AddressFamily::Packet, SockType::Datagram, flags, of).map(|socket| Self(Some(socket)))
    }

    /// Returns the next packet, from its IP header on, and its link address.
    pub fn receive(&self, bytes: &mut [u8]) -> Option<(usize, LinkAddr)> {
        let fd = self.0.as_ref()?.as_raw_fd();
        let (length, from) = recvfrom::<LinkAddr>(fd, bytes).ok()?;
        Some((length, from?))
    }

    /// Sends an IPv4 packet by an interface to all on its wire.
    pub fn broadcast(&self, index: u32, packet: &[u8]) -> nix::Result<()> {
        let Some(socket) = self.0.as_ref() else { return Err(Errno::EBADF) };
        let to = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: (libc::ETH_P_IP as u16).to_be(),
            sll_ifindex: index as i32,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 6,
            sll_addr: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0],
        };
        let length = size_of_val(&to) as libc::socklen_t;
        // SAFETY: a LinkAddr is a sockaddr_ll, which lives through the call.
        let to = unsafe { LinkAddr::from_raw((&raw const to).cast(), Some(length)) }.ok_or(Errno::EINVAL)?;
        sendto(socket.as_raw_fd(), packet, &to, MsgFlags::MSG_NOSIGNAL).map(drop)
    }

    /// Waits for a packet, or until the deadline.
    pub fn wait(&self, deadline: Instant) -> bool {
        self.0.as_ref().is_some_and(|socket| wait(socket, deadline))
    }
}

impl Drop for PacketSocket {
    fn drop(&mut self) {
        let socket = self.0.take();
        // If no thread starts, the socket is closed here.
        let _ = std::thread::Builder::new().name("close".into()).spawn(move || drop(socket));
    }
}

/// Observes the packets that a namespace itself sends.
pub(in crate::net) struct Tap {
    socket: PacketSocket,
    /// Whether packets that it sends to itself count.
    to_itself: bool,
}

impl Tap {
    /// Observes this thread's current namespace.
    pub fn open(to_itself: bool) -> nix::Result<Self> {
        Ok(Self { socket: PacketSocket::open(SockProtocol::EthAll)?, to_itself })
    }

    /// Tells whether the namespace has sent this reply.
    pub fn gave(&self, echo: &Echo, seq: u16) -> bool {
        self.find_own(|packet| {
            let reply = match packet.protocol {
                IpNumber::ICMP => 0,
                IpNumber::IPV6_ICMP => 129,
                _ => return None,
            };
            let is_it = is_echo(packet.payload, reply, echo.id, seq) && echo.is_repeated(packet.payload);
            is_it.then_some(())
        })
        .is_some()
    }

    /// Reads the observed packets up to the first that matches. Returns `None`
    /// if that packet came in, and was at most forwarded.
    pub fn find_own<T>(&self, find: impl Fn(&IpPacket) -> Option<T>) -> Option<T> {
        let mut bytes = [0; 2048];
        loop {
            let (length, from) = self.socket.receive(&mut bytes)?;
            let kind = EtherType(u16::from_be(from.protocol()));
            let Some(Packet::Ip(packet)) = Packet::read(kind, &bytes[..length]) else { continue };
            if (self.to_itself || from.hatype() != libc::ARPHRD_LOOPBACK)
                && let Some(found) = find(&packet)
            {
                return (from.pkttype() == libc::PACKET_OUTGOING).then_some(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_message_with_its_checksum_is_zero() {
        let mut bytes = vec![8, 0, 0, 0, 0x4e, 0x53, 0, 1, 1, 2, 3];
        let sum = checksum(&bytes).to_be_bytes();
        bytes[2..4].copy_from_slice(&sum);
        assert_eq!(checksum(&bytes), 0);
    }
}
