//! The changes of an action: each namespace's state before and after.

use crate::net::kernel::error::strerror;
use crate::net::{Family, NetError, Netns, Network};
use crate::table::{Link, Table};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};
use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};

/// The state of the namespaces at the last reading.
#[derive(Debug, Default)]
pub(in crate::net) struct Watch {
    seen: BTreeMap<String, Seen>,
    new: Vec<String>,
}

#[derive(Debug)]
struct Seen {
    /// Sockets that receive every change in the namespace, so that the tables
    /// are read again only there.
    news: [OwnedFd; 2],
    links: Vec<Link>,
    lines: Vec<String>,
}

/// The rtnetlink(7) groups for the tables that are compared here, as `RTMGRP_*`
/// bits: links, neighbours, IPv4 and IPv6 addresses and routes.
const GROUPS: u32 = 0x1 | 0x4 | 0x10 | 0x40 | 0x100 | 0x400;

/// The group for changes of nf_tables rules (`NFNLGRP_NFTABLES`), as a bit.
const RULES: u32 = 0x40;

impl Watch {
    pub fn add(&mut self, network: &Network, netns: &Netns) -> Result<(), NetError> {
        // A new namespace is no reason to create cables that may still be moved.
        network.bare().enter(netns)?;
        let listen = |protocol, groups| {
            listen(protocol, groups).map_err(|errno| NetError::new(strerror(errno as i32)))
        };
        let news =
            [listen(SockProtocol::NetlinkRoute, GROUPS)?, listen(SockProtocol::NetlinkNetFilter, RULES)?];
        let (links, lines) = read(network, netns)?;
        self.seen.insert(netns.name().into(), Seen { news, links, lines });
        if !netns.is_host() {
            self.new.push(format!("{netns}: a namespace, with `lo` alone"));
        }
        Ok(())
    }

    pub fn remove(&mut self, netns: &Netns) {
        self.seen.remove(netns.name());
        self.new.push(format!("{netns}: gone"));
    }

    pub fn note(&mut self, line: String) {
        self.new.push(line);
    }

    pub fn changes(&mut self, network: &Network) -> Result<Vec<String>, NetError> {
        let mut changes = std::mem::take(&mut self.new);
        for netns in network.everywhere() {
            let Some(seen) = self.seen.get_mut(netns.name()) else {
                self.add(network, &netns)?;
                changes.append(&mut self.new);
                continue;
            };
            // Both are read, so that each is emptied.
            let news = seen.news.each_ref().map(has_news);
            if !news.contains(&true) {
                continue;
            }
            let (links, lines) = read(network, &netns)?;
            changes.extend(compare(&seen.links, &links).into_iter().map(|line| format!("{netns}: {line}")));
            let gone = seen.lines.iter().filter(|line| !lines.contains(line));
            changes.extend(gone.map(|line| format!("{netns}: - {line}")));
            let new = lines.iter().filter(|line| !seen.lines.contains(line));
            changes.extend(new.map(|line| format!("{netns}: + {line}")));
            (seen.links, seen.lines) = (links, lines);
        }
        Ok(changes)
    }
}

fn listen(protocol: SockProtocol, groups: u32) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    Ok(socket)
}

/// Empties the socket; tells whether it had messages. An overrun counts as well.
fn has_news(socket: &OwnedFd) -> bool {
    let mut bytes = [0; 4096];
    let mut news = false;
    loop {
        match recv(socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
            Ok(_) | Err(nix::Error::ENOBUFS) => news = true,
            Err(nix::Error::EINTR) => {}
            Err(_) => return news,
        }
    }
}

/// Reads the links, and all other tables as text.
fn read(network: &Network, netns: &Netns) -> Result<(Vec<Link>, Vec<String>), NetError> {
    let links = network.links(netns)?;
    let tables = [
        Table::Addrs(network.addrs(netns)?),
        Table::Routes(network.routes(netns, Family::Inet, None)?),
        Table::Routes(network.routes(netns, Family::Inet6, None)?),
        Table::Arp(network.arp(netns)?),
        // A kernel without nf_tables has no rules.
        Table::Firewall(network.firewall(netns).unwrap_or_default()),
    ];
    Ok((links, tables.iter().flat_map(Table::lines).collect()))
}

/// Compares the links: those added and removed, and the changed words of those
/// that stayed.
fn compare(before: &[Link], after: &[Link]) -> Vec<String> {
    let find = |links: &[Link], name: &str| links.iter().find(|link| link.name == name).cloned();
    // Addresses have lines of their own.
    let line = |link: &Link| Link { addrs: Vec::new(), ..link.clone() }.to_string();
    let mut changes = Vec::new();
    for link in before {
        if find(after, &link.name).is_none() {
            changes.push(format!("- {}", line(link)));
        }
    }
    for link in after {
        match find(before, &link.name) {
            None => changes.push(format!("+ {}", line(link))),
            Some(old) => {
                let words = differences(&old, link);
                if !words.is_empty() {
                    changes.push(format!("~ {}: {}", link.name, words.join(", ")));
                }
            }
        }
    }
    changes
}

fn differences(old: &Link, new: &Link) -> Vec<String> {
    let none = || "none".to_string();
    let words = [
        ("state", old.state.to_string(), new.state.to_string()),
        ("mtu", old.mtu.to_string(), new.mtu.to_string()),
        ("mac", old.mac.clone(), new.mac.clone()),
        ("master", old.master.clone().unwrap_or_else(none), new.master.clone().unwrap_or_else(none)),
        ("peer", old.peer.clone().unwrap_or_else(none), new.peer.clone().unwrap_or_else(none)),
    ];
    words
        .into_iter()
        .filter(|(_, old, new)| old != new)
        .map(|(word, old, new)| format!("{word} {old} → {new}"))
        .collect()
}
