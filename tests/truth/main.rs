//! The tables of nslab are those of the real `ip`: for every lab of this project, and for
//! those beside this file, in each of its namespaces, when the lab has ended.

#[path = "../measured/mod.rs"]
mod measured;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nslab::check::{Shelf, Update};
use nslab::event::{Event, Question, Stop};
use nslab::lab::Lab;
use nslab::run::{self, Settings};
use nslab::sandbox::{For, Launcher};
use nslab::script::{Compiler, Stage};
use nslab::table::{Addr, Link, NeighState, Neighbour, Table};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// The questions at the end of each lab. In each namespace nslab is asked for all
/// tables first, then `ip` and nft are, in one script: each program that is started
/// costs time.
const QUESTIONS: &str = r#"
for ns in [host()] + netns_list() {
    let ip = if ns == "host" { "ip" } else { `ip -n ${ns}` };
    let asked = [];
    links(ns); asked.push(`${ip} -j -d link`);
    addrs(ns); asked.push(`${ip} -j addr`);
    routes(ns); asked.push(`${ip} route`);
    routes(ns, #{family: "inet6"}); asked.push(`${ip} -6 route`);
    routes(ns, #{table: "local"}); asked.push(`${ip} route show table local`);
    routes(ns, #{family: "inet6", table: "local"}); asked.push(`${ip} -6 route show table local`);
    rules(ns); asked.push(`${ip} rule`);
    rules(ns, #{family: "inet6"}); asked.push(`${ip} -6 rule`);
    arp(ns); asked.push(`${ip} -j neigh`);
    FIREWALL
    let script = "";
    for command in asked {
        script += `echo '$ ${command}'; ${command} 2>&1; `;
    }
    sh(script);
}
"#;

/// The same for rules, where there is an nft to ask.
const FIREWALL: &str = r#"firewall(ns);
    asked.push(if ns == "host" { "nft -s list ruleset" } else { `ip netns exec ${ns} nft -s list ruleset` });"#;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Before any thread.
    let mut stage = Stage::new();
    let prepared = run::prepare(For::Labs, &mut stage).and_then(|(launcher, mut first)| {
        first.await_standing()?;
        Ok(launcher)
    });
    let prepared = Arc::new(prepared);
    let labs: Vec<_> = ["labs", "tests/truth"]
        .into_iter()
        .flat_map(|folder| run::find(Path::new(folder)).expect("the labs of this project"))
        .collect();
    assert!(labs.len() > 2, "there are labs");
    let trials = labs.into_iter().map(|path| {
        let prepared = prepared.clone();
        Trial::ignorable_test(path.display().to_string(), move || match &*prepared {
            Err(error) => measured::ignored(error),
            // Between the two answers, the kernel may remove an entry whose time is over, such as a
            // failed neighbour: a difference counts if it is there again.
            Ok(launcher) => compare(launcher, &path).or_else(|_| compare(launcher, &path)),
        })
    });
    // Said once, not for each lab.
    let rules =
        Trial::ignorable_test("there is an nft to ask for the rules", || match measured::lacking(&["nft"]) {
            Some(lack) => measured::ignored(lack),
            None => Ok(Completion::Completed),
        });
    // Labs wait more than they work.
    arguments.test_threads.get_or_insert(nslab::run::at_a_time());
    libtest_mimic::run(&arguments, trials.chain([rules]).collect()).exit_code()
}

/// Runs a lab, asks, and compares each pair of answers.
fn compare(launcher: &Launcher, path: &Path) -> Result<Completion, Failed> {
    let compiler = Compiler::default();
    let mut lab: Lab = run::read(&compiler, path)?;
    let end = lab.source.text.lines().count() as u32;
    let firewall = if nslab::net::is_installed("nft") { FIREWALL } else { "" };
    lab.source.text.push_str(&QUESTIONS.replace("FIREWALL", firewall));
    let shelf = Shelf::of(path, &lab.source.name, Update::Never);
    let mut asked: Vec<Question> = Vec::new();
    let mut stop = None;
    let mut failed = Vec::new();
    run::lab(
        &lab,
        launcher,
        &mut launcher.open()?,
        &shelf,
        &Settings::default(),
        |event, verdict| match event {
            Event::Expected(expectation) if verdict.is_some_and(|verdict| !verdict.is_passed()) => {
                failed.push(expectation.clone());
            }
            Event::Asked(question) if question.place.line > end => asked.push(question.clone()),
            Event::Stopped(what) => stop = Some(what.clone()),
            _ => {}
        },
    )?;
    match stop {
        Some(Stop::NotMeasured(what)) => {
            return measured::ignored(what.reason);
        }
        Some(stop) => return Err(format!("{stop:?}").into()),
        None => {}
    }
    // Known before: what hands in the solution needs it.
    let tool = |name: &String| lab.checks.iter().find(|check| check.name == *name)?.tool.as_ref();
    if let Some(tool) = failed.iter().find_map(|failed| tool(&failed.name)) {
        return measured::ignored(format!("`{}` is not installed", tool.program));
    }
    if !failed.is_empty() {
        return Err(format!("{failed:#?}").into());
    }
    let mut compared = 0;
    let mut differences = String::new();
    let mut tables: Vec<&Table> = Vec::new();
    for question in &asked {
        if let Some(table) = &question.table {
            tables.push(table);
            continue;
        }
        let answers: Vec<&str> = question.text.split("$ ").skip(1).collect();
        assert_eq!(answers.len(), tables.len(), "{}", question.text);
        for (table, answer) in tables.drain(..).zip(answers) {
            let (command, theirs) = answer.split_once('\n').unwrap_or((answer, ""));
            differences += &difference(table, command, theirs)?;
            compared += 1;
        }
    }
    if !differences.is_empty() {
        return Err(differences.into());
    }
    if compared < 5 { Err("nothing was compared".into()) } else { Ok(Completion::Completed) }
}

/// Returns the lines that only one of the two has.
fn difference(table: &Table, command: &str, theirs: &str) -> Result<String, Failed> {
    let (ours, theirs) = (as_rows(table), ip_rows(table, theirs)?);
    let (mut only_ours, mut only_theirs) = (&ours - &theirs, &theirs - &ours);
    // The comments of iptables' rules are none to this nft.
    only_ours.retain(|row| match row.split_once(" comment \"") {
        Some((row, _)) => !only_theirs.remove(row),
        None => true,
    });
    if only_ours.is_empty() && only_theirs.is_empty() {
        return Ok(String::new());
    }
    Ok(format!("{command}\nonly we say: {only_ours:#?}\nonly it says: {only_theirs:#?}\n"))
}

/// Our rows in words in which `ip`'s can be put as well.
fn as_rows(table: &Table) -> BTreeSet<String> {
    match table {
        Table::Links(links) => links.iter().map(link).collect(),
        Table::Addrs(addrs) => addrs.iter().map(addr).collect(),
        Table::Arp(neighbours) => neighbours.iter().map(neighbour).collect(),
        Table::Firewall(_) => numbered(table.lines().into_iter().filter(|line| !line.ends_with("{ }"))),
        // Our rows are the lines of `ip`.
        other => other.lines().into_iter().collect(),
    }
}

fn link(link: &Link) -> String {
    let Link { name, kind, mac, mtu, state, master, .. } = link;
    let peer = link.peer.as_deref().unwrap_or("-");
    format!("{name} {kind} {mac} {mtu} {state} {} {peer}", master.as_deref().unwrap_or("-"))
}

fn addr(addr: &Addr) -> String {
    let Addr { dev, addr, scope, broadcast } = addr;
    format!("{dev} {addr} {scope} {}", broadcast.as_deref().unwrap_or("-"))
}

fn neighbour(neighbour: &Neighbour) -> String {
    let Neighbour { ip, mac, dev, state } = neighbour;
    format!("{ip} {} {dev} {state}", mac.as_deref().unwrap_or("-"))
}

/// Lines that count by their order too: each chain's rules are numbered.
fn numbered(lines: impl Iterator<Item = String>) -> BTreeSet<String> {
    let mut last = (String::new(), 0);
    let number = |line: String| {
        let chain: String = line.split(' ').take(3).collect::<Vec<_>>().join(" ");
        last = if last.0 == chain { (chain, last.1 + 1) } else { (chain, 0) };
        format!("{} {line}", last.1)
    };
    lines.map(number).collect()
}

/// `nft -s list ruleset` as a line for each chain and each rule.
fn nft_rows(text: &str) -> BTreeSet<String> {
    let (mut table, mut chain) = (String::new(), None);
    let mut rows = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("table ") {
            table = name.trim_end_matches(" {").to_string();
        } else if let Some(name) = line.strip_prefix("chain ") {
            let name = format!("{table} {}", name.trim_end_matches(" {"));
            rows.push(name.clone());
            chain = Some(name);
        } else if line == "}" {
            chain = None;
        } else if let (Some(chain), Some(row)) = (&chain, rows.last_mut()) {
            if line.starts_with("type ") {
                *row = format!("{row} {{ {line} }}");
            } else {
                rows.push(format!("{chain} {}", nft_rule(line)));
            }
        }
    }
    numbered(rows.into_iter())
}

/// A rule without what we leave out, or put in one way where nft has two.
fn nft_rule(line: &str) -> String {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if words != ["counter"] {
        let named = |at: usize, words: &[&str]| words.get(at + 1) == Some(&"name");
        let mut at = 0;
        while at < words.len() {
            if words[at] == "counter" && !named(at, &words) {
                words.remove(at);
            } else {
                at += 1;
            }
        }
    }
    let mut line = words.join(" ");
    // iptables' extensions say the protocol a second time, and the states in
    // an order of their own.
    for protocol in ["tcp", "udp", "icmp"] {
        line = line.replace(&format!("meta l4proto {protocol} {protocol} "), &format!("{protocol} "));
    }
    line = line
        .replace("meta l4proto ipv6-icmp icmpv6 ", "icmpv6 ")
        .replace("reject with icmpv6 type ", "reject with icmpv6 ")
        .replace("reject with icmp type ", "reject with icmp ")
        .replace("related,established", "established,related")
        .replace("new,established", "established,new")
        .replace("meta l4proto tcp fib daddr type local tcp", "fib daddr type local tcp")
        .replace("xt match physdev", "xt match \"physdev\"");
    if line.contains("mark ") { marks_in_nfts_words(&line) } else { line }
}

/// Translates the marks of iptables' extensions into nft's own words: operators, and
/// eight digits.
fn marks_in_nfts_words(line: &str) -> String {
    let whole = |word: &str| match word.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16)) {
        Some(Ok(number)) => format!("{number:#010x}"),
        _ => word.into(),
    };
    let line = line
        .replace("mark set mark", "mark set meta mark")
        .replace("mark and ", "mark & ")
        .replace("mark or ", "mark | ")
        .replace(" xor ", " ^ ");
    line.split(' ').map(whole).collect::<Vec<_>>().join(" ")
}

