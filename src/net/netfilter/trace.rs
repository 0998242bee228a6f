//! Traces the rules and policies that a packet passes, as the kernel reports
//! them.
//!
//! A table of our own, ahead of all others, marks each packet to be traced
//! (`meta nftrace set 1`). A netlink group then reports each rule that such a
//! packet matches, each policy that it reaches, and the verdicts. The table
//! matches nothing, so that packets pass the same rules as without it: it does
//! not turn on connection tracking. It has a chain before all others of a hook,
//! and one after them, and so it also shows which hooks a packet passed. A
//! packet that does not leave a hook was stopped there, even if something
//! outside nf_tables stopped it.

use super::rule::traced;
use super::ruleset;
use super::ruleset::{Chain, family_name};
use super::traced::TracedPacket;
use crate::net::kernel::error::strerror;
use crate::net::kernel::link_names::LinkNames;
use crate::net::kernel::nfnetlink::{
    APPEND, Answer, Attributes, CREATE, Message, Netfilter, find, number, text,
};
use crate::net::{NetError, Netns, Network};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

/// The name of the tables that trace packets.
pub(super) const TABLE: &str = "nslab-why";

/// The suffixes of their chains' names.
const FIRST: &str = "first";
const LAST: &str = "last";

/// `NFNLGRP_NFTRACE` of the kernel, and `NFT_MSG_*`.
const GROUP: u32 = 9;
const NEW_TABLE: u16 = 0;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;

/// `NFPROTO_*`.
const INET: u8 = 1;
const IP: u8 = 2;
const ARP: u8 = 3;
const NETDEV: u8 = 5;
const BRIDGE: u8 = 7;
const IP6: u8 = 10;

/// The hook of the family inet that is bound to interfaces (`NF_INET_INGRESS`).
const INET_INGRESS: u32 = 5;

/// A trace of a namespace's packets, which lasts until it is dropped.
///
/// One trace can be used for many packets. Starting another one after a drop
/// takes time, because the kernel has to clean up first.
pub struct Trace {
    listener: Option<Netfilter>,
    /// The namespace's own socket, over which the tables were made.
    socket: Rc<Netfilter>,
    families: BTreeSet<u8>,
    interfaces: LinkNames,
    /// The packets that were reported: a chain reports a packet's headers only
    /// once.
    packets: BTreeMap<u32, Told>,
    steps: Vec<TraceStep>,
    passages: Vec<Passage>,
}

/// A packet, and its input and output interfaces.
#[derive(Debug, Clone, Default)]
struct Told {
    packet: TracedPacket,
    iif: Option<String>,
    oif: Option<String>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("families", &self.families).finish_non_exhaustive()
    }
}

/// The kind of a trace report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepKind {
    /// A rule that the packet matched.
    Rule,
    /// A chain whose rules let it go on to the policy.
    Policy,
    /// A rule that sends it back to the chain that called.
    Return,
}

/// The verdict on the packet at a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepVerdict {
    /// It goes on to the next table.
    Accept,
    /// It is gone; the rule may have answered it.
    Drop,
    /// It was handed to another part of the kernel.
    Stolen,
    /// It waits for a program in user space.
    Queue,
    /// It goes on to the next rule.
    Continue,
    /// The rule did not match.
    Break,
    /// It enters a chain, and may return.
    Jump(String),
    /// It enters a chain, without returning.
    Goto(String),
    /// It returns to the calling chain.
    Return,
}

/// One step of one packet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceStep {
    /// The packet's number, which it keeps while it is in the namespace.
    pub id: u32,
    /// The table's family: `ip`, `ip6`, `inet`, `arp`, `bridge` or `netdev`.
    pub family: String,
    /// The table.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// The rule's handle within the table.
    pub handle: Option<u64>,
    /// The kind of the report.
    pub kind: StepKind,
    /// The verdict on the packet.
    pub verdict: StepVerdict,
    /// The input interface.
    pub iif: Option<String>,
    /// The output interface.
    pub oif: Option<String>,
    /// Its mark, if it has one.
    pub mark: Option<u32>,
    /// The packet's headers at this step.
    pub packet: TracedPacket,
}

/// A packet at one of the hooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// The packet's number.
    pub id: u32,
    /// `inet` for IPv4 and IPv6, `bridge` or `arp`.
    pub family: String,
    /// The hook: `prerouting`, `input`, `forward`, `output` or `postrouting`.
    pub hook: String,
    /// Whether it has passed all rules of the hook; false if it has only entered
    /// the hook.
    pub done: bool,
    /// The input interface.
    pub iif: Option<String>,
    /// The output interface.
    pub oif: Option<String>,
    /// The packet's headers at this point.
    pub packet: TracedPacket,
}

