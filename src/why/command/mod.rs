//! Commands: what was typed, what was meant, and how a cure is typed.
//!
//! ```text
//! say        parts of commands that several cures need
//! ruling     a firewall's rule: its conditions, and which of them a packet does not meet
//! refused    rules of iptables that were refused
//! repair     what a command that was refused was probably meant to be
//! slip       slips in `ip` and `sysctl`
//! rule_slip  slips in firewall rules
//! ```

pub(super) mod refused;
pub(super) mod repair;
mod rule_slip;
pub(super) mod ruling;
pub(super) mod say;
pub(super) mod slip;
