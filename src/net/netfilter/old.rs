//! Rules of the legacy tables, which the kernel keeps outside nf_tables: only
//! their own tools can list them.

use super::backend::Backend;
use super::saved;
use super::saved::Saved;
use super::snapshot::{FirewallRule, target_of_spec};
use crate::net::kernel::Kernel;
use crate::net::kernel::links::LinkBrief;
use crate::net::{NetError, Netns};
use std::fs;

/// The legacy rules of a namespace. A tool is run only if the kernel has tables
/// of its kind there.
pub(super) fn rules(kernel: &Kernel, netns: &Netns) -> Result<Vec<FirewallRule>, NetError> {
    let mut rules = Vec::new();
    let [ip, ip6, arp] = tables(kernel, netns)?;
    for (family, tables) in [("ip", ip), ("ip6", ip6)] {
        let backend = Backend::IptablesLegacy;
        if !tables.is_empty()
            && let Some(program) = backend.program(family, "-save")
            && let Some(text) = kernel.printed(netns, &[&program, "-c"])?
        {
            rules.extend(saved::read(&text).into_iter().map(|one| rule(backend, family, one)));
        }
    }
    let backend = Backend::ArptablesLegacy;
    for table in arp {
        if let Some(program) = backend.program("arp", "") {
            let words = [&program, "-t", &table, "-L", "-n", "-v", "--line-numbers"];
            if let Some(text) = kernel.printed(netns, &words)? {
                let saved = saved::read_arptables(&text, &table);
                rules.extend(saved.into_iter().map(|one| rule(backend, "arp", one)));
            }
        }
    }
    let backend = Backend::EbtablesLegacy;
    if let Some(program) = backend.program("bridge", "") {
        // No file lists its tables; without a bridge no packet passes them.
        let links = kernel.dump_links(netns)?;
        let tables: &[&str] = match links.iter().any(|link| LinkBrief::read(link).bridge) {
            true => &["filter", "nat", "broute"],
            false => &[],
        };
        for table in tables {
            if let Some(text) = kernel.printed(netns, &[&program, "-t", table, "-L", "--Ln", "--Lc"])? {
                let saved = saved::read_ebtables(&text, table);
                // If its module is loaded, each namespace has these tables, even
                // if they were never used.
                let is_untouched = saved.iter().all(|one| one.number.is_none() && one.spec == "ACCEPT");
                let saved = if is_untouched { Vec::new() } else { saved };
                rules.extend(saved.into_iter().map(|one| rule(backend, "bridge", one)));
            }
        }
    }
    Ok(rules)
}

/// The files that list the tables of a namespace.
const FILES: [&str; 3] = ["ip_tables_names", "ip6_tables_names", "arp_tables_names"];

/// The tables of a namespace: of IPv4, IPv6 and ARP.
fn tables(kernel: &Kernel, netns: &Netns) -> Result<[Vec<String>; 3], NetError> {
    // Only programs create such tables.
    if !kernel.pending.programs.get().have_run {
        return Ok(Default::default());
    }
    kernel.enter(netns)?;
    let mut unreadable = false;
    let found = FILES.map(|file| match fs::read_to_string(format!("/proc/thread-self/net/{file}")) {
        Ok(text) => text.lines().map(Into::into).collect(),
        Err(error) => {
            unreadable |= error.kind() != std::io::ErrorKind::NotFound;
            Vec::new()
        }
    });
    if !unreadable {
        return Ok(found);
    }
    // This process may not read the files; a program inside may.
    let paths = FILES.map(|file| format!("/proc/net/{file}"));
    // A kernel may lack one of the files.
    let script = format!("grep -sH . {}; true", paths.join(" "));
    let text = kernel.printed(netns, &["sh", "-c", &script])?.unwrap_or_default();
    Ok(paths.map(|path| {
        let begin = format!("{path}:");
        text.lines().filter_map(|line| line.strip_prefix(&begin)).map(Into::into).collect()
    }))
}

fn rule(backend: Backend, family: &str, saved: Saved) -> FirewallRule {
    let policy = saved.number.is_none();
    let hook = saved.chain.to_lowercase();
    let hooks = ["prerouting", "input", "forward", "output", "postrouting", "brouting"];
    FirewallRule {
        backend,
        family: family.into(),
        table: saved.table,
        hook: hooks.contains(&hook.as_str()).then_some(hook),
        chain: saved.chain,
        priority: None,
        devices: Vec::new(),
        policy,
        number: saved.number,
        handle: None,
        target: if policy { saved.spec.clone() } else { target_of_spec(&saved.spec) },
        spec: saved.spec,
        words: None,
        parts: Vec::new(),
        counters: saved.counters,
    }
}