/// `ip`'s answer in the same words.
fn ip_rows(table: &Table, text: &str) -> Result<BTreeSet<String>, Failed> {
    if let Table::Routes(_) | Table::Rules(_) = table {
        // A namespace without an address has no such table yet.
        if text.contains("FIB table does not exist") {
            return Ok(BTreeSet::new());
        }
        // One route of several ways is one line of ours.
        let text = text.replace(" \n\tnexthop", " nexthop").replace("\n\tnexthop", " nexthop");
        return Ok(text.lines().map(|line| line.trim().to_string()).collect());
    }
    if let Table::Firewall(_) = table {
        return Ok(nft_rows(text));
    }
    let text = if text.trim().is_empty() { "[]" } else { text };
    let rows: Vec<Value> = serde_json::from_str(text)?;
    let word = |row: &Value, key: &str| match &row[key] {
        Value::Null => "-".to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut found = BTreeSet::new();
    for row in rows.iter().filter(|row| row.as_object().is_some_and(|row| !row.is_empty())) {
        match table {
            Table::Links(ours) => {
                let kind = match row["linkinfo"]["info_kind"].as_str() {
                    Some(kind) => kind.to_string(),
                    None => word(row, "link_type"),
                };
                let name = word(row, "ifname");
                // `ip` gives the number of a peer in another namespace; its
                // name is ours to know.
                let peer = match (&row["link"], &row["link_index"]) {
                    (Value::Null, Value::Null) => "-".to_string(),
                    (Value::Null, _) => {
                        let ours = ours.iter().find(|link| link.name == name);
                        ours.and_then(|link| link.peer.clone()).unwrap_or_default()
                    }
                    (link, _) => link.as_str().unwrap_or_default().to_string(),
                };
                let [mac, mtu, state, master] =
                    ["address", "mtu", "operstate", "master"].map(|key| word(row, key));
                // The state of a link that is up and waits for its peer depends on the
                // kernel's version; we use the older one's.
                let flag = |name: &str| row["flags"].as_array().is_some_and(|all| all.contains(&name.into()));
                let waits = flag("UP") && flag("NO-CARRIER") && peer != "-";
                let state = if waits && state == "DOWN" { "LOWERLAYERDOWN".into() } else { state };
                found.insert(format!("{name} {kind} {mac} {mtu} {state} {master} {peer}"));
            }
            Table::Addrs(_) => {
                for info in row["addr_info"].as_array().into_iter().flatten() {
                    let (dev, local, length) =
                        (word(row, "ifname"), word(info, "local"), word(info, "prefixlen"));
                    let (scope, broadcast) = (word(info, "scope"), word(info, "broadcast"));
                    found.insert(format!("{dev} {local}/{length} {scope} {broadcast}"));
                }
            }
            _ => {
                let states: Vec<&str> =
                    row["state"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let state = match states.first() {
                    Some(&"PERMANENT") => NeighState::Permanent,
                    Some(&("INCOMPLETE" | "FAILED")) => NeighState::Failed,
                    _ => NeighState::Resolved,
                };
                found.insert(format!(
                    "{} {} {} {state}",
                    word(row, "dst"),
                    word(row, "lladdr"),
                    word(row, "dev")
                ));
            }
        }
    }
    Ok(found)
}
