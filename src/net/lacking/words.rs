//! How tools say that the kernel does not know what they ask for.
//!
//! The words alone prove nothing: a slip is answered by some of them, too, and
//! anybody can print them. They only make it worth asking the kernel.

/// Parts of lines, as iproute2, iptables, nft, tc, sysctl, ovs-vsctl and shells
/// print them.
const REFUSALS: &[&str] = &[
    // The kernel's own, by extended acknowledgement and by number.
    "Unknown device type",
    "lwt encapsulation type not supported",
    "Specified qdisc kind is unknown",
    "Specified qdisc not found",
    "TC classifier not found",
    "Failed to load TC action module",
    "Requested type not found",
    "Requested mode not found",
    "VLANs not supported on",
    "Operation not supported",
    "Protocol not supported",
    "Address family not supported",
    "Protocol not available",
    "Function not implemented",
    "Unknown error 524",
    // Of `ip tunnel`, and of generic netlink.
    "failed: No such device",
    "RTNETLINK answers: No such file or directory",
    "Error talking to the kernel",
    // Of iptables.
    "No chain/target/match by that name",
    "can't initialize iptables table",
    "can't initialize ip6tables table",
    "Couldn't load match",
    "Couldn't load target",
    "missing kernel module",
    "kernel needs to be upgraded",
    "failed (No such file or directory)",
    "Failed to initialize nft",
    "Chain '",
    // Of nft.
    "Could not process rule: No such file or directory",
    "cache initialization failed",
    "Unable to initialize Netlink socket",
    // Of sysctl, and of shells that write below /proc.
    "cannot stat /proc/sys/",
    "/proc/sys/net/",
    // Of Open vSwitch.
    "Error detected while setting up",
    "could not add network device",
    "No usable protocol",
    // Of shells.
    "command not found",
    "not found",
    "No such file or directory",
];

/// The first line by which a tool says that something is not known.
pub(super) fn refusal(said: &str) -> Option<&str> {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    lines().find(|line| REFUSALS.iter().any(|part| line.contains(part)))
}
