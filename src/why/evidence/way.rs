//! Ways over wires, regardless of the tables: sources, gateways, and answering
//! namespaces.

use crate::event::Passed;
use crate::net::Sighting;
use crate::net::survey::{Address, Net, RouteQuestion, Space, conf_key};
use crate::why::evidence::Evidence;
use crate::why::evidence::fib;
use crate::why::evidence::ground::{Crossing, End, network};
use crate::why::look::gate::is_local;
use std::net::IpAddr;

/// Returns the sysctl that makes a namespace a router for packets to an address.
pub(in crate::why) fn forwarding_key(dst: IpAddr) -> &'static str {
    if dst.is_ipv6() { "net.ipv6.conf.all.forwarding" } else { "net.ipv4.ip_forward" }
}

impl<'a> Evidence<'a> {
    /// Returns the interfaces on the way that handle packets of the network layer, in the
    /// order of the way.
    pub(in crate::why) fn stations(&self) -> Vec<End<'a>> {
        let way = self.links_on_the_way();
        let on_way =
            |end: &End| way.iter().any(|(space, link)| (space.name.as_str(), link.index) == end.port());
        let mut ends: Vec<End<'a>> = self.ground.ends().filter(on_way).collect();
        let place =
            |end: &End| way.iter().position(|(space, link)| (space.name.as_str(), link.index) == end.port());
        ends.sort_by_key(place);
        ends
    }
}

