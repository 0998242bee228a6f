//! Links that are switched off, or have no carrier.

use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::event::Suspect;
use crate::net::survey::{Link, Space};
use crate::why::Cause;
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::network;

/// Suspects links.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    found.extend(loopback(evidence));
    found.extend(down(evidence, &with_other_ends(evidence, evidence.links_on_the_way()), 0));
    // Of several ways it is not the shortest one that counts, but that of the
    // address.
    found.extend(down(evidence, &of_address(evidence), 1));
    found
}

/// The links that have the address that is asked for, and those of the one who
/// asks that are in its network.
fn of_address<'a>(evidence: &Evidence<'a>) -> Vec<(&'a Space, &'a Link)> {
    let Some(dst) = evidence.shot.target else { return Vec::new() };
    let theirs = evidence.ground.owners(dst).into_iter();
    let theirs = theirs.filter(|(space, _)| space.name != evidence.probe.from);
    let from = evidence.from();
    let ours = from.addrs.iter().filter(|addr| network(addr.ip, addr.prefix_len).contains(dst));
    let all = ours.map(|addr| (from, addr)).chain(theirs);
    all.filter_map(|(space, addr)| Some((space, space.link_at(addr.index)?))).collect()
}

/// Links, and the other ends of those that have no carrier: they may be off,
/// wherever they are.
fn with_other_ends<'a>(
    evidence: &Evidence<'a>,
    links: Vec<(&'a Space, &'a Link)>,
) -> Vec<(&'a Space, &'a Link)> {
    let mut all = links.clone();
    let without = links.iter().filter(|(_, link)| link.up && !link.lower_up);
    for (space, link) in without.filter_map(|(_, link)| evidence.survey.find(link.peer.as_ref()?)) {
        if !all.iter().any(|(at, known)| (&at.name, known.index) == (&space.name, link.index)) {
            all.push((space, link));
        }
    }
    all
}

/// Those of some links that are switched off.
fn down(evidence: &Evidence, links: &[(&Space, &Link)], nearness: i8) -> Option<Suspicion> {
    let down: Vec<_> = links.iter().filter(|(_, link)| !link.up).collect();
    let (space, link) = down.first()?;
    let names: Vec<String> =
        down.iter().map(|(space, link)| format!("{}'s {}", space.name, link.name)).collect();
    let (verb, them) = if down.len() == 1 { ("is", "it") } else { ("are", "them") };
    let text = format!("{} {verb} DOWN: nobody has switched {them} on", names.join(" and "));
    let fix = down
        .iter()
        .map(|(space, link)| format!("{} link set {} up", evidence.ip(&space.name), link.name))
        .collect();
    let mut suspect = suspect(Cause::LinkDown, format!("{}: {}", space.name, link.name), text, fix);
    suspect.evidence = vec![format!("{} -br link show {}", evidence.ip(&space.name), link.name)];
    Some(Suspicion { rank: Tier::Here.exact().near(nearness), sure: true, suspect })
}

/// What one sends to oneself goes over `lo`.
fn loopback(evidence: &Evidence) -> Option<Suspicion> {
    let (dst, space) = (evidence.shot.target?, evidence.from());
    let lo = space.links.iter().find(|link| link.loopback)?;
    let own = space.addrs.iter().any(|addr| addr.ip == dst) || dst.is_loopback();
    if lo.up || !own {
        return None;
    }
    let text = format!(
        "lo is DOWN in {}: a new namespace has it switched off, and what one sends to one's own address ({dst}) goes over lo",
        space.name
    );
    let fix = vec![format!("{} link set lo up", evidence.ip(&space.name))];
    let suspect = Suspect {
        evidence: vec![format!("{} route get {dst}", evidence.ip(&space.name))],
        ..suspect(Cause::LoopbackDown, format!("{}: lo", space.name), text, fix)
    };
    Some(Suspicion { rank: Tier::Named.plain(), sure: true, suspect })
}
