use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// Chooses the hardware address of a link: unique in each namespace, and the
/// same in each run, on each machine and with each release.
///
/// The last five bytes come from the SipHash-1-3, with a key of zeros and most
/// significant byte first, of the namespace's name, a zero byte, and the link's
/// name. The first byte marks the address as locally administered and unicast
/// (RFC 9542, section 2.1).
pub(in crate::net) fn chosen_mac(netns: &str, link: &str) -> Vec<u8> {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    hasher.write(netns.as_bytes());
    hasher.write(&[0]);
    hasher.write(link.as_bytes());
    let [_, _, _, last @ ..] = hasher.finish().to_be_bytes();
    [&[0x02][..], &last].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The addresses are part of snapshots, and of pages that people wrote.
    #[test]
    fn it_is_the_same_for_ever() {
        assert_eq!(chosen_mac("host", "veth-red"), [0x02, 0x86, 0x19, 0x3c, 0x3a, 0xf1]);
        assert_eq!(chosen_mac("host", "veth-blue"), [0x02, 0xb8, 0xcc, 0x50, 0xec, 0x22]);
    }

    #[test]
    fn where_a_name_ends_matters() {
        assert_ne!(chosen_mac("red", "eth0"), chosen_mac("re", "deth0"));
    }
}
