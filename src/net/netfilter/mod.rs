//! The kernel's packet filter, spoken to over its own netlink: nf_tables and
//! connection tracking, without `nft`, `iptables` or `conntrack`.
//!
//! What is written is a [`Ruling`]; what is read becomes nft's words again in
//! `speech`, expression by expression.

mod conntrack;
mod field;
mod firewall;
mod kind;
mod packet;
mod rule;
mod ruleset;
mod selected;
mod set;
mod speech;
mod statement;
mod tool;
mod wire;
mod xt;

pub use firewall::{Action, Chain, FirewallOptions, Policy, Ruling};
pub use packet::PacketOptions;
pub(super) use packet::protocol_name;
pub use tool::nft_command;
pub(super) use wire::Netfilter;
