//! Compares what routing tables do with packets, whatever their rows are.
//!
//! Two tables are equal if every address goes the same way by both: by the
//! longest matching prefix and, among rows with the same prefix, the smallest
//! metric. So two halves count as the whole, one route for many counts as many,
//! and a different order or metric has no effect.

mod alike;
mod block;
mod ruled;

pub use alike::{Comparison, Difference};
pub use block::Block;
pub use ruled::Lookup;

use super::Route;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// One hop on the path of a packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NextHop {
    /// The gateway; without one, the destination is on the link.
    pub via: Option<IpAddr>,
    /// The interface; if `None`, any matches.
    pub dev: Option<String>,
}

/// The way of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// To one of these hops, each with its weight.
    To(Vec<(NextHop, u32)>),
    /// To no hop, but to a route of type `blackhole`, `unreachable`, `prohibit`,
    /// `local`, ….
    Ends(String),
}

/// A route to compare: a row of a table, or a map of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// `default`, an address, or an address with its prefix length.
    pub dst: String,
    /// The gateway.
    pub via: Option<String>,
    /// The interface; if `None`, any matches.
    pub dev: Option<String>,
    /// Several next hops, as a table shows them: `nexthop via … dev … weight 1`.
    pub hops: Vec<String>,
    /// The type; `unicast` by default.
    pub kind: Option<String>,
    /// The metric; 0 by default.
    pub metric: u32,
    /// Whether the row itself says that its `default` is that of IPv6.
    pub is_v6: bool,
    /// Whether the kernel skips it.
    pub is_dead: bool,
}

/// The reason why a row can't be read, and a correct form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The error message: lower case, no full stop.
    pub error: String,
    /// Help for the user.
    pub hint: String,
}

/// The types of routes, as in ip-route(8).
const KINDS: [&str; 10] = [
    "unicast",
    "local",
    "broadcast",
    "multicast",
    "throw",
    "unreachable",
    "prohibit",
    "blackhole",
    "nat",
    "anycast",
];

/// A routing table for lookups.
#[derive(Debug, Clone, Default)]
pub struct Forwarding {
    /// The metric and the way of each block; no way if the table refers to
    /// another one (`throw`).
    blocks: BTreeMap<Block, (u32, Option<Way>)>,
    /// The prefix lengths in use, for IPv4 and for IPv6.
    lengths: [BTreeSet<u8>; 2],
}

impl From<&Route> for Row {
    fn from(route: &Route) -> Self {
        Self {
            dst: route.dst.clone(),
            via: route.via.clone(),
            dev: route.dev.clone(),
            hops: route.more.iter().filter(|word| word.starts_with("nexthop")).cloned().collect(),
            kind: Some(route.kind.clone()),
            metric: route.metric.unwrap_or(0),
            // The kernel gives a preference to each IPv6 route, and to no others.
            is_v6: route.more.iter().any(|word| word.starts_with("pref ")),
            is_dead: route.flags.iter().any(|flag| flag == "dead"),
        }
    }
}

impl Row {
    /// Returns the family, if the row itself shows it.
    fn family(&self) -> Option<bool> {
        let told =
            self.is_v6 || [Some(&self.dst), self.via.as_ref()].iter().flatten().any(|t| t.contains(':'));
        let is_bare = self.dst == "default" && self.via.is_none();
        (told || !is_bare).then_some(told)
    }
}

/// Tells whether a table is for IPv6, if its rows show it.
pub fn is_v6(rows: &[Row]) -> Option<bool> {
    let families: Vec<bool> = rows.iter().filter_map(Row::family).collect();
    families.first().copied().filter(|first| families.iter().all(|family| family == first))
}

impl Forwarding {
    /// Reads a table. `is_v6` says whether a `default` without a gateway is that
    /// of IPv6.
    ///
    /// # Errors
    ///
    /// If a row has no way that a packet could follow.
    pub fn read(rows: &[Row], is_v6: bool) -> Result<Self, Unreadable> {
        let mut table = Self::default();
        for row in rows.iter().filter(|row| !row.is_dead) {
            let block = Block::read(&row.dst, row.family().unwrap_or(is_v6))?;
            let way = way(row, block)?;
            table.lengths[usize::from(block.is_v6())].insert(block.length());
            let known = table.blocks.get(&block).map(|(metric, _)| *metric);
            // Of equal routes, the kernel uses the first.
            if known.is_none_or(|known| row.metric < known) {
                table.blocks.insert(block, (row.metric, way));
            }
        }
        Ok(table)
    }
}

/// A set of routes that decides the ways of packets.
trait Ways {
    /// Returns the way to an address, with its row; `None` if there is none.
    fn way(&self, to: IpAddr) -> Option<(Block, &Way)>;

