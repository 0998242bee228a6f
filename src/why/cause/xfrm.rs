//! IPsec: policies that block packets or require a missing protection, and states that
//! differ.

use super::page::Page;
use super::rank::{Rank, Tier};
use super::{Suspicion, suspect};
use crate::net::survey::{Space, XfrmPolicy};
use crate::net::typed_words;
use crate::why::Cause;
use crate::why::evidence::Evidence;
use std::net::IpAddr;

/// The kernel's counters of packets that IPsec stopped, with the reasons.
const COUNTERS: [(&str, &str); 8] = [
    ("XfrmOutPolBlock", "a policy blocks"),
    ("XfrmInPolBlock", "a policy blocks"),
    ("XfrmFwdPolBlock", "a policy blocks"),
    ("XfrmOutNoStates", "no state (SA) to send with"),
    ("XfrmInNoStates", "no state (SA) for what arrives"),
    ("XfrmInTmplMismatch", "not protected as the policy wants it"),
    ("XfrmInNoPols", "the default is to block"),
    ("XfrmInStateProtoError", "the keys do not fit"),
];

/// Suspects policies and states of IPsec.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for space in evidence.spaces_on_the_way() {
        if space.policies.is_empty() && space.states.is_empty() && space.xfrm_blocks == [false; 3] {
            continue;
        }
        let counted = counted(evidence, space);
        let here = !counted.is_empty() || evidence.stuck.ns == space.name;
        let rank = match (counted.is_empty(), here) {
            (false, _) => Tier::Named.plain(),
            (true, true) => Tier::Here.plain(),
            _ => Tier::OnTheWay.plain(),
        };
        let said = match counted.first() {
            Some((name, why)) => format!(" (the kernel has counted {name}: {why})"),
            None => String::new(),
        };
        found.extend(missing_states(evidence, space, rank.tier.close(), &said));
        for policy in &space.policies {
            let Some((src, dst)) = concerned(evidence, policy) else { continue };
            let what = match (policy.block, policy.templates.is_empty()) {
                (true, _) => format!("blocks packets {src} → {dst}"),
                (false, true) => continue,
                (false, false) => match policy.dir.as_str() {
                    "out" => format!("wants packets {src} → {dst} sent by {}", protocols(policy)),
                    _ => format!("lets packets {src} → {dst} in only by {}", protocols(policy)),
                },
            };
            let but = match (policy.block, policy.dir.as_str()) {
                (true, _) => "",
                (_, "out") => ", and what comes of it does not arrive",
                _ => ", and they come in clear",
            };
            let text = format!(
                "an IPsec policy of {} (`ip xfrm policy`, direction {}) {what}{but}{said}",
                space.name, policy.dir
            );
            let fix = vec![format!("{} {}", evidence.ip(&space.name), policy.deletion())];
            let id = if policy.block { Cause::XfrmPolicyBlock } else { Cause::XfrmPolicyWithoutState };
            found.push(made(evidence, space, id, text, fix, rank));
        }
        if space.xfrm_blocks != [false; 3] {
            let directions: Vec<&str> = ["in", "fwd", "out"]
                .into_iter()
                .zip(space.xfrm_blocks)
                .filter_map(|(direction, blocks)| blocks.then_some(direction))
                .collect();
            let text = format!(
                "IPsec's default in {} is to block ({}): what no policy names is discarded{said}",
                space.name,
                directions.join(", ")
            );
            let words: Vec<String> = directions.iter().map(|one| format!("{one} accept")).collect();
            let fix =
                vec![format!("{} xfrm policy setdefault {}", evidence.ip(&space.name), words.join(" "))];
            found.push(made(evidence, space, Cause::XfrmDefaultBlock, text, fix, rank));
        }
    }
    found
}

fn made(
    evidence: &Evidence,
    space: &Space,
    id: Cause,
    text: String,
    fix: Vec<String>,
    rank: Rank,
) -> Suspicion {
    let mut suspect = suspect(id, format!("{}: xfrm", space.name), text, fix);
    suspect.evidence = vec![format!("{} xfrm policy", evidence.ip(&space.name))];
    Suspicion { rank, sure: false, suspect }
}

/// Returns the counters that have grown since the probe was sent.
fn counted(evidence: &Evidence, space: &Space) -> Vec<(&'static str, &'static str)> {
    let Some(after) = evidence.kernel.survey_of(&space.name) else { return Vec::new() };
    let count = |space: &Space, name: &str| space.counters.get(name).copied().unwrap_or_default();
    COUNTERS.into_iter().filter(|(name, _)| count(&after, name) > count(space, name)).collect()
}

/// Returns the source and destination of the packet that a policy matches: a request or
/// an answer.
fn concerned(evidence: &Evidence, policy: &XfrmPolicy) -> Option<(IpAddr, IpAddr)> {
    let target = evidence.shot.target?;
    let own = evidence.from().addrs.iter().map(|addr| addr.ip).filter(|ip| ip.is_ipv4() == target.is_ipv4());
    let seen = evidence.shot.sightings.iter().filter_map(|seen| seen.packet.ends());
    let selector = &policy.selector;
    own.map(|ip| (ip, target))
        .chain(seen)
        .flat_map(|(src, dst)| [(src, dst), (dst, src)])
        .find(|(src, dst)| selector.src.contains(*src) && selector.dst.contains(*dst))
}

