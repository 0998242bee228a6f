//! Writes rules into the tables and chains that iptables uses.

use super::iptables::{BuiltIn, built_in};
use super::packet::{Condition, PacketOptions, TCP, UDP, network, ports_of};
use super::rule::{Dialect, LabRule, Verdict};
use super::ruleset;
use crate::net::kernel::error::strerror;
use crate::net::kernel::netlink::KernelError;
use crate::net::kernel::nfnetlink::{APPEND, Attributes, CREATE, Message};
use crate::net::{Family, NetError, Netns, Network};
use nix::errno::Errno;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A chain of the table `filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// Packets for the namespace itself.
    Input,
    /// Packets that the namespace forwards.
    Forward,
    /// Packets that it sends.
    Output,
}

/// The verdict on packets that no rule of the chain matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// They continue.
    Accept,
    /// They are dropped.
    Drop,
}

/// The action of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Lets the packet through.
    Allow,
    /// Drops it.
    Block,
}

/// The packets that a rule matches.
#[derive(Debug, Clone, Default)]
pub struct FirewallOptions {
    /// The family, if nothing else tells; IPv4 by default.
    pub family: Option<Family>,
    /// The conditions on a packet.
    pub packet: PacketOptions,
}

/// A change of the rules, parsed and validated but not yet applied.
#[derive(Debug, Clone)]
pub struct RuleChange {
    family: Family,
    parts: Vec<Part>,
}

/// One chain, which is created if it does not exist, and its new rules.
#[derive(Debug, Clone)]
struct Part {
    hook: &'static BuiltIn,
    policy: Option<Policy>,
    rules: Vec<LabRule>,
}

/// The built-in iptables chain for such rules.
fn standard(table: &str, chain: &str) -> &'static BuiltIn {
    built_in(table, chain).expect("a chain of iptables")
}

impl Chain {
    /// The names of the chains, as they are typed.
    pub const NAMES: [&str; 3] = ["input", "forward", "output"];

    /// Parses a name, in lower or upper case.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.to_lowercase().as_str() {
            "input" => Self::Input,
            "forward" => Self::Forward,
            "output" => Self::Output,
            _ => return None,
        })
    }

    fn hook(self) -> &'static BuiltIn {
        match self {
            Self::Input => standard("filter", "INPUT"),
            Self::Forward => standard("filter", "FORWARD"),
            Self::Output => standard("filter", "OUTPUT"),
        }
    }
}

impl fmt::Display for Chain {
    /// Prints the name as nft lists it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hook().chain)
    }
}

impl Policy {
    /// The names of the policies, as they are typed.
    pub const NAMES: [&str; 2] = ["accept", "drop"];

    /// Parses a name, in lower or upper case.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.to_lowercase().as_str() {
            "accept" => Self::Accept,
            "drop" => Self::Drop,
            _ => return None,
        })
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Accept { "accept" } else { "drop" })
    }
}

impl RuleChange {
    /// Sets the verdict on packets that no rule of a chain matches.
    pub fn policy(chain: Chain, policy: Policy, family: Option<Family>) -> Self {
        let part = Part { hook: chain.hook(), policy: Some(policy), rules: Vec::new() };
        Self { family: family.unwrap_or(Family::Inet), parts: vec![part] }
    }

    /// A rule at the end of a chain.
    ///
    /// # Errors
    ///
    /// If an option is invalid, or no packet can match the options.
    pub fn filter(chain: Chain, action: Action, options: &FirewallOptions) -> Result<Self, NetError> {
        let packet = &options.packet;
        let (elsewhere, word) = match chain {
            Chain::Input => (&packet.oif, "oif"),
            Chain::Output => (&packet.iif, "iif"),
            Chain::Forward => (&Vec::new(), ""),
        };
        if !elsewhere.is_empty() {
            let chain = chain.hook().hook;
            return Err(NetError::new(format!("in `{chain}` no packet has an `{word}`")).hint(match chain {
                "input" => "what comes in ends here: choose by `iif`",
                _ => "what the namespace itself sends came by no interface: choose by `oif`",
            }));
        }
        let (rules, found) = packet.conditions()?;
        let family = one_family(options.family, found)?;
        let verdict = if action == Action::Allow { Verdict::Accept } else { Verdict::Drop };
        let rules =
            rules.into_iter().map(|conditions| LabRule { conditions, verdict: verdict.clone() }).collect();
        Ok(Self { family, parts: vec![Part { hook: chain.hook(), policy: None, rules }] })
    }

    /// Masquerades packets from a network: they get the address of the interface
    /// by which they leave.
    ///
    /// # Errors
    ///
    /// If a network is invalid.
    pub fn masquerade(source: &str, oif: &[String]) -> Result<Self, NetError> {
        let packet =
            PacketOptions { saddr: vec![source.into()], oif: oif.to_vec(), ..PacketOptions::default() };
        let (rules, family) = packet.conditions()?;
        let family = family.unwrap_or(Family::Inet);
        let verdict = Verdict::Masquerade(family);
        let rules =
            rules.into_iter().map(|conditions| LabRule { conditions, verdict: verdict.clone() }).collect();
        Ok(Self { family, parts: vec![Part { hook: standard("nat", "POSTROUTING"), policy: None, rules }] })
    }

    /// Redirects packets for a port to another destination: packets that come
    /// in, and packets that the namespace sends to itself.
    ///
    /// # Errors
    ///
    /// If the protocol has no ports, or the destination is invalid.
    pub fn dnat(proto: &str, port: &str, to: &str) -> Result<Self, NetError> {
        let protocol = match proto {
            "tcp" => TCP,
            "udp" => UDP,
            other => {
                return Err(NetError::new(format!("\"{other}\" is no protocol that has ports"))
                    .hint("choose `tcp` or `udp`"));
            }
        };
        let (from, until) = ports_of(port)?;
        let (to, ports) = destination(to)?;
        let family = super::packet::family_of(to);
        let verdict = Verdict::Dnat { to, ports };
        let port = Condition::Port { protocol, source: false, from, to: until, not: false };
        let incoming = LabRule { conditions: vec![port.clone()], verdict: verdict.clone() };
        let own = LabRule { conditions: vec![Condition::Local, port], verdict };
        let parts = [(standard("nat", "PREROUTING"), incoming), (standard("nat", "OUTPUT"), own)];
        let part = |(hook, rule)| Part { hook, policy: None, rules: vec![rule] };
        Ok(Self { family, parts: parts.into_iter().map(part).collect() })
    }

    /// The equivalent command, for a shell.
    pub fn command(&self) -> String {
        let family = match self.family {
            Family::Inet => "ip",
            Family::Inet6 => "ip6",
        };
        let mut words = Vec::new();
        for Part { hook: BuiltIn { table, chain, kind, hook, priority, .. }, policy, rules } in &self.parts {
            let own = format!("add table {family} {table}");
            if !words.contains(&own) {
                words.push(own);
            }
            let policy = policy.map(|policy| format!(" policy {policy};")).unwrap_or_default();
            words.push(format!(
                "add chain {family} {table} {chain} {{ type {kind} hook {hook} priority {priority};{policy} }}"
            ));
            words.extend(rules.iter().map(|rule| format!("add rule {family} {table} {chain} {rule}")));
        }
        format!("nft '{}'", words.join("; "))
    }

    /// Describes a chain of the same name that iptables has not made.
    fn clash(&self, there: &[ruleset::Chain]) -> Option<String> {
        self.parts.iter().find_map(|Part { hook, .. }| {
            let found = there.iter().find(|chain| chain.is(self.number(), hook.table, hook.chain))?;
            let iptables = found.hook() == Some((hook.number, hook.priority));
            let BuiltIn { table, chain, .. } = hook;
            (!iptables).then(|| {
                format!(
                    "the table {table} has a chain {chain} that is none of iptables', with another hook or priority"
                )
            })
        })
    }

    /// The family, by the kernel's number.
    fn number(&self) -> u8 {
        match self.family {
            Family::Inet => libc::AF_INET as u8,
            Family::Inet6 => libc::AF_INET6 as u8,
        }
    }

    /// The netlink messages, if the chains `there` exist. An unchanged chain is
    /// left out: the kernel would free a copy of it, and the next rule with an
    /// iptables extension would wait for that (an RCU period, some ten
    /// milliseconds).
    fn messages(&self, dialect: Dialect, there: &[ruleset::Chain]) -> Vec<Message> {
        /// `NFT_MSG_*` and `NFTA_*` of the kernel.
        const NEW_TABLE: u16 = 0;
        const NEW_CHAIN: u16 = 3;
        const NEW_RULE: u16 = 6;
        let family = self.number();
        let mut messages = Vec::new();
        for Part { hook, policy, rules } in &self.parts {
            let table = Attributes::default().text(1, hook.table);
            messages.push(Message::tables(NEW_TABLE, family, CREATE, table));
            let place = Attributes::default().number(1, hook.number).number(2, hook.priority as u32);
            let mut chain = Attributes::default()
                .text(1, hook.table)
                .text(3, hook.chain)
                .nest(4, place)
                .text(7, hook.kind);
            if let Some(policy) = policy {
                chain = chain.number(5, u32::from(*policy == Policy::Accept));
            }
            let stays = there.iter().any(|chain| {
                chain.is(family, hook.table, hook.chain)
                    && chain.hook() == Some((hook.number, hook.priority))
                    && policy.is_none_or(|policy| chain.policy() == Some(&policy.to_string()))
            });
            if !stays {
                messages.push(Message::tables(NEW_CHAIN, family, CREATE, chain));
            }
            for rule in rules {
                let rule = Attributes::default()
                    .text(1, hook.table)
                    .text(2, hook.chain)
                    .nest(4, rule.expressions(dialect));
                messages.push(Message::tables(NEW_RULE, family, CREATE | APPEND, rule));
            }
        }
        messages
    }
}

/// Combines the family given and the one that follows from the rest.
fn one_family(said: Option<Family>, found: Option<Family>) -> Result<Family, NetError> {
    match (said, found) {
        (Some(said), Some(found)) if said != found => {
            let (said, found) = if said == Family::Inet { ("inet", "IPv6") } else { ("inet6", "IPv4") };
            Err(NetError::new(format!("the rule is of {found}, and its family is to be `{said}`"))
                .hint("leave `family` out: the addresses tell it"))
        }
        (said, found) => Ok(said.or(found).unwrap_or(Family::Inet)),
    }
}

/// Parses `192.168.15.2`, `192.168.15.2:80`, `[fd00::2]:80` or a range of ports.
fn destination(text: &str) -> Result<(IpAddr, Option<(u16, u16)>), NetError> {
    let example = "an address and a port, as `192.168.15.2:80` or `[fd00::2]:80`";
    if let Ok(ip) = text.parse() {
        return Ok((ip, None));
    }
    if let Ok(to) = text.parse::<SocketAddr>() {
        return Ok((to.ip(), Some((to.port(), to.port()))));
    }
    let (address, ports) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':')),
        None => text.split_once(':').map_or((text, None), |(address, ports)| (address, Some(ports))),
    };
    let prefix = network(address).map_err(|error| match error.hint {
        Some(hint) if !address.is_empty() => {
            NetError::new(format!("Bad IP address \"{address}\"")).hint(hint)
        }
        _ => NetError::new(format!("Bad IP address \"{address}\"")).hint(example),
    })?;
    if address.contains('/') {
        return Err(NetError::new(format!("Bad IP address \"{address}\""))
            .hint("packets are sent to one address, not to a network"));
    }
    Ok((prefix.address, ports.map(ports_of).transpose()?))
}

impl Network {
    /// Changes the rules of a namespace: all of them, or none.
    ///
    /// # Errors
    ///
    /// If the kernel refuses, for instance because the chain exists with another
    /// hook.
    pub fn enact(&self, netns: &Netns, ruling: &RuleChange) -> Result<(), NetError> {
        let kernel = self.act()?;
        kernel.forget_unasked(netns)?;
        let socket = kernel.netfilter(netns)?;
        let there = ruleset::chains(&socket)?;
        let result = match socket.transact(ruling.messages(Dialect::Iptables, &there)) {
            // The kernel lacks at least one of iptables' extensions.
            Err(error) if lacks(&error) => socket.transact(ruling.messages(Dialect::Native, &there)),
            result => result,
        };
        result.map_err(|error| {
            let words = error.text.clone().unwrap_or_else(|| strerror(error.errno));
            let refused = NetError::new(format!("Could not process rule: {words}"));
            match ruling.clash(&there) {
                Some(clash) => refused.hint(clash),
                None if lacks(&error) => {
                    refused.unmeasured("load the kernel's modules nf_tables, nft_nat and nft_masq")
                }
                None => refused,
            }
        })
    }
}

fn lacks(error: &KernelError) -> bool {
    [Errno::ENOENT, Errno::EOPNOTSUPP, Errno::EPROTONOSUPPORT]
        .iter()
        .any(|errno| *errno as i32 == error.errno)
}

#[cfg(test)]
mod tests {
    use super::super::measured;
    use super::super::ruleset::rules_of;
    use super::*;
    use crate::net::kernel::link_names::LinkNames;
    use crate::net::kernel::nfnetlink::Netfilter;
    use nix::sched::{CloneFlags, unshare};
    use std::path::Path;
    use std::process::Command;

    fn rulings() -> Vec<RuleChange> {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<String>>();
        let filter = |chain, packet| {
            let options = FirewallOptions { family: None, packet };
            RuleChange::filter(chain, Action::Allow, &options).unwrap()
        };
        let tcp = Some("tcp".to_string());
        vec![
            RuleChange::policy(Chain::Forward, Policy::Drop, None),
            filter(
                Chain::Forward,
                PacketOptions { ct: texts(&["established,related"]), ..Default::default() },
            ),
            filter(Chain::Forward, PacketOptions { ct: texts(&["new", "untracked"]), ..Default::default() }),
            filter(
                Chain::Forward,
                PacketOptions {
                    iif: texts(&["veth*"]),
                    oif: texts(&["!= eth0"]),
                    saddr: texts(&["10.0.0.0/24", "10.9.0.0/20"]),
                    daddr: texts(&["!= 10.0.0.1"]),
                    proto: tcp.clone(),
                    sport: texts(&["1024-65535"]),
                    dport: texts(&["!= 80-90"]),
                    ..Default::default()
                },
            ),
            filter(Chain::Input, PacketOptions { proto: Some("!= icmp".into()), ..Default::default() }),
            filter(
                Chain::Input,
                PacketOptions { saddr: texts(&["fd00::/64"]), proto: tcp, ..Default::default() },
            ),
            RuleChange::masquerade("192.168.15.0/24", &texts(&["eth0"])).unwrap(),
            RuleChange::masquerade("fe80::/10", &[]).unwrap(),
            RuleChange::dnat("tcp", "80", "192.168.15.2:8080").unwrap(),
            RuleChange::dnat("tcp", "80", "192.168.15.2").unwrap(),
            RuleChange::dnat("udp", "53-60", "[fd00::2]:53-60").unwrap(),
        ]
    }

    /// Checks, in its own network namespace, that the kernel returns the rulings
    /// as they were written.
    fn is_kept(dialect: Dialect) -> bool {
        let socket = Netfilter::open().unwrap();
        let mut said = Vec::new();
        for ruling in rulings() {
            let there = ruleset::chains(&socket).unwrap();
            if let Err(error) = socket.transact(ruling.messages(dialect, &there)) {
                eprintln!("{dialect:?}: {}: {error:?}", ruling.command());
                return false;
            }
            let rules = ruling.parts.iter().flat_map(|part| &part.rules);
            said.extend(rules.map(ToString::to_string));
        }
        let rows = rules_of(&socket, &LinkNames::default()).unwrap();
        let mut kept: Vec<String> = rows.into_iter().filter_map(|row| row.rule).collect();
        kept.sort();
        said.sort();
        if kept != said {
            eprintln!("{dialect:?}: kept {kept:#?}, said {said:#?}");
        }
        kept == said
    }

    /// Set in a process that is root of a user namespace of its own.
    const ALONE: &str = "NSLAB_RULES_ALONE";

    #[test]
    fn rules_are_kept_as_they_are_said() {
        if std::env::var_os(ALONE).is_none() {
            return again_as_root("rules_are_kept_as_they_are_said");
        }
        for dialect in [Dialect::Iptables, Dialect::Native] {
            // A single thread can enter a network namespace.
            let kept = std::thread::spawn(move || {
                unshare(CloneFlags::CLONE_NEWNET).unwrap();
                is_kept(dialect)
            });
            assert!(kept.join().unwrap(), "{dialect:?}");
        }
    }

    /// Runs a test of this module again as root of a user namespace, in a new process: one
    /// with several threads, as that of the tests, can't enter a user namespace.
    fn again_as_root(test: &str) {
        let alone = |program: &Path| {
            let mut command = Command::new("unshare");
            command.arg("-Urn").arg(program).env(ALONE, "1");
            command
        };
        if !alone(Path::new("true")).output().is_ok_and(|output| output.status.success()) {
            return measured::skip("there are no user namespaces here");
        }
        let (_, module) = module_path!().split_once("::").unwrap();
        let mut command = alone(&std::env::current_exe().unwrap());
        let output = command.args(["--exact", &format!("{module}::{test}")]).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && said.contains(" 1 passed"), "{said}");
    }

    #[test]
    fn a_destination_is_an_address_with_or_without_ports() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(destination("10.0.0.2").unwrap(), (ip("10.0.0.2"), None));
        assert_eq!(destination("10.0.0.2:80").unwrap(), (ip("10.0.0.2"), Some((80, 80))));
        assert_eq!(destination("10.0.0.2:80-90").unwrap(), (ip("10.0.0.2"), Some((80, 90))));
        assert_eq!(destination("[fd00::2]:80").unwrap(), (ip("fd00::2"), Some((80, 80))));
        assert_eq!(destination("fd00::2").unwrap(), (ip("fd00::2"), None));
        for wrong in
            ["", "web", "web:80", "10.0.0.2:web", "10.0.0.2:70000", "10.0.0.0/24", "10.0.0:80", ":80"]
        {
            assert!(destination(wrong).is_err(), "{wrong}");
        }
    }
}
