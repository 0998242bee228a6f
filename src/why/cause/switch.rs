//! The table of sysctls that stop packets.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{Space, key_part};
use crate::why::Cause;
use crate::why::evidence::Evidence;

/// A sysctl, the values with which it stops packets, and its cure.
struct Switch {
    id: Cause,
    /// The name; `*` stands for each interface and for `all`.
    key: &'static str,
    stops: fn(i64) -> bool,
    cure: &'static str,
    /// The effect, as it follows `KEY=VALUE in NS`.
    text: &'static str,
    /// The namespaces in which it matters.
    at: At,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum At {
    /// Namespaces with the target's address.
    Target,
    /// All namespaces on the way.
    Anybody,
}

const SWITCHES: &[Switch] = &[
    Switch {
        id: Cause::IcmpEchoIgnored,
        key: "net.ipv4.icmp_echo_ignore_all",
        stops: |v| v != 0,
        cure: "0",
        text: "the kernel answers no echo request there",
        at: At::Target,
    },
    Switch {
        id: Cause::IcmpEchoIgnored,
        key: "net.ipv6.icmp.echo_ignore_all",
        stops: |v| v != 0,
        cure: "0",
        text: "the kernel answers no ICMPv6 echo request there",
        at: At::Target,
    },
    Switch {
        id: Cause::BroadcastEchoIgnored,
        key: "net.ipv4.icmp_echo_ignore_broadcasts",
        stops: |v| v != 0,
        cure: "0",
        text: "the kernel answers no echo request to a broadcast address there",
        at: At::Target,
    },
    Switch {
        id: Cause::ArpAnnounce,
        key: "net.ipv4.conf.*.arp_announce",
        stops: |v| v > 0,
        cure: "0",
        text: "ARP questions are asked with another address than the packet's",
        at: At::Anybody,
    },
    Switch {
        id: Cause::TtlTooSmall,
        key: "net.ipv4.ip_default_ttl",
        stops: |v| v < 32,
        cure: "64",
        text: "packets start with so small a time to live that routers discard them",
        at: At::Anybody,
    },
    Switch {
        id: Cause::HopLimitTooSmall,
        key: "net.ipv6.conf.*.hop_limit",
        stops: |v| v < 32,
        cure: "64",
        text: "packets start with so small a hop limit that routers discard them",
        at: At::Anybody,
    },
    Switch {
        id: Cause::L2MulticastUnicastDropped,
        key: "net.ipv4.conf.*.drop_unicast_in_l2_multicast",
        stops: |v| v != 0,
        cure: "0",
        text: "unicast packets in broadcast frames are dropped",
        at: At::Anybody,
    },
    Switch {
        id: Cause::FragmentMemory,
        key: "net.ipv4.ipfrag_high_thresh",
        stops: |v| v < 65536,
        cure: "4194304",
        text: "there is no memory to put fragments together again",
        at: At::Anybody,
    },
    Switch {
        id: Cause::FragmentMemory,
        key: "net.ipv6.ip6frag_high_thresh",
        stops: |v| v < 65536,
        cure: "4194304",
        text: "there is no memory to put fragments together again",
        at: At::Anybody,
    },
    Switch {
        id: Cause::IcmpRatelimit,
        key: "net.ipv4.icmp_ratelimit",
        stops: |v| v > 1000,
        cure: "1000",
        text: "ICMP answers are rate-limited",
        at: At::Anybody,
    },
];

/// Suspects sysctls.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let v6 = evidence.shot.target.is_some_and(|dst| dst.is_ipv6());
    for space in evidence.spaces_on_the_way() {
        for switch in SWITCHES.iter().filter(|switch| switch.key.starts_with("net.ipv6") == v6) {
            let has_it = evidence.shot.target.is_some_and(|dst| crate::why::look::gate::is_local(space, dst));
            let is_target = (has_it || evidence.probe.broadcast) && space.name != evidence.probe.from;
            if switch.at == At::Target && !is_target {
                continue;
            }
            let matters = match switch.id {
                Cause::BroadcastEchoIgnored => evidence.probe.broadcast,
                Cause::FragmentMemory => evidence.probe.size.is_some(),
                _ => true,
            };
            if !matters {
                continue;
            }
            found.extend(set(evidence, space, switch));
        }
    }
    found
}

