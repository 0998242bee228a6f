//! Tells whether every packet in a lab has reached its end.
//!
//! In a network of veths and bridges a packet is not delayed by timers: it waits
//! in a CPU's queue until that CPU processes it, and hosts answer at once. So if
//! no answer has come, the queues are empty and nothing visible waits for a
//! timer, no answer will come.

use crate::net::kernel::Kernel;
use crate::net::survey::is_prompt;
use crate::net::{NetError, Netns};
use nix::sched::{CloneFlags, unshare};
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use rtnetlink::packet_route::link::{
    AfSpecInet, AfSpecInet6, AfSpecUnspec, BridgePortState, InfoBridgePort, InfoKind, InfoPortData,
    LinkAttribute, LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::neighbour::{NeighbourAttribute, NeighbourMessage, NeighbourState};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::fs::File;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Above this many namespaces, checking costs more than waiting.
const MOST_NAMESPACES: usize = 200;

/// The number of times that neighbour requests are given up when one leads to
/// another: hop by hop, no neighbour is found.
const ROUNDS: usize = 8;

/// The neighbour requests in all namespaces.
#[derive(Default)]
struct Questions {
    /// Requests that wait for an answer.
    open: Vec<(Netns, NeighbourMessage)>,
    /// Whether a host is about to probe a neighbour, by a timer.
    soon: bool,
}

impl Kernel<'_> {
    /// Tells whether all packets have reached their end, so that an answer that
    /// has not come yet will not come. Unanswered neighbour requests are given
    /// up, as the kernel does a little later: the sender of a packet that waits
    /// for one gets the error now.
    ///
    /// Returns false if it can't be known. The thread returns to the namespace
    /// `from`, because the names of its links are read there.
    pub(in crate::net) fn is_over(&self, from: &Netns) -> bool {
        self.is_over_in(from, true, true)
    }

    /// Does the same for an answer of this address that a kernel gives, not a program.
    pub(in crate::net) fn is_over_for(&self, from: &Netns, target: IpAddr) -> bool {
        self.is_over_in(from, target.is_ipv6(), !self.pending.programs_rest.get())
    }

    fn is_over_in(&self, from: &Netns, v6: bool, programs: bool) -> bool {
        let over = self.try_is_over(v6, programs).unwrap_or(false);
        let _ = self.enter(from);
        over
    }

    /// Does the same for a request that one of the lab's own services may
    /// answer.
    pub(in crate::net) fn is_over_for_services(&self, from: &Netns) -> bool {
        // First the requests must have reached the services, and then the
        // services' answers must have come back.
        self.is_over(from) && (!self.services.are_any() || self.services.are_idle() && self.is_over(from))
    }

    fn try_is_over(&self, v6: bool, programs: bool) -> Result<bool, NetError> {
        if self.may_be_late(v6, programs)? {
            return Ok(false);
        }
        let mut before = self.questions()?.open;
        for _ in 0..ROUNDS {
            if !self.let_packets_pass(32) {
                return Ok(false);
            }
            let Questions { open: after, soon } = self.questions()?;
            if before.is_empty() && after.is_empty() {
                return Ok(true);
            }
            // The asked neighbour learns the asker's address, and may then
            // answer others.
            if soon {
                return Ok(false);
            }
            // A request that was sent meanwhile may still be answered, and
            // another host's answer to us may depend on it.
            let (old, new) = after.into_iter().partition(|question| before.contains(question));
            self.give_up(old);
            before = new;
        }
        Ok(false)
    }

    /// Gives up neighbour requests that were sent before the links were ready.
    /// Such a request is lost. The kernel repeats it a second later, and until
    /// then everything that needs the same neighbour waits. A tunnel sends
    /// requests by itself as soon as it is up, and a program at any time.
    pub(in crate::net) fn forget_early_questions(&self) -> Result<(), NetError> {
        let early = self.questions()?;
        self.give_up(early.open);
        Ok(())
    }

    /// Tells whether something may answer later, by its own timer: by IPv6 as well if `v6`, and
    /// by the will of a running program if `programs`.
    fn may_be_late(&self, v6: bool, programs: bool) -> Result<bool, NetError> {
        if programs
            && (self.pending.hands_off.get() || self.pending.programs.get().have_run)
            && self.count_processes() > 0
        {
            return Ok(true);
        }
        // A capture shows how often the kernel repeats a request.
        if self.is_capturing() {
            return Ok(true);
        }
        let all = self.everywhere();
        if all.len() > MOST_NAMESPACES {
            return Ok(true);
        }
        for netns in all {
            let links = self.lab_links(&netns)?;
            if links.iter().any(link_may_be_late) {
                return Ok(true);
            }
            // Duplicate address detection delays packets of IPv6, which may be the outer ones
            // of a tunnel.
            if (v6 || links.iter().any(is_tunnel)) && self.has_tentative(&netns)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the neighbour requests, both those sent and those to come.
    fn questions(&self) -> Result<Questions, NetError> {
        let mut questions = Questions::default();
        for netns in self.everywhere() {
            for mut message in self.dump_neighbours(&netns, AddressFamily::Unspec)? {
                questions.soon |= is_made_sure_of_soon(&message);
                if message.header.state == NeighbourState::Incomplete {
                    let whose = |attribute: &_| matches!(attribute, NeighbourAttribute::Destination(_));
                    message.attributes.retain(whose);
                    questions.open.push((netns.clone(), message));
                }
            }
        }
        Ok(questions)
    }

    /// Marks the requests as failed in the kernel.
    fn give_up(&self, questions: Vec<(Netns, NeighbourMessage)>) {
        for (netns, mut message) in questions {
            message.header.state = NeighbourState::Failed;
            let message = RouteNetlinkMessage::NewNeighbour(message);
            // A request may have been answered in the meantime.
            let _ = self.change(&netns, message, NLM_F_CREATE | NLM_F_REPLACE);
        }
    }

    /// Waits until the packets that are on their way have arrived; tells whether
    /// that is certain.
    ///
    /// A packet between two namespaces waits in the queue of a CPU until that
    /// CPU processes it. A packet to ourselves queues behind it. It must be sent
    /// once for each link that a packet may pass.
    pub(in crate::net) fn let_packets_pass(&self, links: usize) -> bool {
        if self.queue.get().is_none()
            && let Ok(socket) = self.own_queue()
        {
            let _ = self.queue.set(socket);
        }
        let Some(socket) = self.queue.get() else { return false };
        let Ok(own) = socket.local_addr() else { return false };
        on_each_cpu(|| (0..links).all(|_| comes_back(socket, own)))
    }

    /// Creates a namespace that nobody observes, with `lo` up. This thread stays
    /// in it.
    pub(in crate::net) fn throwaway(&self) -> Result<Netns, NetError> {
        let failed = |error: std::io::Error| NetError::new(error.to_string());
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| failed(errno.into()))?;
        let file = File::open("/proc/thread-self/ns/net").map_err(failed)?;
        let netns = Netns::new("queue", false, file.into());
        self.set_up(&netns, "lo", true)?;
        self.enter(&netns)?;
        Ok(netns)
    }

    /// Opens a socket that sends to itself, in a namespace that nobody observes.
    fn own_queue(&self) -> Result<UdpSocket, NetError> {
        let failed = |error: std::io::Error| NetError::new(error.to_string());
        let _netns = self.throwaway()?;
        let socket = UdpSocket::bind("127.0.0.1:0").map_err(failed)?;
        socket.set_read_timeout(Some(Duration::from_secs(1))).map_err(failed)?;
        Ok(socket)
    }
}

/// Tells whether the kernel is probing a neighbour, or will do so within the 1.5
/// seconds in which a caller may wait for an answer.
fn is_made_sure_of_soon(message: &NeighbourMessage) -> bool {
    /// The kernel probes five seconds after a neighbour was used
    /// (`delay_first_probe_time`). This is that time less the 1.5 seconds, in
    /// hundredths of a second (`USER_HZ`).
    const SOON: u32 = 350;
    let age = message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::CacheInfo(info) => Some(info.updated),
        _ => None,
    });
    match message.header.state {
        NeighbourState::Probe => true,
        NeighbourState::Delay => age.is_none_or(|age| age >= SOON),
        _ => false,
    }
}

