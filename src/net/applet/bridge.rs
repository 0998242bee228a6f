//! `bridge link set`, which configures a port of a bridge, and `bridge fdb`,
//! which changes a forwarding database.

use super::words::Words;
use crate::net::act::prefix;
use crate::net::kernel::Kernel;
use crate::net::{NetError, Netns, Network};
use rtnetlink::packet_core::{
    DefaultNla, Emitable, NLA_F_NESTED, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE,
};
use rtnetlink::packet_route::link::{BridgePortState, InfoBridgePort, LinkAttribute, LinkMessage};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::IpAddr;

/// A command of bridge(8).
#[derive(Debug)]
pub(super) enum BridgeCommand {
    Port { port: String, settings: Vec<InfoBridgePort> },
    Entry(Entry),
}

/// An entry of a forwarding database.
#[derive(Debug)]
pub(super) struct Entry {
    verb: Verb,
    mac: Vec<u8>,
    dev: String,
    /// Whether the entry is in the database of the bridge above, or in the
    /// link's own.
    master: bool,
    /// The remote end of a tunnel, through which the address is reached.
    dst: Option<IpAddr>,
    state: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Add,
    Append,
    Replace,
    Delete,
}

/// `NUD_REACHABLE`, `NUD_NOARP` and `NUD_PERMANENT`.
const REACHABLE: u16 = 0x02;
const NO_ARP: u16 = 0x40;
const PERMANENT: u16 = 0x80;

impl BridgeCommand {
    pub fn parse(words: &mut Words) -> Option<Self> {
        match (words.next()?, words.next()?) {
            ("link", "set") => port(words),
            ("fdb", verb) => entry(words, verb).map(Self::Entry),
            _ => None,
        }
    }
}

fn port(words: &mut Words) -> Option<BridgeCommand> {
    words.next_if(|word| word == "dev")?;
    let port = words.next()?.into();
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        settings.push(match word {
            "state" => InfoBridgePort::State(match words.next()? {
                "0" | "disabled" => BridgePortState::Disabled,
                "1" | "listening" => BridgePortState::Listening,
                "2" | "learning" => BridgePortState::Learning,
                "3" | "forwarding" => BridgePortState::Forwarding,
                "4" | "blocking" => BridgePortState::Blocking,
                _ => return None,
            }),
            "learning" => InfoBridgePort::Learning(words.switch()?),
            "flood" => InfoBridgePort::UnicastFlood(words.switch()?),
            "mcast_flood" => InfoBridgePort::MulticastFlood(words.switch()?),
            "bcast_flood" => InfoBridgePort::BroadcastFlood(words.switch()?),
            "hairpin" => InfoBridgePort::HairpinMode(words.switch()?),
            "isolated" => InfoBridgePort::Isolated(words.switch()?),
            "locked" => InfoBridgePort::Locked(words.switch()?),
            _ => return None,
        });
    }
    (!settings.is_empty()).then_some(BridgeCommand::Port { port, settings })
}

fn entry(words: &mut Words, verb: &str) -> Option<Entry> {
    let verb = match verb {
        "add" => Verb::Add,
        "append" => Verb::Append,
        "replace" => Verb::Replace,
        "del" | "delete" => Verb::Delete,
        _ => return None,
    };
    let mac = prefix::mac(words.next()?).ok()?;
    let (mut dev, mut dst, mut master, mut own) = (None, None, false, false);
    let mut state = NO_ARP;
    while let Some(word) = words.next() {
        match word {
            "dev" => dev = Some(words.next()?.to_string()),
            "dst" => dst = Some(words.next()?.parse().ok()?),
            "master" => master = true,
            "self" => own = true,
            "permanent" | "local" => state |= PERMANENT,
            "static" | "temp" => state |= REACHABLE,
            "dynamic" => state = state & !NO_ARP | REACHABLE,
            _ => return None,
        }
    }
    // As in bridge(8), the default is the link's own database and a permanent
    // entry.
    (!(master && own)).then_some(())?;
    if state & (PERMANENT | REACHABLE) == 0 {
        state |= PERMANENT;
    }
    Some(Entry { verb, mac, dev: dev?, master, dst, state })
}

impl Network {
    /// Carries out a command of bridge(8).
    ///
    /// # Errors
    ///
    /// If there is no such port, or the kernel refuses.
    pub(super) fn bridge_applet(&self, netns: &Netns, command: &BridgeCommand) -> Result<(), NetError> {
        let kernel = self.act()?;
        match command {
            BridgeCommand::Port { port, settings } => kernel.set_port(netns, port, settings),
            BridgeCommand::Entry(entry) => kernel.set_entry(netns, entry),
        }
    }
}

impl Kernel<'_> {
    fn set_port(&self, netns: &Netns, port: &str, settings: &[InfoBridgePort]) -> Result<(), NetError> {
        /// `IFLA_PROTINFO`
        const PORT: u16 = 12;
        let mut message = LinkMessage::default();
        message.header.interface_family = AddressFamily::Bridge;
        message.header.index = self.index_of(netns, port)?;
        let mut bytes = vec![0; settings.buffer_len()];
        settings.emit(&mut bytes);
        // This differs from `ip link set … type bridge_slave`: with that request
        // the kernel enables a disabled port again, whatever the request
        // changes.
        message.attributes = vec![LinkAttribute::Other(DefaultNla::new(PORT | NLA_F_NESTED, bytes))];
        Ok(self.change(netns, RouteNetlinkMessage::SetLink(message), 0)?)
    }

    fn set_entry(&self, netns: &Netns, entry: &Entry) -> Result<(), NetError> {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Bridge;
        message.header.ifindex = self.index_of(netns, &entry.dev)?;
        message.header.state = NeighbourState::from(entry.state);
        message.header.flags = if entry.master { NeighbourFlags::Controller } else { NeighbourFlags::Own };
        message.attributes = vec![NeighbourAttribute::LinkLayerAddress(entry.mac.clone())];
        message.attributes.extend(entry.dst.map(|dst| {
            NeighbourAttribute::Destination(match dst {
                IpAddr::V4(ip) => NeighbourAddress::Inet(ip),
                IpAddr::V6(ip) => NeighbourAddress::Inet6(ip),
            })
        }));
        let flags = match entry.verb {
            Verb::Add => NLM_F_CREATE | NLM_F_EXCL,
            Verb::Append => NLM_F_CREATE | NLM_F_APPEND,
            Verb::Replace => NLM_F_CREATE | NLM_F_REPLACE,
            Verb::Delete => return Ok(self.change(netns, RouteNetlinkMessage::DelNeighbour(message), 0)?),
        };
        Ok(self.change(netns, RouteNetlinkMessage::NewNeighbour(message), flags)?)
    }
}
