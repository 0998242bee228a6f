//! The changes of links.

use super::Leave;
use crate::net::survey::{Link, LinkKind, Space};

/// Checks the given links that may be used, and the links added to them. A link
/// is unchanged if its place and identity are the same, whatever its settings.
pub(super) fn moved(before: &Space, after: &Space, leave: &Leave) -> Vec<String> {
    let mut lines = compared(before, after, |link, now| {
        let moved = link.master != now.master && !leave.ports.contains(&link.name);
        moved.then(|| another_master(link, before, now, after)).into_iter().collect()
    });
    for link in added(before, after).filter(|link| !leave.may_make(link.kind.as_str())) {
        lines.push(format!("added link {}", described(link)));
    }
    lines
}

/// All changes of the links themselves.
pub(super) fn changed(before: &Space, after: &Space) -> Vec<String> {
    let mut lines = compared(before, after, |link, now| {
        let moved = (link.master != now.master).then(|| another_master(link, before, now, after));
        let settings = settings(link).into_iter().zip(settings(now)).filter(|(then, now)| then != now);
        let set = settings
            .map(|((what, then), (_, now))| format!("link {}: {what} was {then}, and is {now}", link.name));
        moved.into_iter().chain(set).collect()
    });
    lines.extend(added(before, after).map(|link| format!("added link {}", described(link))));
    lines
}

/// The changes of the links that were there: those that are lost, those that are others now,
/// and what `more` finds.
fn compared(before: &Space, after: &Space, more: impl Fn(&Link, &Link) -> Vec<String>) -> Vec<String> {
    let mut lines = Vec::new();
    for link in &before.links {
        match after.link_at(link.index) {
            None => lines.push(lost(link, before, after)),
            Some(now) => {
                lines.extend(identity(link, now));
                lines.extend(more(link, now));
            }
        }
    }
    lines
}

fn added<'a>(before: &'a Space, after: &'a Space) -> impl Iterator<Item = &'a Link> {
    after.links.iter().filter(|link| !link.loopback && before.link_at(link.index).is_none())
}

fn described(link: &Link) -> String {
    if link.kind == LinkKind::Device { link.name.clone() } else { format!("{} ({})", link.name, link.kind) }
}

/// Describes a link that does not exist any more.
fn lost(link: &Link, before: &Space, after: &Space) -> String {
    let is_new = |other: &&Link| other.name == link.name && before.link_at(other.index).is_none();
    match after.links.iter().find(is_new) {
        Some(_) => format!("link {} is gone, and another one has its name", link.name),
        None => format!("link {} is gone", link.name),
    }
}

/// Compares the identity of a link: its name, its kind, its other end.
fn identity(link: &Link, now: &Link) -> Vec<String> {
    let mut lines = Vec::new();
    if link.name != now.name {
        lines.push(format!("link {} was renamed to {}", link.name, now.name));
    }
    if (&link.kind, &link.peer, &link.parent) != (&now.kind, &now.peer, &now.parent) {
        lines.push(format!("link {} leads elsewhere", link.name));
    }
    lines
}

fn another_master(link: &Link, before: &Space, now: &Link, after: &Space) -> String {
    let name = |space: &Space, index: u32| space.link_at(index).map(|link| link.name.clone());
    let then = link.master.and_then(|index| name(before, index));
    match now.master.and_then(|index| name(after, index)) {
        Some(master) => format!("link {} became a port of {master}", link.name),
        None => format!("link {} is no port of {} any more", link.name, then.unwrap_or_default()),
    }
}

