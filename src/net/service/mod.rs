//! Services that nslab gives a lab. They are ready when the call returns, and
//! work while the script waits for something else.
//!
//! A socket stays in the namespace where it was opened. So the script's own
//! thread opens it there, where an error can be reported, and hands it to a
//! thread that serves it. That thread starts with the first service.

mod dns;
pub(super) mod fuzzing;
mod http;
mod udp;
mod zone;

pub use zone::Record;
use zone::Zone;

use crate::net::kernel::error::strerror;
use crate::net::{NetError, Netns, Network};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket, sockopt,
};
use std::cell::{OnceCell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

/// The services of one lab.
#[derive(Debug, Default)]
pub(super) struct Services {
    thread: OnceCell<Handle>,
    running: RefCell<Vec<Service>>,
}

/// A service that runs until it is stopped or the lab ends.
#[derive(Clone)]
pub struct Service(Rc<Running>);

struct Running {
    name: String,
    netns: Netns,
    /// The ports on which it listens, as `80/tcp`.
    ports: Vec<String>,
    tasks: RefCell<Vec<JoinHandle<()>>>,
    /// The senders of the last connections or datagrams that it accepted.
    clients: Clients,
    /// The pending work, if it can be measured.
    work: RefCell<Option<Arc<Work>>>,
}

/// The senders of the last connections or datagrams that a service accepted,
/// each with the time; the newest is at the end.
#[derive(Debug, Clone, Default)]
struct Clients(Arc<Mutex<VecDeque<(SocketAddr, Instant)>>>);

impl Clients {
    /// The number of entries that are kept: nobody asks about old ones.
    const KEPT: usize = 256;

    fn welcome(&self, from: SocketAddr) {
        let Ok(mut clients) = self.0.lock() else { return };
        if clients.len() == Self::KEPT {
            clients.pop_front();
        }
        clients.push_back((SocketAddr::new(from.ip().to_canonical(), from.port()), Instant::now()));
    }

    /// Tells whether the service has accepted something from this address since
    /// then. Earlier entries do not count, because a client's port is reused.
    fn has(&self, from: SocketAddr, since: Instant) -> bool {
        let is_it = |(guest, at): &(SocketAddr, Instant)| *guest == from && *at >= since;
        self.0.lock().is_ok_and(|clients| clients.iter().any(is_it))
    }
}

/// The pending work of a datagram service.
struct Work {
    /// The socket on which requests arrive.
    socket: OwnedFd,
    /// The number of requests received but not answered.
    taken: AtomicUsize,
}

impl Work {
    fn of(socket: &OwnedFd) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { socket: socket.try_clone()?, taken: AtomicUsize::new(0) }))
    }

    fn is_done(&self) -> bool {
        let mut waiting = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        self.taken.load(Ordering::Relaxed) == 0 && poll(&mut waiting, PollTimeout::ZERO) == Ok(0)
    }
}

impl Service {
    /// Its display name, as `serve_http("192.168.15.2:80")`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The namespace where it answers.
    pub fn netns(&self) -> &Netns {
        &self.0.netns
    }

    /// Tells whether it has accepted a connection from this address since this
    /// moment, or does so within `patience`.
    pub(super) fn accepts(&self, from: SocketAddr, since: Instant, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while !self.0.clients.has(from, since) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        true
    }

    /// The command that ends a program that listens on the same ports.
    pub fn kill_command(&self) -> String {
        self.0.netns.exec(&format!("fuser -k {}", self.0.ports.join(" ")))
    }

