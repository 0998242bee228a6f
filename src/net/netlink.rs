//! Requests to the kernel, one at a time.

use futures_util::{Stream, StreamExt};
use rtnetlink::packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::AsyncSocket;
use std::io;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// The kernel's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelError {
    /// The error number, positive.
    pub errno: i32,
    /// The extended acknowledgement's text (`NLMSGERR_ATTR_MSG`).
    pub text: Option<String>,
}

/// A netlink socket in one namespace.
#[derive(Debug)]
pub struct Netlink {
    handle: rtnetlink::Handle,
    connection: JoinHandle<()>,
}

impl Netlink {
    /// Opens a socket in the namespace in which this thread is.
    pub fn open(runtime: &Runtime) -> io::Result<Self> {
        let _inside = runtime.enter();
        let (mut connection, handle, _) = rtnetlink::new_connection()?;
        let socket = connection.socket_mut().socket_mut();
        socket.set_ext_ack(true)?;
        // Without the request repeated in the answer, the text stands at a
        // known place.
        socket.set_cap_ack(true)?;
        Ok(Self { handle, connection: runtime.spawn(connection) })
    }

    /// Closes the socket, so that it does not keep its namespace alive.
    pub fn close(self, runtime: &Runtime) {
        let Self { handle, connection } = self;
        drop(handle);
        connection.abort();
        let _ = runtime.block_on(connection);
    }

    /// Asks for a change; `flags` such as `NLM_F_CREATE` are added.
    pub fn change(
        &self,
        runtime: &Runtime,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(), KernelError> {
        self.request(runtime, message, NLM_F_REQUEST | NLM_F_ACK | flags).map(drop)
    }

    /// Asks for several changes in one go; the first one's refusal counts.
    pub fn change_all(
        &self,
        runtime: &Runtime,
        messages: Vec<RouteNetlinkMessage>,
    ) -> Result<(), KernelError> {
        let lost = || KernelError { errno: libc::EPIPE, text: None };
        runtime.block_on(async {
            let mut handle = self.handle.clone();
            let mut streams = Vec::new();
            for message in messages {
                let mut message = NetlinkMessage::from(message);
                message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
                streams.push(handle.request(message).map_err(|_| lost())?);
            }
            let mut first = Ok(());
            for (number, stream) in streams.into_iter().enumerate() {
                let result = gather(stream, |_| {}).await;
                if number == 0 {
                    first = result.map(drop);
                }
            }
            first
        })
    }

    /// Asks for one object.
    pub fn get(
        &self,
        runtime: &Runtime,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, KernelError> {
        self.request(runtime, message, NLM_F_REQUEST)
    }

    /// Asks for all objects of a kind. Where a change came in between, asks
    /// again: the kernel marks such a listing as interrupted.
    pub fn dump(
        &self,
        runtime: &Runtime,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, KernelError> {
        /// `NLM_F_DUMP_INTR` of netlink(7).
        const INTERRUPTED: u16 = 0x10;
        loop {
            let mut interrupted = false;
            let rows = self.collect(runtime, message.clone(), NLM_F_REQUEST | NLM_F_DUMP, |flags| {
                interrupted |= flags & INTERRUPTED != 0
            })?;
            if !interrupted {
                return Ok(rows);
            }
        }
    }

    fn request(
        &self,
        runtime: &Runtime,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Vec<RouteNetlinkMessage>, KernelError> {
        self.collect(runtime, message, flags, |_| {})
    }

    fn collect(
        &self,
        runtime: &Runtime,
        message: RouteNetlinkMessage,
        flags: u16,
        see_flags: impl FnMut(u16),
    ) -> Result<Vec<RouteNetlinkMessage>, KernelError> {
        let mut message = NetlinkMessage::from(message);
        message.header.flags = flags;
        let lost = KernelError { errno: libc::EPIPE, text: None };
        runtime.block_on(async {
            let answers = self.handle.clone().request(message).map_err(|_| lost)?;
            gather(answers, see_flags).await
        })
    }
}

/// Takes in the answers to one request until it is done, or refused.
async fn gather(
    answers: impl Stream<Item = NetlinkMessage<RouteNetlinkMessage>>,
    mut see_flags: impl FnMut(u16),
) -> Result<Vec<RouteNetlinkMessage>, KernelError> {
    let mut answers = std::pin::pin!(answers);
    let mut found = Vec::new();
    while let Some(answer) = answers.next().await {
        see_flags(answer.header.flags);
        match answer.payload {
            NetlinkPayload::InnerMessage(message) => found.push(message),
            NetlinkPayload::Error(ErrorMessage { code: Some(code), header, .. }) => {
                let text = extended_ack(&header);
                return Err(KernelError { errno: -code.get(), text });
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The text among the attributes that follow the request's header in a
/// capped acknowledgement (`NLMSGERR_ATTR_MSG` of netlink(7)).
fn extended_ack(bytes: &[u8]) -> Option<String> {
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