/// Tells whether a link, or something attached to it, may delay packets.
fn link_may_be_late(message: &LinkMessage) -> bool {
    message.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::Qdisc(kind) => !is_prompt(kind),
        LinkAttribute::LinkInfo(infos) => infos.iter().any(|info| match info {
            // Broadcasts of a macvlan wait for a worker, packets of a tun for a
            // program.
            LinkInfo::Kind(kind) => {
                !matches!(kind, InfoKind::Veth | InfoKind::Bridge | InfoKind::Vxlan | InfoKind::Dummy)
            }
            LinkInfo::PortData(InfoPortData::BridgePort(parts)) => parts.iter().any(|part| {
                matches!(part, InfoBridgePort::State(BridgePortState::Listening | BridgePortState::Learning))
            }),
            _ => false,
        }),
        LinkAttribute::AfSpecUnspec(specs) => specs.iter().any(answers_for_others),
        _ => false,
    })
}

/// Tells whether a link puts packets into packets of another network.
fn is_tunnel(message: &LinkMessage) -> bool {
    message.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => {
            infos.iter().any(|info| matches!(info, LinkInfo::Kind(InfoKind::Vxlan)))
        }
        _ => false,
    })
}

/// Tells whether a host answers on behalf of others, which it does after a
/// random delay (`proxy_delay`).
fn answers_for_others(spec: &AfSpecUnspec) -> bool {
    match spec {
        AfSpecUnspec::Inet(parts) => parts.iter().any(|part| match part {
            AfSpecInet::DevConf(conf) => conf.proxy_arp != 0 || conf.proxy_arp_pvlan != 0,
            _ => false,
        }),
        AfSpecUnspec::Inet6(parts) => parts.iter().any(|part| match part {
            AfSpecInet6::DevConf(conf) => conf.proxy_ndp != 0,
            _ => false,
        }),
        _ => false,
    }
}

