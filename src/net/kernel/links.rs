//! The links of a namespace, as far as actions need to know them, and what they are tied to.

use super::access::Kernel;
use super::access::Refused;
use super::error::strerror;
use crate::net::{NetError, Netns};
use crate::table;
use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkExtentMask, LinkInfo, LinkMessage};
use rtnetlink::packet_route::nsid::{NsidAttribute, NsidMessage};
use std::os::fd::AsRawFd;

/// The properties of a link that actions need.
#[derive(Debug, Clone)]
pub(in crate::net) struct LinkBrief {
    pub index: u32,
    pub name: String,
    pub bridge: bool,
    pub controller: Option<u32>,
    /// The link that the kernel gives as IFLA_LINK: a veth's other end, or the parent of a stacked
    /// link.
    pub other: Option<u32>,
    /// The namespace of `other`, if it is another one.
    pub other_nsid: Option<i32>,
    pub veth: bool,
}

impl LinkBrief {
    pub fn read(message: &LinkMessage) -> Self {
        let mut found = Self {
            index: message.header.index,
            name: String::new(),
            bridge: false,
            controller: None,
            other: None,
            other_nsid: None,
            veth: false,
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => found.name.clone_from(name),
                LinkAttribute::Controller(index) => found.controller = Some(*index),
                LinkAttribute::Link(index) if *index != 0 => found.other = Some(*index),
                LinkAttribute::LinkNetNsId(id) => found.other_nsid = Some(*id),
                LinkAttribute::LinkInfo(infos) => {
                    found.bridge = infos.contains(&LinkInfo::Kind(InfoKind::Bridge));
                    found.veth = infos.contains(&LinkInfo::Kind(InfoKind::Veth));
                }
                _ => {}
            }
        }
        found
    }
}

/// Checks an interface name. For an invalid name, returns the error of `ip`, or
/// the kernel's. `word` is the keyword before the name in `ip link add NAME`
/// (`dev`, which may be left out) or `… peer name NAME`.
pub(in crate::net) fn valid_ifname(word: &str, name: &str) -> Result<(), NetError> {
    let most = libc::IF_NAMESIZE - 1;
    let ip = format!("argument \"{name}\" is wrong: \"{word}\" not a valid ifname");
    let kernel = || "RTNETLINK answers: Invalid argument".to_string();
    let is_space = |c: char| c.is_ascii_whitespace() || c == '\x0b';
    let (error, reason) = if name.is_empty() {
        (ip, "it is empty".into())
    } else if name.contains('/') || name.contains(is_space) {
        (ip, "an interface name has no slash, colon or space".into())
    } else if name.len() > most {
        let reason = format!("it has {} bytes, and an interface name has at most {most}", name.len());
        // `ip` takes a longer name for an alternative name and passes it on, so
        // the kernel refuses it.
        (if word == "dev" { "Attribute failed policy validation".into() } else { ip }, reason)
    } else if name.contains(':') {
        (kernel(), "an interface name has no slash, colon or space".into())
    } else if matches!(name, "." | ".." | "all" | "default") {
        (kernel(), "that is a folder of the kernel's".into())
    } else if name.contains('\0') {
        (kernel(), "nobody can type a zero byte".into())
    } else {
        return Ok(());
    };
    Err(NetError::new(error).hint(reason))
}

