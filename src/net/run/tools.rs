//! The programs that labs use: their search path, and their packages.

/// The search path for programs, inside the sandbox.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Programs that labs use and a machine may lack, with the package of Debian and
/// its derivatives that contains them.
const TOOLS: [(&str, &str); 70] = [
    ("arp", "net-tools"),
    ("arping", "iputils-arping"),
    ("arptables", "arptables"),
    ("arptables-legacy", "arptables"),
    ("bash", "bash"),
    ("brctl", "bridge-utils"),
    ("bridge", "iproute2"),
    ("conntrack", "conntrack"),
    ("curl", "curl"),
    ("dhclient", "isc-dhcp-client"),
    ("dig", "bind9-dnsutils"),
    ("dnsmasq", "dnsmasq-base"),
    ("ebtables", "ebtables"),
    ("ebtables-legacy", "ebtables"),
    ("ethtool", "ethtool"),
    ("fuser", "psmisc"),
    ("host", "bind9-host"),
    ("ifconfig", "net-tools"),
    ("ip", "iproute2"),
    ("ip6tables", "iptables"),
    ("ip6tables-legacy", "iptables"),
    ("ip6tables-nft", "iptables"),
    ("ip6tables-restore", "iptables"),
    ("ip6tables-save", "iptables"),
    ("iperf3", "iperf3"),
    ("ipset", "ipset"),
    ("iptables", "iptables"),
    ("iptables-legacy", "iptables"),
    ("iptables-nft", "iptables"),
    ("iptables-restore", "iptables"),
    ("iptables-save", "iptables"),
    ("ipvsadm", "ipvsadm"),
    ("jq", "jq"),
    ("mtr", "mtr-tiny"),
    ("nc", "netcat-openbsd"),
    ("ncat", "ncat"),
    ("ndisc6", "ndisc6"),
    ("netstat", "net-tools"),
    ("nft", "nftables"),
    ("nginx", "nginx-light"),
    ("nmap", "nmap"),
    ("nsenter", "util-linux"),
    ("nslookup", "bind9-dnsutils"),
    ("ovs-appctl", "openvswitch-switch"),
    ("ovs-dpctl", "openvswitch-switch"),
    ("ovs-ofctl", "openvswitch-switch"),
    ("ovs-vsctl", "openvswitch-switch"),
    ("ovs-vswitchd", "openvswitch-switch"),
    ("ovsdb-server", "openvswitch-switch"),
    ("ovsdb-tool", "openvswitch-switch"),
    ("ping", "iputils-ping"),
    ("python3", "python3"),
    ("radvd", "radvd"),
    ("route", "net-tools"),
    ("setpriv", "util-linux"),
    ("socat", "socat"),
    ("ss", "iproute2"),
    ("sysctl", "procps"),
    ("tc", "iproute2"),
    ("tcpdump", "tcpdump"),
    ("tcptraceroute", "tcptraceroute"),
    ("tipc", "iproute2"),
    ("tracepath", "iputils-tracepath"),
    ("traceroute", "traceroute"),
    ("tshark", "tshark"),
    ("unshare", "util-linux"),
    ("vconfig", "vlan"),
    ("wg", "wireguard-tools"),
    ("wg-quick", "wireguard-tools"),
    ("wget", "wget"),
];

/// The package that contains a program that a machine may lack.
pub fn package_of(program: &str) -> Option<&'static str> {
    TOOLS.iter().find(|(name, _)| *name == program).map(|(_, package)| *package)
}

/// Tells whether a program is in the sandboxes' search path.
pub fn is_installed(program: &str) -> bool {
    which::which_in(program, Some(PATH), "/").is_ok()
}

/// Finds the first program in a shell script that labs use and that this machine
/// lacks. Looks at words where a command begins, also after `ip netns exec`.
pub fn missing_program(script: &str) -> Option<String> {
    let script = &without_quoted(script);
    let mut start = true;
    // The number of words matched of `ip netns exec NAME`.
    let mut entered = 0;
    for token in script.split_inclusive(|c: char| c.is_whitespace() || ";|&(){}`$\"'".contains(c)) {
        let word = token.trim_end_matches(|c: char| c.is_whitespace() || ";|&(){}`$\"'".contains(c));
        if start && !word.is_empty() && package_of(word).is_some() && !is_installed(word) {
            return Some(word.into());
        }
        entered = match (entered, word) {
            // A blank between two words.
            (now, "") => now,
            (0 | 4, "ip") if start => 1,
            (1, "netns") => 2,
            (2, "exec") => 3,
            (3, _) => 4,
            _ => 0,
        };
        // These words precede a command; so may an assignment to a variable.
        let before = ["sudo", "exec", "if", "then", "else", "do", "while", "until", "!", "time"];
        let ends = token.contains(['\n', ';', '|', '&', '(', '{', '`']);
        start = ends
            || entered == 4
            || (start && (word.is_empty() || before.contains(&word) || word.contains('=')));
    }
    None
}

/// Removes the text in single quotes from a script: no command begins there, as
/// it may be text for something else.
fn without_quoted(script: &str) -> String {
    let (mut single, mut double, mut escaped) = (false, false, false);
    let mut kept = String::new();
    for c in script.chars() {
        match c {
            _ if std::mem::take(&mut escaped) => {}
            '\\' if !single => escaped = true,
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            _ => {}
        }
        kept.push(if single && c != '\'' { '_' } else { c });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_found_where_commands_begin() {
        // The test machine may have some of these programs, so look for one that
        // is not installed.
        assert_eq!(missing_program("echo ip; cat <<< tshark"), None);
        for tool in ["ovs-vsctl", "tshark"] {
            if !is_installed(tool) {
                assert_eq!(missing_program(&format!("x=1 {tool} show")), Some(tool.into()));
                assert_eq!(missing_program(&format!("true &&\n\t{tool} show")), Some(tool.into()));
                assert_eq!(missing_program(&format!("a=$({tool} show)")), Some(tool.into()));
                assert_eq!(missing_program(&format!("echo {tool}")), None);
                assert_eq!(missing_program(&format!("echo 'x\n{tool} show'")), None);
                assert_eq!(missing_program(&format!("echo \"it's\"; {tool} show")), Some(tool.into()));
                if is_installed("ip") {
                    let inside = format!("ip netns exec red {tool} show");
                    assert_eq!(missing_program(&inside), Some(tool.into()));
                    assert_eq!(missing_program(&format!("ip netns exec red echo {tool}")), None);
                }
            }
        }
    }
}
