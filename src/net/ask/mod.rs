//! Questions that are asked with packets: ping, traceroute, TCP, UDP, HTTP and DHCP.

pub(super) mod attempt;
pub(super) mod dhcp;
pub(super) mod echo;
pub(super) mod http;
pub(super) mod many;
pub(super) mod ping;
pub(super) mod tcp;
pub(super) mod traceroute;
pub(super) mod udp;
pub(super) mod witness;

pub use dhcp::{DhcpOffer, DhcpQuestion};
pub use http::{HttpAnswer, HttpOptions};
pub use many::Question;
pub use ping::{PingAnswer, PingOptions, PingSource, TooLarge};
pub use tcp::{TcpAnswer, TcpOptions};
pub use traceroute::{TracerouteAnswer, TracerouteOptions};
pub use udp::{UdpAnswer, UdpOptions};
pub use witness::{Answerer, Witness};
