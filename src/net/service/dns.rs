//! Serves names over DNS, and asks another server for names that it does not
//! hold.

use super::zone::{Zone, failure, fitted};
use super::{Clients, Work};
use nix::sched::{CloneFlags, setns};
use std::io;
use std::net::{self, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The timeout of another server.
const UPSTREAM: Duration = Duration::from_secs(2);
/// The idle timeout of a connection.
const IDLE: Duration = Duration::from_secs(10);
/// The maximum number of requests to other servers at a time, so that servers
/// that ask each other in a loop do not run forever.
const ELSEWHERE: usize = 100;

/// The state that a server's UDP and TCP sockets share.
pub(super) struct Server {
    zone: Zone,
    upstreams: Vec<SocketAddr>,
    /// The namespace from which other servers are asked.
    netns: OwnedFd,
    elsewhere: Semaphore,
}

impl Server {
    pub fn new(zone: Zone, upstreams: Vec<IpAddr>, netns: OwnedFd) -> Arc<Self> {
        let upstreams = upstreams.into_iter().map(|ip| SocketAddr::new(ip, 53)).collect();
        Arc::new(Self { zone, upstreams, netns, elsewhere: Semaphore::new(ELSEWHERE) })
    }

    async fn answer(&self, question: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
        let held = self.zone.answer(question);
        if held.is_some() || question.len() < 12 {
            return held;
        }
        let Ok(_permit) = self.elsewhere.try_acquire() else { return failure(question) };
        for upstream in &self.upstreams {
            let asked = async {
                match over_tcp {
                    true => self.ask_over_tcp(*upstream, question).await,
                    false => self.ask_over_udp(*upstream, question).await,
                }
            };
            if let Ok(Ok(reply)) = timeout(UPSTREAM, asked).await {
                return Some(reply);
            }
        }
        failure(question)
    }

    async fn ask_over_udp(&self, upstream: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
        let any: IpAddr = match upstream {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        // A socket belongs to the namespace in which it is opened.
        setns(&self.netns, CloneFlags::CLONE_NEWNET)?;
        let socket = net::UdpSocket::bind((any, 0))?;
        socket.set_nonblocking(true)?;
        socket.connect(upstream)?;
        let socket = UdpSocket::from_std(socket)?;
        socket.send(question).await?;
        let mut bytes = vec![0; 65_535];
        loop {
            let length = socket.recv(&mut bytes).await?;
            if length >= 12 && bytes[..2] == question[..2] {
                bytes.truncate(length);
                return Ok(bytes);
            }
        }
    }

    async fn ask_over_tcp(&self, upstream: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
        setns(&self.netns, CloneFlags::CLONE_NEWNET)?;
        let socket = if upstream.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        let mut stream = socket.connect(upstream).await?;
        send(&mut stream, question).await?;
        receive(&mut stream).await
    }
}

/// Answers requests in datagrams.
pub(super) async fn serve_udp(server: Arc<Server>, socket: net::UdpSocket, work: Arc<Work>) {
    let Ok(socket) = UdpSocket::from_std(socket) else { return };
    let socket = Arc::new(socket);
    let mut questions = JoinSet::new();
    let mut bytes = vec![0; 65_535];
    loop {
        while questions.try_join_next().is_some() {}
        // An error reports an earlier answer that was not delivered.
        let Ok((length, asker)) = socket.recv_from(&mut bytes).await else { continue };
        work.taken.fetch_add(1, Ordering::Relaxed);
        let (server, socket, question) = (server.clone(), socket.clone(), bytes[..length].to_vec());
        let work = work.clone();
        questions.spawn(async move {
            if let Some(reply) = server.answer(&question, false).await {
                let _ = socket.send_to(&fitted(&question, reply), asker).await;
            }
            work.taken.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Answers requests over TCP connections.
pub(super) async fn serve_tcp(server: Arc<Server>, listener: net::TcpListener, clients: Clients) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((mut stream, from)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        clients.welcome(from);
        let server = server.clone();
        connections.spawn(async move {
            while let Ok(Ok(question)) = timeout(IDLE, receive(&mut stream)).await {
                let Some(reply) = server.answer(&question, true).await else { return };
                if send(&mut stream, &reply).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Sends a message with its length in front (RFC 1035, section 4.2.2).
async fn send(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?.to_be_bytes();
    stream.write_all(&[&length, message].concat()).await
}

async fn receive(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
