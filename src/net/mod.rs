//! Changes a network of namespaces, and observes it.
//!
//! *Takes* names and addresses as `ip(8)` takes them, *gives* tables and
//! answers, *never* knows of scripts, checks or reports. One thread does all of
//! it: it enters a namespace to open a socket there, and the socket stays in
//! that namespace.

mod addr;
mod applet;
mod attempt;
mod budget;
mod cable;
mod capture;
mod cni;
mod create;
mod defaults;
mod delta;
mod dump;
mod echo;
mod error;
mod fallback;
pub(crate) mod fuzzing;
mod guard;
mod http;
mod hush;
mod icmp_words;
mod iproute;
mod kernel;
mod lacking;
mod link;
mod link_names;
mod link_settings;
mod links;
mod mac;
mod names;
mod neigh;
mod netfilter;
mod netlink;
mod netns;
mod network;
mod observe;
mod obstacles;
mod operstate;
mod packet;
mod ping;
mod prefix;
mod processes;
mod program;
mod protocol;
mod quiet;
mod rooms;
mod route;
mod rule;
mod service;
mod settle;
mod sighting;
mod sockets;
mod stock;
pub mod survey;
mod sweep;
mod sysctl;
mod target;
mod tcp;
mod terminal;
mod tools;
mod traceroute;
mod tun;
mod typed;
mod udp;
mod unsent;
mod vxlan;
mod witness;

pub use applet::missing_tool;
pub use capture::{Capture, CaptureFile};
pub use cni::{CniAnswer, CniCall, CniNetwork, CniOptions, CniPlugin, CniVerb};
pub use defaults::CHOSEN;
pub use error::NetError;
pub use http::{HttpAnswer, HttpOptions};
pub use iproute::Family;
pub use lacking::Lacking;
pub use link_settings::MacvlanMode;
pub use names::{NameAnswer, NameFiles};
use netfilter::SetElements;
pub use netfilter::{
    Action, Backend, Chain, Counters, Culprit, FirewallOptions, FirewallRule, FirewallSnapshot, Flow,
    FlowEnd, PacketOptions, Passage, Policy, Ruling, StepKind, StepVerdict, Stop, Trace, TraceStep,
    TracedIcmp, TracedPacket, nft_command,
};
pub use netns::{Netns, NetnsName, are_same};
pub use network::Network;
pub use ping::{PingAnswer, PingOptions, PingSource, TooLarge};
pub use program::{ExecAnswer, Limits, Process, last_words};
pub use rooms::{Cleared, Exit, Expected, MOST_PROCESSES, Placed, Program, Rooms, RoomsError, Started};
pub use route::RouteOptions;
pub use rule::RuleOptions;
pub use service::{Record, Service};
pub use sighting::{SeenPacket, Sighting, Taps, stamp_packets};
pub use stock::{Changes, Leave, Stock};
pub use sweep::{Span, SweepAnswer, SweepKind, SweepOptions};
pub use tcp::{TcpAnswer, TcpOptions};
pub use terminal::Terminal;
pub use tools::{PATH, is_installed, missing_program, package_of};
pub use traceroute::{TracerouteAnswer, TracerouteOptions};
pub use typed::{link_add, link_del, link_set, typed, typed_words};
pub use udp::{UdpAnswer, UdpOptions};
pub use vxlan::VxlanOptions;
pub use witness::{Answerer, Witness};