impl StepVerdict {
    /// Tells whether the packet goes no further.
    pub fn stops(&self) -> bool {
        matches!(self, Self::Drop | Self::Stolen | Self::Queue)
    }

    /// Reads a verdict code of the kernel; `chain` is the target of a jump.
    pub(super) fn of_code(code: i32, chain: Option<String>) -> Self {
        match code {
            -1 => Self::Continue,
            -2 => Self::Break,
            -3 => Self::Jump(chain.unwrap_or_default()),
            -4 => Self::Goto(chain.unwrap_or_default()),
            -5 => Self::Return,
            // The upper bits hold the error number, or the queue.
            code => match code & 0xff {
                0 => Self::Drop,
                2 => Self::Stolen,
                3 => Self::Queue,
                _ => Self::Accept,
            },
        }
    }
}

impl fmt::Display for StepVerdict {
    /// Prints the verdict as `nft monitor trace` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Stolen => f.write_str("stolen"),
            Self::Queue => f.write_str("queue"),
            Self::Continue => f.write_str("continue"),
            Self::Break => f.write_str("break"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
            Self::Return => f.write_str("return"),
        }
    }
}

impl Network {
    /// Traces the packets of a namespace, from now until the trace is dropped.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted, or the kernel has no nf_tables.
    pub fn trace_packets(&self, netns: &Netns) -> Result<Trace, NetError> {
        let kernel = self.look()?;
        let socket = kernel.netfilter(netns)?;
        let interfaces = kernel.interfaces(netns)?;
        let chains = ruleset::chains(&socket)?;
        kernel.enter(netns)?;
        let listener = Some(Netfilter::listen(GROUP)?);
        let mut trace = Trace {
            listener,
            socket,
            families: BTreeSet::new(),
            interfaces,
            packets: BTreeMap::new(),
            steps: Vec::new(),
            passages: Vec::new(),
        };
        trace.begin(&chains)?;
        Ok(trace)
    }
}

impl Trace {
    /// Returns the steps since the last call, in their order.
    pub fn steps(&mut self) -> Vec<TraceStep> {
        self.hear();
        std::mem::take(&mut self.steps)
    }

    /// Returns the hooks that packets have passed since the last call, in their
    /// order. If a packet was stopped in a hook, its last entry is not `done`.
    /// If its last entry is `done`, it was stopped between two hooks, or has
    /// arrived.
    pub fn passages(&mut self) -> Vec<Passage> {
        self.hear();
        std::mem::take(&mut self.passages)
    }

    fn hear(&mut self) {
        let heard = self.listener.as_ref().and_then(|listener| listener.heard().ok());
        for answer in heard.unwrap_or_default() {
            if let Some(step) = self.read(&answer) {
                self.steps.push(step);
            }
        }
    }

    /// Creates the tables.
    fn begin(&mut self, chains: &[Chain]) -> Result<(), NetError> {
        // All families in one request, which is fast; a kernel may lack a
        // family.
        let usual = [INET, BRIDGE, ARP];
        let refused = match self.socket.transact(usual.into_iter().flat_map(beginning).collect()) {
            Ok(()) => {
                self.families.extend(usual);
                None
            }
            Err(error) => Some(error),
        };
        if let Some(error) = refused {
            for family in [INET, IP, IP6, BRIDGE, ARP] {
                // The inet table also covers IPv4 and IPv6.
                let other = matches!(family, IP | IP6) && self.families.contains(&INET);
                if !other && self.socket.transact(beginning(family)).is_ok() {
                    self.families.insert(family);
                }
            }
            if self.families.is_empty() {
                let words = error.text.unwrap_or_else(|| strerror(error.errno));
                return Err(NetError::new(format!("failed to trace packets: {words}"))
                    .unmeasured("load the kernel's module nf_tables"));
            }
        }
        self.begin_at_devices(chains);
        Ok(())
    }

    /// Adds chains at the interfaces, which have hooks of their own. LinkNames
    /// where no other chain is bound are left out.
    fn begin_at_devices(&mut self, chains: &[Chain]) {
        let mut hooks = BTreeSet::new();
        for chain in chains {
            let Some(base) = &chain.base else { continue };
            let hook = match (chain.family, base.hook) {
                (NETDEV, hook) => hook,
                (INET, INET_INGRESS) => 0,
                _ => continue,
            };
            hooks.extend(base.devices.iter().map(|device| (hook, device.clone())));
        }
        for (hook, device) in hooks {
            let mut messages = table(NETDEV);
            messages.extend(chain(NETDEV, &format!("{hook}-{device}"), hook, i32::MIN, Some(&device)));
            if self.socket.transact(messages).is_ok() {
                self.families.insert(NETDEV);
            }
        }
    }