fn protocols(policy: &XfrmPolicy) -> String {
    let names = policy.templates.iter().map(|template| match template.proto {
        50 => "ESP",
        51 => "AH",
        108 => "IPcomp",
        _ => "IPsec",
    });
    names.collect::<Vec<_>>().join(" and ")
}

/// Suspects a state that only one end has, or that differs at the two ends.
fn missing_states(evidence: &Evidence, space: &Space, rank: Rank, said: &str) -> Vec<Suspicion> {
    let typed = &evidence.typed;
    let mut found = Vec::new();
    let stated: Vec<_> = typed
        .iter()
        .filter(|one| one.command.failed.is_none())
        .filter(|one| one.is("ip", &["xfrm", "state", "add"]) || one.is("ip", &["xfrm", "state", "update"]))
        .collect();
    for one in stated.iter().filter(|one| one.ns != space.name) {
        let (Some(src), Some(dst)) = (one.after("src"), one.after("dst")) else { continue };
        let (Ok(src), Ok(dst)) = (src.parse::<IpAddr>(), dst.parse::<IpAddr>()) else { continue };
        let own = |ip: IpAddr| space.addrs.iter().any(|addr| addr.ip == ip);
        if !own(src) && !own(dst) {
            continue;
        }
        let same = stated.iter().find(|other| {
            other.ns == space.name
                && other.after("src") == one.after("src")
                && other.after("dst") == one.after("dst")
        });
        if same.is_some_and(|same| same.words[3..] == one.words[3..]) {
            continue;
        }
        let words: Vec<&str> = one.words[3..].iter().map(String::as_str).collect();
        let mut fix = Vec::new();
        let text = match same {
            Some(same) => {
                let spi = same.after("spi").unwrap_or_default();
                let proto = same.after("proto").unwrap_or("esp");
                fix.push(format!(
                    "{} xfrm state delete src {src} dst {dst} proto {proto} spi {spi}",
                    evidence.ip(&space.name)
                ));
                format!(
                    "the IPsec states (SAs) for {src} → {dst} differ at the two ends: {} has SPI {} (`{}`), {} has SPI {spi} (`{}`){said}",
                    one.ns,
                    one.after("spi").unwrap_or("?"),
                    one.command.command,
                    space.name,
                    same.command.command,
                )
            }
            None => format!(
                "{} has no IPsec state (SA) for {src} → {dst}, and {} has one{said}",
                space.name, one.ns
            ),
        };
        fix.push(format!("{} xfrm state add {}", evidence.ip(&space.name), typed_words(&words)));
        found.push(made(evidence, space, Cause::XfrmStateMismatch, text, fix, rank));
    }
    found
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::XfrmPolicyBlock,
        title: "an IPsec policy blocks the packet",
        symptom: "`Operation not permitted`, or silence. No firewall shows anything.",
        cause: "A policy with `action block`, perhaps left over from a VPN, is for these addresses.",
        evidence: "`action block`; XfrmOutPolBlock or XfrmInPolBlock grows:\n  ip -n NS xfrm policy\n  ip netns exec NS cat /proc/net/xfrm_stat",
        cure: "Delete it:\n  ip -n NS xfrm policy delete src SRC dst DST dir DIR",
    },
    Page {
        id: Cause::XfrmPolicyWithoutState,
        title: "an IPsec policy asks for encryption that is not set up",
        symptom: "`Resource temporarily unavailable`, `No such process`, or silence at the receiver.",
        cause: "The policy wants packets in ESP or AH, and there is no state (SA) for them; or the other end sends in clear.",
        evidence: "A policy with `tmpl`, and no state with its addresses:\n  ip -n NS xfrm policy\n  ip -n NS xfrm state",
        cure: "Delete the policy, or set up both ends:\n  ip -n NS xfrm policy delete src SRC dst DST dir DIR",
    },
    Page {
        id: Cause::XfrmDefaultBlock,
        title: "IPsec discards whatever no policy names",
        symptom: "`Operation not permitted`, or silence, for everything.",
        cause: "The default of a direction (in, fwd, out) was set to block.",
        evidence: "`block` in the line:\n  ip -n NS xfrm policy getdefault",
        cure: "Accept again:\n  ip -n NS xfrm policy setdefault in accept fwd accept out accept",
    },
    Page {
        id: Cause::XfrmStateMismatch,
        title: "the two ends of an IPsec connection differ",
        symptom: "ESP packets are seen to arrive, and there is no answer.",
        cause: "Key, number (SPI), algorithm or address of a state (SA) is not the same at both ends, or one end has none.",
        evidence: "Compare the two; XfrmInNoStates or XfrmInStateProtoError grows:\n  ip -n NS xfrm state\n  ip netns exec NS cat /proc/net/xfrm_stat",
        cure: "Make one end as the other:\n  ip -n NS xfrm state delete src SRC dst DST proto esp spi SPI\n  ip -n NS xfrm state add src SRC dst DST proto esp spi SPI …",
    },
];
