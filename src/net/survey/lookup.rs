//! The kernel's own answer to a route lookup (`ip route get`).

use super::route;
use super::route::Route;
use crate::net::kernel::Refused;
use crate::net::kernel::error::strerror;
use crate::net::kernel::link_names::LinkNames;
use crate::net::{Netns, Network};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteFlags, RouteMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// A route lookup, with all fields that a policy rule may match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteQuestion {
    /// The destination.
    pub dst: IpAddr,
    /// The source.
    pub src: Option<IpAddr>,
    /// The input link, for a forwarded packet.
    pub iif: Option<String>,
    /// The link to which the socket is bound.
    pub oif: Option<String>,
    /// The firewall mark.
    pub mark: Option<u32>,
    /// The type of service.
    pub tos: u8,
    /// The user.
    pub uid: Option<u32>,
    /// The protocol's number.
    pub ipproto: Option<u8>,
    /// The source port.
    pub sport: Option<u16>,
    /// The destination port.
    pub dport: Option<u16>,
    /// Whether to return the route as it is in the table (`fibmatch`), instead
    /// of the resolved route.
    pub fibmatch: bool,
}

impl Default for RouteQuestion {
    fn default() -> Self {
        Self {
            dst: Ipv4Addr::UNSPECIFIED.into(),
            src: None,
            iif: None,
            oif: None,
            mark: None,
            tos: 0,
            uid: None,
            ipproto: None,
            sport: None,
            dport: None,
            fibmatch: false,
        }
    }
}

impl RouteQuestion {
    /// A lookup of the route from here to an address.
    pub fn to(dst: IpAddr) -> Self {
        Self { dst, ..Self::default() }
    }
}

impl fmt::Display for RouteQuestion {
    /// The words after `ip route get`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fibmatch {
            f.write_str("fibmatch ")?;
        }
        write!(f, "{}", self.dst)?;
        let words = [
            ("from", self.src.map(|src| src.to_string())),
            ("iif", self.iif.clone()),
            ("oif", self.oif.clone()),
            ("mark", self.mark.map(|mark| format!("{mark:#x}"))),
            ("tos", Some(self.tos).filter(|tos| *tos != 0).map(|tos| format!("{tos:#04x}"))),
            ("uid", self.uid.map(|uid| uid.to_string())),
            ("ipproto", self.ipproto.map(|proto| proto.to_string())),
            ("sport", self.sport.map(|port| port.to_string())),
            ("dport", self.dport.map(|port| port.to_string())),
        ];
        words.iter().try_for_each(|(word, value)| match value {
            Some(value) => write!(f, " {word} {value}"),
            None => Ok(()),
        })
    }
}

/// The kernel's error for a missing route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoRoute {
    /// The error number, as `libc::ENETUNREACH`; 0 if the kernel was not asked.
    pub errno: i32,
    /// The message of `ip`: `Network is unreachable`.
    pub text: String,
}

impl Network {
    /// Asks the kernel for the route of a packet, as `ip route get` does.
    ///
    /// # Errors
    ///
    /// If there is none, or a link of the lookup does not exist.
    pub fn route_get(&self, netns: &Netns, question: &RouteQuestion) -> Result<Route, NoRoute> {
        // A further question after a survey.
        let kernel = self.bare();
        let ours = |text: String| NoRoute { errno: 0, text };
        let refused = |refused: Refused| match refused {
            Refused::Kernel(error) => {
                NoRoute { errno: error.errno, text: error.text.unwrap_or_else(|| strerror(error.errno)) }
            }
            Refused::Ours(error) => ours(error.error),
        };
        let index = |name: &Option<String>| match name {
            Some(name) => kernel.index_of(netns, name).map(Some).map_err(|error| ours(error.error)),
            None => Ok(None),
        };
        let mut message = RouteMessage::default();
        let (family, most) = match question.dst {
            IpAddr::V4(_) => (AddressFamily::Inet, 32),
            IpAddr::V6(_) => (AddressFamily::Inet6, 128),
        };
        let header = &mut message.header;
        (header.address_family, header.destination_prefix_length) = (family, most);
        header.source_prefix_length = if question.src.is_some() { most } else { 0 };
        header.tos = question.tos;
        header.flags = RouteFlags::LookupTable;
        if question.fibmatch {
            header.flags |= RouteFlags::FibMatch;
        }
        let attributes = &mut message.attributes;
        attributes.push(RouteAttribute::Destination(address(question.dst)));
        attributes.extend(question.src.map(|src| RouteAttribute::Source(address(src))));
        attributes.extend(index(&question.iif)?.map(RouteAttribute::Iif));
        attributes.extend(index(&question.oif)?.map(RouteAttribute::Oif));
        attributes.extend(question.mark.map(RouteAttribute::Mark));
        attributes.extend(question.uid.map(RouteAttribute::Uid));
        attributes.extend(question.ipproto.map(RouteAttribute::IpProto));
        attributes.extend(question.sport.map(RouteAttribute::Sport));
        attributes.extend(question.dport.map(RouteAttribute::Dport));
        let rows = kernel.get(netns, RouteNetlinkMessage::GetRoute(message)).map_err(refused)?;
        let row = rows.iter().find_map(|row| match row {
            RouteNetlinkMessage::NewRoute(message) => Some(route::read(message, &LinkNames::default())),
            _ => None,
        });
        let mut route = row.ok_or_else(|| ours("the kernel gave no route".into()))?;
        for hop in &mut route.hops {
            if let Ok(link) = kernel.link_at(netns, hop.index) {
                hop.dev = crate::net::kernel::links::LinkBrief::read(&link).name;
            }
        }
        Ok(route)
    }
}

fn address(ip: IpAddr) -> RouteAddress {
    match ip {
        IpAddr::V4(ip) => RouteAddress::Inet(ip),
        IpAddr::V6(ip) => RouteAddress::Inet6(ip),
    }
}
