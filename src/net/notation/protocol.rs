/// IP's protocols by name, in the spelling that nft prints.
const PROTOCOLS: [(&str, u8); 15] = [
    ("icmp", 1),
    ("igmp", 2),
    ("ipencap", 4),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6", 41),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("ospf", 89),
    ("ipcomp", 108),
    ("sctp", 132),
    ("udplite", 136),
];

/// The number of a protocol, by its name or as a number.
pub fn protocol_number(name: &str) -> Option<u8> {
    // ip6tables and nft have a second name for it.
    let name = if name == "icmpv6" { "ipv6-icmp" } else { name };
    let known = PROTOCOLS.iter().find(|(known, _)| *known == name);
    known.map(|(_, number)| *number).or_else(|| name.parse().ok())
}

/// The name of a protocol, or its number.
pub fn protocol_name(number: u8) -> String {
    let known = PROTOCOLS.iter().find(|(_, known)| *known == number);
    known.map_or_else(|| number.to_string(), |(name, _)| (*name).into())
}
