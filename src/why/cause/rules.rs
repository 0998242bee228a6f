//! Policy rules: those that send a packet elsewhere, and missing ones.

use super::page::Page;
use super::rank::{Rank, Tier};
use super::route::About;
use super::{Suspicion, suspect};
use crate::net::survey::{PolicyRule, Route};
use crate::why::Cause;
use crate::why::command::say::words;
use crate::why::evidence::Evidence;
use crate::why::evidence::fib;
use crate::why::evidence::ground::Crossing;

impl About<'_> {
    /// Suspects a rule that refuses the packet, or looks up a table without a way.
    pub fn rule(&self, rule: &PolicyRule, route: Option<&Route>, rank: Rank) -> Suspicion {
        let Self { space, flow, back, .. } = self;
        let what = match route {
            Some(route) => {
                format!("looks into table {}, where {} is a {} route", route.table, route.dst, route.kind)
            }
            None if rule.goto.is_some() => {
                "goes on behind those that stand between, which look into the tables with the routes".into()
            }
            None => format!("says {}", rule.action),
        };
        let text = format!(
            "the rule {} in {} ({}) catches packets for {} and {what}{back}",
            rule.pref,
            space.name,
            words(rule),
            flow.dst
        );
        let fix = vec![format!("{} rule del pref {}", self.ip(), rule.pref)];
        let mut suspect =
            suspect(Cause::PolicyRule, format!("{}: rule {}", space.name, rule.pref), text, fix);
        suspect.evidence = vec![format!("{} rule", self.ip())];
        Suspicion { rank, sure: rank.tier == Tier::Named, suspect }
    }

    /// Suspects a missing rule for a table that has the right route.
    pub fn without_rule(&self, step: Crossing) -> Option<Suspicion> {
        let Self { space, flow, back, .. } = self;
        let (dst, v6) = (flow.dst, flow.dst.is_ipv6());
        let asked = |table: u32| {
            (253..=255).contains(&table)
                || space.rules.iter().any(|rule| rule.inet6 == v6 && rule.table == Some(table))
        };
        let route = space
            .routes
            .iter()
            .filter(|route| route.dst.ip.is_ipv6() == v6 && route.dst.contains(dst) && !asked(route.table))
            .filter(|route| route.kind == "unicast" && route.dev() == Some(step.out.link.name.as_str()))
            .max_by_key(|route| route.dst.len)?;
        let shown = if route.dst.len == 0 { "default".into() } else { route.dst.to_string() };
        let text = format!(
            "{}'s route for {dst} ({shown}) is in table {}, and no rule leads there{back}",
            space.name, route.table
        );
        let fix = vec![format!("{} rule add lookup {}", self.ip(), route.table)];
        let mut suspect =
            suspect(Cause::PolicyRuleMissing, format!("{}: table {}", space.name, route.table), text, fix);
        suspect.evidence =
            vec![format!("{} route show table {}", self.ip(), route.table), format!("{} rule", self.ip())];
        Some(Suspicion { rank: self.tier.close(), sure: false, suspect })
    }

    /// Suspects a rule with `goto` that skips the rules for the right tables.
    pub fn leapt(&self) -> Option<Suspicion> {
        let Self { space, flow, .. } = self;
        let v6 = flow.dst.is_ipv6();
        let leaps = space.rules.iter().filter(|rule| rule.inet6 == v6 && rule.goto.is_some());
        let rule = leaps.filter(|rule| fib::matches(rule, flow)).find(|rule| {
            let mut without = (*space).clone();
            without.rules.retain(|other| other != *rule);
            let way = fib::decide(&without, flow).and_then(|(_, route)| route);
            way.is_some_and(fib::is_usable)
        })?;
        Some(self.rule(rule, None, self.tier.exact()))
    }
}

/// Suspects a missing rule for table local: without it a namespace does not know its own
/// addresses.
pub(super) fn without_local(evidence: &Evidence, v6: bool) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for space in evidence.spaces_on_the_way() {
        let mut rules = space.rules.iter().filter(|rule| rule.inet6 == v6).peekable();
        if rules.peek().is_none() || rules.any(|rule| rule.table == Some(255)) {
            continue;
        }
        let ns = &space.name;
        let text = format!(
            "{ns} has no rule that looks into table local, so that it takes no packet for its own, though it has the address"
        );
        let ip = if v6 { format!("{} -6", evidence.ip(ns)) } else { evidence.ip(ns) };
        let fix = vec![format!("{ip} rule add pref 0 lookup local")];
        let mut suspect = suspect(Cause::PolicyRuleMissing, format!("{ns}: table local"), text, fix);
        suspect.evidence = vec![format!("{ip} rule")];
        found.push(Suspicion { rank: Tier::Named.plain(), sure: true, suspect });
    }
    found
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::PolicyRule,
        title: "a policy rule sends the packet elsewhere, or discards it",
        symptom: "`ip route` looks right, and the packet goes another way or nowhere.",
        cause: "Before any route, the kernel asks the rules from the smallest number on, by source, mark or interface. One of them chooses another table, or discards the packet.",
        evidence: "Ask with what the rule looks at:\n  ip -n NS rule\n  ip -n NS route get ADDR from SRC iif DEV",
        cure: "Delete the rule:\n  ip -n NS rule del pref NUMBER",
    },
    Page {
        id: Cause::PolicyRuleMissing,
        title: "a table with the right route exists, and no rule leads to it",
        symptom: "Answers leave by the wrong uplink, or nothing leaves at all.",
        cause: "Routes in a table of their own are used only where a rule names that table.",
        evidence: "Which tables have routes, and which have rules?\n  ip -n NS route show table all\n  ip -n NS rule",
        cure: "Add the rule:\n  ip -n NS rule add from SRC lookup TABLE",
    },
];
