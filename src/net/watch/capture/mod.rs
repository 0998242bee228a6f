//! Captures the packets that pass a link, from the call on.

mod decode;
pub(in crate::net) mod fuzzing;
mod icmp;
mod message;
mod pcap;
mod ring;

use crate::net::kernel::Kernel;
use crate::net::kernel::error::strerror;
use crate::net::{NetError, Netns, Network};
use crate::table::Packet;
use decode::Decoder;
use nix::errno::Errno;
use nix::unistd::pipe2;
use pcap::LinkType;
use ring::{Ring, Seen};
use rtnetlink::packet_route::link::LinkLayerType;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The maximum size of one link's stored packets, in bytes.
const KEPT: usize = 32 << 20;

/// A capture that runs until it is stopped or the lab ends.
#[derive(Clone)]
pub struct Capture(Rc<Running>);

struct Running {
    number: usize,
    netns: Netns,
    link: String,
    kind: LinkType,
    tape: Arc<Mutex<Tape>>,
    /// Closing the pipe ends the thread that empties the ring.
    thread: RefCell<Option<(OwnedFd, JoinHandle<()>)>>,
}

/// The packets captured so far.
#[derive(Debug)]
struct Tape {
    ring: Option<Ring>,
    kind: LinkType,
    packets: Vec<Seen>,
    bytes: usize,
    left_out: u64,
}

/// A capture as a file.
#[derive(Debug, Clone)]
pub struct CaptureFile {
    /// Its name, as `1-red-veth-red.pcap`.
    pub name: String,
    /// How many packets are in it.
    pub packets: usize,
    /// The file's bytes, for tcpdump and tshark.
    pub pcap: Vec<u8>,
}

impl Tape {
    /// Empties the ring as far as the kernel has handed it over; tells whether
    /// nothing is left in it.
    fn drain(&mut self) -> bool {
        let Some(mut ring) = self.ring.take() else { return true };
        ring.take(|packet| self.keep(packet));
        let is_drained = ring.is_drained();
        self.ring = Some(ring);
        is_drained
    }

    fn keep(&mut self, mut packet: Seen) {
        // A packet that leaves by lo also arrives by it.
        let outgoing = packet.from.sll_pkttype == libc::PACKET_OUTGOING;
        if outgoing && packet.from.sll_hatype == libc::ARPHRD_LOOPBACK {
            return;
        }
        if self.bytes + packet.bytes.len() > KEPT {
            self.left_out += 1;
            return;
        }
        self.bytes += packet.bytes.len();
        if self.kind == LinkType::Any {
            pcap::sll2(&mut packet);
        }
        self.packets.push(packet);
    }
}

impl Capture {
    /// The name of the capture's file. Names of namespaces and links contain no
    /// slash.
    pub fn file_name(&self) -> String {
        file_name(self.0.number, self.0.netns.name(), &self.0.link)
    }

    /// Its display name, as `capture(red, "veth-red")`.
    pub fn name(&self) -> String {
        format!("capture({}, \"{}\")", self.0.netns, self.0.link)
    }

    /// Tells whether the capture is still running.
    pub fn is_running(&self) -> bool {
        self.0.thread.borrow().is_some()
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.0.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all packets that have passed are stored; tells whether they
    /// are.
    fn catch_up(&self) -> bool {
        // The kernel hands a packet over after some milliseconds.
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.tape().drain() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_micros(300));
        }
        true
    }

    fn end(&self) {
        let Some((end, thread)) = self.0.thread.take() else { return };
        self.catch_up();
        drop(end);
        let _ = thread.join();
        let mut tape = self.tape();
        // An open socket would keep its namespace alive.
        if let Some(ring) = tape.ring.take() {
            tape.left_out += ring.lost();
        }
    }

    fn file(&self) -> CaptureFile {
        self.catch_up();
        let tape = self.tape();
        CaptureFile {
            name: self.file_name(),
            packets: tape.packets.len(),
            pcap: pcap::file(self.0.kind, &tape.packets),
        }
    }
}

/// Builds a name that every file system accepts, such as `1-red-veth-red.pcap`.
fn file_name(number: usize, netns: &str, link: &str) -> String {
    let short: String = netns.chars().take(60).collect();
    format!("{number}-{short}-{link}.pcap")
}

impl Network {
    /// Tells whether a capture is running.
    pub(in crate::net) fn is_capturing(&self) -> bool {
        self.captures.borrow().iter().any(Capture::is_running)
    }

    /// Captures the packets of a link from now on, or of all links (`any`).
    ///
    /// # Errors
    ///
    /// If the link does not exist, or its packets can't be decoded.
    pub fn capture(&self, netns: &Netns, link: &str) -> Result<Capture, NetError> {
        self.must_exist(netns)?;
        let kernel = self.look()?;
        let (index, kind) = match link {
            "any" => (0, LinkType::Any),
            link => {
                let index = kernel.find(netns, link).map_err(|missing| {
                    // libpcap's words.
                    NetError { error: format!("{link}: No such device exists"), ..missing }
                })?;
                (index.index, kernel.link_type(netns, link, index.index)?)
            }
        };
        kernel.enter(netns)?;
        let failed = |errno: Errno| NetError::new(format!("{link}: {}", strerror(errno as i32)));
        let ring = Ring::open(index).map_err(failed)?;
        let socket = ring.socket().try_clone();
        let tape = Tape { ring: Some(ring), kind, packets: Vec::new(), bytes: 0, left_out: 0 };
        let tape = Arc::new(Mutex::new(tape));
        let (closed, end) = pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(failed)?;
        let shared = tape.clone();
        let no_thread = |error| NetError::new(format!("failed to start a thread: {error}"));
        let socket = socket.map_err(no_thread)?;
        let thread = std::thread::Builder::new()
            .name("capture".into())
            .spawn(move || empty(&socket, &closed, &shared))
            .map_err(no_thread)?;
        let mut captures = self.captures.borrow_mut();
        let capture = Capture(Rc::new(Running {
            number: captures.len() + 1,
            netns: netns.clone(),
            link: link.into(),
            kind,
            tape,
            thread: RefCell::new(Some((end, thread))),
        }));
        captures.push(capture.clone());
        Ok(capture)
    }

