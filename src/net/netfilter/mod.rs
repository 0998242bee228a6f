//! The kernel's packet filter, over its own netlink interface: nf_tables and
//! connection tracking, without `nft`, `iptables` or `conntrack`.
//!
//! A [`Ruling`] writes rules. `speech` turns the rules that are read back into
//! nft's words, expression by expression.

mod backend;
mod conntrack;
mod culprit;
mod expression;
mod field;
mod firewall;
pub(super) mod fuzzing;
mod iptables;
mod kind;
#[cfg(test)]
#[path = "../../../tests/measured/mod.rs"]
mod measured;
mod obstacles;
mod old;
mod packet;
mod part;
mod rule;
mod ruleset;
mod saved;
mod selected;
mod set;
mod snapshot;
mod speech;
mod statement;
mod stop;
mod tool;
mod trace;
mod traced;
mod unasked;
mod xt;

pub use backend::Backend;
pub use conntrack::{Flow, FlowEnd};
pub use culprit::Culprit;
pub use firewall::{Action, Chain, FirewallOptions, Policy, Ruling};
pub(super) use iptables::IptablesCommand;
pub use packet::PacketOptions;
pub use part::RulePart;
pub(in crate::net) use snapshot::SetElements;
pub use snapshot::{Counters, FirewallRule, FirewallSnapshot};
pub use stop::Stop;
pub use tool::nft_command;
pub use trace::{Passage, StepKind, StepVerdict, Trace, TraceStep};
pub use traced::{TracedIcmp, TracedPacket};
