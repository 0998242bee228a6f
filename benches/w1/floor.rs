//! The floor: W1 with nothing between us and the kernel.
//!
//! It is a process of its own (this program, executed again), because all
//! others are measured as processes. It does what a lab's sandbox needs, not
//! what nslab adds to be safe and comfortable: one user namespace in another,
//! a first process in namespaces of its own with private mounts, and then the
//! lab, each act one hand-packed request.

use crate::netlink::{Netlink, address, attribute, link};
use crate::stages::{Failure, Stages};
use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto, setsockopt, socket,
    sockopt,
};
use nix::sys::time::TimeVal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, getegid, geteuid, setgroups, setresgid, setresuid};
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

/// The first argument of a process that is to be the floor.
pub const ARGUMENT: &str = "__floor";
/// The second one of a floor that is to print how long each stage took.
pub const STAGES: &str = "stages";

/// Whom root becomes: unprivileged, and used by nobody (nslab looks for such
/// a one; that costs a file read).
const NOBODY_SPECIAL: u32 = 64_999;

const RED: Ipv4Addr = Ipv4Addr::new(192, 168, 15, 1);
const BLUE: Ipv4Addr = Ipv4Addr::new(192, 168, 15, 2);
const PREFIX: u8 = 24;

/// The index of `lo` in every namespace.
const LO: i32 = 1;
/// The index of both ends, given by us, so that nobody has to ask for it; clear
/// of those that the kernel gives to fallback tunnels in a new namespace.
const END: i32 = 100;
/// `VETH_INFO_PEER` of linux/veth.h.
const VETH_INFO_PEER: u16 = 1;

/// Runs the floor in this process, which has one thread.
pub fn run(timed: bool) -> ExitCode {
    match outside(Stages::begin(), timed) {
        Ok(code) => code,
        Err(failure) => tell(&failure),
    }
}

fn tell(failure: &Failure) -> ExitCode {
    eprintln!("floor: {failure}");
    ExitCode::FAILURE
}

/// What the first process does: prepares, starts the sandbox's first process
/// and waits for its end.
fn outside(mut stages: Stages, timed: bool) -> Result<ExitCode, Failure> {
    stages.stage("stop being root", become_nobody_special)?;
    stages.stage("create the outer user namespace", || {
        let (uid, gid) = (geteuid(), getegid());
        unshare(CloneFlags::CLONE_NEWUSER)?;
        map_root(uid, gid)
    })?;
    let namespaces = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC;
    // SAFETY: clone(2) without CLONE_VM is a fork, and this process has one
    // thread; the raw call because glibc's wants a stack.
    let pid =
        unsafe { libc::syscall(libc::SYS_clone, namespaces | libc::SIGCHLD, 0usize, 0usize, 0usize, 0usize) };
    match pid {
        0 => {
            let code = match inside(&mut stages) {
                Ok(()) if timed => {
                    stages.tell();
                    0
                }
                Ok(()) => 0,
                Err(failure) => {
                    tell(&failure);
                    1
                }
            };
            // SAFETY: ends this process, and with it the sandbox.
            unsafe { libc::_exit(code) }
        }
        -1 => Err(Failure { stage: "clone the first process", error: io::Error::last_os_error() }),
        pid => {
            let status = waitpid(Pid::from_raw(pid as i32), None)
                .map_err(|errno| Failure { stage: "wait for the first process", error: errno.into() })?;
            Ok(match status {
                WaitStatus::Exited(_, 0) => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            })
        }
    }
}

