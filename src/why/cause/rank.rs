//! The order of suspects.
//!
//! A suspect has a [`Tier`], by the strength of its evidence, and within the tier a
//! [`Fit`], by how exactly it fits the packet. [`BEFORE`] lists the pairs of causes that
//! tier and fit alone would put in the wrong order.

use super::{Cause, Suspicion};
use crate::net::survey::Link;
use crate::why::evidence::Evidence;
use crate::why::look::gate::Gate;
use std::cmp::Reverse;

/// The strength of the evidence against a suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::why) enum Tier {
    /// A last resort, for when nothing else is suspected.
    Last,
    /// An odd state that may be unrelated.
    Odd,
    /// A change off the way that may have been meant.
    Elsewhere,
    /// A state elsewhere on the way that stops the packet.
    OnTheWay,
    /// A state that stops the packet at the place where it was seen last.
    Here,
    /// The kernel has named it: a trace, an error's number, a route's type.
    Named,
}

/// How exactly a suspect fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::why) enum Fit {
    /// Other causes explain the same state better.
    Loose,
    /// The state stops the packet.
    Plain,
    /// The state stops this packet in particular, or differs from that of its neighbours.
    Close,
    /// The intended value is known: a slip, a thing that was there before, an exact opposite.
    Exact,
}

/// The rank of a suspect; the greater is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::why) struct Rank {
    pub tier: Tier,
    pub fit: Fit,
    /// Decides among suspects of the same fit: how near the proposed value is to the
    /// present one, or which end comes first.
    pub nearness: i8,
}

impl Evidence<'_> {
    /// Returns the tier of a suspect at this interface: `Here` on the wire where the packet
    /// was seen last, or in the namespace that it has not left; `OnTheWay` otherwise.
    pub(super) fn tier_at(&self, space: &str, link: &Link) -> Tier {
        let asks = match &self.gate {
            Gate::Resolve { asker, dev, .. } => {
                self.survey.space(asker).and_then(|space| Some((space, space.link(dev)?)))
            }
            _ => None,
        };
        let mut last = self.stuck.link(self.survey).into_iter().chain(asks);
        let here = last.any(|(at, last)| self.ground.share((&at.name, last.index), (space, link.index)));
        if here || self.gate_is_send(space) { Tier::Here } else { Tier::OnTheWay }
    }

    /// Tells whether the packet has not left this namespace at all.
    fn gate_is_send(&self, space: &str) -> bool {
        self.gate == Gate::Send && self.stuck.ns == space
    }
}

impl Tier {
    /// Returns the rank of a suspect in this tier.
    pub fn with(self, fit: Fit) -> Rank {
        Rank { tier: self, fit, nearness: 0 }
    }

    pub fn loose(self) -> Rank {
        self.with(Fit::Loose)
    }

    pub fn plain(self) -> Rank {
        self.with(Fit::Plain)
    }

    pub fn close(self) -> Rank {
        self.with(Fit::Close)
    }

    pub fn exact(self) -> Rank {
        self.with(Fit::Exact)
    }
}

impl Rank {
    /// Returns the rank with this nearness.
    pub fn near(self, nearness: i8) -> Self {
        Self { nearness, ..self }
    }
}

/// Pairs of causes, with the reason: the first comes before the second if both are
/// suspected in the same tier.
///
/// They are applied in this order: a pair whose first cause is the second of another pair
/// stands before that one.
const BEFORE: &[(Cause, Cause, &str)] = &[
    (
        Cause::AddressOnWrongLink,
        Cause::BridgePortNotEnslaved,
        "a link whose wire has the network of a bridge's address was not meant as a port: the address is on the wrong link",
    ),
    (
        Cause::AddressesSwapped,
        Cause::AddressOnWrongLink,
        "one exchange explains both addresses, of which each is on the wrong link",
    ),
    (
        Cause::WrongPeer,
        Cause::NetmaskMismatch,
        "the peer of a point-to-point address takes the place of a network, so no mask is wrong",
    ),
    (
        Cause::DuplicateAddress,
        Cause::LoopbackDown,
        "a host that has the other's address asks itself; with lo up it would answer itself",
    ),
];

/// Sorts suspects, the first to be tried first.
pub(super) fn sort(suspicions: &mut [Suspicion]) {
    suspicions.sort_by_key(|one| Reverse(one.rank));
    for (first, second, _) in BEFORE {
        let at = |cause: &Cause| suspicions.iter().position(|one| one.suspect.id == *cause);
        if let (Some(early), Some(late)) = (at(second), at(first))
            && early < late
            && suspicions[early].rank.tier == suspicions[late].rank.tier
        {
            suspicions[early..=late].rotate_right(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::why::cause::suspect;

    fn suspicion(cause: Cause, rank: Rank) -> Suspicion {
        let suspect = suspect(cause, "here".into(), String::new(), Vec::new());
        Suspicion { rank, sure: false, suspect }
    }

    fn sorted(mut suspicions: Vec<Suspicion>) -> Vec<String> {
        sort(&mut suspicions);
        suspicions.into_iter().map(|one| one.suspect.id).collect()
    }

    #[test]
    fn tiers_come_before_fits_and_these_before_nearness() {
        let ranks = [
            Tier::Last.exact(),
            Tier::Odd.exact(),
            Tier::Here.plain(),
            Tier::Here.plain().near(3),
            Tier::Here.close(),
            Tier::Named.loose(),
        ];
        assert!(ranks.is_sorted(), "{ranks:?}");
    }

    #[test]
    fn each_pair_is_put_in_order_within_a_tier() {
        for (first, second, why) in BEFORE {
            for fit in [Fit::Plain, Fit::Close] {
                let both = vec![
                    suspicion(*second, Tier::Here.exact()),
                    suspicion(Cause::LinkDown, Tier::Here.close()),
                    suspicion(*first, Tier::Here.with(fit)),
                ];
                let expected = [*first, *second, Cause::LinkDown].map(|cause| cause.to_string());
                assert_eq!(sorted(both), expected, "{why}");
            }
            let apart = vec![suspicion(*second, Tier::Named.plain()), suspicion(*first, Tier::Here.exact())];
            assert_eq!(sorted(apart), [*second, *first].map(|cause| cause.to_string()), "{why}");
        }
    }

    #[test]
    fn all_pairs_hold_together() {
        let mut all: Vec<Cause> = BEFORE.iter().flat_map(|(first, second, _)| [*first, *second]).collect();
        all.sort_unstable();
        all.dedup();
        for turned in [false, true] {
            if turned {
                all.reverse();
            }
            let order = sorted(all.iter().map(|cause| suspicion(*cause, Tier::Here.exact())).collect());
            let at = |cause: &Cause| order.iter().position(|id| *id == *cause);
            for (first, second, why) in BEFORE {
                assert!(at(first) < at(second), "{why}: {order:?}");
            }
        }
    }
}
