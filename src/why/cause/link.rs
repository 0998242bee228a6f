//! Links that are switched off, or have no carrier.

use super::{Evidence, Found, suspect, weight};
use crate::event::Suspect;
use crate::net::survey::{Link, Space};

/// Suspects links.
pub(super) fn find(e: &Evidence) -> Vec<Found> {
    let mut found = Vec::new();
    found.extend(loopback(e));
    let down: Vec<(&Space, &Link)> = e.links_on_the_way().into_iter().filter(|(_, link)| !link.up).collect();
    if let Some((space, link)) = down.first() {
        let names: Vec<String> =
            down.iter().map(|(space, link)| format!("{}'s {}", space.name, link.name)).collect();
        let verb = if down.len() == 1 { "is" } else { "are" };
        let text = format!(
            "{} {verb} DOWN: nobody has switched {} on",
            names.join(" and "),
            if down.len() == 1 { "it" } else { "them" }
        );
        let fix = down
            .iter()
            .map(|(space, link)| format!("{} link set {} up", e.ip(&space.name), link.name))
            .collect();
        let mut suspect = suspect("link-down", format!("{}: {}", space.name, link.name), text, fix);
        suspect.evidence = vec![format!("{} -br link show {}", e.ip(&space.name), link.name)];
        found.push(Found { weight: weight::HERE + 100, sure: true, suspect });
    }
    found
}

/// What one sends to oneself goes over `lo`.
fn loopback(e: &Evidence) -> Option<Found> {
    let (dst, space) = (e.shot.target?, e.from());
    let lo = space.links.iter().find(|link| link.loopback)?;
    let own = space.addrs.iter().any(|addr| addr.ip == dst) || dst.is_loopback();
    if lo.up || !own {
        return None;
    }
    let text = format!(
        "lo is DOWN in {}: a new namespace has it switched off, and what one sends to one's own address ({dst}) goes over lo",
        space.name
    );
    let fix = vec![format!("{} link set lo up", e.ip(&space.name))];
    let suspect = Suspect {
        evidence: vec![format!("{} route get {dst}", e.ip(&space.name))],
        ..suspect("loopback-down", format!("{}: lo", space.name), text, fix)
    };
    Some(Found { weight: weight::NAMED, sure: true, suspect })
}
