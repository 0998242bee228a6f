//! Hardware addresses, as commands take them.

use crate::net::survey::LinkKind;
use crate::why::evidence::Evidence;

impl Evidence<'_> {
    /// Returns a hardware address as one types it. The kernel's random addresses change
    /// with each run, so the command reads those from the interface.
    pub(in crate::why) fn mac_words(&self, mac: &str) -> String {
        let typed = self.lab_commands.iter().any(|command| command.command.to_lowercase().contains(mac));
        let all =
            self.survey.spaces.iter().flat_map(|space| space.links.iter().map(move |link| (space, link)));
        // A station comes before a bridge, which takes the address of a port.
        let owner =
            all.filter(|(_, link)| link.mac == mac).min_by_key(|(_, link)| link.kind == LinkKind::Bridge);
        match owner {
            Some((space, link)) if !typed => {
                // The /sys of a shell in the host namespace may belong to another namespace.
                let read = match self.netns(&space.name).is_some_and(|netns| netns.is_host()) {
                    true => format!("ip -br link show dev {} | awk '{{print $3}}'", link.name),
                    false => self.exec(&space.name, &format!("cat /sys/class/net/{}/address", link.name)),
                };
                format!("$({read})")
            }
            _ => mac.into(),
        }
    }

    /// Returns a hardware address that no interface has.
    pub(in crate::why) fn free_mac(&self) -> String {
        let all: Vec<&str> =
            self.survey.spaces.iter().flat_map(|space| &space.links).map(|link| link.mac.as_str()).collect();
        let nth = |n: u32| format!("02:00:00:00:{:02x}:{:02x}", n >> 8, n & 0xff);
        (1..=0xfffe).rev().map(nth).find(|mac| !all.contains(&mac.as_str())).unwrap_or_else(|| nth(1))
    }
}
