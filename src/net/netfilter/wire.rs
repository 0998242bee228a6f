//! Messages of nfnetlink: attributes within attributes, and transactions.

use super::super::NetError;
use super::super::error::strerror;
use super::super::netlink::{KernelError, extended_ack};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, socket,
};
use std::os::fd::{AsRawFd, OwnedFd};

/// `NLMSG_*`, `NLM_F_*` and `NFNL_MSG_BATCH_*` of netlink(7).
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 0x1;
const ACK: u16 = 0x4;
const DUMP: u16 = 0x300;
const DUMP_INTR: u16 = 0x10;
pub(super) const CREATE: u16 = 0x400;
pub(super) const APPEND: u16 = 0x800;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NESTED: u16 = 0x8000;

/// The parts of the kernel that speak nfnetlink, as it numbers them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subsystem {
    Conntrack = 1,
    Tables = 10,
}

/// Attributes of a message.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes(Vec<u8>);

impl Attributes {
    pub fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// A number; those of nf_tables are big-endian.
    pub fn number(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    pub fn text(self, kind: u16, value: &str) -> Self {
        self.bytes(kind, &[value.as_bytes(), &[0]].concat())
    }

    pub fn nest(self, kind: u16, value: Self) -> Self {
        self.bytes(kind | NESTED, &value.0)
    }
}

/// The attributes in some bytes, each with its kind.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes([*bytes.first()?, *bytes.get(1)?]));
        let kind = u16::from_ne_bytes([*bytes.get(2)?, *bytes.get(3)?]) & 0x3fff;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The attribute of this kind.
pub(super) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// The number in the attribute of this kind, of whatever size it is.
pub(super) fn number(bytes: &[u8], kind: u16) -> Option<u64> {
    let value = find(bytes, kind)?;
    (value.len() <= 8).then(|| value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The text in the attribute of this kind.
pub(super) fn text(bytes: &[u8], kind: u16) -> Option<String> {
    let value = find(bytes, kind)?;
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    Some(String::from_utf8_lossy(&value[..end]).into_owned())
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub subsystem: Subsystem,
    pub kind: u16,
    /// `AF_INET` and the like.
    pub family: u8,
    pub flags: u16,
    pub attributes: Attributes,
}

/// One answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub family: u8,
    /// The attributes.
    pub bytes: Vec<u8>,
}

/// A socket in one namespace.
#[derive(Debug)]
pub(in crate::net) struct Netfilter(OwnedFd);

impl Netfilter {
    /// Opens a socket in the namespace in which this thread is.
    pub fn open() -> Result<Self, NetError> {
        let open = || -> nix::Result<OwnedFd> {
            let family = AddressFamily::Netlink;
            let socket =
                socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkNetFilter)?;
            bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
            for option in [libc::NETLINK_EXT_ACK, libc::NETLINK_CAP_ACK] {
                let on: i32 = 1;
                // SAFETY: the value lives through the call.
                let result = unsafe {
                    let length = size_of::<i32>() as libc::socklen_t;
                    let level = libc::SOL_NETLINK;
                    libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), length)
                };
                Errno::result(result)?;
            }
            Ok(socket)
        };
        open().map(Self).map_err(|errno| {
            NetError::new(format!("failed to open a netfilter socket: {}", strerror(errno as i32)))
                .unmeasured("use a kernel with netfilter")
        })
    }

    /// Carries out all of the messages, or none.
    pub(super) fn transact(&self, messages: Vec<Message>) -> Result<(), KernelError> {
        let last = messages.len();
        let mut bytes = encode(BATCH_BEGIN, REQUEST, 0, 0, Subsystem::Tables as u16, &[]);
        for (number, message) in messages.iter().enumerate() {
            let number = number + 1;
            let flags = REQUEST | message.flags | if number == last { ACK } else { 0 };
            bytes.extend(message.encode(flags, number as u32));
        }
        bytes.extend(encode(BATCH_END, REQUEST, 0, 0, Subsystem::Tables as u16, &[]));
        self.send(&bytes)?;
        // The kernel answers before it returns from `send`: one error for each
        // message that is at fault, and the last one's receipt.
        let mut first = None;
        while let Some(datagram) = self.receive(MsgFlags::MSG_DONTWAIT)? {
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

    /// Lists all objects of a kind. Where a change came in between, asks
    /// again.
    pub(super) fn dump(&self, message: &Message) -> Result<Vec<Answer>, KernelError> {
        'again: loop {
            self.send(&message.encode(REQUEST | DUMP | message.flags, 1))?;
            let mut answers = Vec::new();
            let mut interrupted = false;
            loop {
                let Some(datagram) = self.receive(MsgFlags::empty())? else { continue };
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

    fn send(&self, bytes: &[u8]) -> Result<(), KernelError> {
        send(self.0.as_raw_fd(), bytes, MsgFlags::empty()).map(drop).map_err(kernel_error)
    }

    fn receive(&self, flags: MsgFlags) -> Result<Option<Vec<u8>>, KernelError> {
        let mut bytes = vec![0; 1 << 17];
        match recv(self.0.as_raw_fd(), &mut bytes, flags) {
            Ok(length) => {
                bytes.truncate(length);
                Ok(Some(bytes))
            }
            Err(Errno::EAGAIN) => Ok(None),
            Err(Errno::EINTR) => self.receive(flags),
            Err(errno) => Err(kernel_error(errno)),
        }
    }
}

impl Message {
    /// A message of nf_tables.
    pub fn tables(kind: u16, family: u8, flags: u16, attributes: Attributes) -> Self {
        Self { subsystem: Subsystem::Tables, kind, family, flags, attributes }
    }

    fn encode(&self, flags: u16, number: u32) -> Vec<u8> {
        let kind = (self.subsystem as u16) << 8 | self.kind;
        encode(kind, flags, number, self.family, 0, &self.attributes.0)
    }
}

/// A message with its two headers, `nlmsghdr` and `nfgenmsg`.
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

/// The messages in a datagram, each with what follows its `nlmsghdr`.
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

/// The kernel's refusal; nothing where it is a receipt.
fn error_of(payload: &[u8]) -> Option<KernelError> {
    let code = i32::from_ne_bytes(payload.get(..4)?.try_into().ok()?);
    (code != 0).then(|| KernelError { errno: -code, text: extended_ack(&payload[4..]) })
}

fn kernel_error(errno: Errno) -> KernelError {
    KernelError { errno: errno as i32, text: None }
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
