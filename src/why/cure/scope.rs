//! The part of the network that a cure may change.

use crate::event::{LabCommand, Scope, Suspect};
use crate::lab::Place;
use crate::net::{Limits, NetError, Netns, Network};
use crate::why::command::say::nodad;
use crate::why::evidence::typed;
use std::net::IpAddr;

/// Returns the namespace of that name.
pub(in crate::why) fn namespace(network: &Network, name: &str) -> Result<Netns, NetError> {
    let all = network.namespaces()?;
    if name == network.host().name() {
        return Ok(network.host());
    }
    if let Some(found) = all.iter().find(|netns| netns.name() == name) {
        return Ok(found.clone());
    }
    let names: Vec<String> = all.iter().map(|netns| format!("`{netns}`")).collect();
    let error = NetError::new(format!("the lab has no namespace `{name}`"));
    Err(error.hint(match names.is_empty() {
        true => "it has none but the host's: `host`".into(),
        false => format!("it has {}, and the host's: `host`", names.join(", ")),
    }))
}

/// Checks that the namespaces exist, and gives the target's address to the one that plays the
/// outside, if nobody else has it.
pub(in crate::why) fn prepare(network: &Network, scope: &Scope, to: &str) -> Result<(), NetError> {
    for name in scope.only.iter().flatten() {
        namespace(network, name)?;
    }
    let Some(outside) = &scope.outside else { return Ok(()) };
    let outside = namespace(network, outside)?;
    let Ok(ip) = to.parse::<IpAddr>() else {
        let error = NetError::new(format!("`{outside}` can't play `{to}`: --outside needs an address"));
        return Err(error.hint("an address is wanted, as 8.8.8.8"));
    };
    let survey = network.survey()?;
    if survey.spaces.iter().flat_map(|space| &space.addrs).any(|addr| addr.ip == ip) {
        return Ok(());
    }
    let (ip_tool, bits) = (outside.ip(), if ip.is_ipv4() { 32 } else { 128 });
    let script = format!("{ip_tool} link set lo up\n{ip_tool} addr add {ip}/{bits} dev lo{}", nodad(ip));
    network.bash(&network.host(), &script, Limits::default()).map(|_| ())
}

/// Tells whether a cure may act where it does.
pub(in crate::why) fn allows(scope: &Scope, cure: &[String]) -> bool {
    acts_in(cure).iter().all(|name| allows_in(scope, name))
}

fn allows_in(scope: &Scope, name: &String) -> bool {
    scope.only.as_ref().is_none_or(|only| only.contains(name)) && scope.outside.as_ref() != Some(name)
}

/// Returns a suspect whose cure may not act where it does: it is told, and not tried.
pub(in crate::why) fn untouched(scope: &Scope, suspect: Suspect) -> Suspect {
    let only = scope.only.as_ref().map(|only| format!(", but only in {}", only.join(", ")));
    let places: Vec<String> =
        acts_in(&suspect.fix).into_iter().filter(|name| !allows_in(scope, name)).collect();
    let text =
        format!("{}; a cure may not act in {}{}", suspect.text, places.join(", "), only.unwrap_or_default());
    Suspect { text, fix: Vec::new(), narrower: Vec::new(), ..suspect }
}

/// Returns the namespaces in which commands act.
fn acts_in(commands: &[String]) -> Vec<String> {
    let lines = commands.iter().flat_map(|command| command.lines());
    let lab_commands: Vec<LabCommand> = lines
        .map(|line| LabCommand { place: Place::default(), command: line.into(), failed: None })
        .collect();
    let mut names: Vec<String> = typed::read(&lab_commands).into_iter().map(|typed| typed.ns).collect();
    names.sort();
    names.dedup();
    names
}
