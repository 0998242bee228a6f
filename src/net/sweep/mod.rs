//! Sends many different packets at once, and records which of them arrive.
//!
//! A probe of one port says nothing about the other ports. A sweep sends a thousand
//! packets of all protocols: half of them use the numbers and addresses that the
//! lab's rules and routes name, the rest are random. It does not wait for answers;
//! it only watches where the packets arrive.

mod named;
mod parcel;
mod span;

pub use span::Span;

use self::named::Named;
use self::parcel::{Chance, Ends, ICMP, Parcel, TCP, UDP};
use crate::net::act::neigh::is_learned;
use crate::net::act::neigh::is_unanswered;
use crate::net::ask::echo::{PacketSocket, random, set};
use crate::net::ask::ping::socket_failed;
use crate::net::kernel::Kernel;
use crate::net::kernel::error::strerror;
use crate::net::names::target::{Target, address};
use crate::net::netfilter::FirewallSnapshot;
use crate::net::{Family, NetError, Netns, Network};
use etherparse::{IpNumber, Ipv4HeaderSlice};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, connect, getsockname, sendto,
    socket,
};
use rtnetlink::packet_route::AddressFamily as Af;
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// A kind of packet to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepKind {
    /// A new connection: SYN.
    Tcp,
    /// A datagram.
    Udp,
    /// An echo request.
    Icmp,
    /// Each protocol, each ICMP type, and any TCP flags.
    Any,
}

/// The packets to send, and where they should arrive.
#[derive(Debug, Clone)]
pub struct SweepOptions {
    /// The namespace that is watched.
    pub at: Netns,
    /// The destination addresses.
    pub dst: Vec<Span>,
    /// The source addresses; the kernel's choice if empty.
    pub src: Vec<Span>,
    /// The kinds of packets.
    pub kinds: Vec<SweepKind>,
    /// Ranges of destination ports of TCP and UDP, or of ICMP types; if empty, any
    /// port, and echo requests.
    pub ports: Vec<(u16, u16)>,
    /// Protocols to leave out, or single ports (ICMP: types) of them.
    pub not: Vec<(u8, Option<u16>)>,
    /// The number of packets.
    pub count: u32,
    /// Whether all packets must arrive; otherwise one is enough.
    pub all: bool,
    /// The seed of the random choices.
    pub seed: u64,
}

impl SweepOptions {
    /// Parses a protocol, or one of its ports: `80/tcp` (services(5)).
    ///
    /// # Errors
    ///
    /// If it is written in another way.
    pub fn port(text: &str) -> Result<(u8, Option<u16>), NetError> {
        let read = || {
            let (port, protocol) = match text.split_once('/') {
                Some((port, protocol)) => (Some(port.parse().ok()?), protocol),
                None => (None, text),
            };
            let known = [("tcp", TCP), ("udp", UDP), ("icmp", ICMP)];
            known.iter().find(|(name, _)| *name == protocol).map(|(_, number)| (*number, port))
        };
        read().ok_or_else(|| {
            let hint = "say `80/tcp`, `53/udp`, `8/icmp` for a type of ICMP, or `icmp` for all of it";
            NetError::new(format!("`{text}` is no port of a protocol")).hint(hint)
        })
    }
}

/// The result of a sweep.
#[derive(Debug, Clone)]
pub struct SweepAnswer {
    /// The number of packets sent.
    pub sent: usize,
    /// The number of packets that arrived.
    pub received: usize,
    /// The source addresses of the arrived packets.
    pub sources: BTreeSet<Ipv4Addr>,
    at: String,
    all: bool,
    /// Some examples: of the packets that arrived or of those that did not,
    /// whichever are fewer.
    examples: Vec<String>,
    /// The reason why the first packet could not be sent.
    refused: Option<String>,
}

/// From this many packets on, one lost packet is forgiven.
const MANY: usize = 10;

/// The number of example packets that are shown.
const TOLD: usize = 5;

/// Tells whether fewer packets arrived than were lost.
fn are_few(came: usize, sent: usize) -> bool {
    came * 2 < sent
}

impl SweepAnswer {
    fn new(options: &SweepOptions, parcels: &[Parcel], gate: Gate, refused: Option<Errno>) -> Self {
        let few_came = are_few(gate.came.len(), parcels.len());
        let minority = parcels.iter().enumerate().filter(|(n, _)| gate.came.contains(n) == few_came);
        Self {
            sent: parcels.len(),
            received: gate.came.len(),
            sources: gate.sources,
            at: options.at.to_string(),
            all: options.all,
            examples: minority.take(TOLD).map(|(_, parcel)| parcel.to_string()).collect(),
            refused: refused.map(|errno| format!("sendmsg: {}", strerror(errno as i32))),
        }
    }

