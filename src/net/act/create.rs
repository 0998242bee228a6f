//! New links, each with an index that was chosen, if it is free.

use super::link_settings::MacvlanMode;
use crate::net::kernel::Kernel;
use crate::net::kernel::links::valid_ifname;
use crate::net::notation::mac::chosen_mac;
use crate::net::{NetError, Netns, Network};
use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoMacVlan, InfoVeth, LinkAttribute, LinkInfo, LinkMessage, MacVlanMode as Mode,
};

impl Kernel<'_> {
    pub(in crate::net) fn add_link(
        &self,
        netns: &Netns,
        name: &str,
        kind: InfoKind,
        data: Option<InfoData>,
        parent: Option<u32>,
        own_mac: bool,
    ) -> Result<(), NetError> {
        valid_ifname("dev", name)?;
        let mut message = LinkMessage::default();
        message.header.index = netns.take_index();
        let mut infos = vec![LinkInfo::Kind(kind.clone())];
        infos.extend(data.map(LinkInfo::Data));
        message.attributes = vec![LinkAttribute::IfName(name.into()), LinkAttribute::LinkInfo(infos)];
        if own_mac {
            message.attributes.push(LinkAttribute::Address(chosen_mac(netns.name(), name)));
        }
        message.attributes.extend(parent.map(LinkAttribute::Link));
        let index = message.header.index;
        let chosen = self.create(netns, name, &kind.to_string(), message)?;
        self.know(netns, name, index, chosen);
        Ok(())
    }

    /// Asks the kernel for a new link with the index that we chose; tells
    /// whether the index was free.
    pub(in crate::net) fn create(
        &self,
        netns: &Netns,
        name: &str,
        kind: &str,
        mut message: LinkMessage,
    ) -> Result<bool, NetError> {
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        let mut result = self.change(netns, RouteNetlinkMessage::NewLink(message.clone()), flags);
        // The kernel answers EBUSY or EEXIST if the index is taken. It also
        // answers EEXIST if the name is taken, and then refuses the second try
        // as well.
        let chosen =
            !result.as_ref().is_err_and(|refused| refused.is(Errno::EBUSY) || refused.is(Errno::EEXIST));
        if !chosen {
            choose_no_index(&mut message);
            result = self.change(netns, RouteNetlinkMessage::NewLink(message), flags);
        }
        result.map(|()| chosen).map_err(|refused| {
            let exists = refused.is(Errno::EEXIST);
            let unknown = refused.is(Errno::EOPNOTSUPP);
            let error = NetError::from(refused);
            if exists {
                error.hint(format!("`{netns}` has a link `{name}` already"))
            } else if unknown {
                error.unmeasured(format!(
                    "this kernel has no {kind} links; load the module with `modprobe {kind}`"
                ))
            } else {
                error
            }
        })
    }
}

impl Network {
    /// Records a new link, if it has the index that we chose.
    pub(in crate::net) fn know(&self, netns: &Netns, name: &str, index: u32, chosen: bool) {
        // The kernel has replaced a `%d` with a number.
        match chosen && !name.contains('%') {
            true => netns.know_link(index, name),
            false => netns.know_links(None),
        }
    }

    /// Adds a bridge, as `ip link add NAME type bridge` does.
    ///
    /// # Errors
    ///
    /// If the name is invalid or taken.
    pub fn bridge(&self, netns: &Netns, name: &str) -> Result<(), NetError> {
        let kernel = self.act()?;
        kernel.add_link(netns, name, InfoKind::Bridge, None, None, true)
    }

    /// Adds a macvlan, as `ip link add NAME link PARENT type macvlan` does.
    ///
    /// # Errors
    ///
    /// If the parent does not exist, or the name is invalid or taken.
    pub fn macvlan(
        &self,
        netns: &Netns,
        name: &str,
        parent: &str,
        mode: MacvlanMode,
    ) -> Result<(), NetError> {
        let kernel = self.act()?;
        let parent = kernel.index_of(netns, parent)?;
        let mode = Mode::from(mode);
        let data = InfoData::MacVlan(vec![InfoMacVlan::Mode(mode)]);
        // A passthru macvlan has its parent's address.
        let own_mac = mode != Mode::Passthrough;
        kernel.add_link(netns, name, InfoKind::MacVlan, Some(data), Some(parent), own_mac)
    }
}

/// Lets the kernel choose the index of a link, and of the other end of a veth.
fn choose_no_index(message: &mut LinkMessage) {
    message.header.index = 0;
    for attribute in &mut message.attributes {
        let LinkAttribute::LinkInfo(infos) = attribute else { continue };
        for info in infos {
            if let LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))) = info {
                peer.header.index = 0;
            }
        }
    }
}
