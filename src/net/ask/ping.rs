//! Echo requests, and their results in ping(8)'s own words.

use super::echo::{Echo, Tap, probe};
use crate::net::calm::unsent::NO_ROOM;
use crate::net::kernel::Kernel;
use crate::net::kernel::error::strerror;
use crate::net::kernel::rooms::Held;
use crate::net::names::target::Target;
use crate::net::{NetError, Netns, Network};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// From this number of requests on, one may be lost.
const MANY: u16 = 10;

/// The time that the kernel gets to have buffer space again.
const ROOM: Duration = Duration::from_millis(20);

/// Options of a ping.
#[derive(Debug, Clone)]
pub struct PingOptions {
    /// The number of requests; each waits for its reply before the next is sent.
    pub count: u16,
    /// The timeout of each request, in milliseconds.
    pub timeout_ms: u64,
    /// The payload of a request, in bytes.
    pub size: u16,
    /// The time to live (hop limit for IPv6); the kernel's default if not set.
    pub ttl: Option<u8>,
    /// Whether to forbid fragmentation.
    pub df: bool,
    /// The source: an interface, or an address of the namespace.
    pub source: Option<PingSource>,
    /// Count only replies that this namespace itself has sent.
    pub by: Option<Netns>,
    /// Whether each request must be answered; otherwise one is enough.
    pub every: bool,
    /// Whether to allow a broadcast address, as `ping -b` does.
    pub broadcast: bool,
    /// Whether to start before IPv6 addresses are usable.
    pub hasty: bool,
    /// The deadline for resolving a name.
    pub deadline: Instant,
}

/// The argument of ping(8)'s `-I`.
#[derive(Debug, Clone)]
pub enum PingSource {
    /// An interface.
    Interface(String),
    /// An address.
    Address(IpAddr),
}

impl Default for PingOptions {
    fn default() -> Self {
        let (count, timeout_ms, size) = (1, 1000, 56);
        let deadline = Instant::now() + Duration::from_secs(60);
        Self {
            count,
            timeout_ms,
            size,
            ttl: None,
            df: false,
            source: None,
            by: None,
            every: false,
            broadcast: false,
            hasty: false,
            deadline,
        }
    }
}

/// The result of a ping.
#[derive(Debug, Clone, Default)]
pub struct PingAnswer {
    /// The destination as it was typed.
    pub dst: String,
    /// The payload of a request, in bytes.
    pub size: u16,
    /// The number of requests sent.
    pub sent: u16,
    /// The number of requests that must be answered.
    pub wanted: u16,
    /// The replies.
    pub replies: Vec<Reply>,
    /// Lines such as `From 192.168.15.1 icmp_seq=1 Destination Host
    /// Unreachable`.
    pub errors: Vec<String>,
    /// The reason why nothing was sent, such as `connect: Network is
    /// unreachable`.
    pub refused: Option<String>,
    /// The place that found a request too large for its next link, if one did.
    pub too_large: Option<TooLarge>,
    /// The complaint about replies from another namespace than the one asked
    /// for.
    pub by_others: Option<String>,
    /// The first address of the name.
    found: Option<IpAddr>,
    /// The address that was pinged.
    ip: Option<IpAddr>,
    /// The names of the replying hosts, if a name was pinged.
    names: BTreeMap<IpAddr, String>,
}

/// The place that found a packet larger than an MTU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TooLarge {
    /// The sender: its link's MTU, or the path's that it has learned.
    AtSender,
    /// A router, which reports it by ICMP.
    AtRouter,
}

/// One reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The sender of the reply.
    pub from: IpAddr,
    /// The zone of a link-local address, as `%veth-red`.
    pub zone: String,
    /// The number of the request that it answers, from 1.
    pub seq: u16,
    /// The time to live with which it arrived.
    pub ttl: Option<u8>,
    /// The round-trip time.
    pub time: Duration,
}

impl PingAnswer {
    /// Tells whether enough requests were answered.
    pub fn ok(&self) -> bool {
        self.replies.len() >= usize::from(self.wanted) && self.by_others.is_none()
    }

    /// The address that was pinged or would have been, once it is known.
    pub fn address(&self) -> Option<IpAddr> {
        self.ip.or(self.found).or_else(|| self.dst.split('%').next().and_then(|dst| dst.parse().ok()))
    }

    /// The reason for the failure, in a few words.
    pub fn error(&self) -> Option<String> {
        if self.ok() {
            return None;
        }
        let first = self.refused.as_ref().or(self.errors.first()).or(self.by_others.as_ref());
        Some(first.cloned().unwrap_or_else(|| format!("{}% packet loss", self.loss())))
    }

    /// The packet loss in percent.
    fn loss(&self) -> usize {
        let sent = usize::from(self.sent);
        (sent - self.replies.len().min(sent)) * 100 / sent.max(1)
    }

