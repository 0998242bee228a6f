//! Waits for changes that the kernel completes a moment after a request.

use crate::net::act::cable::Cable;
use crate::net::kernel::Kernel;
use crate::net::kernel::links::LinkBrief;
use crate::net::kernel::operstate;
use crate::net::{NetError, Netns, Network};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use rtnetlink::packet_route::link::LinkFlags;
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteType};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// The polling interval.
const INTERVAL: Duration = Duration::from_micros(200);

/// The timeout for local routes.
const LOCAL_ROUTES: Duration = Duration::from_millis(300);

/// The timeout for duplicate address detection, which takes up to two seconds.
const DETECTION: Duration = Duration::from_secs(3);

/// The timeout for the kernel's linkwatch worker. It delays work that it
/// considers not urgent by up to a second (`linkwatch_schedule_work`), and runs
/// later still on a busy machine.
const LINKWATCH: Duration = Duration::from_secs(4);

/// The work that is not finished between an action and the next observation.
#[derive(Default)]
pub(in crate::net) struct Pending {
    /// Cables that were not created yet (see [`Network::veth`]).
    pub(in crate::net) cables: RefCell<Vec<Cable>>,
    /// Links whose carrier may have changed.
    pub(in crate::net) unsettled: RefCell<Vec<(Netns, u32)>>,
    /// Ports that were added to a bridge.
    pub(in crate::net) hushed: RefCell<Vec<(Netns, u32)>>,
    /// Namespaces where an IPv6 address may not be usable yet.
    pub(in crate::net) tentative: RefCell<BTreeSet<String>>,
    /// The effects of programs, which are not known.
    pub(in crate::net) programs: Cell<Programs>,
    /// Whether the lab has created a tunnel, which sends packets by itself.
    pub(in crate::net) tunnels: Cell<bool>,
    /// Whether a person's shell is only watched: nothing is waited for, and no link is updated
    /// for its sake.
    pub(in crate::net) hands_off: Cell<bool>,
    /// Whether the running programs change nothing by themselves, so that an answer of a kernel
    /// does not wait for them.
    pub(in crate::net) programs_rest: Cell<bool>,
    /// The namespaces where duplicate address detection begins at once.
    pub(in crate::net) hastened: RefCell<BTreeSet<String>>,
}

/// Whether programs of the lab may have changed something.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::net) struct Programs {
    /// Whether a program has run: its actions are unknown, and it may observe
    /// ours.
    pub(in crate::net) have_run: bool,
    /// Whether one has run since the last [`Kernel::settle`], or still runs.
    pub(in crate::net) may_have_changed: bool,
}

impl Programs {
    /// A program has been started.
    pub(in crate::net) const RUNNING: Self = Self { have_run: true, may_have_changed: true };
}

/// The own address of a row: with a peer, `Address` is the peer's.
fn own_address(row: &AddressMessage) -> Option<Ipv6Addr> {
    let (mut local, mut address) = (None, None);
    for attribute in &row.attributes {
        match attribute {
            AddressAttribute::Local(IpAddr::V6(ip)) => local = Some(*ip),
            AddressAttribute::Address(IpAddr::V6(ip)) => address = Some(*ip),
            _ => {}
        }
    }
    local.or(address)
}

impl Network {
    /// Records that a link's carrier may be about to change, and with it the
    /// carrier of its cable's other end, and of their bridges.
    ///
    /// The kernel's linkwatch worker updates a link's queue some time after the
    /// link came up, and packets sent before that are dropped. So
    /// [`Kernel::settle`] forces the update before anybody observes or sends.
    pub(in crate::net) fn unsettle(&self, netns: &Netns, index: u32) {
        self.pending.unsettled.borrow_mut().push((netns.clone(), index));
    }

    /// Lets the duplicate address detection of links that are still to come begin at once, in
    /// place of within a second. For a replay, in which nobody looks at that.
    pub fn hasten_addresses(&self) {
        let all = self.namespaces().unwrap_or_default();
        for netns in all.into_iter().chain([self.host()]) {
            if self.pending.hastened.borrow_mut().insert(netns.name().into()) {
                // A kernel without IPv6 has no addresses to wait for.
                let _ = self.write_sysctl(&netns, "net/ipv6/conf/default/router_solicitation_delay", "0");
            }
        }
    }

