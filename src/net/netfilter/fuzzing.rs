//! Parsers of the kernel's rules and connections, and of the tools' output, for
//! the fuzzers.

use super::iptables;
use super::iptables::IptablesCommand;
use super::ruleset;
use super::ruleset::Chain;
use super::set::Set;
use super::speech::{Context, speak};
use super::{conntrack, saved, snapshot};
use crate::net::Family;
use crate::net::kernel::link_names::LinkNames;
use crate::net::kernel::nfnetlink as wire;
use crate::net::kernel::nfnetlink::{Answer, find};
use std::collections::BTreeMap;

/// Datagrams, each with several answers.
pub fn answers(family: u8, pieces: &[&[u8]]) {
    for bytes in pieces {
        for payload in wire::payloads_of(bytes) {
            wire::error_of(payload);
            let Some(bytes) = payload.get(4..) else { continue };
            let answer = Answer { family, bytes: bytes.into() };
            if let Some(chain) = Chain::read(&answer) {
                chain.row(None);
            }
            ruleset::userdata(bytes, 0);
            conntrack::flow(bytes);
            conntrack::read(bytes);
            expressions(family, find(bytes, 4).unwrap_or_default(), &BTreeMap::new());
        }
    }
}

/// The expressions of a rule, then sets: each with its attributes, then its
/// elements.
pub fn rule(family: u8, pieces: &[&[u8]]) {
    let Some((list, rest)) = pieces.split_first() else { return };
    let mut sets = BTreeMap::new();
    for pair in rest.chunks(2) {
        let mut set = Set::read(pair[0]);
        set.take(pair.get(1).copied().unwrap_or_default());
        sets.insert(set.name.clone(), set);
    }
    expressions(family, list, &sets);
}

fn expressions(family: u8, list: &[u8], sets: &BTreeMap<String, Set>) {
    let interfaces = LinkNames::from_iter([(1, "lo".into()), (2, "eth0".into())]);
    speak(list, None, &Context { family, interfaces: &interfaces, sets });
    snapshot::target(list);
    snapshot::counter(list);
    for family in [Family::Inet, Family::Inet6] {
        // A rule that can be read can be written again.
        if let Some(rule) = iptables::IptablesRule::read(family, list) {
            rule.spec();
            rule.expressions();
        }
    }
}

/// Lines of a `-save`, and command lines.
pub fn words(text: &str) {
    saved::read(text);
    saved::read_arptables(text, "filter");
    saved::read_ebtables(text, "filter");
    for line in text.lines() {
        snapshot::target_of_spec(line);
        let Ok(words) = shell_words::split(line) else { continue };
        IptablesCommand::parse("iptables", &words);
        for family in [Family::Inet, Family::Inet6] {
            if let Some(rule) = iptables::IptablesRule::parse(family, &words) {
                let spec = rule.spec();
                let again: Vec<String> = spec.split_whitespace().map(String::from).collect();
                assert_eq!(iptables::IptablesRule::parse(family, &again).as_ref(), Some(&rule), "{spec}");
                let read = iptables::IptablesRule::read(family, rule.expressions().as_bytes());
                assert_eq!(read.as_ref(), Some(&rule), "{spec}");
            }
        }
    }
    let _ = crate::net::notation::protocol::protocol_name(text.len() as u8);
}
