//! `ip link`: the commands that change or create a link.

use super::words::Words;
use crate::net::kernel::Kernel;
use crate::net::notation::typed::is_word_of_ip_link;
use crate::net::{MacvlanMode, NetError, Netns, Network, VxlanOptions};

/// A command of `ip link`.
#[derive(Debug)]
pub(super) enum LinkCommand {
    Set { link: String, changes: Vec<Change> },
    SetKind { link: String, kind: Kind },
    Add { name: String, kind: NewLink },
    Delete(String),
}

/// A change to a link.
#[derive(Debug)]
pub(super) enum Change {
    Up(bool),
    Mtu(u32),
    Mac(String),
    Master(String),
    NoMaster,
    Netns(Place),
    Arp(bool),
    ProtoDown(bool),
}

/// A setting that only links of one kind have.
#[derive(Debug)]
pub(super) enum Kind {
    Macvlan(MacvlanMode),
    Vxlan(VxlanOptions),
    BridgeStp(bool),
}

/// A link to create.
#[derive(Debug)]
pub(super) enum NewLink {
    Bridge,
    /// The other end, and the namespace in which it is created if that is
    /// another one.
    Veth {
        peer: String,
        netns: Option<Place>,
    },
    Macvlan {
        parent: String,
        mode: MacvlanMode,
    },
    Vxlan(VxlanOptions),
}

/// A namespace.
#[derive(Debug)]
pub(super) enum Place {
    /// The sandbox's own namespace, that of its first process (`netns 1`).
    Host,
    Named(String),
}

impl LinkCommand {
    /// Parses the words after `ip link`.
    pub fn parse(words: &mut Words) -> Option<Self> {
        match words.next()? {
            "set" | "s" => set(words),
            "add" | "a" => add(words),
            "del" | "delete" | "d" => {
                words.next_if(|word| word == "dev");
                Some(Self::Delete(words.last()?.into()))
            }
            _ => None,
        }
    }
}

fn set(words: &mut Words) -> Option<LinkCommand> {
    let named = words.next_if(|word| word == "dev").is_some();
    let link = words.next()?;
    // A name that may also be a keyword is not guessed at.
    (named || !is_word_of_ip_link(link)).then_some(())?;
    if words.next_if(|word| word == "type").is_some() {
        return Some(LinkCommand::SetKind { link: link.into(), kind: kind(words)? });
    }
    let mut changes = Vec::new();
    while let Some(word) = words.next() {
        changes.push(match word {
            "up" => Change::Up(true),
            "down" => Change::Up(false),
            "mtu" => Change::Mtu(words.number()?),
            "address" | "addr" => Change::Mac(words.next()?.into()),
            "master" => Change::Master(words.next()?.into()),
            "nomaster" => Change::NoMaster,
            "netns" => Change::Netns(place(words)?),
            "arp" => Change::Arp(words.switch()?),
            "protodown" => Change::ProtoDown(words.switch()?),
            _ => return None,
        });
    }
    // A link that was moved is no longer in this namespace.
    let moves = changes.iter().any(|change| matches!(change, Change::Netns(_)));
    let sound = !changes.is_empty() && (!moves || changes.len() == 1);
    sound.then(|| LinkCommand::Set { link: link.into(), changes })
}

fn add(words: &mut Words) -> Option<LinkCommand> {
    words.next_if(|word| matches!(word, "dev" | "name"));
    let name = words.next()?.to_string();
    let parent = words.next_if(|word| word == "link").and_then(|_| words.next());
    (words.next()? == "type").then_some(())?;
    let kind = match (words.next()?, parent) {
        ("bridge", None) if words.is_done() => NewLink::Bridge,
        ("veth", None) if words.next()? == "peer" => {
            words.next_if(|word| word == "name")?;
            let peer = words.next()?.into();
            let netns = match words.next_if(|word| word == "netns") {
                Some(_) => Some(place(words)?),
                None => None,
            };
            words.is_done().then_some(NewLink::Veth { peer, netns })?
        }
        ("macvlan", Some(parent)) => {
            let mode = match words.next() {
                None => MacvlanMode::Vepa,
                Some("mode") => MacvlanMode::parse(words.last()?).ok()?,
                Some(_) => return None,
            };
            NewLink::Macvlan { parent: parent.into(), mode }
        }
        // Without a port, the kernel chooses another default than we do.
        ("vxlan", None) => NewLink::Vxlan(vxlan(words).filter(|options| options.port.is_some())?),
        _ => return None,
    };
    Some(LinkCommand::Add { name, kind })
}

