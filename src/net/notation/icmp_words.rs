//! ICMP errors in the words of ping(8).

/// Describes an ICMP error in the words of ping(8).
pub(in crate::net) fn describe(origin: u8, kind: u8, code: u8, info: u32) -> String {
    let text = match (origin, kind, code) {
        (libc::SO_EE_ORIGIN_ICMP, 3, 0) => "Destination Net Unreachable",
        (libc::SO_EE_ORIGIN_ICMP, 3, 1) => "Destination Host Unreachable",
        (libc::SO_EE_ORIGIN_ICMP, 3, 2) => "Destination Protocol Unreachable",
        (libc::SO_EE_ORIGIN_ICMP, 3, 3) => "Destination Port Unreachable",
        (libc::SO_EE_ORIGIN_ICMP, 3, 4) => return format!("Frag needed and DF set (mtu = {info})"),
        (libc::SO_EE_ORIGIN_ICMP, 3, 5) => "Source Route Failed",
        (libc::SO_EE_ORIGIN_ICMP, 3, 6) => "Destination Net Unknown",
        (libc::SO_EE_ORIGIN_ICMP, 3, 7) => "Destination Host Unknown",
        (libc::SO_EE_ORIGIN_ICMP, 3, 8) => "Source Host Isolated",
        (libc::SO_EE_ORIGIN_ICMP, 3, 9) => "Destination Net Prohibited",
        (libc::SO_EE_ORIGIN_ICMP, 3, 10) => "Destination Host Prohibited",
        (libc::SO_EE_ORIGIN_ICMP, 3, 11) => "Destination Net Unreachable for Type of Service",
        (libc::SO_EE_ORIGIN_ICMP, 3, 12) => "Destination Host Unreachable for Type of Service",
        (libc::SO_EE_ORIGIN_ICMP, 3, 13) => "Packet filtered",
        (libc::SO_EE_ORIGIN_ICMP, 3, 14) => "Precedence Violation",
        (libc::SO_EE_ORIGIN_ICMP, 3, 15) => "Precedence Cutoff",
        (libc::SO_EE_ORIGIN_ICMP, 11, 0) => "Time to live exceeded",
        (libc::SO_EE_ORIGIN_ICMP, 11, 1) => "Frag reassembly time exceeded",
        (libc::SO_EE_ORIGIN_ICMP, 12, _) => return format!("Parameter problem: pointer = {}", info >> 24),
        (libc::SO_EE_ORIGIN_ICMP6, 1, 0) => "Destination unreachable: No route",
        (libc::SO_EE_ORIGIN_ICMP6, 1, 1) => "Destination unreachable: Administratively prohibited",
        (libc::SO_EE_ORIGIN_ICMP6, 1, 2) => "Destination unreachable: Beyond scope of source address",
        (libc::SO_EE_ORIGIN_ICMP6, 1, 3) => "Destination unreachable: Address unreachable",
        (libc::SO_EE_ORIGIN_ICMP6, 1, 4) => "Destination unreachable: Port unreachable",
        (libc::SO_EE_ORIGIN_ICMP6, 1, code) => {
            return format!("Destination unreachable: Unknown code {code}");
        }
        (libc::SO_EE_ORIGIN_ICMP6, 2, _) => return format!("Packet too big: mtu={info}"),
        (libc::SO_EE_ORIGIN_ICMP6, 3, 0) => "Time exceeded: Hop limit",
        (libc::SO_EE_ORIGIN_ICMP6, 3, _) => "Time exceeded: Defragmentation failure",
        _ => return format!("type={kind} code={code}"),
    };
    text.into()
}
