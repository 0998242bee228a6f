//! The words that DHCP clients, servers and relays are started with.

use crate::why::command::asked::unwrapped;
use crate::why::evidence::typed::Typed;
use std::net::{IpAddr, Ipv4Addr};

/// The programs that ask for a lease.
const CLIENTS: [&str; 4] = ["udhcpc", "dhclient", "dhcpcd", "dhcpcd5"];

/// Returns the words of a command that runs a client.
pub(super) fn client_words<'a>(typed: &'a Typed) -> Option<Vec<&'a str>> {
    let words: Vec<&str> = typed.words.iter().map(String::as_str).collect();
    let (program, words) = unwrapped(&typed.program, &words)?;
    let name = program.rsplit('/').next().unwrap_or(program);
    CLIENTS.contains(&name).then(|| words.to_vec())
}

/// Returns how often udhcpc was told to ask, and how many seconds it waits each time.
pub(super) fn patience(words: &[&str]) -> Option<(u32, u32)> {
    let value = |option: &str| {
        let at = words.iter().position(|word| *word == option)?;
        words.get(at + 1)?.parse().ok()
    };
    Some((value("-t")?, value("-T").unwrap_or(3)))
}

/// Returns the values of a program's option, by its long and its short name.
pub(super) fn values<'w>(
    words: &'w [String],
    long: &'w str,
    short: &'w str,
) -> impl Iterator<Item = &'w str> {
    let next = words.iter().skip(1).map(String::as_str).chain([""]);
    words.iter().zip(next).filter_map(move |(word, next)| match word.strip_prefix(long) {
        Some("") => Some(next),
        Some(rest) => rest.strip_prefix('='),
        None if word == short => Some(next),
        None => word.strip_prefix(short).filter(|rest| !rest.is_empty() && !word.starts_with("--")),
    })
}

/// Returns the server to which a program was told to relay.
pub(super) fn told_server(words: &[String]) -> Option<IpAddr> {
    let dnsmasq = values(words, "--dhcp-relay", "--dhcp-relay").next().and_then(|value| {
        let server = value.split(',').nth(1)?;
        server.split('#').next()?.parse().ok()
    });
    let relays = words.first().is_some_and(|word| word.contains("relay"))
        || words.iter().any(|word| word == "dhcprelay");
    dnsmasq.or_else(|| words.last().filter(|_| relays)?.parse().ok())
}

/// Returns the first address of a range.
pub(super) fn first_address(range: &str) -> Option<Ipv4Addr> {
    range.split(',').find_map(|part| part.parse().ok())
}

/// Reads a mask, as `255.255.255.0`.
pub(super) fn mask(text: &str) -> Option<u8> {
    let bits = text.parse::<Ipv4Addr>().ok()?.to_bits();
    (bits != 0 && bits.leading_ones() + bits.trailing_zeros() == 32).then(|| bits.leading_ones() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(String::from).collect()
    }

    #[test]
    fn options_of_a_server_are_read_in_each_spelling() {
        for line in
            ["dnsmasq --dhcp-range=a,b", "dnsmasq -F a,b", "dnsmasq -Fa,b", "dnsmasq --dhcp-range a,b"]
        {
            let words = words(line);
            assert_eq!(values(&words, "--dhcp-range", "-F").collect::<Vec<_>>(), ["a,b"], "{line}");
        }
        let none = words("dnsmasq --interface-name=x,eth0 --port=0");
        assert_eq!(values(&none, "--interface", "-i").count(), 0);
    }

    #[test]
    fn a_relay_names_its_server() {
        let server = Some("10.99.0.5".parse().unwrap());
        for line in [
            "dnsmasq --port=0 --dhcp-relay=10.20.0.1,10.99.0.5",
            "dnsmasq --dhcp-relay=10.20.0.1,10.99.0.5#67,eth1",
            "/usr/sbin/dhcrelay -d -i lan 10.99.0.5",
            "busybox dhcprelay lan dc 10.99.0.5",
        ] {
            assert_eq!(told_server(&words(line)), server, "{line}");
        }
        assert_eq!(told_server(&words("dnsmasq --dhcp-range=10.20.0.9,10.20.0.99")), None);
    }

    #[test]
    fn a_mask_is_told_from_an_address() {
        assert_eq!(mask("255.255.255.0"), Some(24));
        assert_eq!([mask("192.168.7.100"), mask("12h"), mask("0.0.0.0")], [None; 3]);
    }
}