impl Kernel<'_> {
    /// Returns the index of a link. It is cached as long as only we change
    /// links.
    pub(in crate::net) fn index_of(&self, netns: &Netns, name: &str) -> Result<u32, NetError> {
        netns.name_link(name);
        let known = if self.pending.programs.get().have_run { None } else { netns.known_index(name) };
        known.map_or_else(|| self.find(netns, name).map(|found| found.index), Ok)
    }

    /// Finds a link by its name.
    pub(in crate::net) fn find(&self, netns: &Netns, name: &str) -> Result<LinkBrief, NetError> {
        netns.name_link(name);
        self.look_for(netns, name)?.ok_or_else(|| {
            let error = NetError::new(format!("Cannot find device \"{name}\""));
            let Ok(links) = self.lab_links(netns) else { return error };
            let names: Vec<String> =
                links.iter().map(|link| format!("`{}`", LinkBrief::read(link).name)).collect();
            let elsewhere = self.everywhere().into_iter().find(|other| {
                !other.is(netns) && self.look_for(other, name).is_ok_and(|found| found.is_some())
            });
            let elsewhere = elsewhere.map(|other| format!("; `{other}` has `{name}`")).unwrap_or_default();
            error.hint(format!("`{netns}` has {}{elsewhere}", names.join(", ")))
        })
    }

    /// Looks for a link by its name.
    pub(in crate::net) fn look_for(&self, netns: &Netns, name: &str) -> Result<Option<LinkBrief>, NetError> {
        valid_ifname("dev", name).map_err(|_| {
            NetError::new(format!("Cannot find device \"{name}\"")).hint("no interface can have this name")
        })?;
        let mut message = without_counters();
        message.attributes.push(LinkAttribute::IfName(name.into()));
        match self.get(netns, RouteNetlinkMessage::GetLink(message)) {
            Ok(rows) => Ok(rows.iter().find_map(|row| match row {
                RouteNetlinkMessage::NewLink(link) => Some(LinkBrief::read(link)),
                _ => None,
            })),
            Err(refused) if refused.is(Errno::ENODEV) => Ok(None),
            Err(refused) => Err(refused.into()),
        }
    }

    /// Requests one link by its index. The request also makes the kernel update
    /// the link's queues to its carrier at once, instead of when its worker gets
    /// to it.
    pub(in crate::net) fn link_at(&self, netns: &Netns, index: u32) -> Result<LinkMessage, Refused> {
        let mut message = without_counters();
        message.header.index = index;
        let rows = self.get(netns, RouteNetlinkMessage::GetLink(message))?;
        let link = rows.into_iter().find_map(|row| match row {
            RouteNetlinkMessage::NewLink(link) => Some(link),
            _ => None,
        });
        link.ok_or_else(|| Refused::Ours(NetError::new(strerror(libc::ENODEV))))
    }

    pub(in crate::net) fn dump_links(&self, netns: &Netns) -> Result<Vec<LinkMessage>, NetError> {
        self.dump_links_by(netns, without_counters())
    }

    /// Returns the same links with their counters.
    pub(in crate::net) fn dump_links_with_counters(
        &self,
        netns: &Netns,
    ) -> Result<Vec<LinkMessage>, NetError> {
        self.dump_links_by(netns, LinkMessage::default())
    }

    fn dump_links_by(&self, netns: &Netns, request: LinkMessage) -> Result<Vec<LinkMessage>, NetError> {
        let rows = self.dump(netns, RouteNetlinkMessage::GetLink(request))?;
        Ok(rows
            .into_iter()
            .filter_map(|row| match row {
                RouteNetlinkMessage::NewLink(link) => Some(link),
                _ => None,
            })
            .collect())
    }

    /// The namespace with this id (nsid) in `netns`.
    pub(in crate::net) fn namespace_of(&self, netns: &Netns, nsid: i32) -> Option<Netns> {
        if let Some(name) = netns.name_of(nsid) {
            return self.known(&name);
        }
        for other in self.everywhere() {
            let Some(fd) = other.fd() else { continue };
            let mut message = NsidMessage::default();
            message.attributes = vec![NsidAttribute::Fd(fd.as_raw_fd() as u32)];
            let Ok(rows) = self.get(netns, RouteNetlinkMessage::GetNsId(message)) else { continue };
            for row in rows {
                if let RouteNetlinkMessage::NewNsId(row) = row
                    && row.attributes.contains(&NsidAttribute::Id(nsid))
                {
                    netns.remember(nsid, other.name());
                    return Some(other);
                }
            }
        }
        None
    }

    /// The namespace and index of a veth's other end.
    pub(in crate::net) fn other_end(&self, netns: &Netns, link: &LinkBrief) -> Option<(Netns, u32)> {
        let index = link.other?;
        let Some(nsid) = link.other_nsid else { return Some((netns.clone(), index)) };
        let laid = self.ends.borrow().get(&(netns.name().to_string(), link.index)).cloned();
        match laid.filter(|end| end.1 == index).and_then(|end| self.known(&end.0)) {
            Some(other) => Some((other, index)),
            None => Some((self.namespace_of(netns, nsid)?, index)),
        }
    }

    /// The other ends, in other namespaces, of the cables of `netns`.
    pub(in crate::net) fn other_ends(&self, netns: &Netns) -> Result<Vec<(Netns, u32)>, NetError> {
        let links = self.dump_links(netns)?;
        Ok(links
            .iter()
            .map(LinkBrief::read)
            .filter(|link| link.veth)
            .filter_map(|link| self.other_end(netns, &link))
            .filter(|(other, _)| !other.is(netns))
            .collect())
    }
}

/// A request for links without counters, which the kernel would have to sum up
/// over all processors.
fn without_counters() -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])];
    message
}

/// Formats a link's hardware address.
pub(in crate::net) fn mac_of(message: &LinkMessage) -> String {
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Address(bytes) => Some(table::mac(bytes)),
        _ => None,
    });
    address.unwrap_or_default()
}