    /// Returns the blocks at whose borders the way may change.
    fn blocks(&self) -> Vec<Block>;
}

impl Ways for Forwarding {
    fn way(&self, to: IpAddr) -> Option<(Block, &Way)> {
        let longest_first = self.lengths[usize::from(to.is_ipv6())].iter().rev();
        let mut blocks = longest_first.map(|length| Block::around(to, *length));
        let block = blocks.find(|block| self.blocks.contains_key(block))?;
        let way = self.blocks.get(&block)?.1.as_ref()?;
        Some((block, way))
    }

    fn blocks(&self) -> Vec<Block> {
        self.blocks.keys().copied().collect()
    }
}

/// Returns the way of a row; `None` if it refers to another table.
fn way(row: &Row, block: Block) -> Result<Option<Way>, Unreadable> {
    let kind = row.kind.as_deref().unwrap_or("unicast");
    if !KINDS.contains(&kind) {
        let error = format!("there is no type of route `{kind}`");
        return Err(Unreadable { error, hint: format!("the types are {}", KINDS.join(", ")) });
    }
    match kind {
        "throw" => return Ok(None),
        "unicast" => {}
        "local" | "broadcast" | "anycast" => {
            let at = row.dev.as_ref().map(|dev| format!(" at {dev}")).unwrap_or_default();
            return Ok(Some(Way::Ends(format!("{kind}{at}"))));
        }
        // In IPv6 these have `dev lo`, which means nothing.
        _ => return Ok(Some(Way::Ends(kind.into()))),
    }
    let mut hops = Vec::new();
    for hop in &row.hops {
        let words: Vec<&str> = hop.split(' ').collect();
        let after = |word: &str| words.iter().position(|w| *w == word).and_then(|at| words.get(at + 1));
        let dev = after("dev").map(|dev| (*dev).to_string());
        let weight = after("weight").and_then(|weight| weight.parse().ok()).unwrap_or(1);
        hops.push((NextHop { via: gateway(after("via").copied(), block)?, dev }, weight));
    }
    if hops.is_empty() {
        hops.push((NextHop { via: gateway(row.via.as_deref(), block)?, dev: row.dev.clone() }, 1));
    }
    Ok(Some(Way::To(shares(hops))))
}

fn gateway(via: Option<&str>, block: Block) -> Result<Option<IpAddr>, Unreadable> {
    let Some(via) = via else { return Ok(None) };
    match via.parse::<IpAddr>() {
        // `route -n` shows 0.0.0.0 if there is no gateway.
        Ok(ip) if ip.is_unspecified() => Ok(None),
        Ok(ip) if ip.is_ipv4() && block.is_v6() => Err(Unreadable {
            error: format!("an IPv6 route has no IPv4 gateway, as {via}"),
            hint: format!("look at the row of {block}"),
        }),
        Ok(ip) => Ok(Some(ip)),
        Err(_) => Err(Unreadable {
            error: format!("any valid address is expected rather than \"{via}\""),
            hint: format!("it is the gateway of {block}"),
        }),
    }
}

/// Sorts and merges hops, with the smallest weights of the same ratio.
fn shares(hops: Vec<(NextHop, u32)>) -> Vec<(NextHop, u32)> {
    let mut shares: BTreeMap<NextHop, u32> = BTreeMap::new();
    for (hop, weight) in hops {
        let share = shares.entry(hop).or_default();
        *share = share.saturating_add(weight.max(1));
    }
    let divisor = shares.values().copied().fold(0, greatest_common_divisor);
    shares.into_iter().map(|(hop, weight)| (hop, weight / divisor.max(1))).collect()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.via, &self.dev) {
            (Some(via), Some(dev)) => write!(f, "via {via} dev {dev}"),
            (Some(via), None) => write!(f, "via {via}"),
            (None, Some(dev)) => write!(f, "straight to dev {dev}"),
            (None, None) => f.write_str("straight to a link"),
        }
    }
}

impl Way {
    /// Formats it as a clause about a block: `goes via 10.0.0.2 dev eth0`.
    fn clause(&self) -> String {
        match self {
            Self::Ends(kind) if kind.starts_with("local") => format!("is taken in ({kind})"),
            Self::Ends(kind) => format!("ends at a route of type {kind}"),
            Self::To(hops) => {
                let only_one = hops.len() == 1;
                let hops = hops.iter().map(|(hop, weight)| match only_one || *weight == 1 {
                    true => hop.to_string(),
                    false => format!("{hop} weight {weight}"),
                });
                format!("goes {}", hops.collect::<Vec<_>>().join(" and "))
            }
        }
    }
}
