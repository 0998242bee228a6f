//! Changes a network of namespaces, and observes it.
//!
//! *Takes* names and addresses as `ip(8)` takes them, *gives* tables and
//! answers, *never* knows of scripts, checks or reports. One thread does all of
//! it: it enters a namespace to open a socket there, and the socket stays in
//! that namespace.
//!
//! From the bottom up; `tests/tidy.rs` holds the imports between them:
//!
//! | room | idea |
//! |---|---|
//! | `notation` | the kernel's numbers in the words of `ip`, and back |
//! | `packet` | the headers of packets |
//! | `kernel` | access to the kernel: namespaces, netlink sockets, links |
//! | `survey` | the whole state, as `ip -d` and others print it |
//! | `act` | actions, as `ip` and `sysctl` take them |
//! | `calm` | waits until the kernel has finished |
//! | `bounds` | keeps a lab within its share of the machine's tables |
//! | `observe` | tables for scripts |
//! | `watch` | packets and changes, as they come |
//! | `run` | starts programs, and ends them |
//! | `lacking` | tells what the machine does not have |
//! | `cni` | runs CNI plugins |
//! | `netfilter` | rules and connections: written, read, traced |
//! | `applet` | commands of `ip`, `bridge` and `sysctl` without the program |
//! | `stock` | tells what a submission has changed |
//! | `names` | resolves host names as a program would |
//! | `service` | serves HTTP, UDP and DNS |
//! | `ask` | asks with packets: ping, traceroute, TCP, UDP, HTTP, DHCP |
//! | `sweep` | sends many different packets at once |
//! | `network` | joins them: `Network` holds the state of each |

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
    Answerer, DhcpOffer, DhcpQuestion, HttpAnswer, HttpOptions, PingAnswer, PingOptions, PingSource,
    Question, TcpAnswer, TcpOptions, TooLarge, TracerouteAnswer, TracerouteOptions, UdpAnswer, UdpOptions,
    Witness,
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
    FlowEnd, PacketOptions, Passage, Policy, RuleChange, RulePart, StepKind, StepVerdict, Stop, Trace,
    TraceStep, TracedIcmp, TracedPacket, nft_command,
};
pub use network::Network;
pub use notation::{
    Family, link_add, link_del, link_set, protocol_name, protocol_number, typed, typed_words,
};
pub use run::{
    ExecAnswer, Limits, PATH, Process, Terminal, is_installed, last_words, missing_program, package_of,
};
pub use service::{Record, Service};
pub use stock::{Changes, Leave, Stock};
pub use sweep::{Span, SweepAnswer, SweepKind, SweepOptions};
pub use watch::{Capture, CaptureFile, SeenPacket, Sighting, Taps, stamp_packets};
