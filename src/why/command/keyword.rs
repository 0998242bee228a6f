//! Names of links that `ip link` reads as one of its own words: `ip link set a up` sets the
//! `address` of a link. `dev a` and `name a` are read as names.

use super::say::line;

/// The words that may be shortened, in the order in which `ip` compares them.
const SHORTENED: [&str; 11] = [
    "address",
    "broadcast",
    "dynamic",
    "txqueuelen",
    "type",
    "master",
    "link",
    "alias",
    "nomaster",
    "numtxqueues",
    "help",
];

/// The words that are only taken in full.
const FULL: [&str; 32] = [
    "up",
    "down",
    "dev",
    "name",
    "netns",
    "index",
    "mtu",
    "brd",
    "arp",
    "carrier",
    "mode",
    "state",
    "group",
    "vf",
    "vrf",
    "promisc",
    "multicast",
    "allmulticast",
    "trailers",
    "qlen",
    "txqlen",
    "numrxqueues",
    "addrgenmode",
    "link-netns",
    "link-netnsid",
    "protodown",
    "xdp",
    "xdpdrv",
    "xdpgeneric",
    "xdpoffload",
    "gso_max_size",
    "gso_max_segs",
];

/// Returns the word of `ip link` that a name is read as.
pub(in crate::why) fn read_as(name: &str) -> Option<&'static str> {
    let full = FULL.iter().find(|word| **word == name);
    full.or_else(|| SHORTENED.iter().find(|word| word.starts_with(name) && !name.is_empty())).copied()
}

/// Returns the place of a link's name without `dev` or `name` in a command of `ip link`, and
/// the word that has to stand before it.
pub(in crate::why) fn unnamed(words: &[String]) -> Option<(usize, &'static str)> {
    let program = words.iter().rposition(|word| word == "ip" || word.ends_with("/ip"))?;
    let mut at = program + 1;
    while words.get(at)?.starts_with('-') {
        at += if matches!(words[at].as_str(), "-n" | "-netns") { 2 } else { 1 };
    }
    if !"link".starts_with(words.get(at)?.as_str()) {
        return None;
    }
    let before = match words.get(at + 1)?.as_str() {
        "add" | "a" => "name",
        "set" | "s" | "del" | "delete" => "dev",
        _ => return None,
    };
    let name = words.get(at + 2)?.as_str();
    let rest = &words[at + 3..];
    // The name comes later: `mtu 1400 dev eth0`, `up eth0`, `link eth0 name x`.
    let comes_later = matches!(name, "dev" | "name" | "link")
        || rest.iter().take_while(|word| *word != "type").any(|word| word == "dev" || word == "name")
        || read_as(name) == Some(name) && rest.first().is_some_and(|word| read_as(word).is_none());
    (!comes_later && read_as(name).is_some()).then_some((at + 2, before))
}

/// Returns a command of `ip link` that says what its link's name is, if the name would be
/// read as something else.
pub(in crate::why) fn said(command: &str) -> Option<String> {
    // A command of several, or with a redirection, is not read.
    if !command.contains("link ") || command.contains(['\n', ';', '|', '>', '&', '$', '\'', '"']) {
        return None;
    }
    let mut words = shell_words::split(command).ok()?;
    let (at, before) = unnamed(&words)?;
    words.insert(at, before.into());
    Some(line(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_is_said_to_be_a_name() {
        let some = |text: &str| Some(text.to_string());
        assert_eq!(said("ip link set a up"), some("ip link set dev a up"));
        assert_eq!(said("ip -n red link set t netns 1"), some("ip -n red link set dev t netns 1"));
        assert_eq!(said("ip link add m type bridge"), some("ip link add name m type bridge"));
        assert_eq!(said("ip netns exec r ip link del up"), some("ip netns exec r ip link del dev up"));
        assert_eq!(said("ip link set up up"), some("ip link set dev up up"));
        for right in [
            "ip link set eth0 up",
            "ip link set dev a up",
            "ip link set up dev eth0",
            "ip link add link eth0 x type macvlan",
            "ip link set up eth0",
            "ip link set mtu 1400 dev eth0",
            "ip link set master br0 dev x",
            "ip link set arp off dev x",
            "ip link set address 02:00:00:00:00:01 dev x",
            "ip link set mtu 1400 x",
            "ip link set nomaster dev x",
            "ip link set alias y x",
        ] {
            assert_eq!(said(right), None, "{right}");
        }
    }

    #[test]
    fn the_first_word_that_fits_counts() {
        assert_eq!(read_as("a"), Some("address"));
        assert_eq!(read_as("al"), Some("alias"));
        assert_eq!(read_as("t"), Some("txqueuelen"));
        assert_eq!(read_as("ty"), Some("type"));
        assert_eq!(read_as("eth0"), None);
        assert_eq!(read_as("na"), None);
    }
}