    /// Tells whether the expected packets arrived. A very busy machine loses a packet
    /// now and then.
    pub fn ok(&self) -> bool {
        let forgiven = usize::from(self.sent >= MANY);
        if self.all { self.received + forgiven >= self.sent } else { self.received > 0 }
    }

    /// The expected outcome and its opposite, in words.
    pub fn wanted(&self) -> (&'static str, &'static str) {
        match self.all {
            true => ("all packets come", "not all packets come"),
            false => ("a packet comes", "no packet comes"),
        }
    }

    /// The reason for the failure, in a few words.
    pub fn error(&self) -> Option<String> {
        match (self.ok(), &self.refused) {
            (true, _) => None,
            (false, Some(refused)) => Some(refused.clone()),
            (false, None) => Some(format!("{} of {} packets lost", self.sent - self.received, self.sent)),
        }
    }

    /// The result with example packets.
    pub fn text(&self) -> String {
        let Self { sent, received, at, .. } = self;
        let mut text = format!("{sent} packets sent, {received} came to {at}");
        if let Some(refused) = &self.refused {
            text += &format!("; {refused}");
        }
        let (few, what) = match are_few(*received, *sent) {
            true => (*received, "came"),
            false => (sent - received, "did not come"),
        };
        if few > 0 {
            text += &format!("\n{what}:");
            self.examples.iter().for_each(|example| text += &format!("\n  {example}"));
        }
        if few > self.examples.len() {
            text += &format!("\n  and {} more", few - self.examples.len());
        }
        text
    }
}

/// Packets per batch: after each batch the arrived packets are read, because the
/// receive buffer and the CPU's queue are small.
const BATCH: usize = 64;

/// The number of links that a packet may cross before the arrived packets are
/// read.
const LINKS: usize = 8;

/// The time to wait for a packet if something may delay it.
const LATE: Duration = Duration::from_millis(150);

/// The addresses that a namespace gets for the time of a sweep.
#[derive(Default)]
struct Lent {
    dev: String,
    addresses: Vec<Ipv4Addr>,
}

impl Network {
    /// Sends packets from a namespace, and checks which of them arrive in
    /// another one, even if their addresses and ports were rewritten on the way.
    ///
    /// # Errors
    ///
    /// If the kernel gives no socket, or a namespace was deleted.
    pub fn sweep(&self, from: &Netns, options: &SweepOptions) -> Result<SweepAnswer, NetError> {
        let kernel = self.look()?;
        let (named, others) = kernel.named_everywhere(from)?;
        kernel.await_addresses()?;
        kernel.enter(&options.at)?;
        let mut gate = Gate::open(options.at.name())?;
        kernel.enter(from)?;
        let out = raw_socket().map_err(socket_failed)?;
        let mut chance = Chance::new(options.seed);
        let dst = Ends::pool(&mut chance, &options.dst, &named, |_| false);
        // Without a route, each send fails with the kernel's reason.
        let own = dst.first().and_then(|dst| source(*dst)).unwrap_or_default();
        let src = match &options.src[..] {
            [] => vec![own],
            spans => Ends::pool(&mut chance, spans, &named, |address| others.contains(&address)),
        };
        let ends = Ends { src, dst };
        let parcels = draw(&mut chance, options, &ends, &named);
        if parcels.is_empty() {
            return Err(NetError::new("there is nothing to send: all of it is left out"));
        }
        let lent = self.lend(from, own, &ends.src)?;
        kernel.enter(from)?;
        let refused = kernel.send_all(&out, &parcels, &mut gate);
        if gate.came.len() < parcels.len() {
            let is_over = kernel.is_over(from);
            gate.look();
            if !is_over {
                gate.wait(parcels.len());
            }
        }
        kernel.take_back(from, lent, &ends.dst)?;
        Ok(SweepAnswer::new(options, &parcels, gate, refused))
    }

