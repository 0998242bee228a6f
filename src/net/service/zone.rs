//! The records of a lab's DNS server, and its answers.

use crate::net::NetError;
use crate::net::names::reverse;
use simple_dns::rdata::{A, AAAA, CNAME, PTR, RData};
use simple_dns::{CLASS, Name, OPCODE, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A record as it is typed: a name, and its addresses or the name that it is an
/// alias of.
pub type Record = (String, Vec<String>);

/// The names that a server holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Zone {
    names: BTreeMap<String, Held>,
    /// Whether another server is asked for names that are not held here.
    pub forwards: bool,
}

#[derive(Debug, Clone)]
enum Held {
    Addresses(Vec<IpAddr>),
    Alias(String),
    /// The names of an address.
    Names(Vec<String>),
}

impl Zone {
    /// Parses the records.
    pub fn read(records: &[Record], forwards: bool) -> Result<Self, NetError> {
        let mut names = BTreeMap::new();
        for (name, values) in records {
            let name = domain_name(name)?;
            let held = Self::read_values(&name, values)?;
            if let Held::Addresses(addresses) = &held {
                for address in addresses {
                    match names.entry(reverse(*address)).or_insert_with(|| Held::Names(Vec::new())) {
                        Held::Names(names) => names.push(name.clone()),
                        _ => unreachable!("no name that was given ends with arpa"),
                    }
                }
            }
            names.insert(name, held);
        }
        for (name, held) in &names {
            if let Held::Alias(target) = held
                && !names.contains_key(target)
            {
                let error =
                    NetError::new(format!("bad record for \"{name}\": \"{target}\" is not held here"));
                return Err(error.hint(format!(
                    "give an address, as `192.168.15.2`, or another name that has a record here; `{target}` has none"
                )));
            }
        }
        Ok(Self { names, forwards })
    }

    fn read_values(name: &str, values: &[String]) -> Result<Held, NetError> {
        if values.is_empty() {
            return Err(NetError::new(format!("bad record for \"{name}\": it has no address")));
        }
        // The last label of a name is never a number; the last part of an
        // address is.
        let is_number = |text: &str| {
            let last = text.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
            text.contains([':', '/']) || last.bytes().all(|byte| byte.is_ascii_digit())
        };
        if let [target] = values
            && !is_number(target)
        {
            let target = domain_name(target)?;
            if target == name {
                return Err(NetError::new(format!("bad record for \"{name}\": it is an alias of itself")));
            }
            return Ok(Held::Alias(target));
        }
        let address = |text: &String| {
            crate::net::act::prefix::address(text).map_err(|error| NetError {
                error: format!("bad record for \"{name}\": {}", error.error),
                ..error
            })
        };
        Ok(Held::Addresses(values.iter().map(address).collect::<Result<_, _>>()?))
    }

