//! Many namespaces that are being built, and IPv6, of which nobody has asked.
//!
//! Each link that comes up gets an IPv6 address and routes, and reports its
//! multicast groups. In a host with a thousand ports the kernel goes through
//! the routes of all of them each time, and a bridge floods each report to all
//! its ports. So while a large lab is built and nobody looks, IPv6 sleeps
//! (`disable_ipv6` of ip-sysctl(7)) in namespaces after the first few, and on
//! the host's links that come with them. Before anybody looks at anything,
//! starts a program or changes what is not said below, it is woken, and
//! everything is as if it had never slept: the same addresses, routes and
//! reports, and what a bridge learns from them.
//!
//! What lets it sleep: to make namespaces, bridges and cables, to plug ports
//! in, to add addresses and routes of IPv4, to switch links on, to use kernel
//! switches that are not IPv6's, and to ping an IPv4 address. Once woken it
//! stays awake.

use super::link::Found;
use super::{NetError, Netns, Network};
use rtnetlink::packet_route::link::LinkFlags;
use std::time::{Duration, Instant};

/// From this many namespaces on: for fewer, it is not worth the waking.
const MANY: usize = 32;

/// How many are woken before it is waited for their reports, each of which
/// takes an entry of a table that is the whole machine's.
const AT_ONCE: usize = 64;

/// How long a report may be on its way: the kernel sends it within a hundredth
/// of a second, if its worker has the time.
const PATIENCE: Duration = Duration::from_millis(200);

/// The switches of all links, of those to come, and of one.
const ALL: &str = "net.ipv6.conf.all";
const DEFAULT: &str = "net.ipv6.conf.default";
const SWITCH: &str = "disable_ipv6";

/// Who sleeps.
#[derive(Debug, Default)]
pub(super) enum Doze {
    /// Nobody does so far, and nobody has looked.
    #[default]
    Unseen,
    /// These do, and the host's new links.
    Asleep(Vec<Netns>),
    /// Somebody has looked.
    Awake,
}

impl Network {
    /// Tells whether a new namespace goes to sleep, and takes note of it.
    pub(super) fn falls_asleep(&self, netns: &Netns) -> bool {
        let wakeful = self.is_observed() || !self.captures.borrow().is_empty();
        if wakeful || !self.chosen || self.namespaces.borrow().len() <= MANY {
            return false;
        }
        let mut doze = self.doze.borrow_mut();
        if matches!(*doze, Doze::Unseen) {
            *doze = if self.host_falls_asleep() { Doze::Asleep(Vec::new()) } else { Doze::Awake };
        }
        match &mut *doze {
            Doze::Asleep(namespaces) => {
                namespaces.push(netns.clone());
                true
            }
            _ => false,
        }
    }

    /// Puts the host's links to sleep that are still to come, unless the
    /// machine has no IPv6, or has it switched off.
    fn host_falls_asleep(&self) -> bool {
        let is_on = |folder: &str| {
            self.read_sysctl(&self.host(), &format!("{folder}.{SWITCH}")).is_ok_and(|on| on == "0")
        };
        is_on(ALL) && is_on(DEFAULT) && self.write_sysctls(&self.host(), DEFAULT, &[(SWITCH, "1")]).is_ok()
    }

    pub(super) fn is_asleep(&self) -> bool {
        matches!(*self.doze.borrow(), Doze::Asleep(_))
    }

    /// Wakes all that sleep.
    ///
    /// # Errors
    ///
    /// Where the kernel does not answer.
    pub(super) fn wake(&self) -> Result<(), NetError> {
        let Doze::Asleep(namespaces) = self.doze.replace(Doze::Awake) else { return Ok(()) };
        let host = self.host();
        self.settle_links();
        self.hush_all();
        let ports: Vec<Found> = self.dump_links(&host)?.iter().map(Found::read).collect();
        // A port has the number of its cable, more or less.
        let mut ports = ports.chunks(AT_ONCE);
        for some in namespaces.chunks(AT_ONCE) {
            for netns in some.iter().filter(|netns| !netns.is_deleted()) {
                self.write_sysctls(netns, ALL, &[(SWITCH, "0")])?;
                self.tentative.borrow_mut().insert(netns.name().into());
            }
            for port in ports.next().unwrap_or_default() {
                self.write_sysctls(&host, &format!("net/ipv6/conf/{}", port.name), &[(SWITCH, "0")])?;
            }
            self.await_reports(some)?;
        }
        self.write_sysctls(&host, ALL, &[(SWITCH, "0")])?;
        self.tentative.borrow_mut().insert(host.name().into());
        Ok(())
    }

    /// Waits until the links of these namespaces have reported their groups,
    /// and has the namespaces forget them, and the host its own.
    fn await_reports(&self, namespaces: &[Netns]) -> Result<(), NetError> {
        let deadline = Instant::now() + PATIENCE;
        for netns in namespaces.iter().filter(|netns| !netns.is_deleted()) {
            while self.forget_groups(netns)? == 0 && self.has_carrier(netns)? && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.forget_groups(&self.host()).map(drop)
    }

    /// Tells whether a link of a namespace has a carrier.
    fn has_carrier(&self, netns: &Netns) -> Result<bool, NetError> {
        let up = LinkFlags::LowerUp;
        let links = self.dump_links(netns)?;
        Ok(links
            .iter()
            .any(|link| link.header.flags.contains(up) && !link.header.flags.contains(LinkFlags::Loopback)))
    }
}