    /// Tells whether it is running.
    pub fn is_running(&self) -> bool {
        !self.0.tasks.borrow().is_empty()
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Services {
    /// The thread that serves.
    fn thread(&self) -> io::Result<&Handle> {
        if let Some(thread) = self.thread.get() {
            return Ok(thread);
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        // The thread ends with the process.
        std::thread::Builder::new()
            .name("services".into())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
        Ok(self.thread.get_or_init(|| handle))
    }

    /// The time to wait until the other side closes a connection. Our services
    /// close it soon, even on a very busy machine; a program may never do so.
    pub fn patience(&self) -> Duration {
        if self.are_any() { Duration::from_secs(2) } else { Duration::from_millis(100) }
    }

    /// Tells whether any service is running.
    pub fn are_any(&self) -> bool {
        self.running.borrow().iter().any(Service::is_running)
    }

    /// Tells whether the datagram services have answered all requests.
    pub fn are_idle(&self) -> bool {
        let running = self.running.borrow();
        let works: Vec<Arc<Work>> =
            running.iter().filter_map(|service| service.0.work.borrow().clone()).collect();
        let Ok(thread) = self.thread() else { return false };
        // On their own thread, none of them is in the middle of a request.
        let (said, heard) = mpsc::channel();
        thread.spawn(async move { said.send(works.iter().all(|work| work.is_done())) });
        heard.recv_timeout(Duration::from_secs(1)).unwrap_or(false)
    }

    /// The service of this name.
    fn find(&self, netns: &Netns, name: &str) -> Option<Service> {
        let running = self.running.borrow();
        running.iter().find(|service| service.0.netns.is(netns) && service.name() == name).cloned()
    }

    /// Tells whether a service runs in a namespace, and so keeps it alive.
    pub fn are_in(&self, netns: &Netns) -> bool {
        self.running.borrow().iter().any(|service| service.0.netns.is(netns) && service.is_running())
    }
}

impl Network {
    /// Serves a text over HTTP for every request, at a port (`80`) or at a port
    /// of one address (`192.168.15.2:80`).
    ///
    /// # Errors
    ///
    /// If the port or the address is invalid, the address is not one of the
    /// namespace's, or the port is taken.
    pub fn serve_http(&self, netns: &Netns, at: &str, body: &str) -> Result<Service, NetError> {
        let kernel = self.look()?;
        let (address, port) = listening_place(at)?;
        kernel.await_addresses()?;
        kernel.enter(netns)?;
        let listener = open(address, port, SockType::Stream).and_then(|listener| {
            listen(&listener, Backlog::MAXCONN)?;
            Ok(listener)
        });
        let listener = listener.map_err(|errno| self.cannot_bind(netns, address, port, "tcp", errno))?;
        let body = body.to_string();
        let thread = self.services.thread().map_err(no_thread)?;
        let clients = Clients::default();
        let task = thread.spawn(http::serve(listener.into(), body, clients.clone()));
        Ok(self.keep_service(Running {
            name: format!("serve_http(\"{at}\")"),
            netns: netns.clone(),
            ports: vec![format!("{port}/tcp")],
            tasks: RefCell::new(vec![task]),
            clients,
            work: RefCell::default(),
        }))
    }

    /// Sends each datagram at a port (`7`), or at a port of one address
    /// (`192.168.15.2:7`), back to its sender.
    ///
    /// # Errors
    ///
    /// If the port or the address is invalid, the address is not one of the
    /// namespace's, or the port is taken.
    pub fn serve_udp(&self, netns: &Netns, at: &str) -> Result<Service, NetError> {
        let kernel = self.look()?;
        let (address, port) = listening_place(at)?;
        kernel.await_addresses()?;
        kernel.enter(netns)?;
        let socket = open(address, port, SockType::Datagram)
            .map_err(|errno| self.cannot_bind(netns, address, port, "udp", errno))?;
        let work = Work::of(&socket).map_err(|error| NetError::new(error.to_string()))?;
        let thread = self.services.thread().map_err(no_thread)?;
        let clients = Clients::default();
        let task = thread.spawn(udp::serve(socket.into(), clients.clone(), work.clone()));
        Ok(self.keep_service(Running {
            name: format!("serve_udp(\"{at}\")"),
            netns: netns.clone(),
            ports: vec![format!("{port}/udp")],
            tasks: RefCell::new(vec![task]),
            clients,
            work: RefCell::new(Some(work)),
        }))
    }

    /// The name server that runs at an address.
    pub fn name_server(&self, netns: &Netns, address: &str) -> Option<Service> {
        self.services.find(netns, &dns_name(address.parse().ok()?))
    }

    /// Serves names over DNS at an address, and asks other servers, the
    /// `upstreams`, for names that it does not hold. If a server already runs
    /// there, it gets the new records instead.
    ///
    /// # Errors
    ///
    /// If a record is invalid, the address is not one of the namespace's, or
    /// another program has the port.
    pub fn serve_dns(
        &self,
        netns: &Netns,
        address: &str,
        records: &[Record],
        upstreams: &[String],
    ) -> Result<Service, NetError> {
        const PORT: u16 = 53;
        let ip = crate::net::act::prefix::address(address)?;
        let upstreams: Vec<IpAddr> = upstreams
            .iter()
            .map(|upstream| crate::net::act::prefix::address(upstream))
            .collect::<Result<_, _>>()?;
        let zone = Zone::read(records, !upstreams.is_empty())?;
        let name = dns_name(ip);
        let kernel = self.look()?;
        kernel.await_addresses()?;
        if let Some(before) = self.services.find(netns, &name) {
            self.stop_service(&before)?;
        }
        kernel.enter(netns)?;
        let refused = |proto: &'static str| {
            let address = Some(ip);
            move |errno| self.cannot_bind(netns, address, PORT, proto, errno)
        };
        let datagrams = open(Some(ip), PORT, SockType::Datagram).map_err(refused("udp"))?;
        let listener = open(Some(ip), PORT, SockType::Stream)
            .and_then(|listener| listen(&listener, Backlog::MAXCONN).map(|()| listener))
            .map_err(refused("tcp"))?;
        let here = netns.fd().and_then(|fd| fd.try_clone().ok());
        let here = here.ok_or_else(|| NetError::new(strerror(Errno::EBADF as i32)))?;
        let server = dns::Server::new(zone, upstreams, here);
        let work = Work::of(&datagrams).map_err(|error| NetError::new(error.to_string()))?;
        let thread = self.services.thread().map_err(no_thread)?;
        let clients = Clients::default();
        let tasks = vec![
            thread.spawn(dns::serve_udp(server.clone(), datagrams.into(), work.clone())),
            thread.spawn(dns::serve_tcp(server, listener.into(), clients.clone())),
        ];
        Ok(self.keep_service(Running {
            name,
            netns: netns.clone(),
            ports: vec![format!("{PORT}/udp"), format!("{PORT}/tcp")],
            tasks: RefCell::new(tasks),
            clients,
            work: RefCell::new(Some(work)),
        }))
    }

    /// Ends a service, and closes its connections.
    ///
    /// # Errors
    ///
    /// If the services' thread is gone.
    pub fn stop_service(&self, service: &Service) -> Result<(), NetError> {
        let thread = self.services.thread().map_err(no_thread)?;
        service.0.work.take();
        for task in service.0.tasks.take() {
            task.abort();
            // Waits until its sockets are closed.
            let _ = thread.block_on(task);
        }
        self.services.running.borrow_mut().retain(|other| !Rc::ptr_eq(&other.0, &service.0));
        Ok(())
    }

    fn keep_service(&self, running: Running) -> Service {
        let service = Service(Rc::new(running));
        self.services.running.borrow_mut().push(service.clone());
        service
    }

    /// The reason why a service can't listen there, in the kernel's words.
    fn cannot_bind(
        &self,
        netns: &Netns,
        address: Option<IpAddr>,
        port: u16,
        proto: &str,
        errno: Errno,
    ) -> NetError {
        let error = NetError::new(format!("bind: {}", strerror(errno as i32)));
        match (errno, address) {
            (Errno::EADDRINUSE, _) => {
                let port = format!("{port}/{proto}");
                let running = self.services.running.borrow();
                let by = running
                    .iter()
                    .find(|other| other.0.netns.is(netns) && other.0.ports.contains(&port))
                    .map_or("somebody", |other| other.name());
                error.hint(format!("port {port} of `{netns}` is taken by {by}"))
            }
            (Errno::EADDRNOTAVAIL, Some(address)) => {
                let addrs = self.addrs(netns).unwrap_or_default();
                let own: Vec<&str> =
                    addrs.iter().map(|row| row.addr.split('/').next().unwrap_or_default()).collect();
                error.hint(match own[..] {
                    [] => format!("`{netns}` does not have {address}, nor any other address"),
                    _ => format!("`{netns}` does not have {address}; it has {}", own.join(", ")),
                })
            }
            _ => error,
        }
    }
}

fn dns_name(ip: IpAddr) -> String {
    format!("serve_dns(\"{ip}\")")
}

fn no_thread(error: io::Error) -> NetError {
    NetError::new(format!("failed to start a thread for services: {error}"))
}

/// Parses the place where a service listens: a port, or an address and a port.
fn listening_place(at: &str) -> Result<(Option<IpAddr>, u16), NetError> {
    let hint = "write a port, as `80`, or an address and a port, as `\"192.168.15.2:80\"`";
    let (address, number) = match at.rsplit_once(':') {
        None => (None, at),
        Some((address, number)) => (Some(address), number),
    };
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NetError::new(format!("\"{at}\" is no place to listen")).hint(hint));
    }
    let port = port(number)?;
    let address = match address {
        None | Some("" | "*") => None,
        Some(address) => {
            let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            if bare.is_none() && address.contains(':') {
                return Err(NetError::new(format!("\"{at}\" is no place to listen"))
                    .hint("an IPv6 address stands in brackets, as `\"[fd00::2]:80\"`"));
            }
            Some(crate::net::act::prefix::address(bare.unwrap_or(address))?)
        }
    };
    Ok((address, port))
}

