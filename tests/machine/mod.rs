//! The state of this machine, which no lab may ever change.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

/// A canonical listing: a subject, and what it looks like.
pub type Listing = BTreeMap<String, String>;

/// Kernel switches that change by themselves.
const VOLATILE: [&str; 9] = [
    "kernel/ns_last_pid",
    "kernel/pty/nr",
    "kernel/random",
    "kernel/sched_domain",
    "kernel/perf_event_max_sample_rate",
    "net/netfilter/nf_conntrack_count",
    "net/ipv4/tcp_fastopen_key",
    "net/ipv6/conf/all/stable_secret",
    "kernel/keys",
];

/// Lists the machine's links, addresses, routes, ruleset, mounts, sysctls,
/// `/etc`, `/run/netns`, and what nslab might leave in temporary folders.
pub fn listing() -> Listing {
    let mut listing = Listing::new();
    let mut add = |subject: &str, text: String| {
        listing.insert(subject.to_string(), text);
    };
    for (subject, program, arguments) in [
        ("links", "ip", "-o link"),
        ("addresses", "ip", "-o addr"),
        ("IPv4 routes", "ip", "route show table all"),
        ("IPv6 routes", "ip", "-6 route show table all"),
        ("rules", "ip", "rule"),
        ("ruleset", "nft", "list ruleset"),
        ("iptables", "iptables-save", ""),
    ] {
        add(subject, output(program, arguments));
    }
    for file in ["/proc/net/dev", "/proc/net/route", "/proc/net/if_inet6"] {
        let text = fs::read_to_string(file).unwrap_or_default();
        // The first word: counters come after it.
        let names: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        add(file, names.join("\n"));
    }
    add("mounts", fs::read_to_string("/proc/self/mountinfo").unwrap_or_default());
    for folder in ["net", "kernel", "vm"] {
        let mut switches = String::new();
        files(&Path::new("/proc/sys").join(folder), &mut |path| {
            let name = path.strip_prefix("/proc/sys").unwrap_or(path).display().to_string();
            if !VOLATILE.iter().any(|volatile| name.starts_with(volatile)) {
                let value = fs::read_to_string(path).unwrap_or_default();
                switches.push_str(&format!("{name} = {}\n", value.trim_end()));
            }
        });
        add(&format!("/proc/sys/{folder}"), switches);
    }
    for folder in ["/etc", "/run/netns"] {
        let mut entries = String::new();
        files(Path::new(folder), &mut |path| {
            if let Ok(found) = fs::symlink_metadata(path) {
                let (mode, size, changed) = (found.mode(), found.size(), found.mtime());
                entries.push_str(&format!("{} {mode:o} {size} {changed}\n", path.display()));
            }
        });
        add(folder, entries);
    }
    for folder in ["/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock"] {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        // Other programs may use these folders meanwhile. Our files have our name, and
        // the folder of a test or of a measurement says so.
        let others = ["nslab-test", "nslab-bench"];
        let mut ours: Vec<String> = names
            .filter(|name| name.contains("nslab") && !others.iter().any(|other| name.contains(other)))
            .collect();
        ours.sort();
        add(folder, ours.join("\n"));
    }
    listing
}

/// Says what has changed, in a few lines each; nothing where nothing has.
pub fn differences(before: &Listing, after: &Listing) -> String {
    let mut text = String::new();
    for (subject, was) in before {
        let is = after.get(subject).cloned().unwrap_or_default();
        if *was != is {
            let gone = was.lines().filter(|line| !is.lines().any(|other| other == *line));
            let new = is.lines().filter(|line| !was.lines().any(|other| other == *line));
            text.push_str(&format!("{subject}:\n"));
            gone.take(5).for_each(|line| text.push_str(&format!("  - {line}\n")));
            new.take(5).for_each(|line| text.push_str(&format!("  + {line}\n")));
        }
    }
    text
}

fn output(program: &str, arguments: &str) -> String {
    match Command::new(program).args(arguments.split_whitespace()).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout)
            .lines()
            // iptables-save writes the time and its counters.
            .filter(|line| !line.starts_with('#') && !line.starts_with(':'))
            .map(|line| {
                line.split(" valid_lft").next().unwrap_or(line).split(" expires").next().unwrap_or(line)
            })
            .collect::<Vec<_>>()
            .join("\n"),
        Err(_) => "not installed".into(),
    }
}

/// Calls `see` with each file below a folder, in the order of their names.
fn files(folder: &Path, see: &mut impl FnMut(&Path)) {
    let mut paths: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && !path.is_symlink() {
            files(&path, see);
        } else {
            see(&path);
        }
    }
}
