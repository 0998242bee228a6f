//! What stopped a packet, and the command that takes it away.

use super::super::{Netns, typed, typed_words};
use super::Backend;
use super::snapshot::FirewallRule;
use super::tool::nft_command;
use super::trace::StepVerdict;

/// A rule or a policy that stopped a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// Whose it is.
    pub backend: Backend,
    /// `ip`, `ip6`, `inet`, `arp`, `bridge` or `netdev`.
    pub family: String,
    /// The table.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// From 1 in its chain; nothing for a policy.
    pub number: Option<usize>,
    /// The number by which nft deletes it.
    pub handle: Option<u64>,
    /// What stands after `-A CHAIN`, or nft's words; of a policy its name.
    pub spec: String,
    /// What became of the packet.
    pub verdict: StepVerdict,
    /// Whether it is the chain's policy.
    pub policy: bool,
}

impl Culprit {
    pub(super) fn new(rule: &FirewallRule, verdict: StepVerdict) -> Self {
        Self {
            backend: rule.backend,
            family: rule.family.clone(),
            table: rule.table.clone(),
            chain: rule.chain.clone(),
            number: rule.number,
            handle: rule.handle,
            spec: rule.spec.clone(),
            verdict,
            policy: rule.policy,
        }
    }

    /// The command that deletes the rule, or has the policy accept, as one
    /// would type it.
    pub fn delete_command(&self, netns: &Netns) -> String {
        netns.exec(&match (self.backend, self.policy) {
            (Backend::Nft, false) => {
                let (table, chain) = (typed(&self.table), typed(&self.chain));
                let handle = self.handle.unwrap_or_default();
                format!("nft delete rule {} {table} {chain} handle {handle}", self.family)
            }
            (Backend::Nft, true) => {
                let chain = format!("{} {} {}", self.family, self.table, self.chain);
                nft_command(&format!("chain {chain} {{ policy accept; }}"))
            }
            (_, false) => format!("{} -D {} {}", self.tool(), typed(&self.chain), as_typed(&self.spec)),
            (_, true) => format!("{} -P {} ACCEPT", self.tool(), typed(&self.chain)),
        })
    }

    /// The command that shows the chain that it is in.
    pub fn show_command(&self, netns: &Netns) -> String {
        netns.exec(&match self.backend {
            Backend::Nft => {
                let (table, chain) = (typed(&self.table), typed(&self.chain));
                format!("nft -a list chain {} {table} {chain}", self.family)
            }
            Backend::IptablesNft | Backend::IptablesLegacy => {
                format!("{} -S {}", self.tool(), typed(&self.chain))
            }
            _ => format!("{} -L {}", self.tool(), typed(&self.chain)),
        })
    }

    /// The tool, with the table where that is not the usual one.
    fn tool(&self) -> String {
        let tool = self.backend.tool(&self.family);
        match self.table.as_str() {
            "filter" => tool,
            table => format!("{tool} -t {}", typed(table)),
        }
    }
}

/// A rule as its tool prints it, with what a shell would take apart in
/// quotes. A lone `!` is a word like others.
fn as_typed(spec: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || " _-=/,.+:@%!".contains(c);
    match (spec.chars().all(plain), shell_words::split(spec)) {
        (false, Ok(words)) => typed_words(&words.iter().map(String::as_str).collect::<Vec<_>>()),
        _ => spec.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        assert_eq!(as_typed("! -s 10.0.0.1/32 -j DROP"), "! -s 10.0.0.1/32 -j DROP");
        assert_eq!(
            as_typed(r#"-m comment --comment "a \"$b\" c" -j X"#),
            r#"-m comment --comment 'a "$b" c' -j X"#
        );
    }
}
