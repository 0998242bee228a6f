//! Access to the kernel: namespaces, netlink sockets, and the links that every action has
//! to know.

pub(super) mod access;
pub(super) mod dump;
pub(super) mod error;
pub(super) mod fallback;
pub(super) mod link_names;
pub(super) mod links;
pub(super) mod netlink;
pub(super) mod netns;
pub(super) mod nfnetlink;
pub(super) mod operstate;
pub(super) mod rooms;

pub(super) use access::{Kernel, Refused};
pub use error::NetError;
pub use netns::{Netns, NetnsName, are_same};
pub use rooms::{Cleared, Exit, Expected, MOST_PROCESSES, Placed, Program, Rooms, RoomsError, Started};
