//! The numbers and addresses in rules and routes: packets at their boundaries
//! are the most useful to send.

use super::span::Span;

/// Protocol names that may appear in a rule (`/etc/protocols`).
const PROTOCOLS: [(&str, u8); 14] = [
    ("icmp", 1),
    ("igmp", 2),
    ("ipip", 4),
    ("ipencap", 4),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ospf", 89),
    ("vrrp", 112),
    ("sctp", 132),
    ("udplite", 136),
];

/// At most this many elements of a set are used.
const MOST_ELEMENTS: usize = 64;

/// The numbers and addresses of one rule or route.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub protocols: Vec<u8>,
    /// Ranges of numbers: ports, types, lengths, ToS values. Their meaning does
    /// not matter; each number is tried as all of them.
    pub numbers: Vec<(u16, u16)>,
    pub addresses: Vec<Span>,
}

impl Named {
    /// Parses a rule or a route, in any tool's words.
    pub fn of(line: &str) -> Self {
        let mut named = Self::default();
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || "./:-".contains(letter);
        for word in line.split(|letter| !is_part(letter)).filter(|word| !word.is_empty()) {
            if let Some((_, number)) = PROTOCOLS.iter().find(|(name, _)| *name == word) {
                named.protocols.push(*number);
            } else if let Some(range) = range(word) {
                named.numbers.push(range);
            } else if let Ok(span) = Span::parse(word) {
                named.addresses.push(span);
            }
        }
        named
    }

    /// Reads the elements of a set, whose data type is unknown here: a value of
    /// two bytes is a port, one of four an address or a port, and a longer one
    /// several of these.
    pub fn of_elements(elements: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let mut named = Self::default();
        for (first, last) in elements.iter().take(MOST_ELEMENTS) {
            for (first, last) in first.chunks(4).zip(last.chunks(4)) {
                let number = |bytes: &[u8]| match bytes {
                    [one] => Some(u16::from(*one)),
                    [high, low] | [high, low, 0, 0] => Some(u16::from_be_bytes([*high, *low])),
                    _ => None,
                };
                named.numbers.extend(number(first).zip(number(last)));
                if let ([a, b, c, d], [e, f, g, h]) = (first, last) {
                    let ends = [[*a, *b, *c, *d], [*e, *f, *g, *h]].map(u32::from_be_bytes);
                    named.addresses.push(Span { first: ends[0], last: ends[1], network: false });
                }
            }
        }
        named
    }

    /// Tells whether it has no numbers and addresses.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Parses a number, or a range of two.
fn range(word: &str) -> Option<(u16, u16)> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    match word.split_once([':', '-']) {
        Some((first, last)) => Some((number(first)?, number(last)?)),
        // A mask follows a slash.
        None => number(word.split('/').next()?).map(|only| (only, only)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_numbers_and_addresses() {
        let named = Named::of("-s 10.1.2.0/24 -p tcp -m multiport --dports 22,2000:2999 -j ACCEPT");
        assert_eq!(named.protocols, [6]);
        assert_eq!(named.numbers, [(22, 22), (2000, 2999)]);
        assert_eq!(named.addresses, [Span::parse("10.1.2.0/24").unwrap()]);

        let named = Named::of("ip daddr 10.0.0.7-10.0.0.9 ip dscp 0x10/0x3f udp dport { 53, 60-70 } accept");
        assert_eq!(named.protocols, [17]);
        assert_eq!(named.numbers, [(16, 16), (53, 53), (60, 70)]);
        assert_eq!(named.addresses, [Span::parse("10.0.0.7-10.0.0.9").unwrap()]);

        assert!(Named::of("iifname inside accept").is_empty());
    }

    #[test]
    fn a_set_holds_ports_and_addresses() {
        let element = |first: &[u8], last: &[u8]| (first.to_vec(), last.to_vec());
        let ports = Named::of_elements(&[element(&[0, 80], &[0, 80]), element(&[0, 90], &[0, 99])]);
        assert_eq!(ports, Named { numbers: vec![(80, 80), (90, 99)], ..Named::default() });
        // An address and a port, as `10.0.0.1 . 443`.
        let both = Named::of_elements(&[element(&[10, 0, 0, 1, 1, 187, 0, 0], &[10, 0, 0, 1, 1, 187, 0, 0])]);
        assert_eq!(both.numbers, [(443, 443)]);
        assert!(both.addresses.contains(&Span::parse("10.0.0.1").unwrap()));
    }
}
