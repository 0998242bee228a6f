//! Commands: as they were typed, as they were meant, and as a cure types them.
//!
//! ```text
//! asked       the questions that commands ask: ping, curl, nc
//! say         parts of commands that several cures need
//! ruling      the conditions of a firewall rule, and those that a packet does not meet
//! refused     iptables rules that were refused, corrected
//! repair      corrections of refused commands
//! keyword     names of links that `ip` reads as its own words
//! slip        typing errors in `ip` and `sysctl`
//! route_slip  slips in refused routes, or in the address that a gateway needs
//! rule_slip   typing errors in firewall rules
//! ```

pub(super) mod asked;
pub(super) mod keyword;
pub(super) mod refused;
pub(super) mod repair;
mod route_slip;
mod rule_slip;
pub(super) mod ruling;
pub(super) mod say;
pub(super) mod slip;
