//! One probe, and where it was seen last.
//!
//! ```text
//! shot          one probe, with every interface tapped: what passed where
//! stuck         the last place where it was seen, and what it waited for there
//! translation   what rules of NAT do, and where one has sent it
//! glance        a quick look whether it is answered
//! gate          the stage of processing that stopped it there
//! discovery     a question for a DHCP server, watched likewise
//! ```

pub(super) mod discovery;
pub(super) mod gate;
pub(super) mod glance;
pub(super) mod shot;
pub(super) mod stuck;
pub(super) mod translation;
