//! The kernel's counters of a namespace, by the names of nstat(8).

use super::Space;
use std::collections::BTreeMap;
use std::fs;

/// Reads the counters of this thread's current namespace; only those that are
/// not 0.
pub(super) fn read() -> BTreeMap<String, u64> {
    let mut counters = BTreeMap::new();
    for file in ["snmp", "netstat"] {
        columns(&text(file), &mut counters);
    }
    for file in ["snmp6", "xfrm_stat"] {
        rows(&text(file), &mut counters);
    }
    conntrack(&text("stat/nf_conntrack"), &mut counters);
    counters
}

/// Reads the counters of IP and of the protocols above it, in this thread's
/// current namespace, as `IcmpOutErrors`.
pub(in crate::net) fn snmp() -> BTreeMap<String, u64> {
    let mut counters = BTreeMap::new();
    columns(&text("snmp"), &mut counters);
    counters
}

fn text(file: &str) -> String {
    fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default()
}

/// Two lines for each group: `Ip: Forwarding …` and `Ip: 1 …`.
fn columns(text: &str, counters: &mut BTreeMap<String, u64>) {
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let Some((group, names)) = names.split_once(':') else { continue };
        let Some((_, values)) = values.split_once(':') else { continue };
        for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
            // Most counters are 0, and `MaxConn` of TCP is -1.
            if value != "0"
                && let Ok(value) = value.parse()
            {
                counters.insert(format!("{group}{name}"), value);
            }
        }
    }
}

/// A line for each: `Ip6InReceives 2`.
fn rows(text: &str, counters: &mut BTreeMap<String, u64>) {
    let pair = |line: &str| {
        let (name, value) = line.split_once(char::is_whitespace)?;
        let value = value.trim();
        (value != "0").then_some((name.to_string(), value.parse().ok()?))
    };
    counters.extend(text.lines().filter_map(pair));
}

/// Column names, then a line for each processor, in hexadecimal digits.
fn conntrack(text: &str, counters: &mut BTreeMap<String, u64>) {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    for line in lines {
        for (name, value) in names.iter().zip(line.split_whitespace()) {
            // Every line repeats the number of entries.
            if let (Ok(value @ 1..), false) = (u64::from_str_radix(value, 16), *name == "entries") {
                *counters.entry(format!("conntrack_{name}")).or_default() += value;
            }
        }
    }
}

impl Space {
    /// A counter by its name in nstat(8) or the kernel
    /// (`TcpExtIPReversePathFilter` or `IPReversePathFilter`); 0 if there is
    /// none.
    pub fn counter(&self, name: &str) -> u64 {
        let groups = ["", "TcpExt", "IpExt"];
        groups
            .iter()
            .find_map(|group| self.counters.get(&format!("{group}{name}")).copied())
            .unwrap_or_default()
    }

    /// The counters that have grown since an earlier survey, and by how much.
    pub fn counted_since(&self, earlier: &Self) -> BTreeMap<String, u64> {
        let grown = |(name, count): (&String, &u64)| {
            let grown = count.saturating_sub(earlier.counters.get(name).copied().unwrap_or_default());
            (grown != 0).then(|| (name.clone(), grown))
        };
        self.counters.iter().filter_map(grown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_go_by_the_names_of_nstat() {
        let mut counters = BTreeMap::new();
        columns("Ip: Forwarding InAddrErrors\nIp: 1 7\nTcp: MaxConn\nTcp: -1\n", &mut counters);
        rows("Ip6InNoRoutes                   \t3\n", &mut counters);
        conntrack(
            "entries  insert_failed drop\n00000004 00000001 0000000a\n00000004 00000002 0\n",
            &mut counters,
        );
        let expected = [
            ("Ip6InNoRoutes", 3),
            ("IpForwarding", 1),
            ("IpInAddrErrors", 7),
            ("conntrack_drop", 10),
            ("conntrack_insert_failed", 3),
        ];
        assert_eq!(counters, expected.map(|(name, count)| (name.to_string(), count)).into());
    }
}
