//! The connections that the kernel tracks.

use crate::net::kernel::error::strerror;
use crate::net::kernel::nfnetlink::{Answer, Attributes, Message, Subsystem, find, number};
use crate::net::notation::protocol::protocol_name;
use crate::net::{NetError, Netns, Network};
use crate::table::Connection;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `IPCTNL_MSG_CT_GET` of the kernel.
const GET: u16 = 1;

/// The protocol number of IGMP (RFC 3376).
const IGMP: u8 = 2;

/// TCP states, by the kernel's numbers (`enum tcp_conntrack`).
const TCP_STATES: [&str; 10] = [
    "NONE",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
];

/// Bits of a connection's status (`IPS_*`).
const REPLIED: u32 = 1 << 1;
const SOURCE_NAT: u32 = 1 << 4;
const DESTINATION_NAT: u32 = 1 << 5;

/// A connection that the kernel tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The addresses of its first packet when it came in.
    pub original: FlowEnd,
    /// The addresses that a reply must have when it comes in.
    pub reply: FlowEnd,
    /// The protocol above IP, by number.
    pub proto: u8,
    /// The state of a TCP connection.
    pub state: Option<&'static str>,
    /// `IPS_*` bits.
    pub status: u32,
    /// Its zone; connections of different zones are independent of each other.
    pub zone: u16,
    /// Its mark.
    pub mark: u32,
    /// The seconds until it expires.
    pub timeout: u32,
}

/// One direction of a [`Flow`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowEnd {
    /// The source address.
    pub src: IpAddr,
    /// The destination address.
    pub dst: IpAddr,
    /// The source port.
    pub sport: Option<u16>,
    /// The destination port.
    pub dport: Option<u16>,
    /// ICMP type, code and identifier.
    pub icmp: Option<(u8, u8, u16)>,
}

impl Flow {
    /// Tells whether a reply has been seen.
    pub fn is_replied(&self) -> bool {
        self.status & REPLIED != 0
    }

    /// Tells whether its packets are source-NATed.
    pub fn is_source_nat(&self) -> bool {
        self.status & SOURCE_NAT != 0
    }

    /// Tells whether its packets are destination-NATed.
    pub fn is_destination_nat(&self) -> bool {
        self.status & DESTINATION_NAT != 0
    }
}

/// One direction of a connection (`CTA_TUPLE_*`).
struct Direction {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    source_port: Option<u16>,
    destination_port: Option<u16>,
    /// ICMP type and code, and the identifier.
    icmp: Option<(u8, u8, u16)>,
}

impl Network {
    /// The connections of a namespace, ordered by protocol and addresses.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted, or the kernel has no connection tracking.
    pub fn conntrack(&self, netns: &Netns) -> Result<Vec<Connection>, NetError> {
        // `tracked` has looked.
        let kernel = self.bare();
        let mut connections: Vec<(_, Connection)> =
            self.tracked(netns)?.iter().filter_map(|answer| read(&answer.bytes)).collect();
        if kernel.is_tracked_unasked(netns)? {
            connections.clear();
        }
        connections.sort_by(|(a, row_a), (b, row_b)| {
            a.cmp(b).then_with(|| row_a.to_string().cmp(&row_b.to_string()))
        });
        Ok(connections.into_iter().map(|(_, connection)| connection).collect())
    }

    /// The connections of a namespace with all their attributes, as `conntrack
    /// -L` lists them.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted, or the kernel has no connection tracking.
    pub fn flows(&self, netns: &Netns) -> Result<Vec<Flow>, NetError> {
        Ok(self.tracked(netns)?.iter().filter_map(|answer| flow(&answer.bytes)).collect())
    }