    /// Reads a report of our own chains; only the report of the rule counts,
    /// once per chain.
    fn passage(&self, id: u32, answer: &Answer) -> Option<Passage> {
        number(&answer.bytes, 3).filter(|handle| *handle != 0)?;
        let chain = text(&answer.bytes, 2)?;
        let (hook, end) = chain.split_once(' ')?;
        let Told { packet, iif, oif } = self.packets.get(&id).cloned().unwrap_or_default();
        let family = match i32::from(answer.family) {
            libc::AF_INET | libc::AF_INET6 => "inet".into(),
            _ => family_name(answer.family),
        };
        Some(Passage { id, family, hook: hook.into(), done: end == LAST, iif, oif, packet })
    }

    /// Reads a trace report of the kernel (`NFTA_TRACE_*`).
    fn read(&mut self, answer: &Answer) -> Option<TraceStep> {
        let bytes = &answer.bytes;
        let (table, id) = (text(bytes, 1)?, number(bytes, 6)? as u32);
        if let Some(packet) = TracedPacket::read(find(bytes, 7), find(bytes, 8), find(bytes, 9)) {
            let interface = |kind| {
                let index = number(bytes, kind).filter(|index| *index != 0)? as u32;
                Some(self.interfaces.name_of(index))
            };
            let told = Told { packet, iif: interface(10), oif: interface(12) };
            self.packets.insert(id, told);
        }
        if table == TABLE {
            self.passages.extend(self.passage(id, answer));
            return None;
        }
        let handle = number(bytes, 3).filter(|handle| *handle != 0);
        let kind = match number(bytes, 4)? {
            1 => StepKind::Policy,
            2 => StepKind::Return,
            // The end of a chain's rules is reported as a rule without a handle.
            3 if handle.is_some() => StepKind::Rule,
            _ => return None,
        };
        let verdict = match find(bytes, 5) {
            Some(verdict) => StepVerdict::of_code(number(verdict, 1)? as u32 as i32, text(verdict, 2)),
            None => StepVerdict::of_code(number(bytes, 16)? as u32 as i32, None),
        };
        let Told { packet, iif, oif } = self.packets.get(&id).cloned().unwrap_or_default();
        Some(TraceStep {
            id,
            family: family_name(answer.family),
            table,
            chain: text(bytes, 2)?,
            handle,
            kind,
            verdict,
            iif,
            oif,
            mark: number(bytes, 14).map(|mark| mark as u32).filter(|mark| *mark != 0),
            packet,
        })
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // The listener is closed first: closing it while a table is being
        // removed would wait for that.
        self.listener = None;
        let name = Attributes::default().text(1, TABLE);
        let delete = |family: &u8| Message::tables(DELETE_TABLE, *family, 0, name.clone());
        let _ = self.socket.transact(self.families.iter().map(delete).collect());
    }
}

/// The messages for a family's table, with chains before and after all others.
fn beginning(family: u8) -> Vec<Message> {
    let hooks: &[&str] = match family {
        ARP => &["input", "output"],
        _ => &["prerouting", "input", "forward", "output", "postrouting"],
    };
    let mut messages = table(family);
    for (number, hook) in hooks.iter().enumerate() {
        for (end, priority) in [(FIRST, i32::MIN), (LAST, i32::MAX)] {
            messages.extend(chain(family, &format!("{hook} {end}"), number as u32, priority, None));
        }
    }
    messages
}

fn table(family: u8) -> Vec<Message> {
    vec![Message::tables(NEW_TABLE, family, CREATE, Attributes::default().text(1, TABLE))]
}

/// The messages for a chain with its one rule.
fn chain(family: u8, name: &str, hook: u32, priority: i32, device: Option<&str>) -> [Message; 2] {
    let mut place = Attributes::default().number(1, hook).number(2, priority as u32);
    if let Some(device) = device {
        place = place.text(3, device);
    }
    let chain = Attributes::default().text(1, TABLE).text(3, name).nest(4, place).text(7, "filter");
    let rule = Attributes::default().text(1, TABLE).text(2, name).nest(4, traced());
    [
        Message::tables(NEW_CHAIN, family, CREATE, chain),
        Message::tables(NEW_RULE, family, CREATE | APPEND, rule),
    ]
}