/// Suspects one sysctl in a namespace if its value stops packets.
fn set(evidence: &Evidence, space: &Space, switch: &Switch) -> Option<Suspicion> {
    let mut set: Vec<(String, i64)> = Vec::new();
    match switch.key.split_once('*') {
        None => set.extend(space.switch(switch.key).map(|value| (switch.key.to_string(), value))),
        Some((before, after)) => {
            let devs = space.links.iter().map(|link| key_part(&link.name));
            for dev in ["all".to_string()].into_iter().chain(devs) {
                let key = format!("{before}{dev}{after}");
                if let Some(value) = space.switch(&key) {
                    set.push((key, value));
                }
            }
        }
    }
    set.retain(|(_, value)| (switch.stops)(*value));
    let (key, value) = set.first()?;
    let text = format!("{key}={value} in {}: {}", space.name, switch.text);
    let fix = set.iter().map(|(key, _)| evidence.sysctl(&space.name, key, switch.cure)).collect();
    let here = evidence.stuck.ns == space.name;
    let mut suspect = suspect(switch.id, format!("{}: {key}", space.name), text, fix);
    suspect.evidence = vec![evidence.exec(&space.name, &format!("sysctl {key}"))];
    Some(Suspicion {
        rank: if here { Tier::Here.plain() } else { Tier::OnTheWay.plain() },
        sure: false,
        suspect,
    })
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::ArpAnnounce,
        title: "ARP is asked with another address than the packet's (arp_announce)",
        symptom: "The question who has an address goes out with an unexpected sender, and is not answered.",
        cause: "With `arp_announce` 1 or 2 the kernel chooses the sender by the interface, not by the packet. Who does not know that sender does not answer.",
        evidence: "The address behind `tell`:\n  ip netns exec NS tcpdump -ni DEV arp\n  ip netns exec NS sysctl net.ipv4.conf.all.arp_announce",
        cure: "Ask with the packet's own address:\n  ip netns exec NS sysctl -w net.ipv4.conf.all.arp_announce=0",
    },
    Page {
        id: Cause::L2MulticastUnicastDropped,
        title: "packets to one in frames to all are dropped",
        symptom: "The request arrives in a broadcast frame, and there is no answer.",
        cause: "With `drop_unicast_in_l2_multicast=1` a packet to a single address is dropped where its frame was sent to everybody.",
        evidence: "Is it 1?\n  ip netns exec NS sysctl net.ipv4.conf.all.drop_unicast_in_l2_multicast",
        cure: "Take them:\n  ip netns exec NS sysctl -w net.ipv4.conf.all.drop_unicast_in_l2_multicast=0",
    },
    Page {
        id: Cause::HopLimitTooSmall,
        title: "packets start with too small a hop limit (IPv6)",
        symptom: "`Time exceeded: Hop limit`, from a router that is not far away.",
        cause: "Each router takes one off, and the one that takes the last discards the packet.",
        evidence: "64 is usual:\n  ip netns exec NS sysctl net.ipv6.conf.DEV.hop_limit",
        cure: "Set it back:\n  ip netns exec NS sysctl -w net.ipv6.conf.DEV.hop_limit=64",
    },
    Page {
        id: Cause::IcmpEchoIgnored,
        title: "the one who is asked answers no echo request",
        symptom: "Silence to ping, while TCP works: the request arrives, and no reply leaves.",
        cause: "A switch of the kernel, not a firewall.",
        evidence: "1 means no answer:\n  ip netns exec NS sysctl -ar 'icmp.*echo_ignore_all'",
        cure: "Answer again:\n  ip netns exec NS sysctl -w net.ipv4.icmp_echo_ignore_all=0",
    },
    Page {
        id: Cause::BroadcastEchoIgnored,
        title: "echo requests to everybody are not answered",
        symptom: "`ping -b` is silent, while each one answers by its own address.",
        cause: "`icmp_echo_ignore_broadcasts` is 1 unless it was changed.",
        evidence: "1 means no answer:\n  ip netns exec NS sysctl net.ipv4.icmp_echo_ignore_broadcasts",
        cure: "Answer these too:\n  ip netns exec NS sysctl -w net.ipv4.icmp_echo_ignore_broadcasts=0",
    },
    Page {
        id: Cause::IcmpRatelimit,
        title: "ICMP errors are held back",
        symptom: "Errors that ought to come are missing: a ping is silent, path MTU discovery does not work.",
        cause: "The kernel sends an address one ICMP error each `icmp_ratelimit` milliseconds at most.",
        evidence: "1000 is usual, 0 holds nothing back:\n  ip netns exec NS sysctl net.ipv4.icmp_ratelimit",
        cure: "Set it back:\n  ip netns exec NS sysctl -w net.ipv4.icmp_ratelimit=1000",
    },
    Page {
        id: Cause::FragmentMemory,
        title: "there is no memory to put fragments together",
        symptom: "Small pings work, large ones don't, though all links take the pieces.",
        cause: "What is larger than the MTU comes in pieces, which wait for each other; `ipfrag_high_thresh` says how much memory they may take.",
        evidence: "Is the number large enough?\n  ip netns exec NS sysctl -ar 'frag_high_thresh'",
        cure: "Allow as much as usual:\n  ip netns exec NS sysctl -w net.ipv4.ipfrag_high_thresh=4194304",
    },
];