/// The settings of a link that do not depend on whether its other end is up.
fn settings(link: &Link) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("its hardware address", link.mac.clone()),
        ("its MTU", link.mtu.to_string()),
        ("its state", if link.up { "up" } else { "down" }.into()),
        ("its ARP", if link.noarp { "off" } else { "on" }.into()),
        ("its promiscuity", if link.promisc { "on" } else { "off" }.into()),
        ("its carrier", if link.protodown { "held down" } else { "its own" }.into()),
        ("its XDP program", if link.xdp { "there" } else { "not there" }.into()),
    ];
    let mut bridge = link.bridge.clone();
    if let Some(bridge) = &mut bridge {
        (bridge.fdb_n_learned, bridge.root_port) = (0, 0);
    }
    let mut port = link.port.clone();
    if let Some(port) = &mut port {
        port.state.clear();
    }
    let mut tun = link.tun.clone();
    if let Some(tun) = &mut tun {
        tun.attached = false;
    }
    // These change rarely, and then all details matter.
    for (what, text) in [
        ("its bridge", bridge.map(|bridge| format!("{bridge:?}"))),
        ("its port", port.map(|port| format!("{port:?}"))),
        ("its macvlan", link.macvlan.as_ref().map(|macvlan| format!("{macvlan:?}"))),
        ("its VXLAN", link.vxlan.as_ref().map(|vxlan| format!("{vxlan:?}"))),
        ("its tun", tun.map(|tun| format!("{tun:?}"))),
    ] {
        settings.push((what, text.unwrap_or_default()));
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::survey::Peer;

    fn cable() -> Space {
        let peer = Some(Peer { space: Some("c".into()), index: 7 });
        let eth0 = Link { index: 5, name: "eth0".into(), kind: LinkKind::Veth, peer, ..Link::default() };
        let lo = Link { index: 1, name: "lo".into(), loopback: true, ..Link::default() };
        Space { name: "a".into(), links: vec![lo, eth0], ..Space::default() }
    }

    fn after(change: impl FnOnce(&mut Space)) -> String {
        let (before, mut after) = (cable(), cable());
        change(&mut after);
        let none = Leave { new_links: Some(Vec::new()), ..Leave::default() };
        moved(&before, &after, &none).join("; ")
    }

    #[test]
    fn a_link_is_known_by_its_index_its_name_and_its_other_end() {
        assert_eq!(after(|_| {}), "");
        // Settings are not compared here.
        assert_eq!(after(|space| space.links[1].up = true), "");
        assert_eq!(after(|space| space.links[1].name = "old".into()), "link eth0 was renamed to old");
        assert_eq!(after(|space| space.links.truncate(1)), "link eth0 is gone");
        assert_eq!(
            after(|space| space.links[1].index = 9),
            "link eth0 is gone, and another one has its name; added link eth0 (veth)"
        );
        let elsewhere = |space: &mut Space| space.links[1].peer.as_mut().unwrap().index = 8;
        assert_eq!(after(elsewhere), "link eth0 leads elsewhere");
    }

    #[test]
    fn a_given_link_that_is_plugged_into_a_bridge() {
        let plugged = |space: &mut Space| {
            let kind = LinkKind::Bridge;
            space.links.push(Link { index: 9, name: "br0".into(), kind, ..Link::default() });
            space.links[1].master = Some(9);
        };
        assert_eq!(after(plugged), "link eth0 became a port of br0; added link br0 (bridge)");
        let mut with_bridge = cable();
        plugged(&mut with_bridge);
        let leave = Leave { new_links: Some(vec!["bridge".into()]), ports: vec!["eth0".into()], only: None };
        assert!(moved(&cable(), &with_bridge, &leave).is_empty());
        assert_eq!(
            moved(&with_bridge, &cable(), &leave),
            ["link br0 is gone"],
            "what is a port may be none any more, but what was given stays"
        );
    }

    #[test]
    fn how_a_link_is_set_is_seen_where_nothing_may_change() {
        let mut after = cable();
        after.links[1].mtu = 100;
        after.links[1].up = true;
        after.links[1].operstate = crate::table::LinkState::Up;
        assert_eq!(
            changed(&cable(), &after),
            ["link eth0: its MTU was 0, and is 100", "link eth0: its state was down, and is up"]
        );
    }
}
