//! Parsers of packets and of the kernel's messages, for the fuzzers.

use crate::net::ask::echo;
use crate::net::kernel::{links, netlink};
use crate::net::watch::{capture, sighting};
use crate::net::{names, netfilter, packet, service, survey};
use rtnetlink::packet_route::RouteNetlinkMessage;

/// Packets of a link of some kind.
pub fn packets(link: u8, pieces: &[&[u8]]) {
    capture::fuzzing::decode(link, pieces);
    for bytes in pieces {
        sighting::Frame::read(bytes, link & 1 == 0);
        let payload = packet::IpPacket::read(bytes).map_or(*bytes, |packet| packet.payload);
        echo::is_echo(payload, 0, 1, 1);
        netfilter::TracedPacket::read(bytes.get(..14), bytes.get(14..34), bytes.get(34..));
    }
    if let [link, network, transport, ..] = pieces {
        netfilter::TracedPacket::read(Some(link), Some(network), Some(transport));
    }
}

/// A request to a server, and answers of one.
pub fn dns(pieces: &[&[u8]]) {
    let Some((question, answers)) = pieces.split_first() else { return };
    service::fuzzing::serve(question, answers);
    for answer in answers {
        names::fuzzing::read_answer(answer);
    }
    for bytes in pieces {
        capture::fuzzing::messages(bytes);
    }
}

/// The files for name lookup.
pub fn names(text: &str) {
    names::fuzzing::files(text);
    service::fuzzing::records(text);
}

/// Datagrams of rtnetlink, and rows for which no crate has a parser.
pub fn netlink(pieces: &[&[u8]]) {
    for bytes in pieces {
        netlink::extended_ack(bytes);
        for message in netlink::messages_of(bytes) {
            let Ok(message) = message else { break };
            if let rtnetlink::packet_core::NetlinkPayload::InnerMessage(message) = message.payload {
                if let RouteNetlinkMessage::NewLink(message) = &message {
                    links::LinkBrief::read(message);
                    links::mac_of(message);
                }
                survey::fuzzing::rows(&message);
            }
        }
        survey::fuzzing::raw(bytes);
        crate::net::survey::sockets::read("tcp", bytes);
    }
}

/// Messages of nf_tables and connection tracking.
pub fn nftables(family: u8, pieces: &[&[u8]]) {
    netfilter::fuzzing::answers(family, pieces);
    netfilter::fuzzing::rule(family, pieces);
}

/// The output of the iptables tools, and their command lines.
pub fn iptables(text: &str) {
    netfilter::fuzzing::words(text);
}
