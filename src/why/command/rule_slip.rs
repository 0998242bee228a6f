//! Typing errors in firewall rules.

use super::repair::Repair;
use super::slip::{addresses, nearest};
use crate::net::survey::Net;
use crate::why::evidence::Evidence;

const TABLES: [&str; 5] = ["filter", "nat", "mangle", "raw", "security"];
const CHAINS: [&str; 5] = ["INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING"];
const TARGETS: [&str; 14] = [
    "ACCEPT",
    "DROP",
    "REJECT",
    "RETURN",
    "MASQUERADE",
    "SNAT",
    "DNAT",
    "REDIRECT",
    "LOG",
    "MARK",
    "TCPMSS",
    "NOTRACK",
    "CT",
    "NETMAP",
];
const PROTOCOLS: [&str; 9] = ["tcp", "udp", "icmp", "icmpv6", "ipv6-icmp", "all", "esp", "gre", "sctp"];
const MATCHES: [&str; 14] = [
    "state",
    "conntrack",
    "multiport",
    "tcp",
    "udp",
    "icmp",
    "limit",
    "mac",
    "comment",
    "physdev",
    "set",
    "mark",
    "iprange",
    "addrtype",
];
const STATES: [&str; 5] = ["NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"];
const OPTIONS: [&str; 24] = [
    "--dport",
    "--sport",
    "--destination-port",
    "--source-port",
    "--jump",
    "--protocol",
    "--source",
    "--destination",
    "--in-interface",
    "--out-interface",
    "--to-destination",
    "--to-source",
    "--to-ports",
    "--state",
    "--ctstate",
    "--match",
    "--table",
    "--append",
    "--insert",
    "--policy",
    "--icmp-type",
    "--icmpv6-type",
    "--reject-with",
    "--dports",
];