/// What the sandbox's first process does: the sandbox, then the lab.
fn inside(stages: &mut Stages) -> Result<(), Failure> {
    stages.stage("clone the first process", || map_root(Uid::from_raw(0), Gid::from_raw(0)))?;
    stages.stage("mount what is private", mount_private)?;
    stages.stage("set the host's lo up", || set_up(&Netlink::open()?, LO))?;

    let (red, echo, _) = stages.stage("make the namespace red", || {
        let file = make_netns("red")?;
        Ok((Netlink::open()?, Echo::open()?, file))
    })?;
    let (blue, blue_file) = stages.stage("make the namespace blue", || {
        let file = make_netns("blue")?;
        Ok((Netlink::open()?, file))
    })?;
    stages.stage("set lo up in both", || {
        set_up(&red, LO)?;
        set_up(&blue, LO)
    })?;
    stages.stage("lay the cable", || lay_cable(&red, &blue_file))?;
    stages.stage("give both ends an address", || {
        add_address(&red, RED)?;
        add_address(&blue, BLUE)
    })?;
    // The other end is up from its birth, which the kernel allows one of them.
    stages.stage("set blue's end up", || set_up(&blue, END))?;
    // The kernel's worker opens the queues after the carrier has come; a
    // packet that is sent before is lost. Who asks for one link has that done
    // at once (a listing of all links does not).
    stages.stage("settle", || {
        red.get(libc::RTM_GETLINK, &link(END, false))?;
        blue.get(libc::RTM_GETLINK, &link(END, false))
    })?;
    stages.stage("ping blue from red", || echo.exchange(BLUE))?;
    stages.stage("read the routes and neighbours", || {
        for side in [&red, &blue] {
            expect_one("route", routes(side)?)?;
            expect_one("neighbour", neighbours(side)?)?;
        }
        Ok(())
    })
}

/// Root becomes an unprivileged user, so that root of the sandbox owns
/// nothing on this machine.
fn become_nobody_special() -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(NOBODY_SPECIAL), Gid::from_raw(NOBODY_SPECIAL));
    match setresgid(gid, gid, gid) {
        // In a user namespace that maps root alone there is nobody else to be.
        Err(Errno::EINVAL) => return Ok(()),
        result => result?,
    }
    setgroups(&[])?;
    setresuid(uid, uid, uid)?;
    // A change of user makes /proc/self unwritable, and the maps are there.
    prctl::set_dumpable(true)?;
    Ok(())
}

/// Makes root of this user namespace `uid` and `gid` of the one above.
fn map_root(uid: Uid, gid: Gid) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

fn mount_private() -> io::Result<()> {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    for (kind, path) in
        [("tmpfs", "/run"), ("tmpfs", "/tmp"), ("tmpfs", "/etc"), ("proc", "/proc"), ("sysfs", "/sys")]
    {
        mount(Some(kind), path, Some(kind), flags, None::<&str>)
            .map_err(|errno| io::Error::other(format!("{path}: {}", errno.desc())))?;
    }
    fs::create_dir("/run/netns")
}

