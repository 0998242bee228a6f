//! Tools that write the rules of a firewall. They write them again, so a lasting rule is made
//! with the tool's own command.

use super::called::target;
use super::firewall::BlockedPacket;
use crate::net::protocol_name;

/// A tool, and the beginning of the names of its chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Ufw,
    Firewalld,
    Docker,
    Netavark,
    Libvirt,
    KubeProxy,
    Fail2ban,
}

/// The tools, by the beginning of a chain's name. A table of nft called firewalld is firewalld's.
const CHAINS: [(&str, Tool); 8] = [
    ("f2b-", Tool::Fail2ban),
    ("ufw-", Tool::Ufw),
    ("ufw6-", Tool::Ufw),
    ("DOCKER", Tool::Docker),
    ("NETAVARK", Tool::Netavark),
    ("LIBVIRT_", Tool::Libvirt),
    ("KUBE-", Tool::KubeProxy),
    ("filter_IN_", Tool::Firewalld),
];

impl BlockedPacket<'_> {
    /// Names the tool that writes the rules which have stopped the packet, and the tool's command
    /// that lets it through.
    pub fn writer(&self) -> Option<String> {
        // Chains for people's own rules.
        if self.culprit.chain == "DOCKER-USER" || self.culprit.chain.starts_with("ufw-user-") {
            return None;
        }
        let tool = self.tool_of(&self.culprit.chain, &self.culprit.table).or_else(|| {
            // The policy of a base chain is the tool's as well if its rules lead to the tool's.
            let mut called = self.rules().filter_map(|rule| self.tool_of(target(&rule.spec)?, &rule.table));
            called.find(|tool| matches!(tool, Tool::Ufw | Tool::Firewalld | Tool::Docker))
        })?;
        let packet = &self.stop.packet;
        let (iif, oif) = (self.stop.iif.as_deref(), self.stop.oif.as_deref());
        let port = packet.dport.filter(|_| !self.view().reply);
        let proto = packet.proto.map(protocol_name)?;
        let by = |name: &str| format!("; {name} writes these rules, and writes them again");
        Some(match tool {
            Tool::Ufw => match (port, iif, oif) {
                (Some(port), Some(iif), Some(oif)) => {
                    let dst = packet.dst?;
                    let route = format!("in on {iif} out on {oif} to {dst} port {port} proto {proto}");
                    format!("{}: `ufw route allow {route}` says it for good", by("ufw"))
                }
                (Some(port), ..) => format!("{}: `ufw allow {port}/{proto}` says it for good", by("ufw")),
                // ufw has no rules about ICMP.
                _ => format!("{}: /etc/ufw/before.rules is the place for such packets", by("ufw")),
            },
            Tool::Firewalld if iif.is_some() && oif.is_some() => format!(
                "{}: a policy between the two zones (`firewall-cmd --permanent --new-policy`) says it for good",
                by("firewalld")
            ),
            Tool::Firewalld => {
                let zone =
                    self.culprit.chain.strip_prefix("filter_IN_").and_then(|rest| rest.split('_').next());
                let zone = zone.map(|zone| format!(" --zone={zone}")).unwrap_or_default();
                match port {
                    Some(port) => format!(
                        "{}: `firewall-cmd --permanent{zone} --add-port={port}/{proto}` says it for good",
                        by("firewalld")
                    ),
                    None => format!("{}: `firewall-cmd{zone} --list-all` shows them", by("firewalld")),
                }
            }
            Tool::Docker => {
                format!("{}: a rule that is to stay belongs into the chain DOCKER-USER", by("Docker"))
            }
            Tool::Netavark => {
                format!("{}: `podman network inspect` shows the network", by("netavark (podman)"))
            }
            Tool::Libvirt => format!("{}: `virsh net-edit` changes the network", by("libvirt")),
            Tool::KubeProxy => {
                format!("{}: the Service, its endpoints or a NetworkPolicy is the place", by("kube-proxy"))
            }
            Tool::Fail2ban => {
                let jail = self.culprit.chain.strip_prefix("f2b-").unwrap_or("JAIL");
                let unban = format!("fail2ban-client set {jail} unbanip {}", packet.src?);
                format!("{}: `{unban}` says it for good", by("fail2ban"))
            }
        })
    }

    fn tool_of(&self, chain: &str, table: &str) -> Option<Tool> {
        if self.native() && table == "firewalld" {
            return Some(Tool::Firewalld);
        }
        CHAINS.iter().find(|(start, _)| chain.starts_with(start)).map(|(_, tool)| *tool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_that_a_rule_leads_to() {
        assert_eq!(target("-i eth0 -j ufw-before-input"), Some("ufw-before-input"));
        assert_eq!(target("iifname \"eth0\" jump filter_IN_public"), Some("filter_IN_public"));
        assert_eq!(target("-p icmp"), None);
    }
}