    fn tracked(&self, netns: &Netns) -> Result<Vec<Answer>, NetError> {
        let kernel = self.look()?;
        let all = Message {
            subsystem: Subsystem::Conntrack,
            kind: GET,
            family: 0,
            flags: 0,
            attributes: Attributes::default(),
        };
        kernel.netfilter(netns)?.dump(&all).map_err(|error| {
            let words = error.text.clone().unwrap_or_else(|| strerror(error.errno));
            NetError::new(format!("failed to list the connections: {words}"))
                .unmeasured("load the kernel's module nf_conntrack_netlink")
        })
    }
}

pub(super) type Order = (u8, IpAddr, IpAddr, Option<u16>, Option<u16>, Option<(u8, u8, u16)>);

pub(super) fn flow(bytes: &[u8]) -> Option<Flow> {
    let (there, back) = (Direction::read(find(bytes, 1)?)?, Direction::read(find(bytes, 2)?)?);
    Some(Flow {
        proto: there.protocol,
        state: tcp_state(bytes),
        status: number(bytes, 3).unwrap_or_default() as u32,
        zone: number(bytes, 18).unwrap_or_default() as u16,
        mark: number(bytes, 8).unwrap_or_default() as u32,
        timeout: number(bytes, 7).unwrap_or_default() as u32,
        original: there.into(),
        reply: back.into(),
    })
}

impl From<Direction> for FlowEnd {
    fn from(end: Direction) -> Self {
        Self {
            src: end.source,
            dst: end.destination,
            sport: end.source_port,
            dport: end.destination_port,
            icmp: end.icmp,
        }
    }
}

fn tcp_state(bytes: &[u8]) -> Option<&'static str> {
    let state = number(find(find(bytes, 4)?, 1)?, 1)?;
    Some(TCP_STATES.get(state as usize).copied().unwrap_or("NONE"))
}

pub(super) fn read(bytes: &[u8]) -> Option<(Order, Connection)> {
    let (there, back) = (Direction::read(find(bytes, 1)?)?, Direction::read(find(bytes, 2)?)?);
    // The kernel sends its own reports on multicast groups by a timer, and
    // nobody answers them.
    if there.protocol == IGMP {
        return None;
    }
    let status = number(bytes, 3).unwrap_or_default();
    let replied = status & 2 != 0;
    let state = match tcp_state(bytes) {
        Some(state) => state,
        None if replied => "REPLIED",
        None => "UNREPLIED",
    };
    let order = (
        there.protocol,
        there.source,
        there.destination,
        there.destination_port,
        there.source_port,
        there.icmp,
    );
    let connection = Connection {
        proto: match there.protocol {
            58 => "icmpv6".into(),
            number => protocol_name(number),
        },
        src: there.source.to_string(),
        dst: there.destination.to_string(),
        sport: there.source_port,
        dport: there.destination_port,
        icmp: there.icmp.map(|(kind, code, _)| (kind, code)),
        reply_src: back.source.to_string(),
        reply_dst: back.destination.to_string(),
        reply_sport: back.source_port,
        reply_dport: back.destination_port,
        state: state.into(),
        replied,
    };
    Some((order, connection))
}

impl Direction {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (ip, rest) = (find(bytes, 1)?, find(bytes, 2)?);
        let address = |v4: u16, v6: u16| -> Option<IpAddr> {
            if let Some(value) = find(ip, v4) {
                return Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).into());
            }
            Some(Ipv6Addr::from(<[u8; 16]>::try_from(find(ip, v6)?).ok()?).into())
        };
        let part = |kind| number(rest, kind);
        let icmp = |id, kind, code| {
            Some((
                part(kind)? as u8,
                part(code).unwrap_or_default() as u8,
                part(id).unwrap_or_default() as u16,
            ))
        };
        Some(Self {
            source: address(1, 3)?,
            destination: address(2, 4)?,
            protocol: part(1)? as u8,
            source_port: part(2).map(|port| port as u16),
            destination_port: part(3).map(|port| port as u16),
            icmp: icmp(4, 5, 6).or_else(|| icmp(7, 8, 9)),
        })
    }
}
