//! The sockets of a namespace, from sock_diag(7).

use crate::net::kernel::error::strerror;
use crate::net::{NetError, Netns, Network};
use crate::table::SocketRow;
use rtnetlink::sys::{self, Socket, protocols::NETLINK_SOCK_DIAG};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Stable states (`TCP_ESTABLISHED` … of the kernel's tcp_states.h), in the
/// words of ss(8). All others end by a timer.
const STATES: [(u8, &str); 4] =
    [(1, "ESTAB"), (UNCONNECTED, "UNCONN"), (8, "CLOSE-WAIT"), (LISTEN, "LISTEN")];

/// The states of a listening TCP socket, and of an unconnected UDP socket.
const LISTEN: u8 = 10;
const UNCONNECTED: u8 = 7;

/// One socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::net) struct OpenSocket {
    proto: &'static str,
    state: u8,
    local: End,
    remote: End,
    device: u32,
    /// Whether it also serves IPv4.
    both: bool,
    /// The inode number of the file; 0 if no program has it open.
    inode: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    ip: IpAddr,
    port: u16,
}

impl Network {
    /// The TCP and UDP sockets, as `ss -tua` lists them, except those that are
    /// opening or closing.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn sockets(&self, netns: &Netns) -> Result<Vec<SocketRow>, NetError> {
        let kernel = self.look()?;
        kernel.enter(netns)?;
        let failed = |error: io::Error| {
            let words = strerror(error.raw_os_error().unwrap_or(libc::EPROTO));
            NetError::new(format!("failed to list sockets: {words}"))
        };
        let mut found = Vec::new();
        let all = STATES.iter().map(|(state, _)| 1 << state).sum();
        for (proto, name) in [(libc::IPPROTO_TCP, "tcp"), (libc::IPPROTO_UDP, "udp")] {
            for family in [libc::AF_INET, libc::AF_INET6] {
                list(family as u8, proto as u8, name, all, &mut found).map_err(failed)?;
            }
        }
        let order = |state: u8| STATES.iter().rev().position(|(other, _)| *other == state);
        found.sort_by_key(|socket| (socket.proto, order(socket.state), socket.clone()));
        let range = self.read_sysctl(netns, "net.ipv4.ip_local_port_range").unwrap_or_default();
        let range: Vec<u16> = range.split_whitespace().filter_map(|port| port.parse().ok()).collect();
        let served: Vec<u16> =
            found.iter().filter(|one| one.remote.port == 0).map(|one| one.local.port).collect();
        let chosen = |port: u16| match range[..] {
            [low, high] => (low..=high).contains(&port) && !served.contains(&port),
            _ => false,
        };
        Ok(found
            .iter()
            .map(|one| {
                let device = kernel.link_at(netns, one.device).ok().filter(|_| one.device != 0);
                let device = device.map(|link| crate::net::kernel::links::LinkBrief::read(&link).name);
                let state = STATES.iter().find(|(state, _)| *state == one.state);
                SocketRow {
                    proto: one.proto.into(),
                    local: one.local.show(one.both, device.as_deref()),
                    remote: one.remote.show(one.both, None),
                    state: state.map_or("", |(_, name)| name).into(),
                    local_chosen: one.remote.port != 0 && chosen(one.local.port),
                    remote_chosen: chosen(one.remote.port),
                }
            })
            .collect())
    }
}

