//! Typing errors, and the words that were probably meant.

use super::repair::Repair;
use crate::net::survey::{Link, Net, Space, conf_key};
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::{network, transplant};
use std::net::IpAddr;

/// Tells whether one address may be a slip for another one: they begin alike, or differ in two
/// characters at most.
pub(in crate::why) fn resembles(a: IpAddr, b: IpAddr) -> bool {
    let (a, b) = (a.to_string(), b.to_string());
    let start = |ip: &str| -> Vec<String> { ip.split(['.', ':']).take(2).map(String::from).collect() };
    start(&a) == start(&b) || strsim::damerau_levenshtein(&a, &b) <= 2
}

pub(in crate::why) const PROGRAMS: [&str; 14] = [
    "ip",
    "bridge",
    "tc",
    "sysctl",
    "iptables",
    "ip6tables",
    "nft",
    "ebtables",
    "arptables",
    "brctl",
    "ethtool",
    "iptables-legacy",
    "ip6tables-legacy",
    "ipset",
];

pub(in crate::why) const IP_WORDS: [&str; 47] = [
    "address",
    "addr",
    "link",
    "route",
    "rule",
    "neigh",
    "neighbour",
    "netns",
    "add",
    "del",
    "delete",
    "set",
    "replace",
    "append",
    "change",
    "flush",
    "up",
    "down",
    "dev",
    "via",
    "type",
    "veth",
    "bridge",
    "peer",
    "name",
    "master",
    "default",
    "metric",
    "table",
    "from",
    "to",
    "src",
    "lookup",
    "permanent",
    "lladdr",
    "mtu",
    "scope",
    "vxlan",
    "macvlan",
    "dummy",
    "vlan",
    "onlink",
    "nomaster",
    "broadcast",
    "blackhole",
    "pref",
    "exec",
];

/// Sysctls that people often set.
const SWITCHES: [&str; 12] = [
    "net.ipv4.ip_forward",
    "net.ipv4.conf.all.forwarding",
    "net.ipv6.conf.all.forwarding",
    "net.ipv6.conf.default.forwarding",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.default.rp_filter",
    "net.ipv4.conf.all.proxy_arp",
    "net.ipv4.conf.all.route_localnet",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv6.conf.default.disable_ipv6",
    "net.ipv4.icmp_echo_ignore_all",
    "net.bridge.bridge-nf-call-iptables",
];

/// Returns the name that a word was probably meant to be; `None` if no name is near, or
/// the nearest is the word itself.
pub(in crate::why) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = (word.chars().count() / 3).clamp(1, 3);
    let near = names.into_iter().map(|name| {
        let (a, b) = (word.to_lowercase(), name.to_lowercase());
        (strsim::damerau_levenshtein(&a, &b), name)
    });
    let (distance, name) = near.min()?;
    (distance <= far && distance < word.len() && name != word).then_some(name)
}

/// Repairs the sysctls of a command.
pub(in crate::why) fn sysctl(evidence: &Evidence, repair: Repair, program: usize, ns: &str) -> Vec<Repair> {
    let mut repair = repair;
    // Joins `KEY = VALUE`, three words, into one.
    while let Some(at) = repair.words.iter().position(|word| word == "=") {
        if at + 1 >= repair.words.len() || at == 0 {
            break;
        }
        let joined = format!("{}={}", repair.words[at - 1], repair.words[at + 1]);
        repair.words.splice(at - 1..=at + 1, [joined]);
        repair.said.push("`KEY=VALUE` is one word, without blanks".into());
    }
    let Some(space) = evidence.survey.space(ns) else { return vec![repair] };
    let devs = space.links.iter().flat_map(|link| {
        ["forwarding", "rp_filter", "proxy_arp", "route_localnet", "arp_ignore", "accept_local"]
            .map(|name| conf_key("ipv4", &link.name, name))
    });
    let known: Vec<String> = space
        .sysctls
        .keys()
        .cloned()
        .chain(SWITCHES.iter().map(|name| name.to_string()))
        .chain(devs)
        .collect();
    let exists = |key: &str| known.iter().any(|name| name == key) || evidence.kernel.has_sysctl(ns, key);
    for at in program + 1..repair.words.len() {
        let word = repair.words[at].clone();
        if word.starts_with('-') {
            continue;
        }
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key.to_string(), Some(value.to_string())),
            None => (word.clone(), None),
        };
        let dotted =
            if key.contains('/') && !key.contains('.') { key.replace('/', ".") } else { key.clone() };
        if exists(&dotted) {
            continue;
        }
        if let Some(meant) = nearest(&dotted, known.iter().map(String::as_str)) {
            let new = value.map_or(meant.to_string(), |value| format!("{meant}={value}"));
            repair.swap(at, &new, format!("there is no switch {key}, but {meant}"));
        }
    }
    vec![repair]
}