/// Sends a packet to ourselves, and waits for it for a second at most.
fn comes_back(socket: &UdpSocket, own: SocketAddr) -> bool {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_ne_bytes();
    let mut came = [0; size_of::<u64>()];
    if socket.send_to(&number, own).is_err() {
        return false;
    }
    // A late packet of an earlier call may come first.
    while came != number {
        if socket.recv(&mut came).is_err() {
            return false;
        }
    }
    true
}

/// Runs `act` on each CPU that this thread may use; tells whether it succeeded
/// on all of them.
fn on_each_cpu(mut act: impl FnMut() -> bool) -> bool {
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    let this = nix::unistd::Pid::from_raw(0);
    let Ok(allowed) = sched_getaffinity(this) else { return false };
    let mut cpus = (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let well = cpus.all(|cpu| {
        let mut one = CpuSet::new();
        one.set(cpu).and_then(|()| sched_setaffinity(this, &one)).is_ok() && act()
    });
    let _ = sched_setaffinity(this, &allowed);
    well
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtnetlink::packet_route::neighbour::NeighbourCacheInfo;

    #[test]
    fn a_neighbour_is_made_sure_of_five_seconds_after_it_was_used() {
        let soon = |state, updated| {
            let mut message = NeighbourMessage::default();
            message.header.state = state;
            let words = [0u32, 0, updated, 0].map(u32::to_ne_bytes);
            let info = NeighbourCacheInfo::parse(words.as_flattened()).unwrap();
            message.attributes = vec![NeighbourAttribute::CacheInfo(info)];
            is_made_sure_of_soon(&message)
        };
        assert!(!soon(NeighbourState::Delay, 20));
        assert!(soon(NeighbourState::Delay, 420));
        assert!(soon(NeighbourState::Probe, 0));
        assert!(!soon(NeighbourState::Reachable, 420) && !soon(NeighbourState::Stale, 9000));
    }
}
