//! Sends a packet of each kind, and sees which of them come through.
//!
//! Whoever asks a port or two learns nothing of the others. Here some thousand
//! packets are sent, of all protocols, and at once: those that differ in what a
//! rule or a route of the lab names, and others that are drawn. None of them
//! waits for an answer; it is seen which of them arrive.

mod named;
mod parcel;
mod span;

pub use span::Span;

use self::named::Named;
use self::parcel::{Chance, Ends, ICMP, Parcel, TCP, UDP};
use super::budget::is_learned;
use super::echo::{PacketSocket, random, set};
use super::error::strerror;
use super::netfilter::FirewallSnapshot;
use super::ping::socket_failed;
use super::target::{Target, address};
use super::{Family, NetError, Netns, Network};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, connect, getsockname, sendto,
    socket,
};
use rtnetlink::packet_route::AddressFamily as Af;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// What kind of packets is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepKind {
    /// A connection that begins: SYN.
    Tcp,
    /// A datagram.
    Udp,
    /// An echo request.
    Icmp,
    /// Each protocol, each type of ICMP, and any flags of TCP.
    Any,
}

/// What to send, and where it is to arrive.
#[derive(Debug, Clone)]
pub struct SweepOptions {
    /// Where is watched.
    pub at: Netns,
    /// Where to send to.
    pub dst: Vec<Span>,
    /// Where it is to come from; the kernel's choice where nothing is said.
    pub src: Vec<Span>,
    /// What kinds.
    pub kinds: Vec<SweepKind>,
    /// The ports of TCP and UDP to send to, or the types of ICMP, from one to
    /// another; any port, and echo requests, where nothing is said.
    pub ports: Vec<(u16, u16)>,
    /// The protocols that are left out, or a port of one; of ICMP a type.
    pub not: Vec<(u8, Option<u16>)>,
    /// How many packets.
    pub count: u32,
    /// Whether all are to arrive; one otherwise.
    pub all: bool,
    /// What is drawn depends on it.
    pub seed: u64,
}

