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

pub use act::defaults::CHOSEN;
pub use act::link_settings::MacvlanMode;
pub use act::route::RouteOptions;
pub use act::rule::RuleOptions;
pub use act::vxlan::VxlanOptions;
pub use applet::missing_tool;
pub use ask::http::{HttpAnswer, HttpOptions};
pub use ask::ping::{PingAnswer, PingOptions, PingSource, TooLarge};
pub use ask::tcp::{TcpAnswer, TcpOptions};
pub use ask::traceroute::{TracerouteAnswer, TracerouteOptions};
pub use ask::udp::{UdpAnswer, UdpOptions};
pub use ask::witness::{Answerer, Witness};
pub use cni::{CniAnswer, CniCall, CniNetwork, CniOptions, CniPlugin, CniVerb};
pub use kernel::error::NetError;
pub use kernel::netns::{Netns, NetnsName, are_same};
pub use kernel::rooms::{
    Cleared, Exit, Expected, MOST_PROCESSES, Placed, Program, Rooms, RoomsError, Started,
};
pub use lacking::Lacking;
pub use names::{NameAnswer, NameFiles};
use netfilter::SetElements;
pub use netfilter::{
    Action, Backend, Chain, Counters, Culprit, FirewallOptions, FirewallRule, FirewallSnapshot, Flow,
    FlowEnd, PacketOptions, Passage, Policy, Ruling, StepKind, StepVerdict, Stop, Trace, TraceStep,
    TracedIcmp, TracedPacket, nft_command,
};
pub use network::Network;
pub use notation::iproute::Family;
pub use notation::typed::{link_add, link_del, link_set, typed, typed_words};
pub use run::program::{ExecAnswer, Limits, Process, last_words};
pub use run::terminal::Terminal;
pub use run::tools::{PATH, is_installed, missing_program, package_of};
pub use service::{Record, Service};
pub use stock::{Changes, Leave, Stock};
pub use sweep::{Span, SweepAnswer, SweepKind, SweepOptions};
pub use watch::capture::{Capture, CaptureFile};
pub use watch::sighting::{SeenPacket, Sighting, Taps, stamp_packets};
