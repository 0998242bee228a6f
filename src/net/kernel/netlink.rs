//! Requests to the kernel, one at a time.
//!
//! The socket blocks: the kernel has answered when `send` returns, so there is
//! no need for asynchronous I/O.

use rtnetlink::packet_core::{
    DecodeError, ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_MULTIPART, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::cell::{Cell, RefCell};
use std::io;

/// The kernel's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelError {
    /// The error number, positive.
    pub errno: i32,
    /// The extended acknowledgement's text (`NLMSGERR_ATTR_MSG`).
    pub text: Option<String>,
}

impl KernelError {
    /// An error of the socket itself.
    pub(in crate::net) fn of_socket(error: &io::Error) -> Self {
        Self { errno: error.raw_os_error().unwrap_or(libc::EPROTO), text: None }
    }
}

/// A netlink socket in one namespace.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    /// The sequence number of the last request; answers carry it.
    sequence: Cell<u32>,
    /// The packet that was received last.
    buffer: RefCell<Vec<u8>>,
}

/// Larger than any packet of answers from the kernel.
const PACKET: usize = 64 * 1024;

impl Netlink {
    /// Opens a socket in this thread's current namespace.
    pub fn open() -> io::Result<Self> {
        let socket = open(NETLINK_ROUTE)?;
        Ok(Self { socket, sequence: Cell::default(), buffer: RefCell::default() })
    }

    /// Requests a change; `flags` such as `NLM_F_CREATE` are added.
    pub fn change(&self, message: RouteNetlinkMessage, flags: u16) -> Result<(), KernelError> {
        self.collect(message, NLM_F_REQUEST | NLM_F_ACK | flags, |_| {}).map(drop)
    }

    /// Requests several changes in one packet; returns the error of the first.
    pub fn change_all(&self, messages: Vec<RouteNetlinkMessage>) -> Result<(), KernelError> {
        let mut packet = Vec::new();
        let mut sequences = Vec::new();
        for message in messages {
            sequences.push(self.append(&mut packet, message, NLM_F_REQUEST | NLM_F_ACK));
        }
        send(&self.socket, &packet)?;
        let mut first = Ok(());
        for (number, sequence) in sequences.into_iter().enumerate() {
            let result = self.gather(sequence, |_| {});
            if number == 0 {
                first = result.map(drop);
            }
        }
        first
    }

    /// Requests one object.
    pub fn get(&self, message: RouteNetlinkMessage) -> Result<Vec<RouteNetlinkMessage>, KernelError> {
        self.collect(message, NLM_F_REQUEST, |_| {})
    }

    /// Requests all objects of a kind. If a change came in between, the kernel
    /// marks the listing as interrupted, and the request is repeated.
    pub fn dump(&self, message: RouteNetlinkMessage) -> Result<Vec<RouteNetlinkMessage>, KernelError> {
        /// `NLM_F_DUMP_INTR` of netlink(7).
        const INTERRUPTED: u16 = 0x10;
        loop {
            let mut interrupted = false;
            let rows = self.collect(message.clone(), NLM_F_REQUEST | NLM_F_DUMP, |flags| {
                interrupted |= flags & INTERRUPTED != 0
            })?;
            if !interrupted {
                return Ok(rows);
            }
        }
    }

    fn collect(
        &self,
        message: RouteNetlinkMessage,
        flags: u16,
        see_flags: impl FnMut(u16),
    ) -> Result<Vec<RouteNetlinkMessage>, KernelError> {
        let mut packet = Vec::new();
        let sequence = self.append(&mut packet, message, flags);
        send(&self.socket, &packet)?;
        self.gather(sequence, see_flags)
    }

    /// Appends a request to a packet; returns its sequence number.
    fn append(&self, packet: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16) -> u32 {
        let sequence = self.sequence.get().wrapping_add(1);
        self.sequence.set(sequence);
        let mut message = NetlinkMessage::from(message);
        message.header.flags = flags;
        message.header.sequence_number = sequence;
        message.finalize();
        let start = packet.len();
        packet.resize(start + message.buffer_len().next_multiple_of(4), 0);
        message.serialize(&mut packet[start..]);
        sequence
    }

