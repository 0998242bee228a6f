//! TCP and UDP services: on another address, port or namespace than the probe asks for, or not
//! running.

use super::masquerade::listens_by;
use super::page::Page;
use super::rank::{Rank, Tier};
use super::{Suspicion, suspect};
use crate::event::Passed;
use crate::net::survey::{Listener, Space};
use crate::net::{SeenPacket, Sighting, typed_words};
use crate::why::Cause;
use crate::why::evidence::Evidence;
use crate::why::look::gate::Gate;
use std::net::IpAddr;

/// Suspects services.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let proto = proto(evidence);
    let Some(asked) = evidence.probe.tcp.or(evidence.probe.udp) else { return Vec::new() };
    let Some((space, ip, port)) = arrived(evidence, asked) else { return Vec::new() };
    // DNAT has sent the request on, and its new target's neighbour entry is missing.
    let asks = |owner: IpAddr| evidence.source() != Some(owner) && evidence.ground.owners(owner).is_empty();
    if matches!(&evidence.gate, Gate::Resolve { asker, wanted, .. } if *asker == space.name && asks(*wanted))
    {
        return Vec::new();
    }
    let all = || space.listeners.iter().filter(|one| one.proto == proto);
    let listens = |port: u16| listens_by(space, proto, ip, port);
    if listens(port) {
        return bound_to_link(evidence, space, ip, port);
    }
    let mut found = Vec::new();
    for one in all().filter(|one| one.port == port) {
        found.extend(elsewhere(evidence, space, one, ip));
    }
    for one in all().filter(|one| one.port != port && listens(one.port)) {
        found.extend(other_port(evidence, space, one, ip, port));
    }
    if found.iter().all(|found: &Suspicion| found.suspect.fix.is_empty()) {
        found.extend(somebody_else(evidence, space, ip, port));
    }
    if found.is_empty() {
        let text = format!(
            "nobody listens on {} port {port} of {ip} in {}: the kernel refuses the {}; start the service there",
            proto.to_uppercase(),
            space.name,
            if proto == "tcp" { "connection" } else { "datagram (ICMP port unreachable)" }
        );
        found.push(made(evidence, space, Cause::TcpNobodyListens, text, Vec::new(), Tier::Odd.plain()));
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
    let mut suspect = suspect(id, format!("{}: sockets", space.name), text, fix);
    let look = if proto(evidence) == "tcp" { "ss -tlnp" } else { "ss -ulnp" };
    suspect.evidence = vec![evidence.exec(&space.name, look)];
    Suspicion { rank, sure: false, suspect }
}

/// Returns the protocol that is asked, as the list of sockets names it.
pub(super) fn proto(evidence: &Evidence) -> &'static str {
    if evidence.probe.udp.is_some() { "udp" } else { "tcp" }
}

/// Returns where the TCP SYN, or the datagram, was last delivered: the namespace, the address and
/// the port.
pub(super) fn arrived<'a>(evidence: &'a Evidence, asked: u16) -> Option<(&'a Space, IpAddr, u16)> {
    let is_local =
        |space: &Space, ip: IpAddr| ip.is_loopback() || space.addrs.iter().any(|addr| addr.ip == ip);
    let request = |seen: &&Sighting| {
        evidence.shot.passed(seen) == Some(Passed::Request) && !seen.out && !seen.for_another
    };
    for seen in evidence.shot.sightings.iter().filter(request).rev() {
        let (SeenPacket::Tcp { dst, ports, .. } | SeenPacket::Udp { dst, ports, .. }) = seen.packet else {
            continue;
        };
        let Some(space) = evidence.survey.space(&seen.netns) else { continue };
        // The packet was rewritten here, and has another addressee.
        if evidence.stuck.translated.as_ref().is_some_and(|new| new.ns == seen.netns && new.dst != dst) {
            continue;
        }
        if is_local(space, dst) {
            return Some((space, dst, ports.1));
        }
    }
    // The sender connects to itself.
    let target = evidence.shot.target?;
    is_local(evidence.from(), target).then(|| (evidence.from(), target, asked))
}

