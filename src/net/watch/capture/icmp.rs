//! ICMP messages in tcpdump's words.

use crate::net::packet;
use crate::net::packet::IpPacket;
use etherparse::icmpv4::{DestUnreachableHeader, RedirectCode, TimeExceededCode};
use etherparse::{Icmpv4Slice, Icmpv4Type, Icmpv6Slice, Icmpv6Type, IpNumber, icmpv6};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

/// The packet that an ICMP error is about.
struct About {
    dst: String,
    src: String,
    /// `udp port 33434`, or `protocol 1`.
    port: String,
    protocol: u8,
}

impl About {
    fn read(bytes: &[u8]) -> Option<Self> {
        let packet = IpPacket::read(bytes)?;
        let port = match (packet.protocol, packet::ports(packet.payload)) {
            (IpNumber::UDP, Some((_, port))) => format!("udp port {port}"),
            (IpNumber::TCP, Some((_, port))) => format!("tcp port {port}"),
            (number, _) => format!("protocol {} port unreachable", number.0),
        };
        let (src, dst) = (packet.src.to_string(), packet.dst.to_string());
        Some(Self { dst, src, port, protocol: packet.protocol.0 })
    }
}

/// Describes an ICMPv4 message.
pub fn v4(bytes: &[u8]) -> Option<String> {
    let icmp = Icmpv4Slice::from_slice(bytes).ok()?;
    let about = || About::read(icmp.payload());
    let text = match icmp.icmp_type() {
        Icmpv4Type::EchoRequest(echo) => format!("echo request, seq {}", echo.seq),
        Icmpv4Type::EchoReply(echo) => format!("echo reply, seq {}", echo.seq),
        Icmpv4Type::DestinationUnreachable(code) => unreachable(&code, &about()?),
        Icmpv4Type::TimeExceeded(TimeExceededCode::TtlExceededInTransit) => "time exceeded in-transit".into(),
        Icmpv4Type::TimeExceeded(_) => "ip reassembly time exceeded".into(),
        Icmpv4Type::Redirect(redirect) => {
            let what = match redirect.code {
                RedirectCode::RedirectForNetwork => "net",
                RedirectCode::RedirectForHost => "host",
                RedirectCode::RedirectForTypeOfServiceAndNetwork => "tos to net",
                RedirectCode::RedirectForTypeOfServiceAndHost => "tos to host",
            };
            let gateway = std::net::Ipv4Addr::from(redirect.gateway_internet_address);
            format!("redirect {} to {what} {gateway}", about()?.dst)
        }
        _ => format!("type-#{}", icmp.type_u8()),
    };
    Some(format!("{text}, length {}", bytes.len()))
}

fn unreachable(code: &DestUnreachableHeader, about: &About) -> String {
    use DestUnreachableHeader as Code;
    let About { dst, port, protocol, .. } = about;
    match code {
        Code::Network => format!("net {dst} unreachable"),
        Code::Host => format!("host {dst} unreachable"),
        Code::Protocol => format!("{dst} protocol {protocol} unreachable"),
        Code::Port if port.starts_with("protocol") => format!("{dst} {port}"),
        Code::Port => format!("{dst} {port} unreachable"),
        Code::FragmentationNeeded { next_hop_mtu } => {
            format!("{dst} unreachable - need to frag (mtu {next_hop_mtu})")
        }
        Code::SourceRouteFailed => format!("{dst} unreachable - source route failed"),
        Code::NetworkUnknown => format!("net {dst} unreachable - unknown"),
        Code::HostUnknown => format!("host {dst} unreachable - unknown"),
        Code::Isolated => format!("{dst} unreachable - source host isolated"),
        Code::NetworkProhibited => format!("net {dst} unreachable - admin prohibited"),
        Code::HostProhibited => format!("host {dst} unreachable - admin prohibited"),
        Code::TosNetwork => format!("net {dst} unreachable - tos prohibited"),
        Code::TosHost => format!("host {dst} unreachable - tos prohibited"),
        Code::FilterProhibited => format!("host {dst} unreachable - admin prohibited filter"),
        Code::HostPrecedenceViolation => format!("host {dst} unreachable - host precedence violation"),
        Code::PrecedenceCutoff => format!("host {dst} unreachable - precedence cutoff"),
    }
}

const ROUTER_SOLICITATION: u8 = 133;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

/// Describes an ICMPv6 message.
pub fn v6(bytes: &[u8]) -> Option<String> {
    let icmp = Icmpv6Slice::from_slice(bytes).ok()?;
    let about = || About::read(icmp.payload());
    let text = match (icmp.icmp_type(), icmp.type_u8()) {
        (Icmpv6Type::EchoRequest(echo), _) => format!("echo request, seq {}", echo.seq),
        (Icmpv6Type::EchoReply(echo), _) => format!("echo reply, seq {}", echo.seq),
        (Icmpv6Type::DestinationUnreachable(code), _) => {
            let About { dst, src, port, .. } = about()?;
            use icmpv6::DestUnreachableCode as Code;
            let what = match code {
                Code::NoRoute => format!("unreachable route {dst}"),
                Code::Prohibited => format!("unreachable prohibited {dst}"),
                Code::BeyondScope => format!("beyond scope {dst}, source address {src}"),
                Code::Address => format!("unreachable address {dst}"),
                Code::Port => format!("unreachable port, {dst} {port}"),
                _ => format!("unreachable code-#{}", icmp.code_u8()),
            };
            format!("destination unreachable, {what}")
        }
        (Icmpv6Type::PacketTooBig { mtu }, _) => format!("packet too big, mtu {mtu}"),
        (Icmpv6Type::TimeExceeded(icmpv6::TimeExceededCode::HopLimitExceeded), _) => {
            format!("time exceeded in-transit for {}", about()?.dst)
        }
        (_, ROUTER_SOLICITATION) => "router solicitation".into(),
        (Icmpv6Type::RouterAdvertisement(_), _) => "router advertisement".into(),
        (_, NEIGHBOUR_SOLICITATION) => format!("neighbor solicitation, who has {}", neighbour(bytes)?),
        (_, NEIGHBOUR_ADVERTISEMENT) => format!("neighbor advertisement, tgt is {}", neighbour(bytes)?),
        (_, number) => format!("type-#{number}"),
    };
    Some(format!("{text}, length {}", bytes.len()))
}

/// The target of a neighbour solicitation (RFC 4861, section 4.3).
fn neighbour(bytes: &[u8]) -> Option<IpAddr> {
    let target: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
    Some(Ipv6Addr::from(target).into())
}

/// Tells whether a kernel sends this by a timer: reports on multicast groups
/// (RFC 3810), and unicast neighbour solicitations with their answers.
pub fn is_by_the_clock(
    bytes: &[u8],
    src: IpAddr,
    dst: IpAddr,
    probes: &mut BTreeSet<(IpAddr, IpAddr)>,
) -> bool {
    match bytes.first() {
        Some(130 | 131 | 132 | 143) => true,
        Some(&NEIGHBOUR_SOLICITATION) if !dst.is_multicast() => {
            probes.insert((dst, src));
            true
        }
        Some(&NEIGHBOUR_ADVERTISEMENT) => probes.remove(&(src, dst)),
        _ => false,
    }
}