    /// Reads the answers to one request until it is done or refused.
    fn gather(
        &self,
        sequence: u32,
        mut see_flags: impl FnMut(u16),
    ) -> Result<Vec<RouteNetlinkMessage>, KernelError> {
        let unreadable = |error: DecodeError| {
            let text = format!("an answer that can't be read: {error}");
            KernelError { errno: libc::EBADMSG, text: Some(text) }
        };
        let mut buffer = self.buffer.borrow_mut();
        let mut found = Vec::new();
        loop {
            buffer.clear();
            buffer.reserve(PACKET);
            let received = retry(|| self.socket.recv(&mut *buffer, 0));
            received.map_err(|error| KernelError::of_socket(&error))?;
            for message in messages_of(&buffer) {
                let message = message.map_err(unreadable)?;
                // An answer to an earlier request that was given up.
                if message.header.sequence_number != sequence {
                    continue;
                }
                see_flags(message.header.flags);
                let many = message.header.flags & NLM_F_MULTIPART != 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(row) => {
                        found.push(row);
                        if !many {
                            return Ok(found);
                        }
                    }
                    NetlinkPayload::Error(ErrorMessage { code: Some(code), header, .. }) => {
                        return Err(KernelError {
                            errno: code.get().wrapping_neg(),
                            text: extended_ack(&header),
                        });
                    }
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(found),
                    _ => {}
                }
            }
        }
    }
}

/// The messages in a packet from the kernel, up to the first unreadable one.
pub(in crate::net) fn messages_of(
    mut packet: &[u8],
) -> impl Iterator<Item = Result<NetlinkMessage<RouteNetlinkMessage>, DecodeError>> {
    std::iter::from_fn(move || {
        if packet.is_empty() {
            return None;
        }
        let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(packet);
        let length = message.as_ref().map_or(packet.len(), |message| message.header.length as usize);
        // A message has at least a header, so the loop ends.
        packet = packet.get(length.max(16).next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// Opens a socket for a netlink protocol, in this thread's current namespace.
pub(in crate::net) fn open(protocol: isize) -> io::Result<Socket> {
    let mut socket = Socket::new(protocol)?;
    socket.bind_auto()?;
    socket.set_ext_ack(true)?;
    // Without the request repeated in the answer, the text has a fixed position.
    socket.set_cap_ack(true)?;
    Ok(socket)
}

/// Sends a packet of requests to the kernel.
pub(in crate::net) fn send(socket: &Socket, packet: &[u8]) -> Result<(), KernelError> {
    let kernel = SocketAddr::new(0, 0);
    let sent = retry(|| socket.send_to(packet, &kernel, 0));
    sent.map(drop).map_err(|error| KernelError::of_socket(&error))
}

/// Repeats a call that was interrupted by a signal.
pub(in crate::net) fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Reads the text from the attributes after the request's header in a capped
/// acknowledgement (`NLMSGERR_ATTR_MSG` of netlink(7)).
pub(in crate::net) fn extended_ack(bytes: &[u8]) -> Option<String> {
    const HEADER: usize = 16;
    const TEXT: u16 = 1;
    let mut rest = bytes.get(HEADER..)?;
    while let [l0, l1, t0, t1, ..] = *rest {
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let kind = u16::from_ne_bytes([t0, t1]);
        let value = rest.get(4..length)?;
        if kind == TEXT {
            let text = value.strip_suffix(&[0]).unwrap_or(value);
            return Some(String::from_utf8_lossy(text).into_owned());
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_found_among_the_attributes() {
        let mut bytes = vec![0; 16];
        bytes.extend(8u16.to_ne_bytes());
        bytes.extend(2u16.to_ne_bytes());
        bytes.extend([0, 0, 0, 0]);
        bytes.extend(7u16.to_ne_bytes());
        bytes.extend(1u16.to_ne_bytes());
        bytes.extend(b"no\0\0");
        assert_eq!(extended_ack(&bytes).as_deref(), Some("no"));
        assert_eq!(extended_ack(&[0; 16]), None);
        assert_eq!(extended_ack(&[]), None);
        assert_eq!(extended_ack(&[0; 20]), None);
    }
}