fn kind(words: &mut Words) -> Option<Kind> {
    match words.next()? {
        "macvlan" if words.next()? == "mode" => MacvlanMode::parse(words.last()?).ok().map(Kind::Macvlan),
        "vxlan" => vxlan(words).map(Kind::Vxlan),
        "bridge" if words.next()? == "stp_state" => match words.last()? {
            "0" => Some(Kind::BridgeStp(false)),
            "1" => Some(Kind::BridgeStp(true)),
            _ => None,
        },
        _ => None,
    }
}

fn vxlan(words: &mut Words) -> Option<VxlanOptions> {
    let mut options = VxlanOptions::default();
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word {
            "id" | "vni" => options.id = Some(value.parse().ok()?),
            "dstport" => options.port = Some(value.parse().ok()?),
            "local" => options.local = Some(value.into()),
            "remote" => options.remote = Some(value.into()),
            "dev" => options.dev = Some(value.into()),
            _ => return None,
        }
    }
    Some(options)
}

/// A namespace by its name, or by the PID of the sandbox's first process.
fn place(words: &mut Words) -> Option<Place> {
    match words.next()? {
        "1" => Some(Place::Host),
        // The PID of another process.
        name if name.bytes().all(|byte| byte.is_ascii_digit()) => None,
        name => Some(Place::Named(name.into())),
    }
}

impl Kernel<'_> {
    /// Carries out a command of `ip link`.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub(super) fn link_applet(&self, netns: &Netns, command: &LinkCommand) -> Result<(), NetError> {
        match command {
            LinkCommand::Set { link, changes } => {
                changes.iter().try_for_each(|change| self.change_link(netns, link, change))
            }
            LinkCommand::SetKind { link, kind } => match kind {
                Kind::Macvlan(mode) => self.set_macvlan_mode(netns, link, *mode),
                Kind::Vxlan(options) => self.set_vxlan(netns, link, options),
                Kind::BridgeStp(on) => self.set_stp(netns, link, *on),
            },
            LinkCommand::Add { name, kind } => match kind {
                NewLink::Bridge => self.bridge(netns, name),
                NewLink::Veth { peer, netns: None } => self.veth((netns, name), (netns, peer), false),
                NewLink::Veth { peer, netns: Some(place) } => {
                    self.veth((netns, name), (&self.netns_of(place)?, peer), false)
                }
                NewLink::Macvlan { parent, mode } => self.macvlan(netns, name, parent, *mode),
                NewLink::Vxlan(options) => self.vxlan(netns, name, options),
            },
            LinkCommand::Delete(link) => self.del_link(netns, link),
        }
    }
}

impl Network {
    fn change_link(&self, netns: &Netns, link: &str, change: &Change) -> Result<(), NetError> {
        match change {
            Change::Up(up) => self.set_up(netns, link, *up),
            Change::Mtu(mtu) => self.set_mtu(netns, link, *mtu),
            Change::Mac(mac) => self.set_mac(netns, link, mac),
            Change::Master(bridge) => self.set_master(netns, link, bridge),
            Change::NoMaster => self.set_nomaster(netns, link),
            Change::Netns(place) => self.set_netns(netns, link, &self.netns_of(place)?),
            Change::Arp(on) => self.set_arp(netns, link, *on),
            Change::ProtoDown(on) => self.set_protodown(netns, link, *on),
        }
    }

    fn netns_of(&self, place: &Place) -> Result<Netns, NetError> {
        match place {
            Place::Host => Ok(self.host()),
            Place::Named(name) => self.namespace_at(name),
        }
    }
}