/// Returns the command of the program that listens on a port, as `ps` shows it; of
/// several, the one with the port as a word of its own. It names the port, or it is the usual
/// one for it.
pub(super) fn program(
    evidence: &Evidence,
    space: &Space,
    port: u16,
    usual: Option<&str>,
) -> Option<Vec<String>> {
    let text = port.to_string();
    let is_usual = |word: &String| usual.is_some() && word.rsplit('/').next() == usual;
    let commands = evidence.kernel.processes(&space.name).into_iter();
    commands
        .map(|command| command.split_whitespace().map(String::from).collect::<Vec<_>>())
        .filter(|words| {
            words.iter().any(|word| has_number(word, &text)) || words.first().is_some_and(is_usual)
        })
        .min_by_key(|words| !words.contains(&text))
}

/// Tells whether a word contains a port, like `80`, `:80`, `10.0.0.2:80` or
/// `TCP-LISTEN:80,fork`.
fn has_number(word: &str, number: &str) -> bool {
    word.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part == number)
}

/// Returns a word with one number replaced by another.
fn with_number(word: &str, old: &str, new: &str) -> String {
    let mut text = String::new();
    let mut part = String::new();
    for c in word.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() {
            part.push(c);
            continue;
        }
        text += if part == old { new } else { &part };
        part.clear();
        if c != '\0' {
            text.push(c);
        }
    }
    text
}

/// Returns the command that starts a program in the background.
pub(super) fn start(evidence: &Evidence, space: &Space, words: &[String]) -> Vec<String> {
    let line = typed_words(&words.iter().map(String::as_str).collect::<Vec<_>>());
    vec![format!("{} >/dev/null 2>&1 & sleep 0.7", evidence.exec(&space.name, &line))]
}

/// Suspects a service that listens on another address.
pub(super) fn elsewhere(evidence: &Evidence, space: &Space, one: &Listener, ip: IpAddr) -> Vec<Suspicion> {
    let port = one.port;
    let only = match one.ip {
        bound if bound.is_unspecified() => {
            if bound.is_ipv6() {
                "by IPv6 only".to_string()
            } else {
                "by IPv4 only".into()
            }
        }
        bound if bound.is_loopback() => format!("on {bound} only, which is for {} itself", space.name),
        bound => format!("on {bound} only"),
    };
    let text = format!("the service on port {port} in {} listens {only}, and {ip} is asked", space.name);
    let bound = one.ip.to_string();
    let fix = program(evidence, space, port, None).and_then(|mut words| {
        let names = [bound.as_str(), if one.ip.is_loopback() { "localhost" } else { bound.as_str() }];
        let at = words.iter().position(|word| names.iter().any(|name| word.contains(name)))?;
        let name = names.iter().find(|name| words[at].contains(*name))?;
        words[at] = words[at].replace(name, &ip.to_string());
        Some(start(evidence, space, &words))
    });
    vec![made(evidence, space, Cause::TcpBoundElsewhere, text, fix.unwrap_or_default(), Tier::Here.exact())]
}

/// Suspects a service that listens on another port.
fn other_port(evidence: &Evidence, space: &Space, one: &Listener, ip: IpAddr, port: u16) -> Vec<Suspicion> {
    let text = format!(
        "nobody listens on {} port {port} of {ip} in {}: the service there listens on port {}",
        proto(evidence).to_uppercase(),
        space.name,
        one.port
    );
    let (old, new) = (one.port.to_string(), port.to_string());
    let fix = program(evidence, space, one.port, None).map(|words| {
        // If the number occurs several times, the last one is the port.
        let at = words.iter().rposition(|word| has_number(word, &old)).unwrap_or_default();
        let mut words = words;
        words[at] = with_number(&words[at], &old, &new);
        start(evidence, space, &words)
    });
    vec![made(evidence, space, Cause::TcpWrongPort, text, fix.unwrap_or_default(), Tier::Here.close())]
}