    /// The output of ping(8), without the times.
    pub fn text(&self) -> String {
        if self.sent == 0
            && let Some(refused) = &self.refused
        {
            return format!("ping: {refused}");
        }
        let (dst, size) = (&self.dst, self.size);
        let ip = self.ip.map_or(String::new(), |ip| ip.to_string());
        // An address is shown as it was typed, with its interface.
        let ip = if dst.starts_with(&ip) { dst } else { &ip };
        let mut text = match self.ip {
            Some(IpAddr::V6(own)) => match self.names.get(&own.into()) {
                Some(name) => format!("PING {dst}({name} ({ip})) {size} data bytes\n"),
                None => format!("PING {dst}({ip}) {size} data bytes\n"),
            },
            _ => format!("PING {dst} ({ip}) {size}({}) bytes of data.\n", size + 28),
        };
        for reply in &self.replies {
            let Reply { from, zone, seq, ttl, .. } = reply;
            let from = match self.names.get(from) {
                Some(name) => format!("{name} ({from}{zone})"),
                None => format!("{from}{zone}"),
            };
            let _ = write!(text, "{} bytes from {from}: icmp_seq={seq}", size + 8);
            let _ = ttl.map(|ttl| write!(text, " ttl={ttl}"));
            text.push('\n');
        }
        for error in &self.errors {
            let _ = writeln!(text, "{error}");
        }
        if let Some(refused) = &self.refused {
            let _ = writeln!(text, "ping: {refused}");
        }
        let (sent, received) = (self.sent, self.replies.len());
        let errors =
            if self.errors.is_empty() { String::new() } else { format!(" +{} errors,", self.errors.len()) };
        let loss = self.loss();
        let _ = write!(
            text,
            "\n--- {dst} ping statistics ---\n{sent} packets transmitted, {received} received,{errors} {loss}% packet loss"
        );
        if let Some(others) = &self.by_others {
            let _ = write!(text, "\n{others}");
        }
        text
    }
}

impl Network {
    /// Sends echo requests and waits for the replies, as `ping -c1 -W1` does.
    ///
    /// # Errors
    ///
    /// If an option makes no sense here. A missing reply is an answer, not an
    /// error.
    pub fn ping(&self, netns: &Netns, dst: &str, options: &PingOptions) -> Result<PingAnswer, NetError> {
        let kernel = self.look()?;
        self.spare_neighbours()?;
        let mut answer = PingAnswer {
            dst: dst.into(),
            size: options.size,
            // A very busy machine loses a packet now and then.
            wanted: if options.every { options.count - u16::from(options.count >= MANY) } else { 1 },
            ..PingAnswer::default()
        };
        let (targets, name) = kernel.targets(netns, dst, options.deadline)?;
        if let Some(error) = name.error() {
            answer.refused = Some(format!("{dst}: {error}"));
            return Ok(answer);
        }
        answer.dst = name.canonical;
        answer.found = targets.first().map(|target| target.ip);
        let is_name = !matches!(&targets[..], [target] if dst.starts_with(&target.ip.to_string()));
        if !options.hasty && targets.iter().any(|target| target.ip.is_ipv6()) {
            kernel.await_addresses()?;
        }
        if let Some(PingSource::Interface(name)) = &options.source {
            kernel.index_of(netns, name)?;
        }
        // The kernel answers an echo request. If a program does so, the reply
        // does not count, so programs are held meanwhile.
        let held = options.by.as_ref().map(|_| Held::in_the(&*self.rooms));
        let tap = options.by.as_ref().map(|by| kernel.tap(by, netns)).transpose()?;
        kernel.enter(netns)?;
        // The first address to which there is a route.
        let (mut refused, mut way) = (None, None);
        for target in targets {
            refused = probe(target, options).err();
            if refused.is_none() {
                way = Some(target);
            }
            if !matches!(refused, Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH)) {
                break;
            }
        }
        let Some(target) = way else {
            answer.refused = Some(match refused.unwrap_or(Errno::EADDRNOTAVAIL) {
                Errno::EACCES => {
                    "Do you want to ping broadcast? Then -b. If not, check your local firewall rules".into()
                }
                errno @ Errno::EADDRNOTAVAIL if options.source.is_some() => {
                    format!("bind: {}", strerror(errno as i32))
                }
                errno => format!("connect: {}", strerror(errno as i32)),
            });
            return Ok(answer);
        };
        answer.ip = Some(target.ip);
        let echo = Echo::open(target, options).map_err(socket_failed)?;
        for seq in 1..=options.count {
            answer.sent += 1;
            kernel.ask_once(netns, &echo, seq, options, &mut answer);
            // If all requests must be answered, stop once too many are lost.
            let lost = usize::from(answer.sent) - answer.replies.len();
            if options.every && lost > usize::from(options.count - answer.wanted) {
                break;
            }
        }
        if let (Some(tap), Some(by)) = (tap, &options.by) {
            let others = answer.replies.iter().filter(|reply| !tap.gave(&echo, reply.seq)).count();
            if others > 0 {
                answer.by_others = Some(format!("{dst} answered, but it was not `{by}` that did"));
            }
        }
        if let (Some(held), Some(by)) = (held, &options.by)
            && !held.let_go()
            && !answer.replies.is_empty()
        {
            let moved =
                format!("{dst} answered, but a program ran that had to stand still while `{by}` was asked");
            answer.by_others.get_or_insert(moved);
        }
        if is_name {
            kernel.name_those_who_answered(netns, &mut answer, options.deadline)?;
        }
        Ok(answer)
    }
}

