//! The messages by which tools report that the kernel does not know a feature.
//!
//! The messages alone prove nothing: some of them also answer typing errors, and
//! anybody can print them. They only make it worth asking the kernel.

/// Parts of the messages of iproute2, iptables, nft, tc, sysctl, ovs-vsctl and
/// shells.
const REFUSALS: &[&str] = &[
    // The kernel's own, from extended acknowledgements and error numbers.
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
    // Go's messages for the same errors.
    "operation not supported",
    "Protocol not supported",
    "Address family not supported",
    "Protocol not available",
    "Function not implemented",
    "Unknown error 524",
    // From `ip tunnel`, and from generic netlink.
    "failed: No such device",
    "RTNETLINK answers: No such file or directory",
    "Error talking to the kernel",
    // From iptables.
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
    // From nft.
    "Could not process rule: No such file or directory",
    "cache initialization failed",
    "Unable to initialize Netlink socket",
    // From sysctl, and from shells that write below /proc.
    "cannot stat /proc/sys/",
    "bridges ask no firewall",
    "/proc/sys/net/",
    // From Open vSwitch.
    "Error detected while setting up",
    "could not add network device",
    "No usable protocol",
    // From shells.
    "command not found",
    "not found",
    "No such file or directory",
];

/// The first line in which a tool reports that something is not known.
pub(super) fn refusal(said: &str) -> Option<&str> {
    let mut lines = said.lines().map(str::trim);
    lines.find(|line| REFUSALS.iter().any(|part| line.contains(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by iproute2 6.1, iptables 1.8.9, nftables 1.0.6, procps and Open
    /// vSwitch 3.1 under Linux 6.1 and 6.18 kernels that lack a part.
    const RECORDED: &[&str] = &[
        "Error: Unknown device type.",
        "add tunnel \"ip6gre0\" failed: No such device",
        "Error: Specified qdisc kind is unknown.",
        "Error: TC classifier not found.\nWe have an error talking to the kernel",
        "Error: Failed to load TC action module.\nWe have an error talking to the kernel",
        "Error: Requested type not found.",
        "Error: lwt encapsulation type not supported.",
        "RTNETLINK answers: Operation not supported",
        "RTNETLINK answers: No such file or directory\nError talking to the kernel",
        "iptables v1.8.9 (nf_tables):  TABLE_ADD failed (Operation not supported): table nat",
        "iptables v1.8.9 (nf_tables):  RULE_APPEND failed (No such file or directory): rule in chain PREROUTING",
        "modprobe: ERROR: could not insert 'ip_tables': Operation not permitted\n\
         iptables v1.8.9 (legacy): can't initialize iptables table `nat': Table does not exist (do you need to insmod?)",
        "iptables v1.8.9 (nf_tables): Couldn't load match `geoip':No such file or directory",
        "iptables: No chain/target/match by that name.",
        "Error: Could not process rule: Operation not supported\nadd table ip nat\n^^^^^^^^^^^^^^^^^",
        "Error: Could not process rule: No such file or directory\nadd chain ip nat post",
        "sysctl: cannot stat /proc/sys/net/bridge/bridge-nf-call-iptables: No such file or directory",
        "sh: 1: cannot create /proc/sys/net/bridge/bridge-nf-call-iptables: Directory nonexistent",
    ];

    /// Messages of the same tools for typing errors, on every machine.
    const SLIPS: &[&str] = &[
        "iptables v1.8.9 (nf_tables): unknown option \"--dport\"\nTry `iptables -h' for more information.",
        "iptables v1.8.9 (nf_tables): unknown protocol \"tpc\" specified",
        "Error: any valid prefix is expected rather than \"10.0.0.300/24\".",
        "Error: Nexthop has invalid gateway.",
        "Cannot find device \"eth9\"",
        "RTNETLINK answers: File exists",
        "Unknown qdisc \"nteem\", hence option \"delay\" is unparsable",
        "Error: unknown chain hook\nadd chain inet f d { type nat hook inpt priority 0; }",
        "Error: syntax error, unexpected newline",
    ];

    #[test]
    fn refusals_are_told_from_slips() {
        for words in RECORDED {
            assert!(refusal(words).is_some(), "{words}");
        }
        for words in SLIPS {
            assert_eq!(refusal(words), None, "{words}");
        }
    }

    #[test]
    fn the_reason_is_the_line_that_refuses() {
        let said = "Warning: deprecated\n  Error: Unknown device type.  \nmore\n";
        assert_eq!(refusal(said), Some("Error: Unknown device type."));
    }
}
