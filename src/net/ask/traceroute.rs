//! Traces the path of a packet, hop by hop, in traceroute(8)'s own words.
//!
//! A router reports a packet whose time to live has expired. So one probe after
//! the other is sent, each with a TTL one higher. If one gets no answer, the
//! remaining probes are sent all at once, so that silent routers cost the
//! timeout once, not once per hop.

use super::echo::set;
use crate::net::kernel::error::strerror;
use crate::net::names::target::{Target, address, family};
use crate::net::{NetError, Netns, Network};
use crate::table::Hop;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockFlag, SockType, SockaddrStorage, connect, recvmsg, send, setsockopt,
    socket, sockopt,
};
use std::fmt::Write;
use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Options of a traceroute.
#[derive(Debug, Clone)]
pub struct TracerouteOptions {
    /// The maximum number of hops.
    pub max_hops: u8,
    /// The timeout for an answer, in milliseconds.
    pub timeout_ms: u64,
    /// The deadline for resolving a name.
    pub deadline: Instant,
}

/// The result of a traceroute.
#[derive(Debug, Clone)]
pub struct TracerouteAnswer {
    /// The destination as it was typed.
    pub dst: String,
    /// The hops, in their order.
    pub hops: Vec<Hop>,
    max_hops: u8,
    /// The address of the destination, and whether the last hop is the
    /// destination.
    target: Option<IpAddr>,
    reached: bool,
    /// The reason why it stopped early, such as `connect: Network is
    /// unreachable`.
    refused: Option<String>,
}

impl TracerouteAnswer {
    /// Tells whether the destination answered.
    pub fn ok(&self) -> bool {
        self.reached
    }

    /// The reason why it did not, in a few words.
    pub fn error(&self) -> Option<String> {
        if self.reached {
            return None;
        }
        if let Some(refused) = &self.refused {
            return Some(refused.clone());
        }
        let last = self.hops.iter().rev().find_map(|hop| Some((hop.addr.as_ref()?, &hop.error, hop.ttl)));
        let silent = self.hops.last().is_some_and(|hop| hop.addr.is_none());
        Some(match last {
            Some((addr, _, _)) if silent => format!("no answer from beyond {addr}"),
            Some((addr, Some(error), _)) => format!("{addr} {error}"),
            Some((addr, None, ttl)) if ttl < self.max_hops => format!("{addr} rejects it"),
            Some(_) => format!("not there after {} hops", self.max_hops),
            None => "no answer from anybody".into(),
        })
    }

    /// The output of traceroute(8), without the times.
    pub fn text(&self) -> String {
        let Some(target) = self.target else { return self.refused.clone().unwrap_or_default() };
        let bytes = if target.is_ipv4() { 60 } else { 80 };
        let zone = self.dst.split_once('%').map(|(_, zone)| format!("%{zone}")).unwrap_or_default();
        let Self { dst, max_hops, .. } = self;
        let mut text =
            format!("traceroute to {dst} ({target}{zone}), {max_hops} hops max, {bytes} byte packets");
        for hop in &self.hops {
            let _ = write!(text, "\n{hop}");
        }
        if let Some(refused) = &self.refused {
            let _ = write!(text, "\n{refused}");
        }
        text
    }
}

/// A probe on its way.
struct Probe {
    ttl: u8,
    socket: OwnedFd,
    answer: Option<Answer>,
}

/// The answer to a probe.
struct Answer {
    from: IpAddr,
    /// The mark of traceroute(8); `None` for an exceeded TTL.
    mark: Option<&'static str>,
    mtu: Option<u32>,
    last: bool,
}

