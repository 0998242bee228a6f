//! Messages of nfnetlink: nested attributes, and transactions.

use super::error::strerror;
use super::netlink;
use super::netlink::{KernelError, extended_ack, retry};
use crate::net::NetError;
use rtnetlink::sys::{Socket, protocols::NETLINK_NETFILTER};
use std::io;

/// Larger than any packet of answers from the kernel.
const PACKET: usize = 1 << 17;

/// The receive buffer of a listener in bytes, as far as the machine allows it.
const HEARD: u32 = 1 << 22;

/// `NLMSG_*`, `NLM_F_*` and `NFNL_MSG_BATCH_*` of netlink(7).
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 0x1;
const ACK: u16 = 0x4;
const DUMP: u16 = 0x300;
const DUMP_INTR: u16 = 0x10;
pub(in crate::net) const REPLACE: u16 = 0x100;
pub(in crate::net) const CREATE: u16 = 0x400;
pub(in crate::net) const APPEND: u16 = 0x800;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NESTED: u16 = 0x8000;

/// The nfnetlink subsystems, by the kernel's numbers.
#[derive(Debug, Clone, Copy)]
pub(in crate::net) enum Subsystem {
    Conntrack = 1,
    Tables = 10,
}

/// Attributes of a message.
#[derive(Debug, Clone, Default)]
pub(in crate::net) struct Attributes(Vec<u8>);

