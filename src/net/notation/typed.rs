//! Commands as one would type them into a shell.

use std::borrow::Cow;

/// Quotes a word of a command if a shell would split or expand it: a name may
/// contain spaces, quotes or dollar signs.
///
/// ```
/// use nslab::net::typed;
///
/// assert_eq!(typed("fd00::1%veth-red"), "fd00::1%veth-red");
/// assert_eq!(typed("빨강"), "빨강");
/// assert_eq!(typed("it's red"), r#"'it'\''s red'"#);
/// assert_eq!(typed(""), "''");
/// ```
pub fn typed(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "_-=/,.+:@%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")).into(),
    }
}

/// Joins the words of a command, each [quoted](typed) if needed.
pub fn typed_words(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| typed(word)).collect();
    words.join(" ")
}

/// Keywords of `ip link` that may be abbreviated, each with its shortest form.
const SHORTENED: [(&str, &str); 13] = [
    ("a", "address"),
    ("addrg", "addrgenmode"),
    ("al", "alias"),
    ("b", "broadcast"),
    ("d", "dynamic"),
    ("h", "help"),
    ("l", "link-netnsid"),
    ("m", "master"),
    ("n", "nomaster"),
    ("nu", "numtxqueues"),
    ("numr", "numrxqueues"),
    ("t", "txqueuelen"),
    ("ty", "type"),
];

/// Keywords that may not be abbreviated.
const WHOLE: [&str; 30] = [
    "allmulticast",
    "arp",
    "carrier",
    "dev",
    "down",
    "gro_max_size",
    "group",
    "gso_max_segs",
    "gso_max_size",
    "index",
    "link",
    "mode",
    "mtu",
    "multicast",
    "name",
    "netns",
    "parentdev",
    "promisc",
    "protodown",
    "qlen",
    "state",
    "trailers",
    "txqlen",
    "up",
    "vf",
    "vrf",
    "xdp",
    "xdpdrv",
    "xdpgeneric",
    "xdpoffload",
];

/// Tells whether `ip link` would take a link's name for a keyword, as `a` for
/// `address`, unless `name` or `dev` precedes it.
pub(in crate::net) fn is_word_of_ip_link(name: &str) -> bool {
    WHOLE.contains(&name)
        || SHORTENED.iter().any(|(short, word)| name.starts_with(short) && word.starts_with(name))
}

/// The words of `ip link add NAME …`.
pub fn link_add<'a>(name: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    link_words("add", "name", name, rest)
}

/// The words of `ip link set LINK …`.
pub fn link_set<'a>(link: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    link_words("set", "dev", link, rest)
}

/// The words of `ip link del LINK`.
pub fn link_del(link: &str) -> Vec<&str> {
    link_words("del", "dev", link, &[])
}

fn link_words<'a>(verb: &'a str, before: &'a str, link: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    let before = Some(before).filter(|_| is_word_of_ip_link(link));
    ["link", verb].into_iter().chain(before).chain([link]).chain(rest.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_ip_takes_for_a_word_is_told_apart() {
        let line = |words: &[&str]| typed_words(words);
        assert_eq!(line(&link_add("a", &["type", "bridge"])), "link add name a type bridge");
        assert_eq!(line(&link_add("veth-red", &["type", "veth"])), "link add veth-red type veth");
        assert_eq!(line(&link_set("up", &["up"])), "link set dev up up");
        assert_eq!(line(&link_set("br0", &["up"])), "link set br0 up");
        assert_eq!(line(&link_del("link-")), "link del dev link-");
        assert_eq!(line(&link_del("link-1")), "link del link-1");
    }
}