/// Parses a port, with the error messages of nc(1).
pub(super) fn port(number: &str) -> Result<u16, NetError> {
    let hint = "a port is a number from 1 to 65535";
    match number.parse::<i64>() {
        Ok(port @ 1..=65_535) => Ok(port as u16),
        Ok(..=0) => Err(NetError::new(format!("port number too small: {number}")).hint(hint)),
        _ => Err(NetError::new(format!("port number too large: {number}")).hint(hint)),
    }
}

/// Opens a socket in this thread's current namespace. Without an address it
/// listens on all of them, IPv4 and IPv6.
fn open(address: Option<IpAddr>, port: u16, kind: SockType) -> nix::Result<OwnedFd> {
    let family = match address {
        Some(IpAddr::V4(_)) => AddressFamily::Inet,
        _ => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (socket, address) = match (socket(family, kind, flags, None), address) {
        (Ok(socket), Some(address)) => (socket, address),
        (Ok(socket), None) => {
            setsockopt(&socket, sockopt::Ipv6V6Only, &false)?;
            (socket, IpAddr::V6(Ipv6Addr::UNSPECIFIED))
        }
        // The kernel has no IPv6.
        (Err(Errno::EAFNOSUPPORT), None) => {
            (self::socket(AddressFamily::Inet, kind, flags, None)?, IpAddr::V4(Ipv4Addr::UNSPECIFIED))
        }
        (Err(errno), _) => return Err(errno),
    };
    if kind == SockType::Stream {
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(address, port)))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_to_listen_is_a_port_or_an_address_and_a_port() {
        assert_eq!(listening_place("80").unwrap(), (None, 80));
        assert_eq!(listening_place("10.0.0.1:80").unwrap(), (Some([10, 0, 0, 1].into()), 80));
        assert_eq!(listening_place("[::1]:80").unwrap(), (Some(Ipv6Addr::LOCALHOST.into()), 80));
        let error = |at: &str| listening_place(at).unwrap_err().error;
        assert_eq!(error("70000"), "port number too large: 70000");
        assert_eq!(error("0"), "port number too small: 0");
        assert_eq!(error("-5"), "port number too small: -5");
        assert_eq!(error("-"), "\"-\" is no place to listen");
        assert_eq!(error("10.0.0.1"), "\"10.0.0.1\" is no place to listen");
        assert_eq!(error("fd00::1:x"), "\"fd00::1:x\" is no place to listen");
        assert_eq!(error("fd00::1:80"), "\"fd00::1:80\" is no place to listen");
    }
}
