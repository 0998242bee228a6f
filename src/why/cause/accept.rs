//! Rules that would accept a packet that a firewall stopped. They accept no more than they
//! have to: packets of its kind from one interface to another, or those of two addresses.

use super::firewall::{BlockedPacket, is_accept};
use crate::net::{Backend, FirewallRule, nft_command, protocol_name, typed};
use crate::why::command::ruling::{Of, Ruling};

/// The packets that a rule accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// All of the packet's kind that take its way through this namespace.
    Way,
    /// Those between its two addresses.
    Ends,
}

impl BlockedPacket<'_> {
    /// Returns the command that accepts the packet. A reply is accepted by the state of its
    /// connection, if that is known in this chain.
    pub fn accept(&self, width: Width) -> Option<String> {
        // If the chain accepts established connections already, conntrack does not know
        // the packet as a reply, and a rule by its state would not help.
        let view = self.view();
        let states = |rule: &FirewallRule| {
            let ruling = Ruling::of(rule);
            is_accept(rule)
                && ruling.clauses.iter().any(|clause| clause.of == Of::State && !clause.not)
                && ruling.failing(&view).is_empty()
        };
        let by_state = view.reply && self.culprit.knows_connections() && !self.rules().any(states);
        let words = match (by_state, width, self.native()) {
            (true, Width::Way, _) => self.established().into(),
            // A policy wants one rule for all replies.
            (true, Width::Ends, _) if self.culprit.policy => return None,
            (true, Width::Ends, _) => {
                format!("{}{}{}", self.interfaces(true, true), self.ends()?, self.established())
            }
            (false, Width::Way, _) => format!("{}{}", self.interfaces(true, true), self.kind()?),
            (false, Width::Ends, _) => {
                format!("{}{}{}", self.interfaces(true, true), self.ends()?, self.kind()?)
            }
        };
        self.insert(&match self.native() {
            true => format!("{words} accept"),
            false => format!("{words} -j ACCEPT"),
        })
    }

    /// Returns the condition on packets of known connections.
    fn established(&self) -> &'static str {
        match self.native() {
            true => "ct state established,related",
            false => "-m conntrack --ctstate ESTABLISHED,RELATED",
        }
    }

    /// Returns the accepting commands that are narrower than a cure.
    pub fn narrower(&self, widths: &[Width]) -> Vec<Vec<String>> {
        widths.iter().filter_map(|width| self.accept(*width)).map(|command| vec![command]).collect()
    }

    /// Returns the words of a rule, for the packet's interfaces only unless it names others.
    pub fn on_this_way(&self, ruling: &Ruling) -> String {
        let says = |of: Of| ruling.clauses.iter().any(|clause| clause.of == of);
        format!("{}{}", self.interfaces(!says(Of::In), !says(Of::Out)), ruling.typed())
    }

    /// Returns the conditions on the interfaces that the packet's hook has.
    fn interfaces(&self, come: bool, goes: bool) -> String {
        let iptables = matches!(self.culprit.backend, Backend::IptablesNft | Backend::IptablesLegacy);
        let native =
            self.native() && matches!(self.culprit.family.as_str(), "ip" | "ip6" | "inet" | "bridge");
        // A bridge floods questions to all its ports.
        let flooded = self.culprit.family == "bridge" && self.stop.packet.arp.is_some();
        if !iptables && !native || flooded {
            return String::new();
        }
        let hook = self.stop.hook.as_deref().unwrap_or_default();
        let iif = self.stop.iif.as_deref().filter(|_| come && !matches!(hook, "output" | "postrouting"));
        let oif = self.stop.oif.as_deref().filter(|_| goes && !matches!(hook, "input" | "prerouting"));
        let condition = |word: &str, dev: &str| match native {
            true => format!("{word}ifname \"{dev}\" "),
            false => format!("-{word} {} ", typed(dev)),
        };
        let iif = iif.map(|dev| condition("i", dev)).unwrap_or_default();
        format!("{iif}{}", oif.map(|dev| condition("o", dev)).unwrap_or_default())
    }

    /// Returns the conditions on the packet's two addresses.
    fn ends(&self) -> Option<String> {
        let packet = &self.stop.packet;
        let (src, dst) = (packet.src?, packet.dst?);
        let family = if src.is_ipv4() { "ip" } else { "ip6" };
        match (self.culprit.backend, self.native()) {
            (_, true) if packet.arp.is_none() => Some(format!("{family} saddr {src} {family} daddr {dst} ")),
            (Backend::IptablesNft | Backend::IptablesLegacy, _) => Some(format!("-s {src} -d {dst} ")),
            _ => None,
        }
    }

    /// Returns the conditions on the packet's protocol and port.
    fn kind(&self) -> Option<String> {
        let packet = &self.stop.packet;
        let native = self.native();
        Some(match (self.culprit.backend, packet.arp, packet.proto) {
            (Backend::Nft, Some(operation), _) if self.culprit.family == "arp" => {
                format!("arp operation {}", if operation == 1 { "request" } else { "reply" })
            }
            (Backend::Nft, Some(_), _) => "ether type arp".into(),
            (Backend::ArptablesNft | Backend::ArptablesLegacy, ..) => format!("-s {}", packet.src?),
            (Backend::EbtablesNft | Backend::EbtablesLegacy, Some(_), _) => "-p ARP".into(),
            (Backend::EbtablesNft | Backend::EbtablesLegacy, ..) => {
                format!("-p IPv{}", if packet.src?.is_ipv4() { 4 } else { 6 })
            }
            (.., Some(number)) => {
                let name = protocol_name(number);
                match (packet.sport, packet.dport) {
                    // A reply is recognized by the port of the service.
                    (Some(port), Some(_)) if self.view().reply => match native {
                        true => format!("{name} sport {port}"),
                        false => format!("-p {name} --sport {port}"),
                    },
                    (Some(_), Some(port)) if native => format!("{name} dport {port}"),
                    (Some(_), Some(port)) => format!("-p {name} --dport {port}"),
                    _ if native => format!("meta l4proto {name}"),
                    _ => format!("-p {name}"),
                }
            }
            _ => return None,
        })
    }

    /// Returns the command that inserts a rule before the culprit, or appends it if the
    /// culprit is a policy.
    pub fn insert(&self, words: &str) -> Option<String> {
        let culprit = self.culprit;
        let (table, chain) = (typed(&culprit.table), typed(&culprit.chain));
        let number = culprit.number.filter(|_| !culprit.policy);
        Some(self.netns.exec(&match (self.native(), number) {
            (true, Some(_)) => nft_command(&format!(
                "insert rule {} {table} {chain} handle {} {words}",
                culprit.family, culprit.handle?
            )),
            (true, None) => nft_command(&format!("add rule {} {table} {chain} {words}", culprit.family)),
            (false, Some(1)) => format!("{} -I {chain} {words}", culprit.tool()),
            (false, Some(number)) => format!("{} -I {chain} {number} {words}", culprit.tool()),
            (false, None) => format!("{} -A {chain} {words}", culprit.tool()),
        }))
    }

    /// Returns the command that replaces a rule of the chain.
    pub fn replace(&self, rule: &FirewallRule, words: &str) -> Option<String> {
        let (table, chain) = (typed(&rule.table), typed(&rule.chain));
        Some(self.netns.exec(&match self.native() {
            true => nft_command(&format!(
                "replace rule {} {table} {chain} handle {} {words}",
                rule.family, rule.handle?
            )),
            false => format!("{} -R {chain} {} {words}", self.culprit.tool(), rule.number?),
        }))
    }
}