/// Makes a network namespace as `ip netns add` does, and stays in it: what is
/// opened next belongs to it. Gives the file under `/run/netns`.
fn make_netns(name: &str) -> io::Result<File> {
    let path = format!("/run/netns/{name}");
    File::create_new(&path)?;
    unshare(CloneFlags::CLONE_NEWNET)?;
    let here = Some("/proc/thread-self/ns/net");
    mount(here, path.as_str(), None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    File::open(path)
}

fn set_up(netlink: &Netlink, index: i32) -> io::Result<()> {
    netlink.change(libc::RTM_SETLINK, 0, &link(index, true))
}

/// Makes the cable in one request, each end where it is to be: an end that
/// moves would make the kernel wait for all its processors.
fn lay_cable(red: &Netlink, blue: &File) -> io::Result<()> {
    // A second queue would cost such a wait as well.
    let one_queue = [
        attribute(libc::IFLA_NUM_TX_QUEUES, &1u32.to_ne_bytes()),
        attribute(libc::IFLA_NUM_RX_QUEUES, &1u32.to_ne_bytes()),
    ]
    .concat();
    let peer = [
        link(END, false),
        attribute(libc::IFLA_IFNAME, b"veth-blue\0"),
        attribute(libc::IFLA_NET_NS_FD, &blue.as_raw_fd().to_ne_bytes()),
        one_queue.clone(),
    ]
    .concat();
    let info = [
        attribute(libc::IFLA_INFO_KIND, b"veth\0"),
        attribute(libc::IFLA_INFO_DATA, &attribute(VETH_INFO_PEER, &peer)),
    ]
    .concat();
    let body = [
        link(END, true),
        attribute(libc::IFLA_IFNAME, b"veth-red\0"),
        one_queue,
        attribute(libc::IFLA_LINKINFO, &info),
    ]
    .concat();
    red.change(libc::RTM_NEWLINK, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body)
}

fn add_address(netlink: &Netlink, ip: Ipv4Addr) -> io::Result<()> {
    let body = [
        address(END, PREFIX),
        attribute(libc::IFA_LOCAL, &ip.octets()),
        attribute(libc::IFA_ADDRESS, &ip.octets()),
    ]
    .concat();
    netlink.change(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body)
}

/// Counts the IPv4 routes of the main table.
fn routes(netlink: &Netlink) -> io::Result<usize> {
    /// The bytes of `struct rtmsg`, and its member `rtm_table`.
    const LENGTH: usize = 12;
    const TABLE: usize = 4;
    let mut header = [0; LENGTH];
    header[0] = libc::AF_INET as u8;
    let mut count = 0;
    netlink.dump(libc::RTM_GETROUTE, &header, |row| {
        count += usize::from(row.get(TABLE) == Some(&libc::RT_TABLE_MAIN));
    })?;
    Ok(count)
}

/// Counts the IPv4 neighbours whose hardware address is known.
fn neighbours(netlink: &Netlink) -> io::Result<usize> {
    /// The bytes of `struct ndmsg`, and its member `ndm_state`.
    const LENGTH: usize = 12;
    const STATE: usize = 8;
    const RESOLVED: u16 = libc::NUD_REACHABLE | libc::NUD_STALE | libc::NUD_DELAY | libc::NUD_PROBE;
    let mut header = [0; LENGTH];
    header[0] = libc::AF_INET as u8;
    let mut count = 0;
    netlink.dump(libc::RTM_GETNEIGH, &header, |row| {
        let state =
            row.get(STATE..).and_then(<[u8]>::first_chunk).map_or(0, |state| u16::from_ne_bytes(*state));
        count += usize::from(state & RESOLVED != 0);
    })?;
    Ok(count)
}

fn expect_one(what: &str, found: usize) -> io::Result<()> {
    if found == 1 { Ok(()) } else { Err(io::Error::other(format!("expected 1 {what}, found {found}"))) }
}

/// A raw socket for one echo request (RFC 792).
struct Echo(OwnedFd);

impl Echo {
    const ID: [u8; 2] = *b"W1";
    const SEQUENCE: [u8; 2] = [0, 1];
    /// As many bytes as ping(8) sends.
    const LENGTH: usize = 64;

    fn open() -> io::Result<Self> {
        let protocol = SockProtocol::Icmp;
        let socket = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(1, 0))?;
        Ok(Self(socket))
    }

    /// Sends the request and waits for the answer, a second at most.
    fn exchange(&self, to: Ipv4Addr) -> io::Result<()> {
        const REQUEST: u8 = 8;
        const REPLY: u8 = 0;
        let mut request = [0; Self::LENGTH];
        request[0] = REQUEST;
        request[4..6].copy_from_slice(&Self::ID);
        request[6..8].copy_from_slice(&Self::SEQUENCE);
        let sum = checksum(&request);
        request[2..4].copy_from_slice(&sum);
        let to = SockaddrIn::from(SocketAddrV4::new(to, 0));
        sendto(self.0.as_raw_fd(), &request, &to, MsgFlags::empty())?;
        let mut packet = [0; 2048];
        loop {
            let length = recv(self.0.as_raw_fd(), &mut packet, MsgFlags::empty())?;
            // The IP header comes along, its length in words in its first byte.
            let header = usize::from(packet[0] & 0xf) * 4;
            let Some(answer) = packet[..length].get(header..) else { continue };
            if answer.first() == Some(&REPLY) && answer.get(4..8) == Some(&request[4..8]) {
                return Ok(());
            }
        }
    }
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let mut sum: u32 =
        bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}