impl SweepOptions {
    /// A protocol, or a port of one as it is written: `80/tcp` (services(5)).
    ///
    /// # Errors
    ///
    /// Where it is written in another way.
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

/// What came of it.
#[derive(Debug, Clone)]
pub struct SweepAnswer {
    /// How many packets were sent.
    pub sent: usize,
    /// How many of them have arrived.
    pub received: usize,
    /// Where those that have arrived seemed to come from.
    pub sources: BTreeSet<Ipv4Addr>,
    at: String,
    all: bool,
    /// Some of those that are fewer: those that have arrived, or those that have not.
    examples: Vec<String>,
    /// Why the first packet could not be sent.
    refused: Option<String>,
}

/// Of so many packets, one may be lost.
const MANY: usize = 10;

/// How many packets are told.
const TOLD: usize = 5;

impl SweepAnswer {
    fn new(options: &SweepOptions, parcels: &[Parcel], gate: Gate, refused: Option<Errno>) -> Self {
        let few_came = gate.came.len() * 2 < parcels.len();
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

    /// Tells whether what was to arrive has. A machine that is very busy loses a
    /// packet now and then.
    pub fn ok(&self) -> bool {
        let forgiven = usize::from(self.sent >= MANY);
        if self.all { self.received + forgiven >= self.sent } else { self.received > 0 }
    }

    /// What would be right, and what would be wrong, in words.
    pub fn wanted(&self) -> (&'static str, &'static str) {
        match self.all {
            true => ("all packets come", "not all packets come"),
            false => ("a packet comes", "no packet comes"),
        }
    }

    /// Why not, in a few words.
    pub fn error(&self) -> Option<String> {
        match (self.ok(), &self.refused) {
            (true, _) => None,
            (false, Some(refused)) => Some(refused.clone()),
            (false, None) => Some(format!("{} of {} packets lost", self.sent - self.received, self.sent)),
        }
    }

    /// What came of it, and some of the packets that are in the minority.
    pub fn text(&self) -> String {
        let Self { sent, received, at, .. } = self;
        let mut text = format!("{sent} packets sent, {received} came to {at}");
        if let Some(refused) = &self.refused {
            text += &format!("; {refused}");
        }
        let (few, what) = match received * 2 < *sent {
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

/// So many packets are sent before it is looked what has come: what waits to be
/// read has little room, as has what waits for a CPU.
const BATCH: usize = 64;

/// How many links a packet may pass until it is looked for.
const LINKS: usize = 8;

/// How long a packet may take where something may hold it back.
const LATE: Duration = Duration::from_millis(150);

impl Network {
    /// Sends packets from a namespace, and sees which of them arrive in another
    /// one, whatever their addresses and ports have become on the way.
    ///
    /// # Errors
    ///
    /// Where the kernel gives no socket, or a namespace is gone.
    pub fn sweep(&self, from: &Netns, options: &SweepOptions) -> Result<SweepAnswer, NetError> {
        self.settle()?;
        let (named, others) = self.named_everywhere(from)?;
        self.await_addresses()?;
        self.enter(&options.at)?;
        let mut gate = Gate::open(options.at.name())?;
        self.enter(from)?;
        let out = raw_socket().map_err(socket_failed)?;
        let mut chance = Chance::new(options.seed);
        let dst = Ends::pool(&mut chance, &options.dst, &named, |_| false);
        // Where there is none, the kernel says so for each packet.
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
        self.enter(from)?;
        let refused = self.send_all(&out, &parcels, &mut gate);
        if gate.came.len() < parcels.len() {
            let is_over = self.is_over(from);
            gate.look();
            if !is_over {
                gate.wait(parcels.len());
            }
        }
        self.take_back(from, &lent, &ends.dst)?;
        Ok(SweepAnswer::new(options, &parcels, gate, refused))
    }

    /// Sends one after the other, and has a look from time to time; gives why the
    /// first one could not be sent that could not.
    fn send_all(&self, out: &OwnedFd, parcels: &[Parcel], gate: &mut Gate) -> Option<Errno> {
        let mut refused = None;
        for (batch, some) in parcels.chunks(BATCH).enumerate() {
            for (n, parcel) in some.iter().enumerate() {
                let bytes = parcel.bytes(&gate.mark(batch * BATCH + n));
                let to = address(Target { ip: IpAddr::V4(parcel.dst), scope: 0 }, 0);
                if let Err(errno) = sendto(out.as_raw_fd(), &bytes, &to, MsgFlags::empty()) {
                    refused.get_or_insert(errno);
                }
            }
            self.let_packets_pass(LINKS);
            gate.look();
        }
        refused
    }

    /// Gives these addresses to a namespace for a while, at the link that has
    /// `own`: an address of nobody's is asked for again and again by whoever has
    /// an answer for it, and what waits for that takes the kernel's room for
    /// everybody's ICMP. Tells which, but for those that it has anyway.
    fn lend(&self, to: &Netns, own: u32, addresses: &[u32]) -> Result<Vec<(String, Ipv4Addr)>, NetError> {
        let rows = self.addrs(to)?;
        let has = |address: u32| {
            let prefix = format!("{}/", Ipv4Addr::from(address));
            rows.iter().find(|row| row.addr.starts_with(&prefix))
        };
        let Some(dev) = has(own).map(|row| row.dev.clone()) else { return Ok(Vec::new()) };
        let lent = |address: &u32| {
            let address = Some(*address).filter(|address| has(*address).is_none()).map(Ipv4Addr::from)?;
            self.addr_add(to, &dev, &address.to_string(), None).ok().map(|()| (dev.clone(), address))
        };
        Ok(addresses.iter().filter_map(lent).collect())
    }

    /// Takes them back, and has everybody forget them, and whom nobody knew.
    fn take_back(&self, from: &Netns, lent: &[(String, Ipv4Addr)], asked: &[u32]) -> Result<(), NetError> {
        for (dev, address) in lent {
            self.addr_del(from, dev, &address.to_string())?;
        }
        let is_open = |state| matches!(state, NeighbourState::Incomplete | NeighbourState::Failed);
        let is_one = |message: &NeighbourMessage| {
            message.attributes.iter().any(|attribute| match attribute {
                NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => {
                    let is_lent = lent.iter().any(|(_, lent)| lent == ip) && is_learned(message);
                    is_lent || is_open(message.header.state) && asked.contains(&u32::from(*ip))
                }
                _ => false,
            })
        };
        for netns in self.everywhere().iter().filter(|netns| !netns.is_deleted()) {
            self.forget(netns, Af::Inet, is_one)?;
        }
        Ok(())
    }

    /// What the rules and routes of all namespaces name, and the addresses that
    /// somebody else has than who sends.
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
            // Behind their places and before their tables there is what they choose by.
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

/// What is sent: some for each rule, and the rest as it comes.
fn draw(chance: &mut Chance, options: &SweepOptions, ends: &Ends, named: &[Named]) -> Vec<Parcel> {
    let count = options.count as usize;
    // What is systematic comes first, and half of the rest is for rules, in turn.
    let mut rules = named.iter().cycle();
    let nothing = Named::default();
    let systematic = if options.kinds.contains(&SweepKind::Any) { 512 } else { 0 };
    let mut parcels = Vec::with_capacity(count);
    // Who leaves out all that can be drawn gets less.
    for n in 0..count * 2 {
        if parcels.len() == count {
            break;
        }
        let rule = if n >= systematic && n % 2 == 0 { rules.next() } else { None };
        parcels.extend(Parcel::draw(chance, options, ends, n, rule.unwrap_or(&nothing)));
    }
    parcels
}

/// A socket for packets with a header of their own (raw(7)).
fn raw_socket() -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Inet, SockType::Raw, flags, SockProtocol::Raw)?;
    set(&socket, libc::IPPROTO_IP, libc::IP_HDRINCL, 1)?;
    set(&socket, libc::SOL_SOCKET, libc::SO_BROADCAST, 1)?;
    Ok(socket)
}

/// The address from which the kernel would send, in the namespace in which this
/// thread is.
fn source(dst: u32) -> Option<u32> {
    let ask = || {
        let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        let to = Target { ip: IpAddr::V4(dst.into()), scope: 0 };
        connect(socket.as_raw_fd(), &address(to, 1025))?;
        getsockname::<SockaddrIn>(socket.as_raw_fd())
    };
    ask().ok().map(|own| own.ip().into())
}

/// Where the packets are to arrive: what comes in there is seen before any rule
/// of the namespace (packet(7)).
struct Gate {
    socket: PacketSocket,
    /// What nobody can foresee, so that only what was sent counts.
    secret: [u8; 8],
    /// The numbers of those that have come.
    came: BTreeSet<usize>,
    sources: BTreeSet<Ipv4Addr>,
}

impl Gate {
    /// In the namespace in which this thread is.
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

    /// Reads what has come in.
    fn look(&mut self) {
        let mut bytes = [0; 2048];
        while let Some((length, from)) = self.socket.receive(&mut bytes) {
            // A bridge sends to all ports what it does not know the right one of.
            if from.pkttype() == libc::PACKET_OTHERHOST {
                continue;
            }
            if let Some((src, n)) = self.known(&bytes[..length]) {
                self.came.insert(n);
                self.sources.insert(src);
            }
        }
    }

    /// One of ours: where it comes from, and its number.
    fn known(&self, packet: &[u8]) -> Option<(Ipv4Addr, usize)> {
        if packet.first()? >> 4 != 4 {
            return None;
        }
        let behind = packet.get(usize::from(packet[0] & 0x0f) * 4..)?;
        let header = match *packet.get(9)? {
            TCP => usize::from(behind.get(12)? >> 4) * 4,
            UDP | ICMP => 8,
            _ => 0,
        };
        let (secret, rest) = behind.get(header..)?.split_at_checked(8)?;
        let number = rest.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))?;
        let src: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
        (secret == self.secret).then_some((src.into(), number as usize))
    }

    /// Waits for more, until all are there or none has come for a while.
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
