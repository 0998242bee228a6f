//! Queueing disciplines, their classes and filters (`tc`).

use super::Space;
use super::raw::{Raw, find, number, text, value};
use super::tc_filter;
use super::tc_filter::Filter;
use crate::net::kernel::link_names::LinkNames;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use serde::{Deserialize, Serialize};

/// `RTM_GETQDISC` and `RTM_GETTCLASS` of linux/rtnetlink.h.
const GET_QDISC: u16 = 38;
const GET_CLASS: u16 = 42;

/// The offset of the attributes: after a struct tcmsg.
pub(super) const ATTRIBUTES: usize = 20;

/// `TCA_*` of linux/rtnetlink.h.
pub(super) const KIND: u16 = 1;
pub(super) const OPTIONS: u16 = 2;
const STATS: u16 = 7;

/// Queueing disciplines without classes, and so without filters.
const CLASSLESS: [&str; 9] =
    ["noqueue", "pfifo_fast", "pfifo", "bfifo", "fq", "fq_codel", "codel", "mq", "noop"];

/// A queueing discipline or one of its classes: a line of `tc -s qdisc` or
/// `tc -s class`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Qdisc {
    /// The link.
    pub dev: String,
    /// The link's index.
    pub index: u32,
    /// `noqueue`, `tbf`, `netem`, `htb`, `clsact`, ….
    pub kind: String,
    /// Whether it is a class.
    pub class: bool,
    /// Its handle: `1:`, or `1:10` for a class.
    pub handle: String,
    /// Its parent: `root`, `1:10`, `ffff:fff1` for `ingress`.
    pub parent: String,
    /// Packets that passed.
    pub packets: u32,
    /// Packets that were dropped.
    pub drops: u32,
    /// The number of times that it held a packet back.
    pub overlimits: u32,
    /// The number of queued packets.
    pub qlen: u32,
    /// The number of queued bytes.
    pub backlog: u32,
    /// The rate in bytes per second (tbf, htb).
    pub rate: Option<u64>,
    /// The burst size in bytes (tbf, htb); a larger packet never passes a tbf.
    pub burst: Option<u64>,
    /// The queue limit: bytes (tbf, bfifo) or packets (pfifo, netem).
    pub limit: Option<u32>,
    /// The fraction of lost packets, from 0 to 1 (netem).
    pub loss: Option<f64>,
    /// The delay in microseconds (netem).
    pub delay: Option<u64>,
}

/// Tells whether a queueing discipline holds a packet only until the link accepts it, which
/// the links of a lab do at once.
pub(in crate::net) fn is_prompt(kind: &str) -> bool {
    matches!(kind, "noqueue" | "pfifo_fast" | "fq_codel" | "pfifo" | "mq" | "noop")
}

/// Reads the queueing disciplines of this thread's current namespace.
pub(super) fn read(space: &mut Space, names: &LinkNames) {
    let Some(mut raw) = Raw::open(NETLINK_ROUTE) else { return };
    let rows = raw.dump(GET_QDISC, &tcmsg(0, 0));
    space.qdiscs = rows.iter().filter_map(|row| qdisc(row, names, false)).collect();
    let mut classes = Vec::new();
    for qdisc in space.qdiscs.iter().filter(|qdisc| !CLASSLESS.contains(&qdisc.kind.as_str())) {
        let mut hooks = vec![("ingress", INGRESS), ("egress", EGRESS)];
        match qdisc.kind.as_str() {
            "clsact" => {}
            "ingress" => hooks.truncate(1),
            _ if qdisc.parent == "root" => {
                let rows = raw.dump(GET_CLASS, &tcmsg(qdisc.index, 0));
                classes.extend(rows.iter().filter_map(|row| self::qdisc(row, names, true)));
                let major = u32::from_str_radix(qdisc.handle.trim_end_matches(':'), 16).unwrap_or_default();
                hooks = vec![(qdisc.handle.as_str(), major << 16)];
            }
            _ => hooks.clear(),
        }
        for (hook, parent) in hooks {
            let rows = raw.dump(tc_filter::GET, &tcmsg(qdisc.index, parent));
            let filters = rows.iter().filter_map(|row| tc_filter::read(row, hook, names));
            space.filters.extend(filters.collect::<Vec<Filter>>());
        }
    }
    space.qdiscs.extend(classes);
}

