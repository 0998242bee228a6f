//! Rules and policies that have stopped the packet.

use super::{Evidence, Found, suspect, weight};
use crate::net::{Backend, Culprit};

/// Suspects whom the kernel's trace and counters name.
pub(super) fn find(e: &Evidence) -> Vec<Found> {
    let mut found = Vec::new();
    for wall in &e.shot.walls {
        let Some(netns) = e.netns(&wall.netns) else { continue };
        for culprit in wall.culprits() {
            let place = format!("{}: chain {}", wall.netns, culprit.chain);
            let what = describe(&culprit);
            let text = match culprit.policy {
                true => format!(
                    "the policy of {what} in {} is DROP, and no rule lets the packet pass",
                    wall.netns
                ),
                false => format!("a rule of {what} in {} stops the packet: {}", wall.netns, culprit.spec),
            };
            let mut suspect = suspect(
                if culprit.policy { "firewall-policy" } else { "firewall-rule" },
                place,
                text,
                vec![culprit.delete_command(&netns)],
            );
            suspect.evidence = vec![culprit.show_command(&netns)];
            found.push(Found { weight: weight::NAMED, sure: true, suspect });
        }
    }
    found
}

/// The chain, with whose it is.
fn describe(culprit: &Culprit) -> String {
    match culprit.backend {
        Backend::Nft => format!("nft chain {} {} {}", culprit.family, culprit.table, culprit.chain),
        backend => {
            format!("{} chain {} (table {})", backend.tool(&culprit.family), culprit.chain, culprit.table)
        }
    }
}
