//! Settings that only links of one kind have.

use crate::net::{NetError, Netns, Network};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoKind, InfoMacVlan, LinkAttribute, LinkInfo, LinkMessage,
    MacVlanMode as Mode,
};

/// The reachability between macvlan links of one parent (ip-link(8)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacvlanMode {
    /// They reach each other directly.
    Bridge,
    /// They don't reach each other.
    Private,
    /// They reach each other if the external switch sends the packets back.
    Vepa,
    /// The only macvlan of its parent, which it takes over completely.
    Passthru,
}

impl MacvlanMode {
    /// Reads a mode as `ip` names it.
    ///
    /// # Errors
    ///
    /// If there is no such mode.
    pub fn parse(text: &str) -> Result<Self, NetError> {
        Ok(match text {
            "bridge" => Self::Bridge,
            "private" => Self::Private,
            "vepa" => Self::Vepa,
            "passthru" => Self::Passthru,
            _ => {
                return Err(NetError::new(format!(
                    "Error: argument of \"mode\" must be \"private\", \"vepa\", \"bridge\", \"passthru\" or \"source\", not \"{text}\""
                ))
                .hint("choose `bridge`, `private`, `vepa` or `passthru`"));
            }
        })
    }
}

impl From<MacvlanMode> for Mode {
    fn from(mode: MacvlanMode) -> Self {
        match mode {
            MacvlanMode::Bridge => Self::Bridge,
            MacvlanMode::Private => Self::Private,
            MacvlanMode::Vepa => Self::Vepa,
            MacvlanMode::Passthru => Self::Passthrough,
        }
    }
}

impl Network {
    /// Sets the mode of a macvlan link, as `ip link set LINK type macvlan mode
    /// MODE` does.
    pub(in crate::net) fn set_macvlan_mode(
        &self,
        netns: &Netns,
        link: &str,
        mode: MacvlanMode,
    ) -> Result<(), NetError> {
        let data = InfoData::MacVlan(vec![InfoMacVlan::Mode(mode.into())]);
        self.set_kind(netns, link, InfoKind::MacVlan, data)
    }

    /// Enables or disables a bridge's spanning tree protocol, as `ip link set
    /// BRIDGE type bridge stp_state 1` does.
    pub(in crate::net) fn set_stp(&self, netns: &Netns, bridge: &str, on: bool) -> Result<(), NetError> {
        let state = if on { BridgeStpState::KernelStp } else { BridgeStpState::Disabled };
        self.set_kind(netns, bridge, InfoKind::Bridge, InfoData::Bridge(vec![InfoBridge::StpState(state)]))
    }

    /// Changes settings that only links of this kind have.
    pub(in crate::net) fn set_kind(
        &self,
        netns: &Netns,
        link: &str,
        kind: InfoKind,
        data: InfoData,
    ) -> Result<(), NetError> {
        let kernel = self.act()?;
        let mut message = LinkMessage::default();
        message.header.index = kernel.index_of(netns, link)?;
        message.attributes = vec![LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind), LinkInfo::Data(data)])];
        Ok(kernel.change(netns, RouteNetlinkMessage::NewLink(message), 0)?)
    }
}