    /// Drops the running captures, because their packets are not needed any
    /// more.
    pub fn forget_captures(&self) {
        self.captures.borrow_mut().clear();
    }

    /// The file name of the next capture.
    pub fn next_capture_file(&self, netns: &Netns, link: &str) -> String {
        file_name(self.captures.borrow().len() + 1, netns.name(), link)
    }

    /// The packets of a capture so far, as rows.
    ///
    /// # Errors
    ///
    /// If packets were lost.
    pub fn captured(&self, capture: &Capture) -> Result<Vec<Packet>, NetError> {
        let kernel = self.look()?;
        if capture.is_running() {
            kernel.let_packets_pass(8);
            if !capture.catch_up() {
                return Err(NetError::new(format!(
                    "{}: the kernel does not hand over its packets",
                    capture.name()
                ))
                .unmeasured("try again when the machine has less to do"));
            }
        }
        let names: BTreeMap<i32, String> = match capture.0.kind {
            LinkType::Any if !capture.0.netns.is_deleted() => {
                let links = kernel.dump_links(&capture.0.netns)?;
                let found = links.iter().map(crate::net::kernel::links::LinkBrief::read);
                found.map(|link| (link.index as i32, link.name)).collect()
            }
            _ => BTreeMap::new(),
        };
        let tape = capture.tape();
        let lost = tape.left_out + tape.ring.as_ref().map_or(0, Ring::lost);
        if lost > 0 {
            let name = capture.name();
            let error = NetError::new(format!(
                "{name} has lost {lost} packets: they came too fast, or were too many"
            ));
            // The judge's own probes do not flood a capture. A submission can,
            // and its failed checks would be left out of the maximum score.
            return Err(match self.guard.has_begun() {
                true => error.hint("the network that was handed in floods this link, or has"),
                false => {
                    error.unmeasured("capture less: on one link, and only while it matters (`stop(capture)`)")
                }
            });
        }
        // Each packet is seen at every link that it passes, so each link has its
        // own decoder.
        let mut decoders: BTreeMap<i32, Decoder> = BTreeMap::new();
        let mut rows = Vec::new();
        for packet in &tape.packets {
            let index = packet.from.sll_ifindex;
            let decoder = decoders.entry(index).or_default();
            let Some(told) = decoder.tell(capture.0.kind, packet) else { continue };
            let at = (capture.0.kind == LinkType::Any).then(|| {
                let name = names.get(&index).cloned().unwrap_or_else(|| format!("if{index}"));
                let out = packet.from.sll_pkttype == libc::PACKET_OUTGOING;
                format!("{name} {}", if out { "Out" } else { "In" })
            });
            let n = rows.len() as u32 + 1;
            let decode::Told { src, dst, proto, info } = told;
            rows.push(Packet { n, src, dst, proto, info, at });
        }
        Ok(rows)
    }

    /// Ends a capture; its packets stay available.
    pub fn stop_capture(&self, capture: &Capture) {
        // Nothing is looked at but packets that were sent before.
        let kernel = self.bare();
        if capture.is_running() {
            kernel.let_packets_pass(8);
        }
        capture.end();
    }

    /// Ends the captures in a namespace that is deleted: their sockets would
    /// keep it alive.
    pub(in crate::net) fn stop_captures_in(&self, netns: &Netns) {
        for capture in self.captures.borrow().iter().filter(|capture| capture.0.netns.is(netns)) {
            capture.end();
        }
    }

    /// Every capture of the lab as a file.
    pub fn capture_files(&self) -> Vec<CaptureFile> {
        self.captures.borrow().iter().map(Capture::file).collect()
    }
}

impl Kernel<'_> {
    /// The type of the header with which the packets of a link begin.
    fn link_type(&self, netns: &Netns, name: &str, index: u32) -> Result<LinkType, NetError> {
        match self.link_at(netns, index)?.header.link_layer_type {
            LinkLayerType::Ether | LinkLayerType::Loopback => Ok(LinkType::Ethernet),
            LinkLayerType::None => Ok(LinkType::Raw),
            other => Err(NetError::new(format!("{name}: packets of a link of type {other:?} can't be read"))
                .hint("capture on `any`, which shows their IP packets")),
        }
    }
}

/// Empties a ring until the other end of a pipe is closed.
fn empty(socket: &OwnedFd, closed: &OwnedFd, tape: &Mutex<Tape>) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    loop {
        let mut fds =
            [PollFd::new(socket.as_fd(), PollFlags::POLLIN), PollFd::new(closed.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            Err(_) => return,
            Ok(_) if fds[1].any() == Some(true) => return,
            Ok(_) => {}
        }
        tape.lock().unwrap_or_else(PoisonError::into_inner).drain();
    }
}
