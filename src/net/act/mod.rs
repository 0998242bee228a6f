//! Actions on a network, as `ip` and `sysctl` take them.

pub(super) mod addr;
pub(super) mod cable;
pub(super) mod create;
pub(super) mod defaults;
pub(super) mod link;
pub(super) mod link_settings;
pub(super) mod neigh;
pub(super) mod prefix;
pub(super) mod route;
pub(super) mod rule;
pub(super) mod sysctl;
pub(super) mod vxlan;

pub use defaults::CHOSEN;
pub use link_settings::MacvlanMode;
pub use route::RouteOptions;
pub use rule::RuleOptions;
pub use vxlan::VxlanOptions;
