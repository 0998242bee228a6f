//! The kernel's packet filter, over its own netlink interface: nf_tables and
//! connection tracking. The legacy tables are read by their own tools, if these are
//! installed.
//!
//! ```text
//! written   firewall  rule  statement  expression  packet
//! read      ruleset  set  snapshot  saved  backend  old  conntrack
//! in words  speech  part  selected  field  kind  statement  xt
//! traced    trace  traced  stop  culprit  unasked  obstacles
//! others    iptables (without the program)  tool (the real programs)
//! ```

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
pub use firewall::{Action, Chain, FirewallOptions, Policy, RuleChange};
pub(super) use iptables::IptablesCommand;
pub use packet::PacketOptions;
pub use part::RulePart;
pub(in crate::net) use snapshot::SetElements;
pub use snapshot::{Counters, FirewallRule, FirewallSnapshot};
pub use stop::Stop;
pub use tool::nft_command;
pub use trace::{Passage, StepKind, StepVerdict, Trace, TraceStep};
pub use traced::{TracedIcmp, TracedPacket};
