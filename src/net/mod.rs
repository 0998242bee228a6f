//! Changes a network of namespaces, and observes it.
//!
//! *Takes* names and addresses as `ip(8)` takes them, *gives* tables and
//! answers, *never* knows of scripts, checks or reports. One thread does all of
//! it: it enters a namespace to open a socket there, and the socket stays in
//! that namespace.

mod act;
mod applet;
mod ask;
mod bounds;
mod calm;
mod cni;
pub(crate) mod fuzzing;
mod kernel;
mod lacking;
mod names;
mod netfilter;
mod network;
mod notation;
mod observe;
mod packet;
mod run;
mod service;
mod stock;
pub mod survey;
mod sweep;
mod watch;

pub use act::{CHOSEN, MacvlanMode, RouteOptions, RuleOptions, VxlanOptions};
pub use applet::missing_tool;
pub use ask::{
    Answerer, HttpAnswer, HttpOptions, PingAnswer, PingOptions, PingSource, TcpAnswer, TcpOptions, TooLarge,
    TracerouteAnswer, TracerouteOptions, UdpAnswer, UdpOptions, Witness,
};
pub use cni::{CniAnswer, CniCall, CniNetwork, CniOptions, CniPlugin, CniVerb};
pub use kernel::{
    Cleared, Exit, Expected, MOST_PROCESSES, NetError, Netns, NetnsName, Placed, Program, Rooms, RoomsError,
    Started, are_same,
};
pub use lacking::Lacking;
pub use names::{NameAnswer, NameFiles};
pub use netfilter::{
    Action, Backend, Chain, Counters, Culprit, FirewallOptions, FirewallRule, FirewallSnapshot, Flow,
    FlowEnd, PacketOptions, Passage, Policy, Ruling, StepKind, StepVerdict, Stop, Trace, TraceStep,
    TracedIcmp, TracedPacket, nft_command,
};
pub use network::Network;
pub use notation::{Family, link_add, link_del, link_set, typed, typed_words};
pub use run::{
    ExecAnswer, Limits, PATH, Process, Terminal, is_installed, last_words, missing_program, package_of,
};
pub use service::{Record, Service};
pub use stock::{Changes, Leave, Stock};
pub use sweep::{Span, SweepAnswer, SweepKind, SweepOptions};
pub use watch::{Capture, CaptureFile, SeenPacket, Sighting, Taps, stamp_packets};
