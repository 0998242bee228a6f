//! Whether all that was sent has come to its end.
//!
//! In a network of veths and bridges a packet does not travel by a clock: it
//! waits in a CPU's queue until this one has time for it, and whoever answers
//! does so at once. So where nobody has answered, the queues are empty and
//! nothing in sight waits for a clock, nobody will.

use super::{NetError, Netns, Network};
use nix::sched::{CloneFlags, unshare};
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use rtnetlink::packet_route::link::{
    AfSpecInet, AfSpecInet6, AfSpecUnspec, BridgePortState, InfoBridgePort, InfoKind, InfoPortData,
    LinkAttribute, LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::neighbour::{NeighbourAttribute, NeighbourState};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::fs::File;
use std::net::UdpSocket;
use std::time::Duration;

/// Of more namespaces than so many it takes longer to look than to wait.
const MOST_NAMESPACES: usize = 200;

/// How often a question is given up that another one has led to: one hop
/// after the other finds nobody.
const ROUNDS: usize = 8;

/// The queues that may only hold a packet until the link takes it, which these
/// links do at once.
const PROMPT: [&str; 5] = ["noqueue", "pfifo_fast", "fq_codel", "pfifo", "mq"];

impl Network {
    /// Tells whether what was sent has come to its end, so that an answer that
    /// is not there yet will not come. Questions for hardware addresses to
    /// which no answer came are given up, as the kernel gives them up a little
    /// later: who sent a packet there hears of it now.
    ///
    /// Says no where it can't be known. The thread comes back to the namespace
    /// from which was sent: the names of its links are read there.
    pub(super) fn is_over(&self, from: &Netns) -> bool {
        let over = self.try_is_over().unwrap_or(false);
        let _ = self.enter(from);
        over
    }

    /// The same for a question that one of the lab's own services may answer.
    pub(super) fn is_over_for_services(&self, from: &Netns) -> bool {
        // What they have been asked has come to them, what they have answered
        // has come back.
        self.is_over(from) && (!self.services.are_any() || self.services.are_idle() && self.is_over(from))
    }

    fn try_is_over(&self) -> Result<bool, NetError> {
        if self.may_be_late()? {
            return Ok(false);
        }
        for _ in 0..ROUNDS {
            self.let_packets_pass(32);
            if !self.give_up_questions()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tells whether somebody may answer by a clock of his own.
    fn may_be_late(&self) -> Result<bool, NetError> {
        // The first process is the sandbox's own.
        if (self.hands_off.get() || self.programs.get()) && self.count_processes() > 1 {
            return Ok(true);
        }
        // Who captures sees how often the kernel asks.
        if self.captures.borrow().iter().any(super::Capture::is_running) {
            return Ok(true);
        }
        let all = self.everywhere();
        if all.len() > MOST_NAMESPACES {
            return Ok(true);
        }
        for netns in all {
            if self.dump_links(&netns)?.iter().any(link_may_be_late) || self.has_tentative(&netns)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives up the questions that wait for an answer; tells whether there
    /// were any.
    fn give_up_questions(&self) -> Result<bool, NetError> {
        let mut any = false;
        for netns in self.everywhere() {
            for mut message in self.dump_neighbours(&netns, AddressFamily::Unspec)? {
                if message.header.state != NeighbourState::Incomplete {
                    continue;
                }
                message.header.state = NeighbourState::Failed;
                message
                    .attributes
                    .retain(|attribute| matches!(attribute, NeighbourAttribute::Destination(_)));
                let message = RouteNetlinkMessage::NewNeighbour(message);
                any |= self.change(&netns, message, NLM_F_CREATE | NLM_F_REPLACE).is_ok();
            }
        }
        Ok(any)
    }

    /// Waits until the packets that are on their way have arrived.
    ///
    /// A packet between two namespaces waits in the queue of a CPU until this
    /// one has time for it. One to oneself queues behind it; it has to be sent
    /// as often as a packet may change from link to link.
    pub(super) fn let_packets_pass(&self, links: usize) {
        if self.queue.get().is_none()
            && let Ok(socket) = self.own_queue()
        {
            let _ = self.queue.set(socket);
        }
        let Some(socket) = self.queue.get() else { return };
        let Ok(own) = socket.local_addr() else { return };
        on_each_cpu(|| {
            for _ in 0..links {
                if socket.send_to(&[0], own).is_err() || socket.recv(&mut [0]).is_err() {
                    return;
                }
            }
        });
    }

    /// A socket that speaks to itself, in a namespace where nobody looks.
    fn own_queue(&self) -> Result<UdpSocket, NetError> {
        let failed = |error: std::io::Error| NetError::new(error.to_string());
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| failed(errno.into()))?;
        let file = File::open("/proc/thread-self/ns/net").map_err(failed)?;
        let netns = Netns::new("queue", false, file.into());
        self.set_up(&netns, "lo", true)?;
        self.enter(&netns)?;
        let socket = UdpSocket::bind("127.0.0.1:0").map_err(failed)?;
        socket.set_read_timeout(Some(Duration::from_secs(1))).map_err(failed)?;
        Ok(socket)
    }
}

/// Tells whether a link, or somebody at it, holds packets back.
fn link_may_be_late(message: &LinkMessage) -> bool {
    message.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::Qdisc(kind) => !PROMPT.contains(&kind.as_str()) && kind != "noop",
        LinkAttribute::LinkInfo(infos) => infos.iter().any(|info| match info {
            // Broadcasts of a macvlan wait for a worker, a tun's packets for a
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

/// Tells whether somebody answers for others, which is done after a random
/// while (`proxy_delay`).
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

/// Does something on each CPU that this thread may use.
fn on_each_cpu(mut act: impl FnMut()) {
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    let this = nix::unistd::Pid::from_raw(0);
    let Ok(allowed) = sched_getaffinity(this) else { return act() };
    for cpu in (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false)) {
        let mut one = CpuSet::new();
        if one.set(cpu).and_then(|()| sched_setaffinity(this, &one)).is_ok() {
            act();
        }
    }
    let _ = sched_setaffinity(this, &allowed);
}