    /// Adds these addresses to a namespace for the time of the sweep, on the
    /// link that has `own`. Without an owner, each answer to them would wait for
    /// ARP, and the waiting packets would use up the kernel's ICMP buffer, which
    /// all namespaces of the machine share. Returns the addresses that were
    /// added.
    fn lend(&self, to: &Netns, own: u32, addresses: &[u32]) -> Result<Option<Lent>, NetError> {
        let rows = self.addrs(to)?;
        let has = |address: Ipv4Addr| {
            let prefix = format!("{address}/");
            rows.iter().find(|row| row.addr.starts_with(&prefix))
        };
        let Some(row) = has(own.into()) else { return Ok(None) };
        let dev = row.dev.clone();
        let mut addresses: Vec<Ipv4Addr> = addresses.iter().map(|address| Ipv4Addr::from(*address)).collect();
        addresses.retain(|address| {
            has(*address).is_none() && self.addr_add(to, &dev, &address.to_string(), None).is_ok()
        });
        Ok(Some(Lent { dev, addresses }))
    }
}

impl Kernel<'_> {
    /// Sends all packets and reads the arrived ones between batches; returns the
    /// first send error.
    fn send_all(&self, out: &OwnedFd, parcels: &[Parcel], gate: &mut Gate) -> Option<Errno> {
        let mut refused = None;
        for (batch, some) in parcels.chunks(BATCH).enumerate() {
            for (n, parcel) in some.iter().enumerate() {
                let to = address(Target { ip: IpAddr::V4(parcel.dst), scope: 0 }, 0);
                for packet in parcel.packets(&gate.mark(batch * BATCH + n)) {
                    if let Err(errno) = sendto(out.as_raw_fd(), &packet, &to, MsgFlags::empty()) {
                        refused.get_or_insert(errno);
                    }
                }
            }
            self.let_packets_pass(LINKS);
            gate.look();
        }
        refused
    }

    /// Removes the lent addresses, and the neighbour entries that the sweep caused.
    fn take_back(&self, from: &Netns, lent: Option<Lent>, asked: &[u32]) -> Result<(), NetError> {
        let Lent { dev, addresses } = lent.unwrap_or_default();
        for address in &addresses {
            self.addr_del(from, &dev, &address.to_string())?;
        }
        let is_one = |message: &NeighbourMessage| {
            message.attributes.iter().any(|attribute| match attribute {
                NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => {
                    addresses.contains(ip) && is_learned(message)
                        || asked.contains(&u32::from(*ip)) && is_unanswered(message)
                }
                _ => false,
            })
        };
        for netns in self.everywhere().iter().filter(|netns| !netns.is_deleted()) {
            self.forget(netns, Af::Inet, is_one)?;
        }
        Ok(())
    }

    /// The numbers and addresses in the rules and routes of all namespaces, and
    /// the addresses of all namespaces except the sender's.
    fn named_everywhere(&self, from: &Netns) -> Result<(Vec<Named>, BTreeSet<u32>), NetError> {
        let mut lines: BTreeSet<String> = BTreeSet::new();
        let mut others = BTreeSet::new();
        let mut named = Vec::new();
        for netns in self.everywhere().iter().filter(|netns| !netns.is_deleted()) {
            let firewall = self.firewall_recount(netns, &FirewallSnapshot::default())?;
            let rules = firewall.rules.iter().filter(|rule| !rule.policy);
            lines.extend(rules.map(|rule| rule.words.as_ref().unwrap_or(&rule.spec).clone()));
            let sets = self.set_elements(netns)?;
            named.extend(sets.iter().map(|set| Named::of_elements(&set.spans)));
            // The selectors are between the rule's number and its table.
            let rules = self.rules(netns, Family::Inet)?;
            lines.extend(rules.iter().filter_map(|rule| {
                let text = rule.to_string();
                let words = text.split_once(':')?.1.split(" lookup ").next()?;
                Some(words.to_string())
            }));
            let space = self.survey_ways_of(netns)?;
            let routes = space.routes.iter().filter(|route| route.protocol != "kernel");
            lines.extend(routes.map(|route| format!("{} {}", route.dst, route.tos)));
            lines.extend(space.policies.iter().map(|policy| {
                let selector = &policy.selector;
                format!("{} {} {:?} {:?}", selector.src, selector.dst, selector.sport, selector.dport)
            }));
            let addresses = space.addrs.iter().filter(|_| netns != from);
            others.extend(addresses.filter_map(|addr| match addr.ip {
                IpAddr::V4(ip) => Some(u32::from(ip)),
                IpAddr::V6(_) => None,
            }));
        }
        named.extend(lines.iter().map(|line| Named::of(line)));
        named.retain(|named| !named.is_empty());
        Ok((named, others))
    }
}

