//! What can be said where nothing is wrong that a command would mend.

use super::{Evidence, Found, suspect};
use crate::why::gate::is_local;

/// Says that the asked address is nobody's, or that the one who asks has no
/// link at all. Whoever else is suspected comes first.
pub(super) fn find(e: &Evidence) -> Vec<Found> {
    let from = &e.probe.from;
    let mut found = Vec::new();
    let own = e.shot.target.is_some_and(|dst| is_local(e.from(), dst) || dst.is_loopback());
    if !e.from().links.iter().any(|link| !link.loopback) && !own {
        let text = format!("{from} has no interface but lo: no cable is plugged in");
        let mut suspect = suspect("link-missing", from.clone(), text, Vec::new());
        suspect.evidence = vec![format!("{} link", e.ip(from))];
        found.push(Found { weight: 2, sure: false, suspect });
    }
    let Some(dst) = e.shot.target else { return found };
    if e.ground.owners(dst).is_empty() && !dst.is_loopback() && !e.probe.broadcast && !dst.is_multicast() {
        let near: Vec<String> = e
            .survey
            .spaces
            .iter()
            .filter(|space| space.name != *from)
            .flat_map(|space| space.addrs.iter().map(move |addr| (space, addr)))
            .filter(|(_, addr)| addr.scope == "global" && addr.ip.is_ipv6() == dst.is_ipv6())
            .map(|(space, addr)| format!("{} {}", space.name, addr.ip))
            .take(6)
            .collect();
        let others = match near.is_empty() {
            true => "nor has anybody else an address".to_string(),
            false => format!("there are {}", near.join(", ")),
        };
        let text = format!("no namespace of the lab has {dst}; {others}");
        let mut suspect = suspect("address-unknown", dst.to_string(), text, Vec::new());
        suspect.evidence = vec![format!("{} route get {dst}", e.ip(from))];
        found.push(Found { weight: 1, sure: false, suspect });
    }
    found
}