impl Attributes {
    pub fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Adds a number; those of nf_tables are big-endian.
    pub fn number(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    pub fn text(self, kind: u16, value: &str) -> Self {
        self.bytes(kind, &[value.as_bytes(), &[0]].concat())
    }

    pub fn nest(self, kind: u16, value: Self) -> Self {
        self.bytes(kind | NESTED, &value.0)
    }

    /// The encoded attributes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Parses attributes, each with its kind.
pub(in crate::net) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes([*bytes.first()?, *bytes.get(1)?]));
        let kind = u16::from_ne_bytes([*bytes.get(2)?, *bytes.get(3)?]) & 0x3fff;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Finds the attribute of this kind.
pub(in crate::net) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// Reads the number in the attribute of this kind, of any size.
pub(in crate::net) fn number(bytes: &[u8], kind: u16) -> Option<u64> {
    let value = find(bytes, kind)?;
    (value.len() <= 8).then(|| value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Reads the text in the attribute of this kind.
pub(in crate::net) fn text(bytes: &[u8], kind: u16) -> Option<String> {
    let value = find(bytes, kind)?;
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    Some(String::from_utf8_lossy(&value[..end]).into_owned())
}

/// One request.
#[derive(Debug, Clone)]
pub(in crate::net) struct Message {
    pub subsystem: Subsystem,
    pub kind: u16,
    /// The address family, as `AF_INET`.
    pub family: u8,
    pub flags: u16,
    pub attributes: Attributes,
}

/// One answer.
#[derive(Debug, Clone)]
pub(in crate::net) struct Answer {
    pub family: u8,
    /// The attributes.
    pub bytes: Vec<u8>,
}

/// A socket in one namespace.
#[derive(Debug)]
pub(in crate::net) struct Netfilter(Socket);

impl Netfilter {
    /// Opens a socket in this thread's current namespace.
    pub fn open() -> Result<Self, NetError> {
        netlink::open(NETLINK_NETFILTER).map(Self).map_err(|error| {
            let error = KernelError::of_socket(&error);
            NetError::new(format!("failed to open a netfilter socket: {}", strerror(error.errno)))
                .unmeasured("use a kernel with netfilter")
        })
    }

    /// Opens a socket that receives the kernel's messages to a multicast group.
    pub(in crate::net) fn listen(group: u32) -> Result<Self, NetError> {
        let socket = Self::open()?;
        let _ = socket.0.set_no_enobufs(true);
        let _ = socket.0.set_rx_buf_sz(HEARD);
        socket.0.add_membership(group).map_err(|error| {
            let words = strerror(KernelError::of_socket(&error).errno);
            NetError::new(format!("failed to listen to netfilter: {words}"))
        })?;
        Ok(socket)
    }

    /// Returns the messages since the last call, without waiting.
    pub(in crate::net) fn heard(&self) -> Result<Vec<Answer>, KernelError> {
        let mut answers = Vec::new();
        while let Some(datagram) = self.receive(libc::MSG_DONTWAIT)? {
            for (_, payload) in messages_of(&datagram) {
                if payload.len() >= 4 {
                    answers.push(Answer { family: payload[0], bytes: payload[4..].into() });
                }
            }
        }
        Ok(answers)
    }

    /// Carries out all of the messages, or none.
    pub(in crate::net) fn transact(&self, messages: Vec<Message>) -> Result<(), KernelError> {
        let last = messages.len();
        let mut bytes = encode(BATCH_BEGIN, REQUEST, 0, 0, Subsystem::Tables as u16, &[]);
        for (number, message) in messages.iter().enumerate() {
            let number = number + 1;
            let flags = REQUEST | message.flags | if number == last { ACK } else { 0 };
            bytes.extend(message.encode(flags, number as u32));
        }
        bytes.extend(encode(BATCH_END, REQUEST, 0, 0, Subsystem::Tables as u16, &[]));
        netlink::send(&self.0, &bytes)?;
        // The kernel answers before `send` returns: with one error for each
        // faulty message, and the acknowledgement of the last one.
        let mut first = None;
        while let Some(datagram) = self.receive(libc::MSG_DONTWAIT)? {
            for (header, payload) in messages_of(&datagram) {
                if header.kind == ERROR
                    && let Some(error) = error_of(payload)
                {
                    first.get_or_insert(error);
                }
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Sends a request to a subsystem other than nf_tables.
    pub(in crate::net) fn request(&self, message: &Message) -> Result<(), KernelError> {
        netlink::send(&self.0, &message.encode(REQUEST | ACK | message.flags, 1))?;
        loop {
            let Some(datagram) = self.receive(0)? else { continue };
            for (header, payload) in messages_of(&datagram) {
                if header.kind == ERROR {
                    return error_of(payload).map_or(Ok(()), Err);
                }
            }
        }
    }

    /// Lists all objects of a kind. Repeats the request if a change interrupted
    /// it.
    pub(in crate::net) fn dump(&self, message: &Message) -> Result<Vec<Answer>, KernelError> {
        'again: loop {
            netlink::send(&self.0, &message.encode(REQUEST | DUMP | message.flags, 1))?;
            let mut answers = Vec::new();
            let mut interrupted = false;
            loop {
                let Some(datagram) = self.receive(0)? else { continue };
                for (header, payload) in messages_of(&datagram) {
                    interrupted |= header.flags & DUMP_INTR != 0;
                    match header.kind {
                        DONE if interrupted => continue 'again,
                        DONE => return Ok(answers),
                        ERROR => return error_of(payload).map_or(Ok(answers), Err),
                        _ if payload.len() >= 4 => {
                            answers.push(Answer { family: payload[0], bytes: payload[4..].into() });
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    fn receive(&self, flags: i32) -> Result<Option<Vec<u8>>, KernelError> {
        let mut bytes = Vec::with_capacity(PACKET);
        match retry(|| self.0.recv(&mut bytes, flags)) {
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(KernelError::of_socket(&error)),
        }
    }
}

impl Message {
    /// Builds a message of nf_tables.
    pub fn tables(kind: u16, family: u8, flags: u16, attributes: Attributes) -> Self {
        Self { subsystem: Subsystem::Tables, kind, family, flags, attributes }
    }

    fn encode(&self, flags: u16, number: u32) -> Vec<u8> {
        let kind = (self.subsystem as u16) << 8 | self.kind;
        encode(kind, flags, number, self.family, 0, &self.attributes.0)
    }
}

/// Encodes a message with its two headers, `nlmsghdr` and `nfgenmsg`.
fn encode(kind: u16, flags: u16, number: u32, family: u8, resource: u16, attributes: &[u8]) -> Vec<u8> {
    let length = 20 + attributes.len() as u32;
    let mut bytes = Vec::with_capacity(length as usize);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(number.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend([family, 0]);
    bytes.extend(resource.to_be_bytes());
    bytes.extend(attributes);
    bytes
}

struct Header {
    kind: u16,
    flags: u16,
}

/// The messages in a datagram, each with the payload after its `nlmsghdr`.
fn messages_of(mut bytes: &[u8]) -> impl Iterator<Item = (Header, &[u8])> {
    std::iter::from_fn(move || {
        let head = bytes.get(..16)?;
        let length = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = u16::from_ne_bytes([head[4], head[5]]);
        let flags = u16::from_ne_bytes([head[6], head[7]]);
        let payload = bytes.get(16..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((Header { kind, flags }, payload))
    })
}

/// The payloads of the messages in a datagram.
pub(in crate::net) fn payloads_of(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    messages_of(bytes).map(|(_, payload)| payload)
}

/// The kernel's error; `None` if the message is an acknowledgement.
pub(in crate::net) fn error_of(payload: &[u8]) -> Option<KernelError> {
    let code = i32::from_ne_bytes(payload.get(..4)?.try_into().ok()?);
    (code != 0).then(|| KernelError { errno: code.wrapping_neg(), text: extended_ack(&payload[4..]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_again() {
        let inner = Attributes::default().number(2, 7);
        let outer = Attributes::default().text(1, "nat").nest(3, inner).bytes(4, &[9]);
        assert_eq!(text(&outer.0, 1).as_deref(), Some("nat"));
        assert_eq!(number(find(&outer.0, 3).unwrap(), 2), Some(7));
        assert_eq!(number(&outer.0, 4), Some(9));
        assert_eq!(find(&outer.0, 5), None);
    }

    #[test]
    fn what_is_cut_off_is_no_attribute() {
        assert_eq!(attributes(&[]).count(), 0);
        assert_eq!(attributes(&[8, 0, 1, 0, 1]).count(), 0);
        assert_eq!(attributes(&[3, 0, 1, 0]).count(), 0);
        assert_eq!(messages_of(&[9; 40]).count(), 0);
    }
}
