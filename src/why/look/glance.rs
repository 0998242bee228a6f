//! A quick look whether a target is reached, while a lab is still being built.

use super::shot::send_within;
use crate::event::Probe;
use crate::net::Network;
use std::net::IpAddr;
use std::time::Duration;

/// The time to wait for an answer.
const GLANCE: Duration = Duration::from_millis(100);

/// Tells whether the probe is answered at this moment. A name is not looked up.
pub fn reaches(network: &Network, probe: &Probe) -> bool {
    let Ok(all) = network.all_namespaces() else { return false };
    let Some(from) = all.iter().find(|netns| netns.name() == probe.from) else { return false };
    probe.to.parse::<IpAddr>().is_ok()
        && send_within(network, from, probe, GLANCE).is_ok_and(|sent| sent.reached)
}
