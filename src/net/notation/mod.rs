//! The kernel's numbers in the words of ip(8), ping(8) and nft(8), and back.

pub(super) mod icmp_words;
pub(super) mod iproute;
pub(super) mod mac;
pub(super) mod protocol;
pub(super) mod typed;

pub use iproute::Family;
pub use protocol::{protocol_name, protocol_number};
pub use typed::{link_add, link_del, link_set, typed, typed_words};
