//! Lines typed wrong, or forgotten.

use super::line::Line;
use super::{Edit, Faults};
use crate::dice::Dice;

/// An address that nobody has, in the same network or in another one.
pub fn other_ip(ip: &str, dice: &mut Dice, near: bool) -> String {
    if let Some((net, host)) = ip.rsplit_once(':') {
        return match near {
            true => format!("{net}:{}{host}", 1 + dice.below(8)),
            false => ip.replacen("fd00:", &format!("fd0{}:", 1 + dice.below(8)), 1),
        };
    }
    let mut parts: Vec<String> = ip.split('.').map(Into::into).collect();
    let at = if near { 3 } else { 1 + dice.below(2) };
    let new = match dice.below(3) {
        // A digit too many, a key beside it, or something else.
        0 => format!("{}{}", parts[at], dice.below(10)),
        1 => format!("1{}", parts[at]),
        _ => format!("{}", 100 + dice.below(100)),
    };
    parts[at] = if new.parse::<u16>().is_ok_and(|new| new < 255) { new } else { "77".into() };
    parts.join(".")
}

impl Faults {
    /// A line typed wrong, or forgotten.
    pub fn typed(&mut self, line: &Line, dice: &mut Dice) {
        let none = Edit::Line(line.at, None);
        if line.is(&["ip", "addr", "add"]) {
            let (cidr, dev) = (line.words[3], line.after("dev").expect("a link"));
            let (ip, len) = cidr.split_once('/').expect("with a mask");
            let near = other_ip(ip, dice, true);
            self.edit("address", line, line.instead(ip, &near), &[ip, &near]);
            let far = other_ip(ip, dice, false);
            self.edit("address", line, line.instead(ip, &far), &[ip, &far]);
            self.edit("address forgotten", line, none, &[ip, dev]);
            let masks = if self.v6 { ["128", "127", "126"] } else { ["32", "31", "30"] };
            let mask = dice.pick(&masks);
            let wrong = format!("{ip}/{mask}");
            self.edit("mask", line, line.instead(cidr, &wrong), &[&wrong, &format!("/{len}"), dev]);
            if !self.v6 {
                let wrong = format!("{ip}/{}", dice.pick(&["8", "12", "16"]));
                self.edit("mask", line, line.instead(cidr, &wrong), &[&wrong, &format!("/{len}"), dev]);
            }
        } else if line.is(&["ip", "link", "set"]) && line.words.last() == Some(&"up") {
            self.edit("link", line, none, &[line.words[3]]);
        } else if line.after("master").is_some() {
            self.edit("bridge port", line, none, &[line.words[3]]);
        } else if line.is(&["ip", "route", "add"]) {
            let net = line.words[3];
            self.edit("route forgotten", line, none, &[net, "route"]);
            if let Some(via) = line.after("via") {
                let wrong = other_ip(via, dice, true);
                let edit = line.instead(&format!("via {via}"), &format!("via {wrong}"));
                self.edit("gateway", line, edit, &[&wrong]);
            }
            if let Some((ip, len)) = net.split_once('/') {
                let wrong = other_ip(ip, dice, false);
                let wrong = format!("{wrong}/{len}");
                self.edit("route", line, line.instead(net, &wrong), &[&wrong, net]);
                let narrow = format!("{ip}/{}", if self.v6 { "127" } else { "31" });
                self.edit("route", line, line.instead(&format!("{ip}/{len}"), &narrow), &[&narrow, net]);
            }
        } else if line.is(&["ip", "rule", "add"]) {
            let table = line.after("lookup").expect("a table");
            let wrong = format!("{table}1");
            self.edit("rule", line, none, &["rule", "table", "10.0.2"]);
            let edit = line.instead(&format!("lookup {table}"), &format!("lookup {wrong}"));
            self.edit("rule", line, edit, &[table, &wrong]);
            if let Some(mark) = line.after("fwmark") {
                self.edit("rule", line, line.instead(mark, &format!("{mark}0")), &[mark, "mark"]);
            }
            for word in ["from", "to"] {
                let Some((ip, len)) = line.after(word).and_then(|net| net.split_once('/')) else { continue };
                let wrong = other_ip(ip, dice, false);
                self.edit("rule", line, line.instead(ip, &wrong), &[&format!("{ip}/{len}"), &wrong, table]);
            }
        } else if line.is(&["ip", "neigh", "add"]) {
            let (ip, mac) = (line.words[3], line.after("lladdr").expect("an address"));
            self.edit("neighbour", line, none, &[ip, mac]);
            let wrong = format!("{}9", &mac[..mac.len() - 1]);
            self.edit("neighbour", line, line.instead(mac, &wrong), &[ip, &wrong]);
        } else if line.is(&["bridge", "fdb"]) {
            let (mac, ip) = (line.words[3], line.after("dst").expect("an address"));
            self.edit("fdb", line, none, &[mac, ip]);
            let wrong = other_ip(ip, dice, true);
            self.edit("fdb", line, line.instead(ip, &wrong), &[mac, &wrong]);
        } else if line.is(&["nc"]) {
            let port = line.after("-lk").expect("a port");
            let wrong = format!("1{port}");
            let edit = line.instead(&format!("-lk {port}"), &format!("-lk {wrong}"));
            self.edit("service", line, edit, &[port, &wrong]);
            let edit = line.instead(&format!("-lk {port}"), &format!("-lk 127.0.0.1 {port}"));
            self.edit("service", line, edit, &["127.0.0.1"]);
        } else if line.is(&["python3"]) {
            self.edit("service", line, line.instead("server 80", "server 8080"), &["8080"]);
            let local = line.instead("server 80", "server 80 --bind 127.0.0.1");
            self.edit("service", line, local, &["127.0.0.1"]);
        } else if line.text.contains("forward") {
            self.edit("forwarding", line, none, &["forward"]);
            self.edit("forwarding", line, line.instead("=1", "=0"), &["forward"]);
        } else if line.is(&["iptables"]) {
            self.rule(line, dice);
        } else if line.is(&["ip", "link", "add"]) {
            if let (Some(id), Some(port)) = (line.after("id"), line.after("dstport")) {
                let wrong = format!("{id}4");
                let edit = line.instead(&format!("id {id}"), &format!("id {wrong}"));
                self.edit("vxlan number", line, edit, &[id, &wrong]);
                let wrong = if port == "8472" { "4789" } else { "8472" };
                self.edit("vxlan", line, line.instead(port, wrong), &[port, wrong]);
            } else if line.after("id") == Some("5") {
                self.edit("vlan", line, line.instead("id 5", "id 50"), &["50"]);
            }
            for end in ["remote", "local"] {
                if let Some(ip) = line.after(end) {
                    let wrong = other_ip(ip, dice, true);
                    let edit = line.instead(&format!("{end} {ip}"), &format!("{end} {wrong}"));
                    self.edit("tunnel end", line, edit, &[&wrong]);
                }
            }
            if line.after("mode").is_some() {
                self.edit("macvlan", line, line.instead("mode bridge", "mode private"), &["private"]);
                self.edit("macvlan", line, line.instead("mode bridge", "mode vepa"), &["vepa"]);
            }
        }
    }

    /// An address that is given to another link of its namespace.
    pub fn on_another_link(&mut self, line: &Line, other: &str) {
        let edit = line.instead(&format!("dev {}", line.dev()), &format!("dev {other}"));
        self.edit(
            "address on another link",
            line,
            edit,
            &[line.words[3].split('/').next().unwrap_or(""), other],
        );
    }

    /// A link that is put into another namespace.
    pub fn in_another_space(&mut self, line: &Line, ns: &str, other: &str) {
        let edit = line.instead(&format!("netns {ns}"), &format!("netns {other}"));
        self.edit("namespace", line, edit, &[line.words[3]]);
        self.all.last_mut().expect("just pushed").ns = other.into();
    }
}
