//! The kernel's tables of a namespace, as it lists them.

use super::access::Kernel;
use crate::net::{NetError, Netns};
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::neighbour::NeighbourMessage;
use rtnetlink::packet_route::route::RouteMessage;
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

impl Kernel<'_> {
    /// The addresses of one family or of both (`Unspec`).
    pub(in crate::net) fn dump_addresses(
        &self,
        netns: &Netns,
        family: AddressFamily,
    ) -> Result<Vec<AddressMessage>, NetError> {
        let mut message = AddressMessage::default();
        message.header.family = family;
        let rows = self.dump(netns, RouteNetlinkMessage::GetAddress(message))?;
        let addresses = rows.into_iter().filter_map(|row| match row {
            RouteNetlinkMessage::NewAddress(message) => Some(message),
            _ => None,
        });
        Ok(addresses.collect())
    }

    /// The routes of one family, of all tables.
    pub(in crate::net) fn dump_routes(
        &self,
        netns: &Netns,
        family: AddressFamily,
    ) -> Result<Vec<RouteMessage>, NetError> {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        let rows = self.dump(netns, RouteNetlinkMessage::GetRoute(message))?;
        let routes = rows.into_iter().filter_map(|row| match row {
            RouteNetlinkMessage::NewRoute(message) => Some(message),
            _ => None,
        });
        Ok(routes.collect())
    }

    /// The neighbour entries of a namespace, of one family or of both
    /// (`Unspec`).
    pub(in crate::net) fn dump_neighbours(
        &self,
        netns: &Netns,
        family: AddressFamily,
    ) -> Result<Vec<NeighbourMessage>, NetError> {
        let mut message = NeighbourMessage::default();
        message.header.family = family;
        let rows = self.dump(netns, RouteNetlinkMessage::GetNeighbour(message))?;
        Ok(rows
            .into_iter()
            .filter_map(|row| match row {
                RouteNetlinkMessage::NewNeighbour(row) => Some(row),
                _ => None,
            })
            .collect())
    }
}
