//! Observations as rows, and their canonical text.
//!
//! *Takes* plain values that `net` read from the kernel, *gives* rows and text,
//! *never* asks the kernel itself. Rows are sorted, and times and counters are
//! left out, so that the same network gives the same bytes.

mod addr;
mod classic;
mod connection;
mod fdb;
mod firewall;
pub mod forwarding;
mod hop;
mod link;
mod neigh;
mod packet;
mod process;
mod route;
mod rule;
mod socket;

pub use addr::Addr;
pub use connection::Connection;
pub use fdb::{FdbEntry, FdbState};
pub use firewall::FirewallRow;
pub use hop::Hop;
pub use link::{Link, LinkState};
pub use neigh::{NeighState, Neighbour};
pub use packet::Packet;
pub use process::ProcessRow;
pub use route::Route;
pub use rule::RuleRow;
pub use socket::SocketRow;

use serde::{Deserialize, Serialize};
use std::fmt;

/// A field of a row, as a script sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The kernel reports nothing here.
    Absent,
    /// A word.
    Text(String),
    /// A number.
    Number(i64),
    /// Several words.
    List(Vec<String>),
}

impl Value {
    fn text(text: &Option<String>) -> Self {
        text.clone().map_or(Self::Absent, Self::Text)
    }
}

/// A row of a table: its fields, and its one line of text.
pub trait Row: fmt::Display {
    /// The names of the fields, in order.
    const FIELDS: &'static [&'static str];

    /// Returns the values, in the order of [`Row::FIELDS`].
    fn values(&self) -> Vec<Value>;
}

/// An observed table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Table {
    /// `ip link`
    Links(Vec<Link>),
    /// `ip addr`
    Addrs(Vec<Addr>),
    /// `ip route`
    Routes(Vec<Route>),
    /// `ip neigh`
    Arp(Vec<Neighbour>),
    /// `bridge fdb`
    Fdb(Vec<FdbEntry>),
    /// `tcpdump`
    Capture(Vec<Packet>),
    /// `traceroute`
    Hops(Vec<Hop>),
    /// `ip rule`
    Rules(Vec<RuleRow>),
    /// `conntrack -L`
    Conntrack(Vec<Connection>),
    /// `nft list ruleset`
    Firewall(Vec<FirewallRow>),
    /// `ps`
    Processes(Vec<ProcessRow>),
    /// `ss -tua`
    Sockets(Vec<SocketRow>),
}

/// Does the same with the rows of any table.
macro_rules! each_table {
    ($table:expr, $rows:ident => $body:expr) => {
        match $table {
            Table::Links($rows) => $body,
            Table::Addrs($rows) => $body,
            Table::Routes($rows) => $body,
            Table::Arp($rows) => $body,
            Table::Fdb($rows) => $body,
            Table::Capture($rows) => $body,
            Table::Hops($rows) => $body,
            Table::Rules($rows) => $body,
            Table::Conntrack($rows) => $body,
            Table::Firewall($rows) => $body,
            Table::Processes($rows) => $body,
            Table::Sockets($rows) => $body,
        }
    };
}

impl Table {
    /// Returns the table's name in scripts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Links(_) => "links",
            Self::Addrs(_) => "addrs",
            Self::Routes(_) => "routes",
            Self::Arp(_) => "arp",
            Self::Fdb(_) => "fdb",
            Self::Capture(_) => "capture",
            Self::Hops(_) => "traceroute",
            Self::Rules(_) => "rules",
            Self::Conntrack(_) => "conntrack",
            Self::Firewall(_) => "firewall",
            Self::Processes(_) => "processes",
            Self::Sockets(_) => "sockets",
        }
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        each_table!(self, rows => rows.len())
    }

    /// Tells whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the names of a row's fields.
    pub fn fields(&self) -> &'static [&'static str] {
        fn of<R: Row>(_: &[R]) -> &'static [&'static str] {
            R::FIELDS
        }
        each_table!(self, rows => of(rows))
    }

    /// Returns the values of a row, in the order of [`Table::fields`].
    pub fn values(&self, row: usize) -> Option<Vec<Value>> {
        each_table!(self, rows => rows.get(row).map(Row::values))
    }

    /// Returns the rows as text, one line each.
    pub fn lines(&self) -> Vec<String> {
        each_table!(self, rows => rows.iter().map(ToString::to_string).collect())
    }

    /// Returns the table in the format of net-tools, `route -n` and `arp -n`,
    /// which know only IPv4; `None` if they have no such table.
    pub fn classic(&self) -> Option<String> {
        match self {
            Self::Routes(rows) if rows.iter().any(|row| row.dst.contains(':')) => None,
            Self::Routes(rows) => Some(classic::routes(rows)),
            Self::Arp(rows) => Some(classic::neighbours(rows)),
            _ => None,
        }
    }

    /// Returns the table with only the rows for which `keep` is true.
    pub fn retain(mut self, keep: &[bool]) -> Self {
        let mut keep = keep.iter().copied();
        each_table!(&mut self, rows => rows.retain(|_| keep.next().unwrap_or(false)));
        self
    }
}

impl fmt::Display for Table {
    /// Formats one line for each row, without a line break at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

/// Writes a hardware address as `ip` does.
///
/// ```
/// assert_eq!(nslab::table::mac(&[2, 0, 0, 0, 0, 0xa]), "02:00:00:00:00:0a");
/// ```
pub fn mac(bytes: &[u8]) -> String {
    let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    parts.join(":")
}
