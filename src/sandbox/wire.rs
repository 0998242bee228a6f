//! One framed socket: whole messages, file descriptors along with them.

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// The largest packet. A longer message is sent in several; the socket's buffer
/// (`net.core.wmem_default`, 208 KiB) must hold more than one.
const PACKET: usize = 16 * 1024;
/// The most descriptors that one message carries.
const DESCRIPTORS: usize = 4;

/// The first byte of a packet: whether more packets of the message follow.
const MORE: u8 = 0;
const LAST: u8 = 1;

/// One end of a socket that carries messages as JSON.
#[derive(Debug)]
pub struct Wire(OwnedFd);

impl Wire {
    /// Creates both ends. They are closed on exec.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        Ok((Self(a), Self(b)))
    }

    /// Wraps an end that was received.
    pub fn new(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Sends a message.
    pub fn send(&self, message: &impl Serialize) -> io::Result<()> {
        self.send_with(message, &[])
    }

    /// Sends a message with duplicates of some descriptors.
    pub fn send_with(&self, message: &impl Serialize, fds: &[BorrowedFd]) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        let raw: Vec<_> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        let mut chunks = bytes.chunks(PACKET - 1).peekable();
        while let Some(chunk) = chunks.next() {
            let last = chunks.peek().is_none();
            let head = [if last { LAST } else { MORE }];
            let rights = [ControlMessage::ScmRights(&raw)];
            // Descriptors go with the last packet, when the message is complete.
            let control: &[ControlMessage] = if last && !raw.is_empty() { &rights } else { &[] };
            let parts = [IoSlice::new(&head), IoSlice::new(chunk)];
            retry(|| sendmsg::<()>(self.0.as_raw_fd(), &parts, control, MsgFlags::MSG_NOSIGNAL, None))?;
        }
        Ok(())
    }

    /// Waits for a message; `None` if the other end is closed.
    pub fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<T>> {
        Ok(self.receive_with()?.map(|(message, _)| message))
    }

    /// Waits for a message and its descriptors.
    pub fn receive_with<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let mut message = Vec::new();
        let mut fds = Vec::new();
        let mut packet = vec![0; PACKET];
        loop {
            let mut control = nix::cmsg_space!([std::os::fd::RawFd; DESCRIPTORS]);
            let length = retry(|| {
                let mut parts = [IoSliceMut::new(&mut packet)];
                let received = recvmsg::<()>(
                    self.0.as_raw_fd(),
                    &mut parts,
                    Some(&mut control),
                    MsgFlags::MSG_CMSG_CLOEXEC,
                )?;
                for part in received.cmsgs()? {
                    if let ControlMessageOwned::ScmRights(raw) = part {
                        // SAFETY: the kernel has just created these for us.
                        fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
                    }
                }
                Ok(received.bytes)
            })?;
            if length == 0 {
                return Ok(None);
            }
            message.extend_from_slice(&packet[1..length]);
            if packet[0] == LAST {
                return Ok(Some((serde_json::from_slice(&message)?, fds)));
            }
        }
    }

    /// Waits until a message arrives, or until `deadline`.
    pub fn wait_until(&self, deadline: Instant) -> io::Result<bool> {
        wait_readable(self.as_fd(), Some(deadline))
    }
}

impl From<Wire> for OwnedFd {
    fn from(wire: Wire) -> Self {
        wire.0
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Waits until `fd` is readable or its other end is closed. Tells whether that
/// happened before `deadline`.
pub fn wait_readable(fd: BorrowedFd, deadline: Option<Instant>) -> io::Result<bool> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    loop {
        let left = match deadline {
            None => PollTimeout::NONE,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                // Rounded up: a wait that ends early would spin.
                PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX)
            }
        };
        let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
        match poll(&mut fds, left) {
            Ok(0) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => return Ok(false),
            Ok(0) | Err(nix::Error::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Repeats a call if a signal interrupted it, or if the other end was closed with
/// unread data: the kernel reports that once, before the messages that still wait
/// here.
fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(nix::Error::EINTR | nix::Error::ECONNRESET) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_arrives_whole_with_its_descriptors() {
        let (a, b) = Wire::pair().unwrap();
        let text = "x".repeat(3 * PACKET);
        let sent = text.clone();
        let sender = std::thread::spawn(move || a.send_with(&sent, &[a.as_fd()]).unwrap());
        let (message, fds) = b.receive_with::<String>().unwrap().unwrap();
        sender.join().unwrap();
        assert_eq!(message, text);
        assert_eq!(fds.len(), 1);
    }

    #[test]
    fn a_closed_socket_is_the_end() {
        let (a, b) = Wire::pair().unwrap();
        drop(a);
        assert!(b.receive::<String>().unwrap().is_none());
    }
}
