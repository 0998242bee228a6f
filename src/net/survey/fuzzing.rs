//! Parsers of the kernel's rows, for the fuzzers.

use super::{Link, Space, address, fdb, link, neigh, route, rule, tc, tc_filter, xfrm};
use rtnetlink::packet_route::RouteNetlinkMessage as Row;
use rtnetlink::packet_route::link::LinkAttribute;

/// A message of rtnetlink.
pub fn rows(message: &Row) {
    let space = Space::default();
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
            if let Some(address) = address::read(message, &space) {
                address.cast();
            }
        }
        Row::NewRoute(message) => drop(route::read(message, &space)),
        Row::NewRule(message) => drop(rule::read(message)),
        Row::NewNeighbour(message) => {
            neigh::read(message, &space);
            fdb::read(message, &space);
        }
        _ => {}
    }
}

/// The body of a message for which no crate has a parser.
pub fn raw(row: &[u8]) {
    let space = Space::default();
    for class in [false, true] {
        tc::qdisc(row, &space, class);
    }
    if let Some(filter) = tc_filter::read(row, "ingress", &space) {
        filter.deletion();
    }
    xfrm::policy(row);
    xfrm::state(row);
}
