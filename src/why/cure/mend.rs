//! Runs the commands of a cure.

use crate::event::Lack;
use crate::net::survey::Survey;
use crate::net::{Family, Lacking, Limits, NetError, Network};

/// The time limit for the commands of a cure, in milliseconds.
const CURE_MS: u64 = 15_000;

/// The reason why a cure failed.
pub(in crate::why) enum Unmended {
    /// One of its commands was refused.
    Refused,
    /// The machine has no program for it.
    Lacking(Lack),
}

/// Deletes the path MTUs that all namespaces have learned: they last for ten minutes, and
/// only this search has sent such packets.
fn forget_sizes(network: &Network) -> Result<(), Unmended> {
    let refused = |_| Unmended::Refused;
    let all = network.all_namespaces().map_err(refused)?;
    for netns in &all {
        for family in [Family::Inet, Family::Inet6] {
            network.flush_route_cache(netns, family).map_err(refused)?;
        }
    }
    Ok(())
}

/// Runs the commands of a cure as in the sandbox's root shell, in the lab's folder.
pub(in crate::why) fn mend(network: &Network, commands: &[String]) -> Result<(), Unmended> {
    let script = format!("set -e\n{}\n", commands.join("\n"));
    let limits = Limits { timeout_ms: CURE_MS, ..Limits::default() };
    let answer =
        network.bash_at_home(&network.host(), &script, limits).map_err(|error| match error.unmeasured {
            Some(remedy) => Unmended::Lacking(Lack { reason: error.error, remedy }),
            None => Unmended::Refused,
        })?;
    // A neighbour request that was pending before the cure would soon fail, cured or not.
    let _ = network.forget_unanswered();
    if commands.iter().any(|command| command.contains(" mtu ")) {
        forget_sizes(network)?;
    }
    if answer.ok() {
        return Ok(());
    }
    Err(match network.lack_behind(&script, &answer.stderr) {
        Some(Lacking { reason, remedy }) => Unmended::Lacking(Lack { reason, remedy }),
        None => Unmended::Refused,
    })
}

/// Returns the state of the network after a cure, once the kernel has applied it.
pub(in crate::why) fn settled(network: &Network) -> Result<Survey, NetError> {
    for netns in network.all_namespaces()? {
        network.await_local_routes(&netns)?;
    }
    network.survey()
}