/// Returns the iptables rule that was probably meant.
pub(in crate::why) fn iptables(evidence: &Evidence, repair: Repair, program: usize, ns: &str) -> Vec<Repair> {
    let mut repair = repair;
    let own: Vec<String> = evidence
        .shot
        .walls
        .iter()
        .filter(|wall| wall.netns == ns)
        .flat_map(|wall| wall.before.rules.iter().map(|rule| rule.chain.clone()))
        .collect();
    let devs: Vec<&str> = evidence
        .survey
        .space(ns)
        .map(|space| space.links.iter().map(|link| link.name.as_str()).collect())
        .unwrap_or_default();
    let with_own = |names: &[&'static str]| -> Vec<String> {
        names.iter().map(|name| name.to_string()).chain(own.iter().cloned()).collect()
    };
    let (chains, targets) = (with_own(&CHAINS), with_own(&TARGETS));
    for at in program + 1..repair.words.len() {
        let before = repair.words[at - 1].clone();
        let word = repair.words[at].clone();
        let (what, names): (&str, Vec<&str>) = match before.as_str() {
            "-t" | "--table" => ("table", TABLES.to_vec()),
            "-A" | "-I" | "-P" | "-D" | "--append" | "--insert" | "--policy" => {
                ("chain", chains.iter().map(String::as_str).collect())
            }
            "-j" | "--jump" => ("target", targets.iter().map(String::as_str).collect()),
            "-p" | "--protocol" => ("protocol", PROTOCOLS.to_vec()),
            "-m" | "--match" => ("match", MATCHES.to_vec()),
            "-i" | "-o" | "--in-interface" | "--out-interface" => ("interface", devs.clone()),
            "--state" | "--ctstate" => {
                let states: Vec<String> = word
                    .split(',')
                    .map(|state| match STATES.contains(&state) {
                        true => state.to_string(),
                        false => nearest(state, STATES).unwrap_or(state).to_string(),
                    })
                    .collect();
                let states = states.join(",");
                if states != word {
                    repair.swap(at, &states, format!("{word} is no state; {states} is"));
                }
                continue;
            }
            _ if word.starts_with("--") => ("option", OPTIONS.to_vec()),
            _ => continue,
        };
        if names.contains(&word.as_str()) || word.parse::<u32>().is_ok() {
            continue;
        }
        if let Some(meant) = nearest(&word, names) {
            repair.swap(at, meant, format!("there is no {what} {word}, but {meant}"));
        }
    }
    if let Some(at) = repair.words.iter().position(|word| word == "-P" || word == "--policy")
        && let Some(word) = repair.words.get(at + 2).cloned()
        && !["ACCEPT", "DROP"].contains(&word.as_str())
        && let Some(meant) = nearest(&word, ["ACCEPT", "DROP"])
    {
        repair.swap(at + 2, meant, format!("there is no policy {word}, but {meant}"));
    }
    let find =
        |repair: &Repair, names: &[&str]| repair.words.iter().position(|word| names.contains(&word.as_str()));
    // A port option is valid only after its protocol.
    if let Some(port) = find(&repair, &["--dport", "--sport", "--destination-port", "--source-port"]) {
        match find(&repair, &["-p", "--protocol"]) {
            None => {
                let option = repair.words[port].clone();
                repair.words.splice(port..port, ["-p".to_string(), "tcp".to_string()]);
                repair.said.push(format!("`{option}` is known only after `-p tcp` or `-p udp`"));
            }
            Some(at) if at > port => {
                let moved: Vec<String> = repair.words.drain(at..(at + 2).min(repair.words.len())).collect();
                repair.words.splice(port..port, moved);
                repair
                    .said
                    .push("`-p` has to stand before the port, which is a matter of the protocol".into());
            }
            Some(_) => {}
        }
    }
    // These targets and chains belong to table nat.
    let chain = find(&repair, &["-A", "-I", "-D", "--append", "--insert"]).map(|at| at + 1);
    let target = find(&repair, &["-j", "--jump"]).map(|at| at + 1);
    let word = |at: Option<usize>, repair: &Repair| {
        at.and_then(|at| repair.words.get(at).cloned()).unwrap_or_default()
    };
    let jump = word(target, &repair);
    if let (Some(at), "MASQUERADE" | "SNAT", "PREROUTING" | "FORWARD" | "INPUT" | "OUTPUT") =
        (chain, jump.as_str(), word(chain, &repair).as_str())
    {
        let was = word(chain, &repair);
        repair.swap(at, "POSTROUTING", format!("{jump} works in POSTROUTING only, not in {was}"));
    }
    if let (Some(at), "DNAT" | "REDIRECT", "POSTROUTING" | "FORWARD" | "INPUT") =
        (chain, jump.as_str(), word(chain, &repair).as_str())
    {
        let was = word(chain, &repair);
        repair.swap(at, "PREROUTING", format!("{jump} works in PREROUTING and OUTPUT only, not in {was}"));
    }
    let nat = ["MASQUERADE", "SNAT", "DNAT", "REDIRECT", "NETMAP"].contains(&jump.as_str())
        || word(chain, &repair) == "POSTROUTING"
        || word(chain, &repair) == "PREROUTING";
    match find(&repair, &["-t", "--table"]) {
        None if nat => {
            let what = if jump.is_empty() { word(chain, &repair) } else { jump };
            repair.words.splice(program + 1..program + 1, ["-t".to_string(), "nat".to_string()]);
            repair.said.push(format!(
                "{what} is of table nat, and without `-t nat` the rule is for table filter, which has no such thing"
            ));
        }
        Some(at) if nat && word(Some(at + 1), &repair) == "filter" => {
            repair.swap(at + 1, "nat", format!("{jump} is of table nat"));
        }
        _ => {}
    }
    if let Some(space) = evidence.survey.space(ns) {
        for at in program + 1..repair.words.len() {
            let before = repair.words[at - 1].as_str();
            let word = repair.words[at].clone();
            if matches!(before, "-s" | "-d" | "--source" | "--destination")
                && Net::parse(&word).is_none()
                && let Some((meant, why)) = addresses(evidence, space, None, &word, false).into_iter().next()
            {
                repair.swap(at, &meant, why);
            }
        }
    }
    vec![repair]
}

/// Repairs words that are similar to nft's.
pub(in crate::why) fn nft(evidence: &Evidence, repair: Repair, ns: &str) -> Vec<Repair> {
    const WORDS: [&str; 34] = [
        "add",
        "rule",
        "table",
        "chain",
        "inet",
        "ip",
        "ip6",
        "arp",
        "bridge",
        "netdev",
        "accept",
        "masquerade",
        "snat",
        "dnat",
        "tcp",
        "udp",
        "icmp",
        "icmpv6",
        "type",
        "filter",
        "nat",
        "hook",
        "input",
        "output",
        "forward",
        "prerouting",
        "postrouting",
        "priority",
        "policy",
        "established",
        "related",
        "iifname",
        "oifname",
        "dport",
    ];
    let own: Vec<String> = evidence
        .shot
        .walls
        .iter()
        .filter(|wall| wall.netns == ns)
        .flat_map(|wall| wall.before.rules.iter().flat_map(|rule| [rule.table.clone(), rule.chain.clone()]))
        .collect();
    let known: Vec<&str> = WORDS.into_iter().chain(own.iter().map(String::as_str)).collect();
    let mut repair = repair;
    for at in 1..repair.words.len() {
        let word = repair.words[at].clone();
        let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') && word.len() > 2;
        if !plain || known.contains(&word.as_str()) {
            continue;
        }
        let names = matches!(repair.words[at - 1].as_str(), "oifname" | "iifname" | "-n" | "exec");
        if let Some(meant) = nearest(&word, known.iter().copied()).filter(|_| !names) {
            repair.swap(at, meant, format!("nft knows no {word}, but {meant}"));
        }
    }
    vec![repair]
}
