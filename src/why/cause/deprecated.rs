//! Deprecated addresses: the kernel takes another source, to which perhaps nobody answers.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{Address, RouteQuestion};
use crate::why::Cause;
use crate::why::command::say::show;
use crate::why::evidence::Evidence;
use std::net::IpAddr;

/// Suspects the addresses of the interface by which the request goes out, if the kernel has
/// taken the source from elsewhere because they are deprecated. IPv4 has no such rule.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let Some(dst) = evidence.shot.target.filter(IpAddr::is_ipv6) else { return Vec::new() };
    let (Some(src), from) = (evidence.source(), evidence.from()) else { return Vec::new() };
    if evidence.shot.reached || evidence.probe.interface.is_some() {
        return Vec::new();
    }
    let Ok(route) = evidence.kernel.route_get(&from.name, &RouteQuestion::to(dst)) else { return Vec::new() };
    let Some(dev) = route.dev() else { return Vec::new() };
    let fits = |addr: &&Address| addr.ip.is_ipv6() && addr.scope == "global" && addr.dev == dev;
    let unused = from.addrs.iter().filter(fits).find(|addr| addr.deprecated);
    let (Some(unused), Some(taken)) = (unused, from.addrs.iter().find(|addr| addr.ip == src)) else {
        return Vec::new();
    };
    if taken.deprecated || taken.dev == dev {
        return Vec::new();
    }
    let (ns, ip) = (&from.name, evidence.ip(&from.name));
    let shown = show(unused);
    let text = format!(
        "{ns}'s {shown} on {dev} is deprecated (its preferred lifetime is over), so the kernel sends to {dst} from {src}, the address of {}, to which no answer comes",
        taken.dev
    );
    let fix = vec![format!("{ip} -6 addr change {shown} dev {dev} preferred_lft forever")];
    let mut suspect = suspect(Cause::AddressDeprecated, format!("{ns}: {dev}"), text, fix);
    suspect.evidence = vec![format!("{ip} addr show dev {dev}"), format!("{ip} route get {dst}")];
    vec![Suspicion { rank: Tier::Named.close(), sure: false, suspect }]
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::AddressDeprecated,
    title: "one's address is deprecated, and another source is taken",
    symptom: "Silence: the request arrives with an unexpected source.",
    cause: "An address whose preferred lifetime (`preferred_lft`) is over stays valid, but new flows take another source where there is one (RFC 6724, rule 3).",
    evidence: "`deprecated` in the first line, and the source that is taken:\n  ip -n NS addr show dev DEV\n  ip -n NS route get ADDR",
    cure: "Prefer it again, or have the router advertise it:\n  ip -n NS -6 addr change ADDR/LEN dev DEV preferred_lft forever",
}];