/// `TC_H_CLSACT` with `TC_H_MIN_INGRESS` and `TC_H_MIN_EGRESS`.
const INGRESS: u32 = 0xffff_fff2;
const EGRESS: u32 = 0xffff_fff3;

fn tcmsg(index: u32, parent: u32) -> Vec<u8> {
    let mut bytes = vec![0; ATTRIBUTES];
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    bytes[12..16].copy_from_slice(&parent.to_ne_bytes());
    bytes
}

pub(super) fn qdisc(row: &[u8], names: &LinkNames, class: bool) -> Option<Qdisc> {
    let index = number(row, 4)?;
    let attributes = row.get(ATTRIBUTES..)?;
    let mut qdisc = Qdisc {
        dev: names.name_of(index),
        index,
        kind: text(attributes, KIND)?,
        class,
        handle: handle(number(row, 8)?),
        parent: match number(row, 12)? {
            u32::MAX => "root".into(),
            parent => handle(parent),
        },
        ..Qdisc::default()
    };
    if let Some(stats) = find(attributes, STATS) {
        // struct gnet_stats_basic, and struct gnet_stats_queue.
        let (basic, queue) = (find(stats, 1).unwrap_or_default(), find(stats, 3).unwrap_or_default());
        qdisc.packets = number(basic, 8).unwrap_or_default();
        let [qlen, backlog, drops, _, overlimits] =
            [0, 4, 8, 12, 16].map(|at| number(queue, at).unwrap_or_default());
        (qdisc.qlen, qdisc.backlog, qdisc.drops, qdisc.overlimits) = (qlen, backlog, drops, overlimits);
    }
    read_options(find(attributes, OPTIONS).unwrap_or_default(), &mut qdisc);
    Some(qdisc)
}

fn read_options(options: &[u8], qdisc: &mut Qdisc) {
    /// The offset of the rate in a struct tc_ratespec, and the size of that
    /// struct.
    const RATE: usize = 8;
    const RATESPEC: usize = 12;
    // A clock tick of the packet scheduler is 64 ns.
    let bytes = |rate: u64, ticks: u32| rate.saturating_mul(u64::from(ticks) * 64) / 1_000_000_000;
    match qdisc.kind.as_str() {
        "tbf" => {
            let Some(parms) = find(options, 1) else { return };
            let rate = number(parms, RATE).map(u64::from);
            qdisc.rate = find(options, 4).and_then(wide).or(rate);
            qdisc.limit = number(parms, 2 * RATESPEC);
            qdisc.burst =
                qdisc.rate.zip(number(parms, 2 * RATESPEC + 4)).map(|(rate, ticks)| bytes(rate, ticks));
        }
        "htb" if qdisc.class => {
            let Some(parms) = find(options, 1) else { return };
            qdisc.rate = number(parms, RATE).map(u64::from);
            qdisc.burst = qdisc.rate.zip(number(parms, 2 * RATESPEC)).map(|(rate, ticks)| bytes(rate, ticks));
        }
        "pfifo" | "bfifo" => qdisc.limit = number(options, 0),
        "netem" => {
            qdisc.limit = number(options, 4);
            qdisc.loss = number(options, 8).map(|loss| f64::from(loss) / f64::from(u32::MAX));
            /// The size of the struct tc_netem_qopt in front of the attributes.
            const QOPT: usize = 24;
            let delay = options.get(QOPT..).and_then(|more| find(more, 10)).and_then(wide);
            let ticks = number(options, 0).map(|ticks| u64::from(ticks) * 64);
            qdisc.delay = delay.or(ticks).map(|nanoseconds| nanoseconds / 1000);
        }
        "fq" | "fq_codel" | "codel" => qdisc.limit = value(options, if qdisc.kind == "fq" { 1 } else { 2 }),
        _ => {}
    }
}

fn wide(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

/// A handle as `tc` writes it.
pub(super) fn handle(handle: u32) -> String {
    let (major, minor) = (handle >> 16, handle & 0xffff);
    match (major, minor) {
        (_, 0) => format!("{major:x}:"),
        (0, _) => format!(":{minor:x}"),
        _ => format!("{major:x}:{minor:x}"),
    }
}