impl End {
    fn show(&self, both: bool, device: Option<&str>) -> String {
        let ip = match self.ip {
            ip if ip.is_unspecified() && both => "*".into(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let device = device.map(|device| format!("%{device}")).unwrap_or_default();
        let port = if self.port == 0 { "*".into() } else { self.port.to_string() };
        format!("{ip}{device}:{port}")
    }
}

/// The listening sockets in this thread's current namespace: protocol, address,
/// port, whether they also serve IPv4, and the index of the link to which they
/// are bound.
pub(in crate::net) fn serving() -> Vec<(&'static str, IpAddr, u16, bool, u32)> {
    let mut found = Vec::new();
    for (proto, name, state) in [(libc::IPPROTO_TCP, "tcp", LISTEN), (libc::IPPROTO_UDP, "udp", UNCONNECTED)]
    {
        for family in [libc::AF_INET, libc::AF_INET6] {
            // Other states are left out: searching the table of connected
            // sockets takes the kernel milliseconds, even if it is empty. If a
            // kernel does not list sockets, none are known.
            let _ = list(family as u8, proto as u8, name, 1 << state, &mut found);
        }
    }
    found.iter().map(|one| (one.proto, one.local.ip, one.local.port, one.both, one.device)).collect()
}

/// The inodes of the TCP sockets in this thread's current namespace that have a
/// connection from `remote`, or listen at `port`.
pub(in crate::net) fn at(remote: SocketAddr, port: u16) -> Vec<u32> {
    const ESTABLISHED: u8 = 1;
    const CLOSE_WAIT: u8 = 8;
    let states = [ESTABLISHED, CLOSE_WAIT, LISTEN].iter().map(|state| 1 << state).sum();
    let mut found = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let _ = list(family as u8, libc::IPPROTO_TCP as u8, "tcp", states, &mut found);
    }
    let is_at = |one: &&OpenSocket| match one.state {
        LISTEN => one.local.port == port,
        _ => (one.remote.ip, one.remote.port) == (remote.ip(), remote.port()),
    };
    found.iter().filter(is_at).map(|one| one.inode).filter(|inode| *inode != 0).collect()
}

/// Requests the sockets of one family and protocol, in some states.
fn list(
    family: u8,
    proto: u8,
    name: &'static str,
    states: u32,
    found: &mut Vec<OpenSocket>,
) -> io::Result<()> {
    // struct inet_diag_req_v2 of linux/inet_diag.h, after its header.
    const BY_FAMILY: u16 = 20;
    const ID: usize = 48;
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    let length = (16 + 8 + ID) as u32;
    let mut request = length.to_ne_bytes().to_vec();
    request.extend(BY_FAMILY.to_ne_bytes());
    request.extend(flags.to_ne_bytes());
    request.extend([0; 8]);
    request.extend([family, proto, 0, 0]);
    request.extend(states.to_ne_bytes());
    request.extend([0; ID]);

    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.send_to(&request, &sys::SocketAddr::new(0, 0), 0)?;
    loop {
        let (packet, _) = socket.recv_from_full()?;
        let mut rest = &packet[..];
        while let Some(header) = rest.get(..16) {
            let number =
                |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
            let length = number(0) as usize;
            let Some(body) = rest.get(16..length) else { return Err(io::ErrorKind::InvalidData.into()) };
            match i32::from(number(4) as u16) {
                libc::NLMSG_DONE => return Ok(()),
                libc::NLMSG_ERROR => {
                    let errno = body.get(..4).map_or(0, |code| {
                        i32::from_ne_bytes([code[0], code[1], code[2], code[3]]).wrapping_neg()
                    });
                    // A kernel without such sockets.
                    let none = [0, libc::ENOENT, libc::EINVAL].contains(&errno);
                    return if none { Ok(()) } else { Err(io::Error::from_raw_os_error(errno)) };
                }
                _ => found.extend(read(name, body)),
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

/// Reads a struct inet_diag_msg of linux/inet_diag.h.
pub(in crate::net) fn read(proto: &'static str, body: &[u8]) -> Option<OpenSocket> {
    const ATTRIBUTES: usize = 72;
    const V6_ONLY: u16 = 11;
    let (family, state) = (*body.first()?, *body.get(1)?);
    let end = |port: usize, address: usize| -> Option<End> {
        let port = u16::from_be_bytes(body.get(port..port + 2)?.try_into().ok()?);
        let bytes: [u8; 16] = body.get(address..address + 16)?.try_into().ok()?;
        let ip = match i32::from(family) {
            libc::AF_INET => IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])),
            _ => Ipv6Addr::from(bytes).to_canonical(),
        };
        Some(End { ip, port })
    };
    let (local, remote) = (end(4, 8)?, end(6, 24)?);
    let device = u32::from_ne_bytes(body.get(40..44)?.try_into().ok()?);
    let inode = u32::from_ne_bytes(body.get(68..72)?.try_into().ok()?);
    let mut both = i32::from(family) == libc::AF_INET6;
    let mut rest = body.get(ATTRIBUTES..).unwrap_or_default();
    while let [l0, l1, k0, k1, ..] = *rest {
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        if u16::from_ne_bytes([k0, k1]) == V6_ONLY && rest.get(4).is_some_and(|only| *only != 0) {
            both = false;
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..).unwrap_or_default();
    }
    Some(OpenSocket { proto, state, local, remote, device, both, inode })
}