impl Network {
    /// Finds the path to a destination, as `traceroute -n -q1` does.
    ///
    /// # Errors
    ///
    /// If no socket can be opened. A missing answer is an answer, not an error.
    pub fn traceroute(
        &self,
        netns: &Netns,
        dst: &str,
        options: &TracerouteOptions,
    ) -> Result<TracerouteAnswer, NetError> {
        let kernel = self.look()?;
        let mut answer = TracerouteAnswer {
            dst: dst.into(),
            hops: Vec::new(),
            max_hops: options.max_hops,
            target: None,
            reached: false,
            refused: None,
        };
        let (targets, name) = kernel.targets(netns, dst, options.deadline)?;
        let Some(target) = targets.first().copied().filter(|_| name.error().is_none()) else {
            answer.refused = Some(format!("{dst}: {}", name.error().unwrap_or_default()));
            return Ok(answer);
        };
        answer.target = Some(target.ip);
        if target.ip.is_ipv6() {
            kernel.await_addresses()?;
        }
        kernel.enter(netns)?;
        let wait = Duration::from_millis(options.timeout_ms);
        let mut probes: Vec<Probe> = Vec::new();
        let mut at_once = 1;
        while probes.len() < options.max_hops.into() && !probes.iter().any(Probe::is_last) {
            let first = probes.len();
            for _ in 0..at_once {
                let ttl = probes.len() as u8 + 1;
                if ttl > options.max_hops {
                    break;
                }
                match Probe::send(target, ttl) {
                    Ok(probe) => probes.push(probe),
                    Err(refused) => {
                        answer.refused = Some(refused);
                        break;
                    }
                }
            }
            await_answers(&mut probes[first..], Instant::now() + wait);
            if answer.refused.is_some() {
                break;
            }
            if probes.last().is_some_and(|probe| probe.answer.is_none()) {
                at_once = usize::from(options.max_hops);
            }
        }
        let end = probes.iter().position(Probe::is_last).map_or(probes.len(), |last| last + 1);
        answer.reached = probes[..end].last().is_some_and(|probe| probe.is_from(target.ip));
        let zone = dst.split_once('%').map(|(_, zone)| format!("%{zone}")).unwrap_or_default();
        answer.hops = probes[..end].iter().map(|probe| probe.hop(&zone)).collect();
        Ok(answer)
    }
}

impl Probe {
    /// Sends a packet of 32 bytes, as traceroute(8) does, to the probe's own
    /// port.
    fn send(target: Target, ttl: u8) -> Result<Self, String> {
        const FIRST_PORT: u16 = 33_434;
        let failed = |step: &str, errno: Errno| format!("{step}: {}", strerror(errno as i32));
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let open = || {
            let socket = socket(family(target), SockType::Datagram, flags, None)?;
            match target.ip {
                IpAddr::V4(_) => {
                    setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
                    setsockopt(&socket, sockopt::Ipv4Ttl, &ttl.into())?;
                    set(&socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT)?;
                }
                IpAddr::V6(_) => {
                    setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
                    setsockopt(&socket, sockopt::Ipv6Ttl, &ttl.into())?;
                }
            }
            Ok(socket)
        };
        let socket = open().map_err(|errno| failed("socket", errno))?;
        let port = FIRST_PORT + u16::from(ttl) - 1;
        connect(socket.as_raw_fd(), &address(target, port)).map_err(|errno| failed("connect", errno))?;
        let bytes: [u8; 32] = std::array::from_fn(|n| b'@' + n as u8);
        send(socket.as_raw_fd(), &bytes, MsgFlags::MSG_NOSIGNAL).map_err(|errno| failed("send", errno))?;
        Ok(Self { ttl, socket, answer: None })
    }

