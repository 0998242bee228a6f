//! The operational state of a link (RFC 2863), independent of the kernel's
//! version.
//!
//! A link's carrier changes at once. Its state follows when the kernel's
//! linkwatch worker processes it (`default_operstate` and `linkwatch_do_dev` of
//! net/core/link_watch.c), and its queue accepts packets from then on.

use crate::table::LinkState;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, State};

/// The properties of a link that its state depends on.
struct Facts<'a> {
    up: bool,
    carrier: bool,
    /// The number of carrier changes.
    changes: u32,
    state: State,
    /// Whether it is stacked on another link, or has another end.
    stands_on_another: bool,
    /// Whether a program holds its carrier down.
    protodown: bool,
    kind: Option<&'a InfoKind>,
}

impl<'a> Facts<'a> {
    fn read(message: &'a LinkMessage) -> Self {
        let mut facts = Self {
            up: message.header.flags.contains(LinkFlags::Up),
            carrier: true,
            changes: 0,
            state: State::Unknown,
            stands_on_another: false,
            protodown: false,
            kind: None,
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::Carrier(on) => facts.carrier = *on != 0,
                LinkAttribute::CarrierChanges(count) => facts.changes = *count,
                LinkAttribute::OperState(state) => facts.state = *state,
                LinkAttribute::Link(index) => facts.stands_on_another = *index != 0,
                LinkAttribute::ProtoDown(down) => facts.protodown = *down != 0,
                LinkAttribute::LinkInfo(infos) => {
                    facts.kind = infos.iter().find_map(|info| match info {
                        LinkInfo::Kind(kind) => Some(kind),
                        _ => None,
                    });
                }
                _ => {}
            }
        }
        facts
    }
}

/// Tells whether the worker has processed a link since its carrier changed.
///
/// After that, a link that is up without a carrier can't be UP or UNKNOWN, and
/// one with a carrier can't be DOWN. UNKNOWN with a carrier is final if the
/// carrier never changed: such a link, for instance `lo`, a dummy or a tunnel,
/// does not notify the worker. But a link that is stacked on another one
/// notifies the worker when it is created (`linkwatch_fire_event` in macvlan.c,
/// macsec.c and vlan.c). A link that is administratively down is shown as DOWN
/// whatever its state is, and gets no packet.
pub(in crate::net) fn is_in_line(message: &LinkMessage) -> bool {
    let facts = Facts::read(message);
    let tells =
        matches!(facts.kind, Some(InfoKind::MacVlan | InfoKind::MacVtap | InfoKind::MacSec | InfoKind::Vlan));
    match facts.state {
        _ if !facts.up => true,
        State::Up => facts.carrier,
        State::Down | State::LowerLayerDown => !facts.carrier,
        State::Unknown => facts.carrier && facts.changes == 0 && !tells,
        // A program has set the state, or will.
        _ => true,
    }
}

/// The state of a link.
///
/// A link that is up, but has no carrier because of the link below it or its
/// other end, is LOWERLAYERDOWN: Linux before 6.3 reports that for each such
/// link. A newer kernel checks the carrier of the other link, and reports DOWN
/// if it does not find that link because it is in another namespace at that
/// moment ("net: linkwatch: only report IF_OPER_LOWERLAYERDOWN if iflink is
/// actually down").
pub(in crate::net) fn of(message: &LinkMessage) -> LinkState {
    let facts = Facts::read(message);
    let waits = facts.up && !facts.carrier && facts.stands_on_another && !facts.protodown;
    match facts.state {
        State::Down if waits => LinkState::LowerLayerDown,
        State::LowerLayerDown if facts.protodown => LinkState::Down,
        State::Up => LinkState::Up,
        State::Down => LinkState::Down,
        State::LowerLayerDown => LinkState::LowerLayerDown,
        State::Dormant => LinkState::Dormant,
        State::Testing => LinkState::Testing,
        State::NotPresent => LinkState::NotPresent,
        _ => LinkState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link that is up, as Linux 6.1 reports it.
    fn link(kind: Option<InfoKind>, carrier: bool, changes: u32, state: State) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.flags = LinkFlags::Up;
        message.attributes = vec![
            LinkAttribute::OperState(state),
            LinkAttribute::Carrier(carrier.into()),
            LinkAttribute::CarrierChanges(changes),
        ];
        message.attributes.extend(kind.map(|kind| LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)])));
        message
    }

    #[test]
    fn a_state_that_lags_behind_the_carrier_is_told() {
        let veth = || Some(InfoKind::Veth);
        assert!(!is_in_line(&link(veth(), true, 2, State::Unknown)), "just made and switched on");
        assert!(!is_in_line(&link(veth(), true, 2, State::LowerLayerDown)), "the other end came up");
        assert!(!is_in_line(&link(veth(), false, 3, State::Up)), "the other end went down");
        assert!(!is_in_line(&link(veth(), false, 1, State::Unknown)), "just made");
        assert!(!is_in_line(&link(Some(InfoKind::MacVlan), true, 0, State::Unknown)));
        assert!(is_in_line(&link(veth(), true, 2, State::Up)));
        assert!(is_in_line(&link(veth(), false, 1, State::LowerLayerDown)));
        assert!(is_in_line(&link(Some(InfoKind::Bridge), false, 1, State::Down)));
        assert!(is_in_line(&link(Some(InfoKind::MacVlan), true, 0, State::Up)));
    }

    #[test]
    fn what_never_tells_of_its_carrier_is_not_waited_for() {
        for kind in [None, Some(InfoKind::Dummy), Some(InfoKind::Vxlan), Some(InfoKind::SitTun)] {
            assert!(is_in_line(&link(kind, true, 0, State::Unknown)));
        }
        let mut off = link(Some(InfoKind::Veth), false, 1, State::Down);
        off.header.flags = LinkFlags::empty();
        assert!(is_in_line(&off));
    }

    #[test]
    fn who_waits_for_another_is_lower_layer_down_on_each_kernel() {
        let mut waiting = link(Some(InfoKind::Veth), false, 1, State::Down);
        assert_eq!(of(&waiting), LinkState::Down);
        waiting.attributes.push(LinkAttribute::Link(1001));
        assert_eq!(of(&waiting), LinkState::LowerLayerDown);
        waiting.attributes.push(LinkAttribute::ProtoDown(1));
        assert_eq!(of(&waiting), LinkState::Down);
        waiting.header.flags = LinkFlags::empty();
        assert_eq!(of(&waiting), LinkState::Down);
    }
}
