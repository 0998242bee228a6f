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
use rtnetlink::packet_route::neighbour::{NeighbourAttribute, NeighbourMessage, NeighbourState};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::fs::File;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Of more namespaces than so many it takes longer to look than to wait.
const MOST_NAMESPACES: usize = 200;

/// How often a question is given up that another one has led to: one hop
/// after the other finds nobody.
const ROUNDS: usize = 8;

/// The queues that may only hold a packet until the link takes it, which these
/// links do at once.
const PROMPT: [&str; 5] = ["noqueue", "pfifo_fast", "fq_codel", "pfifo", "mq"];

/// The questions for hardware addresses in all namespaces.
#[derive(Default)]
struct Questions {
    /// Those that wait for an answer.
    open: Vec<(Netns, NeighbourMessage)>,
    /// Whether somebody is about to make sure of a neighbour, by the clock.
    soon: bool,
}

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
        let mut before = self.questions()?.open;
        for _ in 0..ROUNDS {
            if !self.let_packets_pass(32) {
                return Ok(false);
            }
            let Questions { open: after, soon } = self.questions()?;
            if before.is_empty() && after.is_empty() {
                return Ok(true);
            }
            // Who is asked by somebody learns of him, and may answer others then.
            if soon {
                return Ok(false);
            }
            // One that was asked meanwhile may be answered yet, and somebody
            // else's answer to us may wait for that.
            let (old, new) = after.into_iter().partition(|question| before.contains(question));
            self.give_up(old);
            before = new;
        }
        Ok(false)
    }

    /// Gives up what was asked before the links were ready. Such a question is
    /// lost, the kernel asks again a second later, and until then everybody
    /// waits behind it who wants the same. A tunnel asks by itself as soon as it
    /// is up, and a program whenever it likes.
    pub(super) fn forget_early_questions(&self) -> Result<(), NetError> {
        let early = self.questions()?;
        self.give_up(early.open);
        Ok(())
    }

    /// Tells whether somebody may answer by a clock of his own.
    fn may_be_late(&self) -> Result<bool, NetError> {
        if (self.hands_off.get() || self.programs.get().have_run) && self.count_processes() > 0 {
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
            if self.lab_links(&netns)?.iter().any(link_may_be_late) || self.has_tentative(&netns)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The questions for hardware addresses, those that are asked and those to
    /// come.
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

    /// Has the kernel take them for not answered.
    fn give_up(&self, questions: Vec<(Netns, NeighbourMessage)>) {
        for (netns, mut message) in questions {
            message.header.state = NeighbourState::Failed;
            let message = RouteNetlinkMessage::NewNeighbour(message);
            // It may have been answered at last.
            let _ = self.change(&netns, message, NLM_F_CREATE | NLM_F_REPLACE);
        }
    }

    /// Waits until the packets that are on their way have arrived; tells
    /// whether that is sure.
    ///
    /// A packet between two namespaces waits in the queue of a CPU until this
    /// one has time for it. One to oneself queues behind it; it has to be sent
    /// as often as a packet may change from link to link.
    pub(super) fn let_packets_pass(&self, links: usize) -> bool {
        if self.queue.get().is_none()
            && let Ok(socket) = self.own_queue()
        {
            let _ = self.queue.set(socket);
        }
        let Some(socket) = self.queue.get() else { return false };
        let Ok(own) = socket.local_addr() else { return false };
        on_each_cpu(|| (0..links).all(|_| comes_back(socket, own)))
    }

    /// A namespace where nobody looks, with `lo` switched on. This thread is in
    /// it from then on.
    pub(super) fn throwaway(&self) -> Result<Netns, NetError> {
        let failed = |error: std::io::Error| NetError::new(error.to_string());
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| failed(errno.into()))?;
        let file = File::open("/proc/thread-self/ns/net").map_err(failed)?;
        let netns = Netns::new("queue", false, file.into());
        self.set_up(&netns, "lo", true)?;
        self.enter(&netns)?;
        Ok(netns)
    }

    /// A socket that speaks to itself, in a namespace where nobody looks.
    fn own_queue(&self) -> Result<UdpSocket, NetError> {
        let failed = |error: std::io::Error| NetError::new(error.to_string());
        let _netns = self.throwaway()?;
        let socket = UdpSocket::bind("127.0.0.1:0").map_err(failed)?;
        socket.set_read_timeout(Some(Duration::from_secs(1))).map_err(failed)?;
        Ok(socket)
    }
}

/// Tells whether the kernel asks a neighbour, or will within the second and a
/// half in which somebody may wait for an answer, whether he is still there.
fn is_made_sure_of_soon(message: &NeighbourMessage) -> bool {
    /// Five seconds after a neighbour was used (`delay_first_probe_time`), less
    /// those one and a half, in hundredths of a second (`USER_HZ`).
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

/// Sends a packet to oneself, and waits for it; for a second at most.
fn comes_back(socket: &UdpSocket, own: SocketAddr) -> bool {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_ne_bytes();
    let mut came = [0; size_of::<u64>()];
    if socket.send_to(&number, own).is_err() {
        return false;
    }
    // One that came too late for somebody before us may be in front of it.
    while came != number {
        if socket.recv(&mut came).is_err() {
            return false;
        }
    }
    true
}

/// Does something on each CPU that this thread may use; tells whether it went
/// well on all of them.
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
