//! Chains that rules lead to.

use crate::net::FirewallRule;

/// Tells whether some rule leads to the chain of another rule.
pub(super) fn is_called(rules: &[FirewallRule], of: &FirewallRule) -> bool {
    rules.iter().any(|rule| calls(rule, of))
}

/// Tells whether a rule jumps to the chain of another rule.
pub(super) fn calls(rule: &FirewallRule, of: &FirewallRule) -> bool {
    let leads = target(&rule.spec) == Some(of.chain.as_str());
    !rule.policy
        && rule.backend == of.backend
        && (&rule.family, &rule.table) == (&of.family, &of.table)
        && (leads || rule.spec.contains(&format!("jump {}", of.chain)))
}

/// Returns the chain or target that a rule leads to.
pub(super) fn target(spec: &str) -> Option<&str> {
    let mut words = spec.split_whitespace();
    words.find(|word| matches!(*word, "-j" | "-g" | "--jump" | "--goto" | "jump" | "goto"))?;
    words.next()
}

/// Returns a chain, and those that these rules lead to from there.
pub(super) fn chains_from<'a>(rules: &[&'a FirewallRule], chain: &'a str) -> Vec<&'a str> {
    let mut chains = vec![chain];
    let mut at = 0;
    while let Some(caller) = chains.get(at).copied() {
        for rule in rules.iter().filter(|rule| !rule.policy && rule.chain == caller) {
            let called = target(&rule.spec).filter(|called| !chains.contains(called));
            chains.extend(called);
        }
        at += 1;
    }
    chains
}