    /// Answers a request; returns `None` to leave it to another server.
    pub fn answer(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let Ok(packet) = Packet::parse(bytes) else {
            // Twelve bytes are a full header, which is enough for an answer.
            let id = u16::from_be_bytes(bytes.get(..12)?[..2].try_into().ok()?);
            let mut reply = Packet::new_reply(id);
            *reply.rcode_mut() = RCODE::FormatError;
            return reply.build_bytes_vec().ok();
        };
        let mut reply = Packet::new_reply(packet.id());
        reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
        if packet.has_flags(PacketFlag::RECURSION_DESIRED) {
            reply.set_flags(PacketFlag::RECURSION_DESIRED);
        }
        *reply.opt_mut() = packet.opt().map(|opt| {
            let mut own = opt.clone();
            own.opt_codes.clear();
            own.udp_packet_size = 1232;
            own
        });
        reply.questions.clone_from(&packet.questions);
        let [question] = &packet.questions[..] else {
            *reply.rcode_mut() = RCODE::FormatError;
            return reply.build_bytes_vec_compressed().ok();
        };
        if packet.opcode() != OPCODE::StandardQuery {
            *reply.rcode_mut() = RCODE::NotImplemented;
            return reply.build_bytes_vec_compressed().ok();
        }
        let mut name = question.qname.to_string().to_ascii_lowercase();
        if !self.names.contains_key(&name) {
            if self.forwards {
                return None;
            }
            // A name that only has names below it exists, but is empty.
            let above = format!(".{name}");
            if !self.names.keys().any(|held| held.ends_with(&above)) {
                *reply.rcode_mut() = RCODE::NameError;
            }
            return reply.build_bytes_vec_compressed().ok();
        }
        reply.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        let asks = |kind: TYPE| question.qtype == QTYPE::TYPE(kind) || question.qtype == QTYPE::ANY;
        // Each alias is followed once, because aliases may form a loop.
        for _ in 0..self.names.len() {
            let Some(Held::Alias(target)) = self.names.get(&name) else { break };
            let (Some(owner), Some(alias)) = (owned(&name), owned(target)) else { break };
            reply.answers.push(record(owner, RData::CNAME(CNAME(alias))));
            name.clone_from(target);
            if question.qtype == QTYPE::TYPE(TYPE::CNAME) {
                return reply.build_bytes_vec_compressed().ok();
            }
        }
        let owner = owned(&name)?;
        match self.names.get(&name) {
            Some(Held::Addresses(addresses)) => {
                for address in addresses {
                    let data = match address {
                        IpAddr::V4(ip) if asks(TYPE::A) => RData::A(A::from(*ip)),
                        IpAddr::V6(ip) if asks(TYPE::AAAA) => RData::AAAA(AAAA::from(*ip)),
                        _ => continue,
                    };
                    reply.answers.push(record(owner.clone(), data));
                }
            }
            Some(Held::Names(names)) if asks(TYPE::PTR) => {
                for name in names.iter().filter_map(|name| owned(name)) {
                    reply.answers.push(record(owner.clone(), RData::PTR(PTR(name))));
                }
            }
            _ => {}
        }
        reply.build_bytes_vec_compressed().ok()
    }
}

/// The answer if no server knows (`SERVFAIL`).
pub(super) fn failure(bytes: &[u8]) -> Option<Vec<u8>> {
    let packet = Packet::parse(bytes).ok()?;
    let mut reply = Packet::new_reply(packet.id());
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE | PacketFlag::RECURSION_DESIRED);
    *reply.rcode_mut() = RCODE::ServerFailure;
    reply.questions = packet.questions;
    reply.build_bytes_vec_compressed().ok()
}

/// Returns the answer unchanged if it fits into a datagram that the client
/// accepts. Otherwise returns a truncated answer, so that the client retries
/// over TCP.
pub(super) fn fitted(question: &[u8], reply: Vec<u8>) -> Vec<u8> {
    let room = Packet::parse(question).ok().and_then(|packet| Some(packet.opt()?.udp_packet_size));
    if reply.len() <= usize::from(room.unwrap_or(512).max(512)) {
        return reply;
    }
    let Ok(mut packet) = Packet::parse(&reply) else { return reply };
    packet.answers.clear();
    packet.name_servers.clear();
    packet.additional_records.clear();
    packet.set_flags(PacketFlag::TRUNCATION);
    packet.build_bytes_vec_compressed().unwrap_or_default()
}

fn owned(name: &str) -> Option<Name<'static>> {
    Name::new(name).ok().map(Name::into_owned)
}

/// A record with a TTL of 0, so that a change takes effect for all clients at
/// once.
fn record<'a>(owner: Name<'a>, data: RData<'a>) -> ResourceRecord<'a> {
    ResourceRecord::new(owner, CLASS::IN, 0, data)
}