/// Suspects a service that runs in another namespace.
fn somebody_else(evidence: &Evidence, space: &Space, ip: IpAddr, port: u16) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for other in evidence.survey.spaces.iter().filter(|other| other.name != space.name) {
        let one = other.listeners.iter().find(|one| one.proto == proto(evidence) && one.port == port);
        let Some(one) = one else { continue };
        let text = format!(
            "nobody listens on {} port {port} of {ip} in {}: the service runs in {}",
            proto(evidence).to_uppercase(),
            space.name,
            other.name
        );
        let fix = program(evidence, other, port, None).map(|mut words| {
            for word in &mut words {
                if !one.ip.is_unspecified() {
                    *word = word.replace(&one.ip.to_string(), &ip.to_string());
                }
            }
            start(evidence, space, &words)
        });
        let rank = if fix.is_some() { Tier::OnTheWay.plain() } else { Tier::Odd.plain() };
        found.push(made(evidence, space, Cause::TcpWrongNamespace, text, fix.unwrap_or_default(), rank));
    }
    found
}

/// Suspects a service that is bound to another link.
fn bound_to_link(evidence: &Evidence, space: &Space, ip: IpAddr, port: u16) -> Vec<Suspicion> {
    let all = space.listeners.iter().filter(|one| one.proto == proto(evidence) && one.port == port);
    let bound: Vec<&Listener> = all.clone().filter(|one| one.dev.is_some()).collect();
    if bound.len() != all.count() {
        return Vec::new();
    }
    let Some(dev) = bound.first().and_then(|one| one.dev.as_deref()) else { return Vec::new() };
    let came = evidence.shot.sightings.iter().rfind(|seen| seen.netns == space.name && !seen.out);
    if came.is_none_or(|came| came.dev == dev) {
        return Vec::new();
    }
    let text = format!(
        "the service on port {port} of {ip} in {} is bound to the interface {dev}, and the connection comes by another",
        space.name
    );
    vec![made(evidence, space, Cause::TcpBoundElsewhere, text, Vec::new(), Tier::Odd.plain())]
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::TcpBoundElsewhere,
        title: "the service listens on another address",
        symptom: "`Connection refused`, although the service runs.",
        cause: "A service that is bound to 127.0.0.1 is for its own host only; one bound to a single address or to IPv6 for that alone.",
        evidence: "The address before the port:\n  ip netns exec NS ss -tlnp",
        cure: "Bind it to the address that is asked, or to 0.0.0.0:\n  ip netns exec NS python3 -m http.server 80 --bind ADDRESS",
    },
    Page {
        id: Cause::TcpNobodyListens,
        title: "nobody listens on the port",
        symptom: "`Connection refused`, by a reset of the host that is asked.",
        cause: "There is no socket for the port: the service has not started, or has ended.",
        evidence: "No line for the port:\n  ip netns exec NS ss -tlnp",
        cure: "Start the service, and read what it says:\n  ip netns exec NS python3 -m http.server 80",
    },
    Page {
        id: Cause::TcpWrongNamespace,
        title: "the service runs in another namespace",
        symptom: "`Connection refused`, although the service runs somewhere.",
        cause: "Sockets belong to the namespace in which the program was started.",
        evidence: "Where is the port?\n  ip netns exec NS ss -tlnp\n  ip netns identify PID",
        cure: "Start it in the right one:\n  ip netns exec NS COMMAND",
    },
    Page {
        id: Cause::TcpWrongPort,
        title: "the service listens on another port",
        symptom: "`Connection refused`, although the service runs.",
        cause: "The port that is asked is not the one on which it listens.",
        evidence: "The ports that there are:\n  ip netns exec NS ss -tlnp",
        cure: "Ask the other port, or start the service on this one:\n  ip netns exec NS python3 -m http.server PORT",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_found_within_a_word() {
        assert!(has_number("TCP-LISTEN:80,fork", "80") && has_number("80", "80"));
        assert!(!has_number("8080", "80") && !has_number("--port=8", "80"));
        assert_eq!(with_number("10.0.0.80:8080", "8080", "80"), "10.0.0.80:80");
        assert_eq!(with_number("--port=8080", "8080", "80"), "--port=80");
    }
}