/// Draws the packets: half of them for rules, the rest at random.
fn draw(chance: &mut Chance, options: &SweepOptions, ends: &Ends, named: &[Named]) -> Vec<Parcel> {
    let count = options.count as usize;
    // First one packet of each protocol and ICMP type; then every second packet is for
    // a rule, in turn.
    let mut rules = named.iter().cycle();
    let nothing = Named::default();
    let systematic = if options.kinds.contains(&SweepKind::Any) { 512 } else { 0 };
    let mut parcels = Vec::with_capacity(count);
    // If nearly everything is left out, fewer packets are sent.
    for n in 0..count * 2 {
        if parcels.len() == count {
            break;
        }
        let rule = if n >= systematic && n % 2 == 0 { rules.next() } else { None };
        parcels.extend(Parcel::draw(chance, options, ends, n, rule.unwrap_or(&nothing)));
    }
    parcels
}

/// Opens a socket for packets with their own IP header (raw(7)).
fn raw_socket() -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Inet, SockType::Raw, flags, SockProtocol::Raw)?;
    set(&socket, libc::IPPROTO_IP, libc::IP_HDRINCL, 1)?;
    set(&socket, libc::SOL_SOCKET, libc::SO_BROADCAST, 1)?;
    Ok(socket)
}

/// The source address that the kernel would use, in this thread's current
/// namespace.
fn source(dst: u32) -> Option<u32> {
    let ask = || {
        let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        let to = Target { ip: IpAddr::V4(dst.into()), scope: 0 };
        connect(socket.as_raw_fd(), &address(to, 1025))?;
        getsockname::<SockaddrIn>(socket.as_raw_fd())
    };
    ask().ok().map(|own| own.ip().into())
}

/// Watches the arriving packets of a namespace, before its own rules see them
/// (packet(7)).
struct Gate {
    socket: PacketSocket,
    /// A random mark, so that only our packets count.
    secret: [u8; 8],
    /// The numbers of the arrived packets.
    came: BTreeSet<usize>,
    sources: BTreeSet<Ipv4Addr>,
}

impl Gate {
    /// Opens the socket in this thread's current namespace.
    fn open(name: &str) -> Result<Self, NetError> {
        let failed =
            |errno: Errno| NetError::new(format!("failed to watch {name}: {}", strerror(errno as i32)));
        let socket = PacketSocket::open(SockProtocol::EthIp).map_err(failed)?;
        let mut secret = [0; 8];
        random(&mut secret).map_err(failed)?;
        let (came, sources) = (BTreeSet::new(), BTreeSet::new());
        Ok(Self { socket, secret, came, sources })
    }

    /// The mark of the `n`th packet.
    fn mark(&self, n: usize) -> [u8; 12] {
        let mut mark = [0; 12];
        mark[..8].copy_from_slice(&self.secret);
        mark[8..].copy_from_slice(&(n as u32).to_be_bytes());
        mark
    }

    /// Reads the packets that have arrived.
    fn look(&mut self) {
        let mut bytes = [0; 2048];
        while let Some((length, from)) = self.socket.receive(&mut bytes) {
            // A bridge also floods frames to ports of other hosts.
            if from.pkttype() == libc::PACKET_OTHERHOST {
                continue;
            }
            if let Some((src, n)) = self.known(&bytes[..length]) {
                self.came.insert(n);
                self.sources.insert(src);
            }
        }
    }

    /// The source address and the number of a packet, if it is one of ours.
    fn known(&self, packet: &[u8]) -> Option<(Ipv4Addr, usize)> {
        // A sweep sends each protocol, also those of extension headers: what follows the
        // header is the payload.
        let ip = Ipv4HeaderSlice::from_slice(packet).ok()?;
        let payload = packet.get(ip.slice().len()..)?;
        let header = match ip.protocol() {
            // Only the second fragment counts: a rule that passes the first may
            // stop it.
            _ if ip.more_fragments() => return None,
            _ if ip.fragments_offset().value() > 0 => 0,
            IpNumber::TCP => usize::from(payload.get(12)? >> 4) * 4,
            IpNumber::UDP | IpNumber::ICMP => 8,
            _ => 0,
        };
        let (secret, rest) = payload.get(header..)?.split_at_checked(8)?;
        let number = rest.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))?;
        (secret == self.secret).then_some((ip.source_addr(), number as usize))
    }

    /// Waits until all packets have arrived or none arrives for a while.
    fn wait(&mut self, all: usize) {
        let mut until = Instant::now() + LATE;
        while self.came.len() < all && self.socket.wait(until) {
            let before = self.came.len();
            self.look();
            if self.came.len() > before {
                until = Instant::now() + LATE;
            }
        }
    }
}