    fn is_last(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.last)
    }

    fn is_from(&self, target: IpAddr) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|answer| answer.last && answer.mark.is_none() && answer.from == target)
    }

    fn hop(&self, zone: &str) -> Hop {
        let answer = self.answer.as_ref();
        Hop {
            ttl: self.ttl,
            addr: answer.map(|answer| format!("{}{zone}", answer.from)),
            error: answer.and_then(|answer| match answer.mtu {
                Some(mtu) => answer.mark.map(|mark| format!("{mark}-{mtu}")),
                None => answer.mark.map(Into::into),
            }),
        }
    }

    /// Reads the answer, if there is one.
    fn read(&mut self) {
        let mut bytes = [0; 512];
        let mut control = nix::cmsg_space!([u8; 256]);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let received =
            recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut parts, Some(&mut control), flags);
        if let Ok(received) = received {
            for part in received.cmsgs().ok().into_iter().flatten() {
                let (report, from) = match part {
                    ControlMessageOwned::Ipv4RecvErr(report, from) => {
                        let from = from.map(|from| Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr)).into());
                        (report, from)
                    }
                    ControlMessageOwned::Ipv6RecvErr(report, from) => {
                        (report, from.map(|from| Ipv6Addr::from(from.sin6_addr.s6_addr).into()))
                    }
                    _ => continue,
                };
                if let Some(from) = from {
                    let (last, mark) = mark(report.ee_origin, report.ee_type, report.ee_code);
                    let mtu = (mark == Some("!F")).then_some(report.ee_info);
                    self.answer = Some(Answer { from, mark, mtu, last });
                }
            }
            return;
        }
        // A program listens on that port, and has answered.
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_DONTWAIT;
        if let Ok(received) = recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut parts, None, flags)
            && let Some(from) = received.address
        {
            let v4 = from.as_sockaddr_in().map(|from| from.ip().into());
            if let Some(from) = v4.or_else(|| from.as_sockaddr_in6().map(|from| from.ip().into())) {
                self.answer = Some(Answer { from, mark: None, mtu: None, last: true });
            }
        }
    }
}

/// Waits until all probes have an answer, or all up to the last hop.
fn await_answers(probes: &mut [Probe], deadline: Instant) {
    loop {
        let end = probes.iter().position(Probe::is_last).map_or(probes.len(), |last| last + 1);
        let waiting: Vec<usize> = (0..end).filter(|n| probes[*n].answer.is_none()).collect();
        let left = deadline.saturating_duration_since(Instant::now());
        if waiting.is_empty() || left.is_zero() {
            return;
        }
        let timeout = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        let mut fds: Vec<PollFd> =
            waiting.iter().map(|n| PollFd::new(probes[*n].socket.as_fd(), PollFlags::POLLIN)).collect();
        let _ = poll(&mut fds, timeout);
        drop(fds);
        for n in waiting {
            probes[n].read();
        }
    }
}

/// Tells whether an ICMP message ends the trace, and returns traceroute(8)'s
/// mark for it.
fn mark(origin: u8, kind: u8, code: u8) -> (bool, Option<&'static str>) {
    let mark = match (origin, kind, code) {
        (libc::SO_EE_ORIGIN_ICMP, 11, _) | (libc::SO_EE_ORIGIN_ICMP6, 3, _) => return (false, None),
        // The port is closed: the probe has arrived.
        (libc::SO_EE_ORIGIN_ICMP, 3, 3) | (libc::SO_EE_ORIGIN_ICMP6, 1, 4) => return (true, None),
        (libc::SO_EE_ORIGIN_ICMP, 3, 0 | 6 | 8 | 11) | (libc::SO_EE_ORIGIN_ICMP6, 1, 0) => "!N",
        (libc::SO_EE_ORIGIN_ICMP, 3, 1 | 7 | 12) | (libc::SO_EE_ORIGIN_ICMP6, 1, 2 | 3) => "!H",
        (libc::SO_EE_ORIGIN_ICMP, 3, 2) => "!P",
        (libc::SO_EE_ORIGIN_ICMP, 3, 4) | (libc::SO_EE_ORIGIN_ICMP6, 2, _) => "!F",
        (libc::SO_EE_ORIGIN_ICMP, 3, 5) => "!S",
        (libc::SO_EE_ORIGIN_ICMP, 3, 9 | 10 | 13) | (libc::SO_EE_ORIGIN_ICMP6, 1, 1) => "!X",
        (libc::SO_EE_ORIGIN_ICMP, 3, 14) => "!V",
        (libc::SO_EE_ORIGIN_ICMP, 3, 15) => "!C",
        _ => "!?",
    };
    (true, Some(mark))
}
