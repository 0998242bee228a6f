//! Echoes datagrams.

use super::{Clients, Work};
use std::net;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::UdpSocket;

/// The prefix of an answer. A datagram with it is not answered: otherwise a
/// forged datagram could make two services answer each other forever.
const ANSWER: &[u8] = b"echo: ";

/// Sends each datagram back to its sender.
pub(super) async fn serve(socket: net::UdpSocket, clients: Clients, work: Arc<Work>) {
    let Ok(socket) = UdpSocket::from_std(socket) else { return };
    let mut bytes = vec![0; 65_535];
    loop {
        // An error reports an earlier answer that was not delivered.
        let Ok((length, from)) = socket.recv_from(&mut bytes).await else { continue };
        work.taken.fetch_add(1, Ordering::Relaxed);
        let asked = &bytes[..length];
        if !asked.starts_with(ANSWER) {
            clients.welcome(from);
            let _ = socket.send_to(&[ANSWER, asked].concat(), from).await;
        }
        work.taken.fetch_sub(1, Ordering::Relaxed);
    }
}
