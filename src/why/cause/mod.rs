//! The suspects for a lost packet, the most decisive first.
//!
//! A finder looks at one subject and returns its suspects, each with a [rank]: statements
//! of the kernel come before states that forbid the packet, and those before states that
//! only look odd.
//!
//! ```text
//! links and wires      link  plug  bridge  ring  fdb  macvlan  vxlan  vxlan_outer  tunnel  queue  mtu
//! addresses            address  unowned  connected  misplaced  swapped  owner  deprecated  swallowed  ipv6
//!                      outside  neigh  arp  dhcp  dhcp_words
//! routes               route  wrong_route  gateway  follow  rules  forward  martian  ttl  lost
//! rules of a firewall  firewall  accept  called  meant  undone  writer  mangle  nat  nat_miss  unlisted  masquerade  stale  tproxy  xfrm
//! names and services   names  misspelt  service  nobody
//! what was typed       command  mistyped
//! sysctls              switch
//! the list, the order  id  page  rank
//! ```

mod accept;
mod address;
mod arp;
mod bridge;
mod called;
mod command;
mod connected;
mod deprecated;
mod dhcp;
mod dhcp_words;
mod fdb;
mod firewall;
mod follow;
mod forward;
mod gateway;
mod id;
mod ipv6;
mod link;
mod lost;
mod macvlan;
mod mangle;
mod martian;
mod masquerade;
mod meant;
mod misplaced;
mod misspelt;
mod mistyped;
mod mtu;
mod names;
mod nat;
mod nat_miss;
mod neigh;
mod nobody;
mod outside;
mod owner;
mod page;
mod plug;
mod queue;
mod rank;
mod ring;
mod route;
mod rules;
mod service;
mod stale;
mod swallowed;
mod swapped;
mod switch;
mod tproxy;
mod ttl;
mod tunnel;
mod undone;
mod unlisted;
mod unowned;
mod unpublished;
mod uplink;
mod vxlan;
mod vxlan_outer;
mod vxlan_routed;
mod writer;
mod wrong_route;
mod xfrm;

pub use self::id::Cause;
pub use self::page::Page;

use self::rank::Rank;

use crate::event::Suspect;
use crate::why::command::keyword;
use crate::why::evidence::Evidence;

/// Returns a suspect without evidence.
fn suspect(id: Cause, place: String, text: String, fix: Vec<String>) -> Suspect {
    Suspect { id: id.id().into(), place, text, fix, narrower: Vec::new(), typed: false, evidence: Vec::new() }
}

/// A suspect with its rank.
#[derive(Debug, Clone)]
pub(super) struct Suspicion {
    /// How much speaks against it: the greatest is tried first.
    pub rank: Rank,
    /// Whether the suspect is certainly at fault, even if curing it alone does not help.
    pub sure: bool,
    /// The suspect itself.
    pub suspect: Suspect,
}

/// Causes that make another namespace than the intended one answer.
pub(super) const SPOIL_ANSWERS: [Cause; 3] =
    [Cause::AddressInWrongNamespace, Cause::DuplicateAddress, Cause::SubnetOnLoopback];

/// A function that suspects causes of one subject.
type Finder = fn(&Evidence) -> Vec<Suspicion>;

const FINDERS: &[Finder] = &[
    lost::find,
    ring::find,
    bridge::find,
    plug::find,
    neigh::find,
    arp::find,
    macvlan::find,
    vxlan::find,
    queue::find,
    command::find,
    owner::find,
    deprecated::find,
    dhcp::find,
    outside::find,
    misplaced::find,
    martian::find,
    ipv6::find,
    firewall::find,
    undone::find,
    unpublished::find,
    uplink::find,
    mangle::find,
    names::find,
    nat::find,
    tproxy::find,
    link::find,
    address::find,
    connected::find,
    mtu::find,
    forward::find,
    route::find,
    service::find,
    stale::find,
    swapped::find,
    switch::find,
    ttl::find,
    xfrm::find,
    nobody::find,
];

/// The pages of all causes, by the file of their finder.
pub(super) const PAGES: &[&[Page]] = &[
    address::PAGES,
    arp::PAGES,
    bridge::PAGES,
    command::PAGES,
    connected::PAGES,
    deprecated::PAGES,
    dhcp::PAGES,
    fdb::PAGES,
    firewall::PAGES,
    forward::PAGES,
    ipv6::PAGES,
    link::PAGES,
    lost::PAGES,
    macvlan::PAGES,
    mangle::PAGES,
    martian::PAGES,
    masquerade::PAGES,
    meant::PAGES,
    misplaced::PAGES,
    misspelt::PAGES,
    mistyped::PAGES,
    mtu::PAGES,
    names::PAGES,
    nat::PAGES,
    nat_miss::PAGES,
    neigh::PAGES,
    nobody::PAGES,
    outside::PAGES,
    owner::PAGES,
    plug::PAGES,
    queue::PAGES,
    ring::PAGES,
    route::PAGES,
    rules::PAGES,
    service::PAGES,
    stale::PAGES,
    swallowed::PAGES,
    swapped::PAGES,
    switch::PAGES,
    tproxy::PAGES,
    ttl::PAGES,
    undone::PAGES,
    unowned::PAGES,
    unpublished::PAGES,
    uplink::PAGES,
    vxlan::PAGES,
    vxlan_outer::PAGES,
    vxlan_routed::PAGES,
    wrong_route::PAGES,
    xfrm::PAGES,
];

/// Returns all suspects, the most decisive first, each once.
pub(super) fn suspects(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found: Vec<Suspicion> = FINDERS.iter().flat_map(|find| find(evidence)).collect();
    let typed = &evidence.typed;
    for found in &mut found {
        follow::complete(evidence, typed, found);
        for command in found.suspect.fix.iter_mut().chain(found.suspect.narrower.iter_mut().flatten()) {
            if let Some(said) = keyword::said(command) {
                *command = said;
            }
        }
        // Commands of the lab, typed once more, bring back what its author built.
        let is_of_lab = |fix: &String| {
            typed.iter().any(|one| one.command.failed.is_none() && one.command.command == *fix)
        };
        found.suspect.typed |= !found.suspect.fix.is_empty() && found.suspect.fix.iter().all(is_of_lab);
    }
    rank::sort(&mut found);
    let mut keys = Vec::new();
    found.retain(|found| {
        let key = found.suspect.key();
        let fresh = !keys.contains(&key);
        keys.push(key);
        fresh
    });
    found
}
