//! Chains of nat for a service that no rule sends the packet into, although the chains of
//! other services are listed (as in kube-proxy's KUBE-SERVICES).

use super::called::{calls, chains_from, target};
use super::masquerade::{request_at, traced};
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{Net, Space};
use crate::net::{Backend, FirewallRule, typed};
use crate::why::Cause;
use crate::why::command::ruling::{Of, Ruling, View};
use crate::why::evidence::Evidence;
use crate::why::look::shot::Wall;
use crate::why::look::translation::{Rewrites, rewrites};

/// Suspects that the list of services lacks the one that is asked: its chain names the address,
/// and leads to a DNAT.
pub(super) fn find(evidence: &Evidence, wall: &Wall, space: &Space) -> Option<Suspicion> {
    let from_here = space.name == evidence.probe.from;
    let packet = traced(request_at(evidence, &space.name, from_here)?);
    let came = request_at(evidence, &space.name, false).filter(|_| !from_here);
    let view = View { packet: &packet, iif: came.map(|seen| seen.dev.as_str()), oif: None, reply: false };
    let all: Vec<&FirewallRule> = wall.after.rules.iter().filter(|rule| is_of_nat(rule)).collect();
    let rule = *all.iter().find(|rule| {
        let ruling = Ruling::of(rule);
        let names = ruling.clauses.iter().any(|one| {
            one.of == Of::Dst
                && !one.not
                && Net::parse(&one.value).is_some_and(|net| Some(net.ip) == packet.dst)
        });
        let fits = ruling.failing(&view).iter().all(|one| one.of == Of::Src);
        names && fits && rule.hook.is_none() && leads_to_dnat(&all, &rule.chain)
    })?;
    let mut callers = all.iter().filter(|caller| calls(caller, rule));
    if callers.any(|caller| Ruling::of(caller).failing(&view).is_empty()) {
        return None;
    }
    // The rule that sends another service's packets into that one's chain.
    let base = if from_here { "output" } else { "prerouting" };
    let listed = all.iter().find(|other| {
        let leads =
            target(&other.spec).is_some_and(|chain| chain != rule.chain && leads_to_dnat(&all, chain));
        let names = Ruling::of(other).clauses.iter().any(|one| one.of == Of::Dst && !one.not);
        let is_asked = other.hook.as_deref() == Some(base)
            || all.iter().any(|caller| caller.hook.as_deref() == Some(base) && calls(caller, other));
        leads && names && is_asked && other.chain != rule.chain
    })?;
    let (dst, proto) = (packet.dst?, if packet.proto == Some(17) { "udp" } else { "tcp" });
    let host = if dst.is_ipv6() { 128 } else { 32 };
    let port = packet.dport.map(|port| format!(" -p {proto} --dport {port}")).unwrap_or_default();
    let (list, chain) = (&listed.chain, &rule.chain);
    let ns = &space.name;
    let text = format!(
        "chain {chain} of {ns} is the one for {dst}, and no rule of chain {list} leads there, as it does for other services (`{}`)",
        listed.spec
    );
    let tool = rule.backend.tool(&rule.family);
    let words = format!("-A {} -d {dst}/{host}{port} -j {}", typed(list), typed(chain));
    let fix = vec![evidence.exec(ns, &format!("{tool} -t nat {words}"))];
    let mut suspect = suspect(Cause::DnatNearMiss, format!("{ns}: chain {list}"), text, fix);
    suspect.evidence = vec![evidence.exec(ns, &format!("{tool} -t nat -S {}", typed(list)))];
    Some(Suspicion { rank: Tier::Here.exact(), sure: false, suspect })
}

fn is_of_nat(rule: &FirewallRule) -> bool {
    rule.backend != Backend::Nft && rule.table == "nat" && !rule.policy
}

/// Tells whether a chain, or one that it calls, has a rule of DNAT.
fn leads_to_dnat<'a>(all: &[&'a FirewallRule], chain: &'a str) -> bool {
    let chains = chains_from(all, chain);
    let mut inner = all.iter().filter(|rule| chains.contains(&rule.chain.as_str()));
    inner.any(|rule| rewrites(rule) == Some(Rewrites::Destination))
}
