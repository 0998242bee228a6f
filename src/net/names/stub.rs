//! A DNS client that asks the servers of resolv.conf(5), in the order and with
//! the timeouts of the C library's resolver.

use super::conf::Resolv;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord, TYPE};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// The reason why there is no answer (`h_errno` of gethostbyname(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// There is no such name.
    HostNotFound,
    /// The name has no such record.
    NoData,
    /// A server has failed.
    TryAgain,
    /// No server has sent a usable answer.
    Unreached,
    /// No server could be reached.
    Refused,
    /// A server has sent an invalid answer.
    NoRecovery,
}

/// The result of a lookup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The name at the end of all aliases.
    pub canonical: String,
    pub addresses: Vec<IpAddr>,
    /// The names of an address.
    pub names: Vec<String>,
}

/// A client of the servers in this thread's current namespace.
pub(super) struct Stub<'a> {
    pub conf: &'a Resolv,
    pub deadline: Instant,
    /// Tells whether waiting further is useless.
    pub is_over: &'a dyn Fn() -> bool,
}

/// The time to wait for an answer before checking whether one can still come.
const SOON: Duration = Duration::from_millis(3);

impl Stub<'_> {
    /// Looks a name up through the search list, as `res_search` does.
    pub fn search(&self, name: &str, kinds: &[TYPE]) -> Result<Resolved, NoAnswer> {
        let absolute = name.ends_with('.');
        let bare = name.trim_end_matches('.');
        let dots = name.matches('.').count();
        let mut first = None;
        if dots >= self.conf.ndots || absolute {
            match self.query(bare, kinds) {
                Err(why) if !absolute => first = Some(why),
                settled => return settled,
            }
        }
        let (mut no_data, mut failed, mut last) = (false, false, NoAnswer::HostNotFound);
        for domain in self.conf.search.iter().filter(|_| !absolute) {
            let whole = if domain.is_empty() { bare.to_string() } else { format!("{bare}.{domain}") };
            match self.query(&whole, kinds) {
                Ok(found) => return Ok(found),
                Err(NoAnswer::Refused) => return Err(NoAnswer::Refused),
                Err(why) => last = why,
            }
            match last {
                NoAnswer::NoData => no_data = true,
                NoAnswer::HostNotFound => {}
                NoAnswer::TryAgain => failed = true,
                _ => break,
            }
        }
        if first.is_none() {
            match self.query(bare, kinds) {
                Ok(found) => return Ok(found),
                Err(why) => last = why,
            }
        }
        Err(match first {
            Some(why) => why,
            None if no_data => NoAnswer::NoData,
            None if failed => NoAnswer::TryAgain,
            None => last,
        })
    }

    /// Requests records of several types for one name.
    pub fn query(&self, name: &str, kinds: &[TYPE]) -> Result<Resolved, NoAnswer> {
        let mut all = Resolved::default();
        let mut worst = None;
        for kind in kinds {
            match self.ask(name, *kind) {
                Ok(found) => {
                    all.canonical = found.canonical;
                    all.addresses.extend(found.addresses);
                    all.names.extend(found.names);
                }
                // A server that cannot be reached for one request cannot be
                // reached for the next.
                Err(why @ (NoAnswer::Refused | NoAnswer::Unreached)) if all == Resolved::default() => {
                    return Err(why);
                }
                Err(why) => {
                    worst = match (worst, why) {
                        (Some(NoAnswer::NoData), NoAnswer::HostNotFound) => Some(NoAnswer::NoData),
                        _ => Some(why),
                    }
                }
            }
        }
        match worst {
            Some(why) if all == Resolved::default() => Err(why),
            _ => Ok(all),
        }
    }

    /// Sends one request to one server after the other.
    fn ask(&self, name: &str, kind: TYPE) -> Result<Resolved, NoAnswer> {
        let id = number();
        let Some(question) = question(name, kind, id) else { return Err(NoAnswer::NoRecovery) };
        let mut worst = NoAnswer::Refused;
        for _ in 0..self.conf.attempts {
            for (number, server) in self.conf.servers.iter().enumerate() {
                let mut seconds = self.conf.timeout << number;
                if number > 0 {
                    seconds /= self.conf.servers.len() as u64;
                }
                let until = (Instant::now() + Duration::from_secs(seconds.max(1))).min(self.deadline);
                let server = SocketAddr::new(*server, 53);
                match self.exchange(server, &question, id, until) {
                    Ok(bytes) => match read(&bytes, name, kind) {
                        // Another server may have an answer.
                        Err(why @ (NoAnswer::TryAgain | NoAnswer::Unreached)) => worst = why,
                        settled => return settled,
                    },
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                        if worst == NoAnswer::Refused {
                            worst = NoAnswer::Unreached;
                        }
                    }
                    Err(_) => {}
                }
            }
        }
        Err(worst)
    }

    fn exchange(&self, server: SocketAddr, question: &[u8], id: u16, until: Instant) -> io::Result<Vec<u8>> {
        if !self.conf.use_vc {
            let bytes = self.over_udp(server, question, id, until)?;
            if !is_truncated(&bytes) {
                return Ok(bytes);
            }
        }
        over_tcp(server, question, until)
    }

    fn over_udp(&self, server: SocketAddr, question: &[u8], id: u16, until: Instant) -> io::Result<Vec<u8>> {
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        socket.send(question)?;
        let mut bytes = vec![0; 65_535];
        let (mut soon, mut over) = (SOON, false);
        loop {
            socket.set_read_timeout(Some(left(until)?.min(soon)))?;
            match socket.recv(&mut bytes) {
                Ok(length) if bytes[..length].starts_with(&id.to_be_bytes()) && length >= 12 => {
                    bytes.truncate(length);
                    return Ok(bytes);
                }
                Ok(_) => {}
                // Everything that came before the last check has been read by
                // now.
                Err(error) if again(&error) && over => return Err(io::ErrorKind::TimedOut.into()),
                Err(error) if again(&error) => {
                    over = (self.is_over)();
                    // A busy server may have finished by the next check.
                    soon = if over { Duration::from_micros(1) } else { soon * 4 };
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// An unpredictable ID for a request.
fn number() -> u16 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(()) as u16
}

fn question(name: &str, kind: TYPE, id: u16) -> Option<Vec<u8>> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name).ok()?;
    packet.questions.push(Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().ok()
}

fn over_tcp(server: SocketAddr, question: &[u8], until: Instant) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, left(until)?)?;
    stream.set_write_timeout(Some(left(until)?))?;
    let length = (question.len() as u16).to_be_bytes();
    stream.write_all(&[&length, question].concat())?;
    let mut read = |bytes: &mut [u8]| -> io::Result<()> {
        let mut filled = 0;
        while filled < bytes.len() {
            stream.set_read_timeout(Some(left(until)?))?;
            match stream.read(&mut bytes[filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => filled += length,
                Err(error) if again(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    let mut length = [0; 2];
    read(&mut length)?;
    let mut bytes = vec![0; u16::from_be_bytes(length).into()];
    read(&mut bytes)?;
    Ok(bytes)
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

pub(super) fn is_truncated(bytes: &[u8]) -> bool {
    bytes.get(2).is_some_and(|flags| flags & 0x02 != 0)
}

/// The maximum number of aliases that are followed, which is more than servers
/// do. An answer has room for thousands.
const MOST_ALIASES: usize = 32;

/// Reads the requested records from an answer, following its aliases.
pub(super) fn read(bytes: &[u8], name: &str, kind: TYPE) -> Result<Resolved, NoAnswer> {
    let packet = Packet::parse(bytes).map_err(|_| NoAnswer::NoRecovery)?;
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Err(NoAnswer::HostNotFound),
        RCODE::ServerFailure => return Err(NoAnswer::TryAgain),
        RCODE::NotImplemented | RCODE::Refused => return Err(NoAnswer::Unreached),
        _ => return Err(NoAnswer::NoRecovery),
    }
    let answers: Vec<(String, &ResourceRecord)> =
        packet.answers.iter().map(|record| (record.name.to_string(), record)).collect();
    let mut found = Resolved { canonical: name.into(), ..Resolved::default() };
    // Aliases may form a loop.
    for _ in 0..MOST_ALIASES {
        let alias = answers.iter().find_map(|(of, record)| match &record.rdata {
            RData::CNAME(target) if of.eq_ignore_ascii_case(&found.canonical) => Some(target.0.to_string()),
            _ => None,
        });
        let Some(alias) = alias else { break };
        found.canonical = alias;
    }
    for (of, record) in answers {
        if !of.eq_ignore_ascii_case(&found.canonical) {
            continue;
        }
        match (&record.rdata, kind) {
            (RData::A(a), TYPE::A) => found.addresses.push(Ipv4Addr::from(a.address).into()),
            (RData::AAAA(aaaa), TYPE::AAAA) => found.addresses.push(Ipv6Addr::from(aaaa.address).into()),
            (RData::PTR(ptr), TYPE::PTR) => found.names.push(ptr.0.to_string()),
            _ => {}
        }
    }
    match found.addresses.is_empty() && found.names.is_empty() {
        true => Err(NoAnswer::NoData),
        false => Ok(found),
    }
}