impl Evidence<'_> {
    /// Returns the source address of the request, sent or not.
    pub(in crate::why) fn source(&self) -> Option<IpAddr> {
        if let Some(ip) = self.probe.interface.as_ref().and_then(|name| name.parse().ok()) {
            return Some(ip);
        }
        let sent =
            self.shot.sightings.iter().find(|seen| {
                seen.netns == self.probe.from && self.shot.passed(seen) == Some(Passed::Request)
            });
        sent.and_then(|seen| seen.packet.ends())
            .map(|(src, _)| src)
            .or_else(|| {
                let question = RouteQuestion::to(self.shot.target?);
                self.kernel.route_get(&self.probe.from, &question).ok()?.src
            })
            .or_else(|| {
                let v6 = self.shot.target?.is_ipv6();
                self.ground
                    .ends()
                    .filter(|end| end.space.name == self.probe.from)
                    .find_map(|end| end.addrs(v6).next())
                    .map(|addr| addr.ip)
            })
    }

    /// Returns the namespace that answers: the one that got the request, or else one with
    /// the target's address.
    pub(in crate::why) fn answerer(&self) -> Option<&Space> {
        let got = self.shot.sightings.iter().rfind(|seen| {
            !seen.out
                && self.shot.passed(seen) == Some(Passed::Request)
                && seen.packet.ends().is_some_and(|(_, dst)| {
                    self.survey.space(&seen.netns).is_some_and(|space| is_local(space, dst))
                })
        });
        got.and_then(|seen| self.survey.space(&seen.netns)).or_else(|| self.targets().first().copied())
    }

    /// Returns the request's source and destination as the target saw them.
    pub(in crate::why) fn ends_at_target(&self) -> Option<(IpAddr, IpAddr)> {
        let target = self.answerer()?;
        let seen = self.shot.sightings.iter().rfind(|seen| {
            !seen.out && seen.netns == target.name && self.shot.passed(seen) == Some(Passed::Request)
        })?;
        seen.packet.ends()
    }

    /// Tells whether a namespace has sent the lost packet on, and has not got it back.
    pub(in crate::why) fn has_sent_on(&self, space: &str) -> bool {
        let of_leg = if self.stuck.is_back() { Passed::Reply } else { Passed::Request };
        let sent =
            |seen: &Sighting| seen.out && seen.netns == space && self.shot.passed(seen) == Some(of_leg);
        self.stuck.ns != space && self.shot.sightings.iter().any(sent)
    }

    /// Returns the namespace that has an address on the wire of another one's interface.
    pub(in crate::why) fn owner_on_wire(&self, space: &Space, dev: &str, ip: IpAddr) -> Option<&Space> {
        let link = space.link(dev)?;
        let owners = self.ground.owners(ip).into_iter().filter(|(owner, _)| owner.name != space.name);
        let mut on_wire = owners
            .filter(|(owner, addr)| self.ground.share((&space.name, link.index), (&owner.name, addr.index)));
        on_wire.next().map(|(owner, _)| owner)
    }

    /// Tells whether a namespace has a usable route to an address.
    pub(in crate::why) fn reaches_by_route(&self, space: &str, dst: IpAddr) -> bool {
        self.kernel.route_get(space, &RouteQuestion::to(dst)).is_ok_and(|answer| fib::is_usable(&answer))
    }

    /// Tells whether a namespace sends to an address by this link.
    pub(in crate::why) fn sends_by(&self, space: &str, dev: &str, dst: IpAddr) -> bool {
        let route = self.kernel.route_get(space, &RouteQuestion::to(dst));
        route.is_ok_and(|route| fib::is_usable(&route) && route.dev() == Some(dev))
    }

    /// Tells whether a namespace has an address, or forwards to it without going back to
    /// the asking namespace.
    pub(in crate::why) fn leads(&self, space: &str, asker: &str, dst: IpAddr) -> bool {
        if self.ground.owners(dst).iter().any(|(owner, _)| owner.name == space) {
            return true;
        }
        let Some(there) = self.survey.space(space) else { return false };
        let on_best =
            self.way_to(asker, dst).is_some_and(|way| way.iter().any(|step| step.into.space.name == space));
        let forwards = !self.is_no_router(there, dst) && self.reaches_by_route(space, dst);
        let beyond =
            self.way_to(space, dst).is_some_and(|way| way.iter().all(|step| step.into.space.name != asker));
        // Without any way to the address no gateway is wrong.
        on_best || forwards && beyond || self.way_to(asker, dst).is_none()
    }

    /// Tells whether forwarding is off in a namespace.
    pub(in crate::why) fn is_no_router(&self, space: &Space, dst: IpAddr) -> bool {
        space.switch(forwarding_key(dst)) == Some(0)
    }

    /// Tells whether the next namespace answers for an address that is elsewhere
    /// (`proxy_arp`, or a proxy entry).
    pub(in crate::why) fn answers_for(&self, step: Crossing, dst: IpAddr) -> bool {
        let dev = &step.into.link.name;
        let on = |family: &str, name: &str| {
            let on = |dev: &str| step.into.space.switch(&conf_key(family, dev, name)) == Some(1);
            on(dev) || on("all")
        };
        let listed = step.into.space.neighs.iter().any(|known| known.proxy && known.ip == dst);
        match dst {
            // proxy_arp answers for each address that the namespace has a route to.
            IpAddr::V4(_) => listed || on("ipv4", "proxy_arp"),
            IpAddr::V6(_) => listed && on("ipv6", "proxy_ndp"),
        }
    }

    /// Returns the way over wires to a namespace that has an address, or else an address
    /// of its network, or else a rule of NAT for it.
    pub(in crate::why) fn way_to(&self, space: &str, dst: IpAddr) -> Option<Vec<Crossing<'_>>> {
        let owners = self.ground.owners(dst);
        if let Some(step) = self.step_to(space, dst) {
            return Some(vec![step]);
        }
        let has_net = |addrs: &[Address]| {
            addrs.iter().any(|addr| {
                addr.ip.is_ipv6() == dst.is_ipv6() && network(addr.ip, addr.prefix_len).contains(dst)
            })
        };
        let owner =
            owners.iter().map(|(owner, _)| owner.name.as_str()).find(|name| *name != space).or_else(|| {
                let near = self.survey.spaces.iter().filter(|other| other.name != space);
                near.filter(|other| has_net(&other.addrs)).map(|other| other.name.as_str()).next()
            });
        let owner = owner.or_else(|| {
            let away = self.translators.iter().filter(|_| self.is_service(dst));
            let away = away.map(|other| other.name.as_str());
            let ways = away.filter_map(|name| Some((self.ground.way(space, name)?.len(), name)));
            ways.min().map(|(_, name)| name).filter(|name| *name != space)
        })?;
        self.ground.way(space, owner)
    }

    /// Returns the step to the interface with an address, if a namespace is on its wire.
    /// The outer network of a tunnel is another way to that namespace, but not to the
    /// address.
    fn step_to(&self, space: &str, dst: IpAddr) -> Option<Crossing<'_>> {
        let owners = self.ground.owners(dst).into_iter().filter(|(owner, _)| owner.name != space);
        let wires = owners.filter_map(|(owner, addr)| Some((owner, owner.link_at(addr.index)?)));
        wires.into_iter().find_map(|(owner, link)| {
            let into = self.ground.ends().find(|end| end.port() == (owner.name.as_str(), link.index))?;
            let near = self.ground.neighbours(&owner.name, link);
            let out = near.into_iter().find(|end| end.space.name == space)?;
            Some(Crossing { out, into })
        })
    }

    /// Returns the first step of the way to an address, and the next namespace's address
    /// in a network that both share.
    pub(in crate::why) fn next_gateway(&self, space: &Space, dst: IpAddr) -> Option<(Crossing<'_>, IpAddr)> {
        let step = *self.way_to(&space.name, dst)?.first()?;
        let v6 = dst.is_ipv6();
        let ours: Vec<&Address> = step.out.addrs(v6).collect();
        let shared =
            |addr: &&Address| ours.iter().any(|our| network(our.ip, our.prefix_len).contains(addr.ip));
        let gateway = step.into.addrs(v6).find(shared).map(|addr| addr.ip).or_else(|| {
            // IPv6 routers may be named by their link-local addresses.
            let links = step.into.space.addrs.iter().filter(|addr| addr.index == step.into.link.index);
            // An address from a random hardware address (EUI-64) changes with each run.
            let made = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.octets()[11..13] == [0xff, 0xfe]);
            let of_link = links.filter(|addr| v6 && addr.ip.is_ipv6() && addr.scope == "link");
            of_link.map(|addr| addr.ip).find(|ip| !made(ip))
        })?;
        Some((step, gateway))
    }

    /// Returns the address on a wire of a namespace that a wrong gateway looks like.
    pub(in crate::why) fn gateway_like(&self, space: &Space, via: IpAddr) -> Option<(&Space, IpAddr)> {
        let apart = |ip: IpAddr| strsim::damerau_levenshtein(&ip.to_string(), &via.to_string());
        let own = self.ground.ends().filter(|end| end.space.name == space.name);
        let near = own.flat_map(|own| {
            let ends = self.ground.neighbours(&space.name, own.link).into_iter();
            ends.filter(|end| end.space.name != space.name).map(move |end| (own, end))
        });
        let addrs = near.flat_map(|(own, end)| {
            let addrs: Vec<IpAddr> = end.addrs(via.is_ipv6()).map(|addr| addr.ip).collect();
            let on_link = |ip: &IpAddr| {
                own.addrs(via.is_ipv6()).any(|own| network(own.ip, own.prefix_len).contains(*ip))
            };
            addrs.into_iter().filter(on_link).map(|ip| (end.space, ip)).collect::<Vec<_>>()
        });
        addrs.filter(|(_, ip)| apart(*ip) <= 2).min_by_key(|(_, ip)| apart(*ip))
    }

    /// Tells whether the address is on the wire that the step crosses.
    pub(in crate::why) fn is_on_wire(&self, step: Crossing, dst: IpAddr) -> bool {
        step.into.addrs(dst.is_ipv6()).any(|addr| addr.ip == dst)
    }

    /// Returns the smallest configured network that contains an address.
    pub(in crate::why) fn network_of(&self, ip: IpAddr) -> Option<Net> {
        let most = if ip.is_ipv6() { 128 } else { 32 };
        let all = self.survey.spaces.iter().flat_map(|space| &space.addrs);
        let nets = all
            .filter(|addr| addr.prefix_len < most && addr.ip.is_ipv6() == ip.is_ipv6())
            .map(|addr| network(addr.ip, addr.prefix_len));
        nets.filter(|net| net.contains(ip)).max_by_key(|net| net.len)
    }

    /// Returns the source of the first packet that was seen, or else a global address of
    /// the sender.
    pub(in crate::why) fn source_seen(&self) -> Option<IpAddr> {
        let seen = self.shot.sightings.iter().find_map(|seen| seen.packet.ends());
        seen.map(|(src, _)| src).or_else(|| {
            let addrs = &self.from().addrs;
            addrs.iter().find(|addr| addr.scope == "global").map(|addr| addr.ip)
        })
    }
}