    /// Waits until no IPv6 address of a link with a carrier is tentative, if there are any
    /// others than link-local ones. It does not wait if one of the `ends`, which ask and are
    /// asked, has such an address itself: the answer then shows that it can't be used yet. In a
    /// network of IPv4, nobody looks for these.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn await_detection(
        &self,
        ends: impl FnOnce() -> Result<Vec<String>, NetError>,
    ) -> Result<(), NetError> {
        let kernel = self.bare();
        let mut rows = Vec::new();
        for netns in self.all_namespaces()? {
            rows.push((netns.clone(), kernel.dump_addresses(&netns, AddressFamily::Inet6)?));
        }
        let is_routed = |ip: Ipv6Addr| !ip.is_loopback() && !ip.is_unicast_link_local();
        if !rows.iter().flat_map(|(_, rows)| rows).filter_map(own_address).any(is_routed) {
            return Ok(());
        }
        let ends = ends()?;
        let of_ends = rows.iter().filter(|(netns, _)| ends.iter().any(|end| end == netns.name()));
        for (netns, rows) in of_ends {
            let routed = rows.iter().filter(|row| own_address(row).is_some_and(is_routed));
            if kernel.waits(netns, &routed.cloned().collect::<Vec<_>>()) {
                return Ok(());
            }
        }
        let deadline = Instant::now() + DETECTION;
        for (netns, mut rows) in rows {
            while kernel.waits(&netns, &rows) && Instant::now() < deadline {
                std::thread::sleep(25 * INTERVAL);
                rows = kernel.dump_addresses(&netns, AddressFamily::Inet6)?;
            }
        }
        Ok(())
    }

    /// Waits until the IPv6 addresses of a namespace have their local routes;
    /// only for a while, because somebody may have deleted one. An address with
    /// `nodad` waits for the same worker, but is not marked as tentative.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn await_local_routes(&self, netns: &Netns) -> Result<(), NetError> {
        // A wait within a preparation.
        let kernel = self.bare();
        let rows = kernel.dump_addresses(netns, AddressFamily::Inet6)?;
        kernel.await_routes_of(netns, &rows)
    }
}

