//! Lines of iptables typed wrong, forgotten, or typed too late.

use super::line::Line;
use super::typed::other_ip;
use super::{Edit, Faults};
use crate::dice::Dice;

impl Faults {
    /// Adds faults of a rule.
    pub fn rule(&mut self, line: &Line, dice: &mut Dice) {
        let (Some(chain), Some(target)) = (line.after("-A"), line.after("-j")) else { return };
        // A rule that is not there is told by what happens instead.
        let mut instead = vec![chain, target, "policy", "established", "masquerade", "translated"];
        instead.extend(["--dport", "--to-destination", "-s"].iter().filter_map(|word| line.after(word)));
        self.edit("rule forgotten", line, Edit::Line(line.at, None), &instead);
        self.edit("rule late", line, Edit::Late(line.at), &instead);
        if let Some(port) = line.after("--dport") {
            let wrong = (port.parse::<u16>().expect("a port") + 1).to_string();
            let edit = line.instead(&format!("--dport {port}"), &format!("--dport {wrong}"));
            self.edit("port of a rule", line, edit, &[port, &wrong, chain]);
        }
        if let Some((ip, port)) = line.after("--to-destination").and_then(|to| to.split_once(':')) {
            let wrong = other_ip(ip, dice, true);
            self.edit(
                "nat of a rule",
                line,
                line.instead(&format!("n {ip}:"), &format!("n {wrong}:")),
                &[&wrong],
            );
            let edit = line.instead(&format!("{ip}:{port}"), &format!("{ip}:1{port}"));
            self.edit("nat of a rule", line, edit, &[&format!("1{port}")]);
        }
        for (word, other) in [("-i", "-o"), ("-o", "-i")] {
            let hooked = ["INPUT", "OUTPUT", "PREROUTING", "POSTROUTING"].contains(&chain);
            let Some(dev) = line.after(word).filter(|_| !hooked && line.after(other).is_none()) else {
                continue;
            };
            let edit = line.instead(&format!("{word} {dev}"), &format!("{other} {dev}"));
            self.edit("direction of a rule", line, edit, &[dev, chain, "policy"]);
        }
        for word in ["-i", "-o"] {
            let Some(dev) = line.after(word) else { continue };
            let wrong = format!("{dev}0");
            let edit = line.instead(&format!("{word} {dev}"), &format!("{word} {wrong}"));
            self.edit("interface of a rule", line, edit, &[&wrong, chain, "policy"]);
        }
        for word in ["-s", "-d"] {
            let Some((ip, len)) = line.after(word).and_then(|net| net.split_once('/')) else { continue };
            let wrong = other_ip(ip, dice, false);
            let edit = line.instead(&format!("{word} {ip}"), &format!("{word} {wrong}"));
            self.edit("network of a rule", line, edit, &[&wrong, &format!("{ip}/{len}"), chain]);
        }
        if line.text.contains("RELATED,ESTABLISHED") {
            let edit = line.instead("RELATED,ESTABLISHED", "RELATED");
            self.edit("state of a rule", line, edit, &["RELATED", "established", chain]);
        }
        if target == "ACCEPT" {
            self.edit("target of a rule", line, line.instead("-j ACCEPT", "-j DROP"), &[chain, "DROP"]);
        }
    }
}
