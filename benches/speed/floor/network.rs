//! The labs' requests to the kernel, one function each.

use super::echo::Echo;
use super::netlink::{Netlink, address, attribute, link, route};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::SockProtocol;
use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

/// The index of `lo` in every namespace.
pub const LO: i32 = 1;
/// The index of the first link of a namespace that we make, given by us, so
/// that nobody has to ask for it; clear of those that the kernel gives to
/// fallback tunnels in a new namespace.
pub const FIRST: i32 = 100;

/// A network namespace.
pub struct Space {
    netlink: Netlink,
    file: File,
}

/// One end of a cable.
pub struct End<'a> {
    pub space: &'a Space,
    pub name: &'a str,
    pub index: i32,
}

impl Space {
    /// The one that this thread is in.
    pub fn here() -> io::Result<Self> {
        Ok(Self {
            netlink: Netlink::open(SockProtocol::NetlinkRoute)?,
            file: File::open("/proc/thread-self/ns/net")?,
        })
    }

    /// Makes a namespace as `ip netns add` does, and stays in it: sockets that are opened
    /// next belong to it.
    pub fn add(name: &str) -> io::Result<Self> {
        let path = format!("/run/netns/{name}");
        File::create_new(&path)?;
        unshare(CloneFlags::CLONE_NEWNET)?;
        let here = Some("/proc/thread-self/ns/net");
        mount(here, path.as_str(), None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        Ok(Self { netlink: Netlink::open(SockProtocol::NetlinkRoute)?, file: File::open(path)? })
    }

    /// Makes one, and a socket in it from which to ping.
    pub fn add_with_echo(name: &str) -> io::Result<(Self, Echo)> {
        Ok((Self::add(name)?, Echo::open()?))
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    pub fn set_up(&self, index: i32) -> io::Result<()> {
        self.netlink.change(libc::RTM_SETLINK, 0, &link(index, true))
    }

    /// Makes a bridge that is up.
    pub fn add_bridge(&self, name: &str, index: i32) -> io::Result<()> {
        let kind = attribute(libc::IFLA_INFO_KIND, b"bridge\0");
        let body = [
            link(index, true),
            attribute(libc::IFLA_IFNAME, &terminated(name)),
            attribute(libc::IFLA_LINKINFO, &kind),
        ]
        .concat();
        self.netlink.change(libc::RTM_NEWLINK, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body)
    }

    pub fn add_address(&self, index: i32, ip: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let body = [
            address(index, prefix),
            attribute(libc::IFA_LOCAL, &ip.octets()),
            attribute(libc::IFA_ADDRESS, &ip.octets()),
        ]
        .concat();
        self.netlink.change(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body)
    }

    pub fn add_default_route(&self, via: Ipv4Addr) -> io::Result<()> {
        let body = [&route()[..], &attribute(libc::RTA_GATEWAY, &via.octets())].concat();
        self.netlink.change(libc::RTM_NEWROUTE, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body)
    }

    /// Makes the kernel enable a link's queues at once. Otherwise a kernel worker does it
    /// after the carrier has come, and a packet that is sent before is lost. A request
    /// for one link has this effect; a listing of all links does not.
    pub fn settle(&self, index: i32) -> io::Result<()> {
        self.netlink.get(libc::RTM_GETLINK, &link(index, false))
    }

    /// Tells whether a link is there.
    pub fn has(&self, index: i32) -> io::Result<bool> {
        match self.settle(index) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads the routes of the main table and the neighbours whose hardware
    /// address is known, all of IPv4, which have to be as many as are given.
    pub fn expect(&self, routes: usize, neighbours: usize) -> io::Result<()> {
        equal("routes", self.routes()?, routes)?;
        equal("neighbours", self.neighbours()?, neighbours)
    }

    fn routes(&self) -> io::Result<usize> {
        /// `rtm_table` of `struct rtmsg`.
        const TABLE: usize = 4;
        let mut header = [0; 12];
        header[0] = libc::AF_INET as u8;
        let mut count = 0;
        self.netlink.dump(libc::RTM_GETROUTE, &header, |row| {
            count += usize::from(row.get(TABLE) == Some(&libc::RT_TABLE_MAIN));
        })?;
        Ok(count)
    }

    fn neighbours(&self) -> io::Result<usize> {
        const RESOLVED: u16 = libc::NUD_REACHABLE | libc::NUD_STALE | libc::NUD_DELAY | libc::NUD_PROBE;
        let mut header = [0; 12];
        header[0] = libc::AF_INET as u8;
        let mut count = 0;
        self.netlink.dump(libc::RTM_GETNEIGH, &header, |row| {
            count += usize::from(state(row) & RESOLVED != 0);
        })?;
        Ok(count)
    }

    /// Reads the table of a bridge, which has to have learned somebody.
    pub fn expect_learned(&self, bridge: i32) -> io::Result<()> {
        let mut header = link(0, false);
        header[0] = libc::AF_BRIDGE as u8;
        let body = [header, attribute(libc::IFLA_MASTER, &bridge.to_ne_bytes())].concat();
        let mut learned = 0;
        self.netlink.dump(libc::RTM_GETNEIGH, &body, |row| {
            learned += usize::from(state(row) & libc::NUD_PERMANENT == 0);
        })?;
        if learned > 0 { Ok(()) } else { Err(io::Error::other("the bridge has learned nothing")) }
    }
}

/// `ndm_state` of a `struct ndmsg`.
fn state(row: &[u8]) -> u16 {
    const STATE: usize = 8;
    row.get(STATE..).and_then(<[u8]>::first_chunk).map_or(0, |state| u16::from_ne_bytes(*state))
}

fn equal(what: &str, found: usize, expected: usize) -> io::Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(io::Error::other(format!("expected {expected} {what}, found {found}")))
}

/// Makes a cable in one request, each end where it is to be: an end that moves
/// would make the kernel wait for all its processors. The near end is up from
/// its birth, which the kernel allows one of them, and has its master.
pub fn lay_cable(near: &End, master: Option<i32>, far: &End) -> io::Result<()> {
    /// `VETH_INFO_PEER` of linux/veth.h.
    const VETH_INFO_PEER: u16 = 1;
    // A second queue would cost such a wait as well.
    let one_queue = [
        attribute(libc::IFLA_NUM_TX_QUEUES, &1u32.to_ne_bytes()),
        attribute(libc::IFLA_NUM_RX_QUEUES, &1u32.to_ne_bytes()),
    ]
    .concat();
    let peer = [
        link(far.index, false),
        attribute(libc::IFLA_IFNAME, &terminated(far.name)),
        attribute(libc::IFLA_NET_NS_FD, &far.space.file.as_raw_fd().to_ne_bytes()),
        one_queue.clone(),
    ]
    .concat();
    let info = [
        attribute(libc::IFLA_INFO_KIND, b"veth\0"),
        attribute(libc::IFLA_INFO_DATA, &attribute(VETH_INFO_PEER, &peer)),
    ]
    .concat();
    let body = [
        link(near.index, true),
        attribute(libc::IFLA_IFNAME, &terminated(near.name)),
        one_queue,
        attribute(libc::IFLA_LINKINFO, &info),
        master.map_or_else(Vec::new, |bridge| attribute(libc::IFLA_MASTER, &bridge.to_ne_bytes())),
    ]
    .concat();
    near.space.netlink.change(libc::RTM_NEWLINK, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body)
}

/// Lets the namespace that this thread is in pass packets on.
pub fn forward() -> io::Result<()> {
    fs::write("/proc/sys/net/ipv4/ip_forward", "1")
}

fn terminated(name: &str) -> Vec<u8> {
    [name.as_bytes(), &[0]].concat()
}
