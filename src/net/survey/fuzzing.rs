//! Parsers of the kernel's rows, for the fuzzers.

use super::{Link, address, fdb, link, neigh, route, rule, tc, tc_filter, xfrm};
use crate::net::kernel::link_names::LinkNames;
use rtnetlink::packet_route::RouteNetlinkMessage as Row;
use rtnetlink::packet_route::link::LinkAttribute;

/// A message of rtnetlink.
pub fn rows(message: &Row) {
    let names = LinkNames::default();
    match message {
        Row::NewLink(message) => {
            let mut found = Link::default();
            for attribute in &message.attributes {
                if let LinkAttribute::LinkInfo(infos) = attribute {
                    link::read_infos(infos, &mut found);
                }
            }
        }
        Row::NewAddress(message) => {
            if let Some(address) = address::read(message, &names) {
                address.cast();
            }
        }
        Row::NewRoute(message) => drop(route::read(message, &names)),
        Row::NewRule(message) => drop(rule::read(message)),
        Row::NewNeighbour(message) => {
            neigh::read(message, &names);
            fdb::read(message, &names);
        }
        _ => {}
    }
}

/// The body of a message for which no crate has a parser.
pub fn raw(row: &[u8]) {
    let names = LinkNames::default();
    for class in [false, true] {
        tc::qdisc(row, &names, class);
    }
    if let Some(filter) = tc_filter::read(row, "ingress", &names) {
        filter.deletion();
    }
    xfrm::policy(row);
    xfrm::state(row);
}
