//! The part of the network that a cure may change.

use crate::event::{Probe, Scope, Suspect};
use crate::net::{Limits, NetError, Netns, Network};
use crate::why::command::say::nodad;
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
pub(in crate::why) fn prepare(network: &Network, scope: &Scope, probe: &Probe) -> Result<(), NetError> {
    for name in scope.only.iter().flatten() {
        namespace(network, name)?;
    }
    let Some(outside) = &scope.outside else { return Ok(()) };
    let outside = namespace(network, outside)?;
    if outside.name() == probe.from {
        return Err(NetError::new(format!("`{outside}` asks, and can't play the world outside as well"))
            .hint("name another namespace for --outside"));
    }
    let to = probe.to.as_str();
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
    let answer = network.bash(&network.host(), &script, Limits::default())?;
    match answer.ok() {
        true => Ok(()),
        false => Err(NetError::new(format!("`{outside}` could not get {ip}: {}", answer.stderr.trim()))),
    }
}

/// Tells whether a cure may act where it does.
pub(in crate::why) fn allows(scope: &Scope, cure: &[String]) -> bool {
    if scope.only.is_none() && scope.outside.is_none() {
        return true;
    }
    acts_in(cure).is_some_and(|names| names.iter().all(|name| allows_in(scope, name)))
}

fn allows_in(scope: &Scope, name: &String) -> bool {
    scope.only.as_ref().is_none_or(|only| only.contains(name)) && scope.outside.as_ref() != Some(name)
}

/// Returns a suspect whose cure may not act where it does: it is told, and not tried.
pub(in crate::why) fn untouched(scope: &Scope, suspect: Suspect) -> Suspect {
    let names = acts_in(&suspect.fix).unwrap_or_default();
    let barred: Vec<String> = names.into_iter().filter(|name| !allows_in(scope, name)).collect();
    let may = match (&scope.only, &scope.outside) {
        (Some(only), _) => format!("a cure may act in {} only", only.join(", ")),
        (None, outside) => format!("no cure may act in {}", outside.as_deref().unwrap_or_default()),
    };
    let text = format!("{}; {may}, and this one acts in {}", suspect.text, barred.join(", "));
    Suspect { text, fix: Vec::new(), narrower: Vec::new(), ..suspect }
}

/// Returns the namespaces in which commands act; `None` if a line can't be read.
fn acts_in(commands: &[String]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for line in commands.iter().flat_map(|command| command.lines()) {
        let words = shell_words::split(line).ok()?;
        let mut part: Vec<&str> = Vec::new();
        for word in words.iter().map(String::as_str).chain([";"]) {
            let (word, is_end) = word.strip_suffix(';').map_or((word, false), |word| (word, true));
            let joins = matches!(word, "&&" | "||" | "|" | "&" | "do" | "then" | "else");
            if !word.is_empty() && !joins {
                part.push(word);
            }
            if is_end || joins {
                names.extend(acts(&part));
                part.clear();
            }
        }
    }
    names.sort();
    names.dedup();
    Some(names)
}

/// Returns the namespaces in which one command acts: those that it names, or else the host's.
fn acts(words: &[&str]) -> Vec<String> {
    /// Words of the shell, and programs that change nothing.
    const NEUTRAL: [&str; 12] =
        ["break", "cat", "done", "fi", "for", "grep", "if", "mkdir", "seq", "sleep", "true", "while"];
    let after = |at: usize| words.get(at + 1).map(|name| name.to_string());
    let mut names: Vec<String> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let is_exec = at > 0 && words[at - 1] == "netns" && word.starts_with("ex");
        let is_moved = *word == "netns" && !words.get(at + 1).is_some_and(|next| next.starts_with("ex"));
        if matches!(*word, "-n" | "-netns") && at == 1 || is_exec || is_moved && at > 1 {
            names.extend(after(at));
        }
        let folder = word.trim_start_matches('>').strip_prefix("/etc/netns/");
        names.extend(folder.and_then(|rest| rest.split('/').next()).map(String::from));
    }
    let is_neutral = words.first().is_none_or(|word| NEUTRAL.contains(word));
    if names.is_empty() && !is_neutral {
        names.push("host".into());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_act_in_the_namespaces_that_they_name() {
        for (command, names) in [
            ("ip -n red route add default via 10.0.0.1", &["red"][..]),
            ("ip netns exec red sysctl -qw net.ipv4.ip_forward=1", &["red"]),
            ("iptables -A FORWARD -j ACCEPT", &["host"]),
            ("ip -n a link set e0 up; ip -n b link set e0 up", &["a", "b"]),
            ("ip link set e0 netns red", &["red"]),
            (
                "for i in $(seq 60); do ip -n r -6 route show default | grep -q . && break; sleep 0.1; done",
                &["r"],
            ),
            ("mkdir -p /etc/netns/red", &["red"]),
            ("echo 'nameserver 10.0.0.1' > /etc/netns/red/resolv.conf", &["red"]),
            ("ip netns exec r nft 'add rule inet f in tcp dport 80 accept'", &["r"]),
            ("ip netns exec blue nc -lk 80 >/dev/null 2>&1 & sleep 0.7", &["blue"]),
        ] {
            let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
            assert_eq!(acts_in(&[command.to_string()]), Some(names), "{command}");
        }
        assert_eq!(acts_in(&["echo 'not closed".to_string()]), None);
    }
}
