use super::defaults::RETRANS_TIME_MS;
use super::error::strerror;
use super::kernel::Kernel;
use super::kernel::Refused;
use super::{NetError, Netns, Network, prefix};
use crate::table;
use nix::errno::Errno;
use rtnetlink::packet_route::link::{
    InfoKind, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::neighbour_table::{
    NeighbourTableAttribute, NeighbourTableMessage, NeighbourTableParameter,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::os::fd::AsRawFd;

/// The properties of a link that actions need.
#[derive(Debug, Clone)]
pub(super) struct LinkBrief {
    pub index: u32,
    pub name: String,
    pub bridge: bool,
    pub controller: Option<u32>,
    /// The other end of a veth, or a macvlan's parent.
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
pub(super) fn valid_ifname(word: &str, name: &str) -> Result<(), NetError> {
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

impl Network {
    /// Adds a bridge, as `ip link add NAME type bridge` does.
    ///
    /// # Errors
    ///
    /// If the name is invalid or taken.
    pub fn bridge(&self, netns: &Netns, name: &str) -> Result<(), NetError> {
        let kernel = self.act()?;
        kernel.add_link(netns, name, InfoKind::Bridge, None, None, true)
    }

    /// The requests that shorten the timeout of neighbour resolution (see
    /// [`RETRANS_TIME_MS`]). If a kernel refuses them, nothing breaks.
    fn answer_soon(index: u32) -> impl Iterator<Item = RouteNetlinkMessage> {
        let tables = [(AddressFamily::Inet, "arp_cache"), (AddressFamily::Inet6, "ndisc_cache")];
        tables.into_iter().map(move |(family, name)| {
            let mut message = NeighbourTableMessage::default();
            message.header.family = family;
            message.attributes = vec![
                NeighbourTableAttribute::Name(name.into()),
                NeighbourTableAttribute::Parms(vec![
                    NeighbourTableParameter::Ifindex(index),
                    NeighbourTableParameter::RetransTime(RETRANS_TIME_MS),
                ]),
            ];
            RouteNetlinkMessage::SetNeighbourTable(message)
        })
    }
}

impl Kernel<'_> {
    /// Returns the index of a link. It is cached as long as only we change
    /// links.
    pub(super) fn index_of(&self, netns: &Netns, name: &str) -> Result<u32, NetError> {
        netns.name_link(name);
        let known = if self.pending.programs.get().have_run { None } else { netns.known_index(name) };
        known.map_or_else(|| self.find(netns, name).map(|found| found.index), Ok)
    }
}

impl Network {
    /// Moves a link, as `ip link set LINK netns NETNS` does.
    ///
    /// # Errors
    ///
    /// If the link does not exist, can't be moved, or its name is taken.
    pub fn set_netns(&self, netns: &Netns, link: &str, to: &Netns) -> Result<(), NetError> {
        if self.bare().redirect_cable(netns, link, to)? {
            return Ok(());
        }
        let kernel = self.act()?;
        let found = kernel.find(netns, link)?;
        let Some(fd) = to.fd() else {
            return Err(NetError::new(format!("Invalid \"netns\" value \"{to}\""))
                .hint(format!("`{to}` was deleted before")));
        };
        let attributes = vec![LinkAttribute::NetNsFd(fd.as_raw_fd())];
        let other = kernel.other_end(netns, &found);
        kernel.set_link(netns, found.index, attributes).map_err(|refused| {
            let exists = refused.is(Errno::EEXIST);
            let error = NetError::from(refused);
            if exists { error.hint(format!("`{to}` has a link `{link}` already")) } else { error }
        })?;
        self.forget_links();
        self.ends.borrow_mut().retain(|one, other| {
            let moved = (netns.name(), found.index);
            (one.0.as_str(), one.1) != moved && (other.0.as_str(), other.1) != moved
        });
        self.unsettle_around(netns, &found, other);
        Ok(())
    }

    /// Makes a link a port of a bridge, as `ip link set PORT master BRIDGE`
    /// does.
    ///
    /// # Errors
    ///
    /// If one of the two does not exist, or the bridge refuses it.
    pub fn set_master(&self, netns: &Netns, port: &str, bridge: &str) -> Result<(), NetError> {
        let kernel = self.act()?;
        let port = kernel.index_of(netns, port)?;
        let master = kernel.index_of(netns, bridge).map_err(|missing| {
            let error = format!("argument \"{bridge}\" is wrong: Device does not exist");
            NetError { error, ..missing }
        })?;
        kernel.set_link(netns, port, vec![LinkAttribute::Controller(master)]).map_err(|refused| {
            let full = refused.is(Errno::EXFULL);
            let error = NetError::from(refused);
            if full {
                return error.hint(format!(
                    "a bridge has at most 1023 ports, and `{bridge}` has them; put the others on a second \
                     one, and join the two with a veth pair"
                ));
            }
            match kernel.find(netns, bridge) {
                Ok(found) if !found.bridge => error.hint(format!("`{bridge}` is not a bridge")),
                _ => error,
            }
        })?;
        kernel.hush(netns, port);
        self.unsettle(netns, port);
        Ok(())
    }

    /// Takes a port from its bridge, as `ip link set PORT nomaster` does.
    ///
    /// # Errors
    ///
    /// If the link does not exist.
    pub fn set_nomaster(&self, netns: &Netns, port: &str) -> Result<(), NetError> {
        let kernel = self.act()?;
        let found = kernel.find(netns, port)?;
        kernel.set_link(netns, found.index, vec![LinkAttribute::Controller(0)])?;
        self.unsettle_around(netns, &found, None);
        Ok(())
    }

    /// Switches a link on or off, as `ip link set LINK up` does.
    ///
    /// # Errors
    ///
    /// If the link does not exist, or the kernel refuses.
    pub fn set_up(&self, netns: &Netns, link: &str, up: bool) -> Result<(), NetError> {
        let kernel = self.act()?;
        let index = kernel.index_of(netns, link)?;
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.change_mask = LinkFlags::Up;
        message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        // `lo` has no neighbours to resolve, and no carrier.
        if link == "lo" {
            return Ok(kernel.change(netns, RouteNetlinkMessage::SetLink(message), 0)?);
        }
        let mut messages = vec![RouteNetlinkMessage::SetLink(message)];
        if up {
            messages.extend(Self::answer_soon(index));
        }
        kernel.change_all(netns, messages)?;
        self.unsettle(netns, index);
        if up {
            kernel.spare_groups(netns)?;
        }
        Ok(())
    }

    /// Sets the MTU of a link, as `ip link set LINK mtu N` does.
    ///
    /// # Errors
    ///
    /// If the link does not exist, or the kernel refuses the size.
    pub fn set_mtu(&self, netns: &Netns, link: &str, mtu: u32) -> Result<(), NetError> {
        let kernel = self.act()?;
        let index = kernel.index_of(netns, link)?;
        Ok(kernel.set_link(netns, index, vec![LinkAttribute::Mtu(mtu)])?)
    }

    /// Sets a hardware address, as `ip link set LINK address MAC` does.
    ///
    /// # Errors
    ///
    /// If the link does not exist, or the address is invalid.
    pub fn set_mac(&self, netns: &Netns, link: &str, mac: &str) -> Result<(), NetError> {
        let kernel = self.act()?;
        let mac = prefix::mac(mac)?;
        let index = kernel.index_of(netns, link)?;
        Ok(kernel.set_link(netns, index, vec![LinkAttribute::Address(mac)])?)
    }

    /// Removes a link, as `ip link del LINK` does; a veth's other end is removed
    /// with it.
    ///
    /// # Errors
    ///
    /// If the link does not exist, or can't be removed, such as `lo`.
    pub fn del_link(&self, netns: &Netns, link: &str) -> Result<(), NetError> {
        let kernel = self.act()?;
        let found = kernel.find(netns, link)?;
        let mut message = LinkMessage::default();
        message.header.index = found.index;
        kernel.change(netns, RouteNetlinkMessage::DelLink(message), 0)?;
        self.forget_links();
        self.unsettle_around(netns, &found, None);
        Ok(())
    }

    /// Records that the state around a link may change: its bridge, and the
    /// other end of its cable.
    fn unsettle_around(&self, netns: &Netns, link: &LinkBrief, other: Option<(Netns, u32)>) {
        if let Some(bridge) = link.controller {
            self.unsettle(netns, bridge);
        }
        if let Some((other, index)) = other {
            self.unsettle(&other, index);
        }
    }
}

impl Kernel<'_> {
    pub(super) fn set_link(
        &self,
        netns: &Netns,
        index: u32,
        attributes: Vec<LinkAttribute>,
    ) -> Result<(), Refused> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes = attributes;
        self.change(netns, RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Finds a link by its name.
    pub(super) fn find(&self, netns: &Netns, name: &str) -> Result<LinkBrief, NetError> {
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
    pub(super) fn look_for(&self, netns: &Netns, name: &str) -> Result<Option<LinkBrief>, NetError> {
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
    pub(super) fn link_at(&self, netns: &Netns, index: u32) -> Result<LinkMessage, Refused> {
        let mut message = without_counters();
        message.header.index = index;
        let rows = self.get(netns, RouteNetlinkMessage::GetLink(message))?;
        let link = rows.into_iter().find_map(|row| match row {
            RouteNetlinkMessage::NewLink(link) => Some(link),
            _ => None,
        });
        link.ok_or_else(|| Refused::Ours(NetError::new(strerror(libc::ENODEV))))
    }

    pub(super) fn dump_links(&self, netns: &Netns) -> Result<Vec<LinkMessage>, NetError> {
        self.dump_links_by(netns, without_counters())
    }

    /// Returns the same links with their counters.
    pub(super) fn dump_links_with_counters(&self, netns: &Netns) -> Result<Vec<LinkMessage>, NetError> {
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
}

/// A request for links without counters, which the kernel would have to sum up
/// over all processors.
fn without_counters() -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])];
    message
}

/// Formats a link's hardware address.
pub(super) fn mac_of(message: &LinkMessage) -> String {
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Address(bytes) => Some(table::mac(bytes)),
        _ => None,
    });
    address.unwrap_or_default()
}