impl Kernel<'_> {
    /// Sends a request, and repeats it if the kernel had no buffer space for a
    /// reply.
    fn ask_once(&self, netns: &Netns, echo: &Echo, seq: u16, options: &PingOptions, answer: &mut PingAnswer) {
        let deadline = Instant::now() + Duration::from_millis(options.timeout_ms);
        let heard = |answer: &PingAnswer| answer.replies.len() + answer.errors.len();
        let before = heard(answer);
        loop {
            echo.exchange(seq, options, answer, || self.is_over_for(netns, echo.target()));
            // An error is an answer, too: only silence can be due to lack of
            // space.
            let is_silent = heard(answer) == before && answer.refused.is_none();
            if !is_silent || !self.has_icmp_unsent(netns) {
                return;
            }
            if Instant::now() >= deadline {
                answer.errors.push(format!("ping: {NO_ROOM}"));
                return;
            }
            std::thread::sleep(ROOM);
        }
    }

    /// ping(8) looks up the names of the replying hosts if it was given a name.
    fn name_those_who_answered(
        &self,
        netns: &Netns,
        answer: &mut PingAnswer,
        deadline: Instant,
    ) -> Result<(), NetError> {
        let replies = answer.replies.iter().map(|reply| reply.from);
        // For IPv6, ping(8) begins with the name of the destination.
        for ip in replies.chain(answer.ip.filter(IpAddr::is_ipv6)) {
            if !answer.names.contains_key(&ip)
                && let Some(name) = self.name_of_address(netns, ip, deadline)?
            {
                answer.names.insert(ip, name);
            }
        }
        for error in &mut answer.errors {
            let from = error.strip_prefix("From ").and_then(|rest| rest.split_once(' '));
            if let Some((from, what)) = from
                && let Ok(ip) = from.parse()
                && let Some(name) = self.name_of_address(netns, ip, deadline)?
            {
                *error = format!("From {name} ({ip}) {what}");
            }
        }
        Ok(())
    }

    /// Parses an address, with its interface if it has one.
    pub(in crate::net) fn target(&self, netns: &Netns, dst: &str) -> Result<Option<Target>, NetError> {
        let (address, zone) = match dst.split_once('%') {
            Some((address, zone)) => (address, Some(zone)),
            None => (dst, None),
        };
        let Ok(ip) = address.parse() else { return Ok(None) };
        let scope = match zone {
            Some(zone) => self.index_of(netns, zone)?,
            None => 0,
        };
        Ok(Some(Target { ip, scope }))
    }

    /// Observes every packet that `netns` sends from now on to another
    /// namespace. If `other` is `netns` itself, packets to itself count, too.
    pub(in crate::net) fn tap(&self, netns: &Netns, other: &Netns) -> Result<Tap, NetError> {
        self.enter(netns)?;
        Tap::open(netns == other).map_err(socket_failed)
    }
}

pub(in crate::net) fn socket_failed(errno: Errno) -> NetError {
    NetError::new(format!("failed to open a raw socket: {}", strerror(errno as i32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_prints_itself_as_ping_does() {
        let mut answer = PingAnswer {
            dst: "192.168.15.2".into(),
            size: 56,
            sent: 1,
            wanted: 1,
            replies: vec![],
            errors: vec![],
            refused: None,
            too_large: None,
            by_others: None,
            ip: Some([192, 168, 15, 2].into()),
            found: None,
            names: BTreeMap::new(),
        };
        assert_eq!(answer.error().as_deref(), Some("100% packet loss"));
        answer.errors.push("From 192.168.15.1 icmp_seq=1 Destination Host Unreachable".into());
        assert_eq!(
            answer.text(),
            "PING 192.168.15.2 (192.168.15.2) 56(84) bytes of data.\n\
             From 192.168.15.1 icmp_seq=1 Destination Host Unreachable\n\n\
             --- 192.168.15.2 ping statistics ---\n\
             1 packets transmitted, 0 received, +1 errors, 100% packet loss"
        );
        answer.refused = Some("connect: Network is unreachable".into());
        answer.sent = 0;
        assert_eq!(answer.text(), "ping: connect: Network is unreachable");
    }
}