/// Returns the addresses that an invalid text was probably meant to be, each with the
/// errors.
pub(in crate::why) fn addresses(
    evidence: &Evidence,
    space: &Space,
    link: Option<&Link>,
    text: &str,
    own: bool,
) -> Vec<(String, String)> {
    let (ip_text, len_text) = text.split_once('/').map_or((text, None), |(ip, len)| (ip, Some(len)));
    let wire: Vec<Net> = match link {
        Some(link) => evidence
            .ground
            .neighbours(&space.name, link)
            .iter()
            .flat_map(|end| end.addrs(text.contains(':')).map(|addr| network(addr.ip, addr.prefix_len)))
            .collect(),
        None => Vec::new(),
    };
    let all = evidence.survey.spaces.iter().flat_map(|space| &space.addrs);
    let nets: Vec<Net> = all
        .filter(|addr| addr.scope == "global" && addr.ip.is_ipv6() == text.contains(':'))
        .map(|addr| network(addr.ip, addr.prefix_len))
        .collect();
    let mut meant: Vec<(IpAddr, u32)> = Vec::new();
    match ip_text.parse::<IpAddr>() {
        Ok(ip) => meant.push((ip, 0)),
        Err(_) => {
            let target = evidence.shot.target.filter(|ip| evidence.ground.owners(*ip).is_empty() && own);
            meant.extend(
                variants(ip_text).into_iter().filter_map(|(text, cost)| Some((text.parse().ok()?, cost))),
            );
            if let Some(target) = target {
                let apart = strsim::damerau_levenshtein(ip_text, &target.to_string());
                if apart <= 4 {
                    meant.push((target, 0));
                }
            }
            // The last octet of the text, in the network of the wire.
            let last = ip_text.rsplit('.').next().and_then(|last| last.parse::<u8>().ok());
            if let (Some(net), Some(last)) = (wire.first(), last)
                && let IpAddr::V4(base) = net.ip
            {
                let host = std::net::Ipv4Addr::from_bits(base.to_bits() & !0xff | u32::from(last));
                meant.push((transplant(net.ip, net.len, host.into()), 4));
            }
            let fits = |ip: &IpAddr| match () {
                () if evidence.shot.target == Some(*ip) && own => 0,
                () if wire.iter().any(|net| net.contains(*ip)) => 2,
                () if nets.iter().any(|net| net.contains(*ip)) => 6,
                () => 12,
            };
            let taken = |ip: &IpAddr| if own && !evidence.ground.owners(*ip).is_empty() { 20 } else { 0 };
            meant.sort_by_key(|(ip, cost)| (cost + fits(ip) + taken(ip), *ip));
            let mut seen = Vec::new();
            meant.retain(|(ip, _)| {
                let fresh = !seen.contains(ip);
                seen.push(*ip);
                fresh
            });
        }
    }
    let most: u8 = if text.contains(':') { 128 } else { 32 };
    meant
        .into_iter()
        .map(|(ip, _)| {
            let near = wire.iter().chain(&nets).find(|net| net.contains(ip)).map(|net| net.len);
            // Without a mask the address would not reach the others on the wire.
            let shared = wire.iter().find(|net| own && net.len < most && net.contains(ip));
            let len = match len_text {
                None => shared.map(|net| net.len.to_string()),
                Some(len) => match len.parse::<u8>() {
                    Ok(len) if len <= most => Some(len.to_string()),
                    _ if len.contains('.') => Some(len.to_string()),
                    _ => Some(near.unwrap_or(24).to_string()),
                },
            };
            let mut why = Vec::new();
            if ip_text.parse::<IpAddr>().is_err() {
                why.push(wrong_with(ip_text));
            }
            match (len_text, &len) {
                (Some(typed), Some(len)) if typed != len => {
                    why.push(format!("a prefix has at most {most} bits, not {typed}"));
                }
                (None, Some(_)) => why.push("it has no mask".into()),
                _ => {}
            }
            let new = len.map_or(ip.to_string(), |len| format!("{ip}/{len}"));
            (new.clone(), format!("{}; {new} was meant", why.join(", and ")))
        })
        .collect()
}

/// Explains why a text is no address.
fn wrong_with(text: &str) -> String {
    let parts: Vec<&str> = text.split('.').collect();
    let big = parts.iter().find(|part| part.parse::<u32>().is_ok_and(|n| n > 255));
    match big {
        _ if text.contains(':') => format!("{text} is no IPv6 address"),
        _ if parts.len() < 4 => format!("{text} has {} parts between its dots, not four", parts.len()),
        _ if parts.len() > 4 => format!("{text} has more than four parts between its dots"),
        Some(big) => format!("{big} is more than 255, the most that a part of an address can be"),
        None => format!("{text} is no address"),
    }
}

/// Returns the texts at a distance of one typing error, with the cost of that error.
fn variants(text: &str) -> Vec<(String, u32)> {
    let letters: String = text
        .chars()
        .map(|c| match c {
            'o' | 'O' => '0',
            'l' | 'I' => '1',
            ',' | ';' => '.',
            c => c,
        })
        .collect();
    let mut all = vec![(letters, 0), (text.replace("..", "."), 0)];
    let chars: Vec<char> = text.chars().collect();
    for at in 0..chars.len() {
        let without: String = chars.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, c)| c).collect();
        all.push((without, 1));
        let mut dotted = chars.clone();
        dotted.insert(at, '.');
        all.push((dotted.iter().collect(), 1));
        if at > 0 {
            let mut swapped = chars.clone();
            swapped.swap(at - 1, at);
            all.push((swapped.iter().collect(), 1));
        }
        for digit in '0'..='9' {
            let mut other = chars.clone();
            other[at] = digit;
            all.push((other.iter().collect(), 2));
        }
    }
    all
}
