//! Sends datagrams back.

use super::{Guests, Work};
use std::net;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::UdpSocket;

/// What an answer begins with. A datagram that does so gets none: two services that
/// hear of each other by a forged datagram would never come to an end.
const ANSWER: &[u8] = b"echo: ";

/// Sends each datagram back to where it has come from.
pub(super) async fn serve(socket: net::UdpSocket, guests: Guests, work: Arc<Work>) {
    let Ok(socket) = UdpSocket::from_std(socket) else { return };
    let mut bytes = vec![0; 65_535];
    loop {
        // An error is about an answer that nobody took.
        let Ok((length, from)) = socket.recv_from(&mut bytes).await else { continue };
        work.taken.fetch_add(1, Ordering::Relaxed);
        let asked = &bytes[..length];
        if !asked.starts_with(ANSWER) {
            guests.welcome(from);
            let _ = socket.send_to(&[ANSWER, asked].concat(), from).await;
        }
        work.taken.fetch_sub(1, Ordering::Relaxed);
    }
}