/// Parses a name (RFC 1035, section 2.3.1, with digits first and underscores).
fn domain_name(text: &str) -> Result<String, NetError> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let refused = |hint: &str| Err(NetError::new(format!("bad name for a record: \"{text}\"")).hint(hint));
    if name.len() > 253 {
        return refused("a name has at most 253 bytes");
    }
    for label in name.split('.') {
        if label.is_empty() {
            return refused("a name is words with single dots between them, as `web.mycompany.com`");
        }
        if label.len() > 63 {
            return refused("each part of a name has at most 63 bytes");
        }
        if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return refused("a name has letters, digits and hyphens, with dots between its parts");
        }
    }
    if name == "arpa" || name.ends_with(".arpa") {
        return refused("the names of addresses are made from the addresses");
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::{QCLASS, Question};

    fn zone(records: &[(&str, &[&str])]) -> Result<Zone, NetError> {
        let records: Vec<Record> = records
            .iter()
            .map(|(name, values)| (name.to_string(), values.iter().map(ToString::to_string).collect()))
            .collect();
        Zone::read(&records, false)
    }

    fn ask(zone: &Zone, name: &str, kind: TYPE) -> (RCODE, Vec<RData<'static>>) {
        let mut packet = Packet::new_query(7);
        let question = Question::new(Name::new(name).unwrap(), kind.into(), QCLASS::CLASS(CLASS::IN), false);
        packet.questions.push(question);
        let bytes = zone.answer(&packet.build_bytes_vec().unwrap()).unwrap();
        let reply = Packet::parse(&bytes).unwrap();
        assert_eq!(reply.id(), 7);
        (reply.rcode(), reply.answers.iter().map(|record| record.rdata.clone().into_owned()).collect())
    }

    #[test]
    fn a_name_that_is_held_has_its_records_and_no_others() {
        let zone = zone(&[("Web.Corp", &["10.0.0.1", "fd00::1"]), ("www.corp.", &["web.corp"])]).unwrap();
        assert_eq!(ask(&zone, "WEB.corp", TYPE::A).1.len(), 1);
        assert_eq!(ask(&zone, "web.corp", TYPE::MX), (RCODE::NoError, vec![]));
        assert_eq!(ask(&zone, "corp", TYPE::A), (RCODE::NoError, vec![]));
        assert_eq!(ask(&zone, "mail.corp", TYPE::A), (RCODE::NameError, vec![]));
        assert_eq!(ask(&zone, "www.corp", TYPE::AAAA).1.len(), 2);
        assert_eq!(ask(&zone, "www.corp", TYPE::CNAME).1.len(), 1);
        assert_eq!(ask(&zone, "1.0.0.10.in-addr.arpa", TYPE::PTR).1.len(), 1);
    }

    #[test]
    fn a_record_that_is_none_is_refused() {
        let error = |name: &str, value: &str| zone(&[(name, &[value])]).unwrap_err().error;
        assert!(error("web", "1992.168.15.2").starts_with("bad record for \"web\": any valid address"));
        assert!(error("web", "192.168.15.2/24").starts_with("bad record for \"web\": any valid address"));
        assert!(error("web", "fd00:::1").starts_with("bad record for \"web\""));
        assert!(error("web", "blue").contains("not held here"));
        assert!(error("web", "web").contains("alias of itself"));
        for name in ["", "a..b", "a b", "*.corp", "빨강", &"x".repeat(64), "1.in-addr.arpa"] {
            assert!(error(name, "10.0.0.1").starts_with("bad name"), "{name}");
        }
    }

    #[test]
    fn what_is_no_question_is_said_to_be_none() {
        let zone = zone(&[]).unwrap();
        assert_eq!(zone.answer(b"short"), None);
        let reply = zone.answer(&[0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63]).unwrap();
        assert_eq!(Packet::parse(&reply).unwrap().rcode(), RCODE::FormatError);
    }

    #[test]
    fn aliases_in_a_circle_end() {
        let zone = zone(&[("a", &["b"]), ("b", &["a"])]).unwrap();
        assert_eq!(ask(&zone, "a", TYPE::A).0, RCODE::NoError);
    }
}
