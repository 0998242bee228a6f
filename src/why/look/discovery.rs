//! A question for a DHCP server, with every interface tapped.

use super::shot::{Shot, Watched, watched};
use crate::net::survey::Survey;
use crate::net::{DhcpOffer, NetError, Netns, Network, SeenPacket, Sighting, Taps};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// The port of servers and relays.
pub(in crate::why) const SERVER_PORT: u16 = 67;

/// The time to wait for an offer.
const QUICK: Duration = Duration::from_millis(500);

/// The time that a server may take to find out whether an address is free: dnsmasq pings it for
/// three seconds, others ask for it by ARP.
const CHECKS: Duration = Duration::from_millis(3500);

/// The result of asking for a DHCP server.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::why) struct Discovery {
    /// The offer, if one came.
    pub offer: Option<DhcpOffer>,
    /// All that was seen meanwhile.
    pub shot: Shot,
}

/// Asks for a DHCP server by an interface; `None` if it has no hardware address.
pub(in crate::why) fn discover(
    network: &Network,
    from: &Netns,
    dev: &str,
    survey: &Survey,
) -> Result<Option<Discovery>, NetError> {
    let link = survey.space(from.name()).and_then(|space| space.link(dev));
    let Some((link, mac)) = link.and_then(|link| Some((link, bytes_of(&link.mac)?))) else {
        return Ok(None);
    };
    let watched = watched(network, &mut Taps::default(), |taps| {
        let question = network.discover(from, link.index, mac)?;
        let mut offer = question.offer(Instant::now() + QUICK);
        let mut sightings = network.sightings(taps)?;
        if offer.is_none() && is_checked(survey, &sightings) {
            offer = question.offer(Instant::now() + CHECKS);
            sightings.extend(network.sightings(taps)?);
        }
        Ok((offer, sightings))
    })?;
    let Watched { of: offer, sightings, walls } = watched;
    let shot = Shot {
        reached: offer.is_some(),
        symptom: "no offer".into(),
        too_large: None,
        target: None,
        unnamed: false,
        udp: Some(SERVER_PORT),
        sightings,
        walls,
    };
    Ok(Some(Discovery { offer, shot }))
}

/// Tells whether a server finds out if the address is free that it may offer.
fn is_checked(survey: &Survey, sightings: &[Sighting]) -> bool {
    let serves = |name: &str| {
        let listeners = survey.space(name).into_iter().flat_map(|space| &space.listeners);
        listeners.into_iter().any(|one| one.proto == "udp" && one.port == SERVER_PORT)
    };
    sightings.iter().any(|seen| {
        let asks = match seen.packet {
            SeenPacket::Echo { request, .. } => request,
            SeenPacket::Neighbour { asks, .. } => asks,
            _ => false,
        };
        asks && seen.out && serves(&seen.netns)
    })
}

/// Reads a hardware address.
fn bytes_of(mac: &str) -> Option<[u8; 6]> {
    let bytes: Option<Vec<u8>> = mac.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes?.try_into().ok()
}