impl Kernel<'_> {
    /// Updates the recorded links: ports first, then bridges, each once.
    pub(in crate::net) fn settle_links(&self) {
        let mut links = std::mem::take(&mut *self.pending.unsettled.borrow_mut());
        let mut bridges = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some((netns, index)) = links.pop() {
            if !seen.insert((netns.name().to_string(), index)) {
                continue;
            }
            // A deleted link needs no update.
            let Some(link) = self.settle_link(&netns, index) else { continue };
            bridges.extend(link.controller.map(|bridge| (netns.clone(), bridge)));
            if link.veth {
                links.extend(self.other_end(&netns, &link));
            }
            self.pending.tentative.borrow_mut().insert(netns.name().into());
        }
        for (netns, index) in bridges {
            if seen.insert((netns.name().to_string(), index)) {
                self.settle_link(&netns, index);
            }
        }
    }

    /// Requests a single link, which updates its queue at once since Linux 6.8
    /// (`linkwatch_sync_dev` in `rtnl_getlink`, "net: core: synchronize
    /// link-watch when carrier is queried"); a dump does not. On an older kernel
    /// the answer may show that the worker has not processed the link yet; then
    /// the request is repeated.
    fn settle_link(&self, netns: &Netns, index: u32) -> Option<LinkBrief> {
        let mut message = self.link_at(netns, index).ok()?;
        let begin = Instant::now();
        while !operstate::is_in_line(&message) && begin.elapsed() < LINKWATCH {
            // Often the worker runs at once; for a lost carrier it may take a
            // second.
            std::thread::sleep((begin.elapsed() / 4).clamp(INTERVAL, 25 * INTERVAL));
            message = self.link_at(netns, index).ok()?;
        }
        Some(LinkBrief::read(&message))
    }

    /// Waits until IPv6 addresses are usable. A kernel worker makes them so a
    /// moment after they were added or their link came up, even without
    /// duplicate address detection (`accept_dad=0`).
    pub(in crate::net) fn await_addresses(&self) -> Result<(), NetError> {
        if self.pending.hands_off.get() {
            return Ok(());
        }
        let deadline = Instant::now() + Duration::from_secs(2);
        for name in std::mem::take(&mut *self.pending.tentative.borrow_mut()) {
            let Some(netns) = self.known(&name) else { continue };
            let mut rows = self.dump_addresses(&netns, AddressFamily::Inet6)?;
            while self.waits(&netns, &rows) && Instant::now() < deadline {
                std::thread::sleep(INTERVAL);
                rows = self.dump_addresses(&netns, AddressFamily::Inet6)?;
            }
            self.await_routes_of(&netns, &rows)?;
        }
        Ok(())
    }

    /// Tells whether an address is still tentative although its link has a
    /// carrier.
    pub(in crate::net) fn has_tentative(&self, netns: &Netns) -> Result<bool, NetError> {
        Ok(self.waits(netns, &self.dump_addresses(netns, AddressFamily::Inet6)?))
    }

    fn await_routes_of(&self, netns: &Netns, rows: &[AddressMessage]) -> Result<(), NetError> {
        let deadline = Instant::now() + LOCAL_ROUTES;
        let untried = |row: &&AddressMessage| {
            row.header.flags.contains(AddressHeaderFlags::Nodad) && self.carries(netns, row.header.index)
        };
        let wanted: Vec<Ipv6Addr> = rows.iter().filter(untried).filter_map(own_address).collect();
        while !wanted.is_empty() && Instant::now() < deadline {
            let local = self.local_routes(netns)?;
            if wanted.iter().all(|ip| local.contains(ip)) {
                break;
            }
            std::thread::sleep(INTERVAL);
        }
        Ok(())
    }

    fn waits(&self, netns: &Netns, rows: &[AddressMessage]) -> bool {
        let waits = |row: &&AddressMessage| {
            row.header.flags.contains(AddressHeaderFlags::Tentative)
                && !row.header.flags.contains(AddressHeaderFlags::Dadfailed)
        };
        rows.iter().filter(waits).any(|row| self.carries(netns, row.header.index))
    }

    /// The addresses that have a local route in the namespace (IPv6).
    fn local_routes(&self, netns: &Netns) -> Result<Vec<Ipv6Addr>, NetError> {
        let mut rows = self.dump_routes(netns, AddressFamily::Inet6)?;
        rows.retain(|row| row.header.kind == RouteType::Local);
        let destination = |attribute: &RouteAttribute| match attribute {
            RouteAttribute::Destination(RouteAddress::Inet6(ip)) => Some(*ip),
            _ => None,
        };
        Ok(rows.iter().filter_map(|row| row.attributes.iter().find_map(destination)).collect())
    }

    /// Tells whether a link is up and has a carrier.
    fn carries(&self, netns: &Netns, index: u32) -> bool {
        let up = LinkFlags::Up | LinkFlags::LowerUp;
        self.link_at(netns, index).is_ok_and(|link| link.header.flags.contains(up))
    }

    /// Prepares the network for observation: creates the deferred cables and
    /// updates the links that have changed. If programs may have changed
    /// something, it updates every link.
    pub(in crate::net) fn settle(&self) -> Result<(), NetError> {
        self.lay_cables()?;
        self.unhush();
        self.settle_links();
        if !self.pending.programs.get().may_have_changed {
            // A tunnel sends neighbour requests by itself.
            return match self.pending.tunnels.get() && self.count_processes() == 0 {
                true => self.forget_early_questions(),
                false => Ok(()),
            };
        }
        // A running program may change more, and so may a shell that waits for
        // us.
        let none_runs = self.count_processes() == 0;
        let may_go_on = self.waiting.get().is_some() || !none_runs;
        for netns in self.namespaces()?.into_iter().chain([self.host()]) {
            let links = self.lab_links(&netns)?;
            let lag = links.iter().filter(|link| !operstate::is_in_line(link));
            let mut links: Vec<LinkBrief> = lag.map(LinkBrief::read).collect();
            links.sort_by_key(|link| link.bridge);
            for link in links {
                self.settle_link(&netns, link.index);
            }
            self.pending.tentative.borrow_mut().insert(netns.name().into());
        }
        if none_runs {
            self.forget_early_questions()?;
        }
        self.pending.programs.set(Programs { may_have_changed: may_go_on, ..self.pending.programs.get() });
        Ok(())
    }
}
