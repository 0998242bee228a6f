//! The state of a link by RFC 2863, the same whatever the kernel's version.
//!
//! A link's carrier changes at once; its state follows when the kernel's
//! linkwatch worker comes to it (`default_operstate` and `linkwatch_do_dev` of
//! net/core/link_watch.c), and its queue takes packets from then on.

use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, State};

/// What is looked at.
struct Facts<'a> {
    up: bool,
    carrier: bool,
    /// How often the carrier has changed.
    changes: u32,
    state: State,
    /// Whether there is a link below it, or another end.
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

/// Tells whether the worker has come to a link since its carrier changed.
///
/// A link that is switched on and has no carrier can't be UP or UNKNOWN then,
/// and one with a carrier not DOWN. UNKNOWN with a carrier is for good where the
/// carrier never changed: such a link, as `lo`, a dummy or a tunnel, does not
/// tell the worker of it. But what stands on another link tells him of itself
/// when it is made (`linkwatch_fire_event` in macvlan.c, macsec.c and vlan.c). A
/// link that is switched off is shown as DOWN whatever its state is, and gets no
/// packet.
pub(super) fn is_in_line(message: &LinkMessage) -> bool {
    let facts = Facts::read(message);
    let tells =
        matches!(facts.kind, Some(InfoKind::MacVlan | InfoKind::MacVtap | InfoKind::MacSec | InfoKind::Vlan));
    match facts.state {
        _ if !facts.up => true,
        State::Up => facts.carrier,
        State::Down | State::LowerLayerDown => !facts.carrier,
        State::Unknown => facts.carrier && facts.changes == 0 && !tells,
        // Somebody said so, or will.
        _ => true,
    }
}

/// The state of a link.
///
/// One that is switched on and has no carrier because of the one below it, or
/// of its other end, is LOWERLAYERDOWN: so says Linux before 6.3 of each that
/// has one. A newer one looks whether that has a carrier, and says DOWN where it
/// does not find it because it is in another namespace at that moment ("net:
/// linkwatch: only report IF_OPER_LOWERLAYERDOWN if iflink is actually down").
pub(super) fn of(message: &LinkMessage) -> State {
    let facts = Facts::read(message);
    let waits = facts.up && !facts.carrier && facts.stands_on_another && !facts.protodown;
    match facts.state {
        State::Down if waits => State::LowerLayerDown,
        State::LowerLayerDown if facts.protodown => State::Down,
        state => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Linux 6.1 says of a link that is on.
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
        assert_eq!(of(&waiting), State::Down);
        waiting.attributes.push(LinkAttribute::Link(1001));
        assert_eq!(of(&waiting), State::LowerLayerDown);
        waiting.attributes.push(LinkAttribute::ProtoDown(1));
        assert_eq!(of(&waiting), State::Down);
        waiting.header.flags = LinkFlags::empty();
        assert_eq!(of(&waiting), State::Down);
    }
}
