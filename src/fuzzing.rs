//! What reads a stranger's bytes, one function for each kind: the fuzzers in
//! `fuzz/` call them, and so does the test that runs their corpus.
//!
//! *Takes* any bytes, *gives* nothing: a function here ends, soon and without
//! a panic, whatever it gets.

use crate::exercise::fuzzing as exercise;
use crate::lab::steers;
use crate::net::fuzzing as net;
use crate::report::grades;
use crate::shell::fuzzing as shell;

/// A kind of a stranger's bytes: its name, which is also that of its corpus,
/// and what reads it.
pub type Target = (&'static str, fn(&[u8]));

/// All kinds.
pub const TARGETS: [Target; 12] = [
    ("dns", dns),
    ("iptables", |bytes| net::iptables(&text(bytes))),
    ("lab", |bytes| crate::script::fuzzing::lab(&text(bytes))),
    ("names", |bytes| net::names(&text(bytes))),
    ("netlink", |bytes| net::netlink(&pieces(bytes))),
    ("nftables", nftables),
    ("packets", packets),
    ("results", results),
    ("shell", shell),
    ("snapshot", crate::check::fuzzing::snapshot),
    ("submission", exercise::submission),
    ("told", shell::told),
];

/// Runs what reads this kind; an unknown one is a mistake of the caller's.
///
/// # Panics
///
/// Where there is no such kind, or its reader is at fault.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    target.unwrap_or_else(|| panic!("nothing reads `{name}`")).1(bytes);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Several messages in one input: each has its length before it, two bytes,
/// the higher one first. The last may be cut off.
fn pieces(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let [high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (piece, after) = rest.split_at(length);
        pieces.push(piece);
        bytes = after;
    }
    pieces
}

/// A question, then answers to it.
fn dns(bytes: &[u8]) {
    net::dns(&pieces(bytes));
}

/// The family, then what the kernel tells.
fn nftables(bytes: &[u8]) {
    if let [family, rest @ ..] = bytes {
        net::nftables(*family, &pieces(rest));
    }
}

/// The kind of the link, then packets.
fn packets(bytes: &[u8]) {
    if let [link, rest @ ..] = bytes {
        net::packets(*link, &pieces(rest));
    }
}

/// A gradebook or a results file, and each report of it.
fn results(bytes: &[u8]) {
    let Some(book) = exercise::results(bytes) else { return };
    let reports = [
        grades::text(&book, false),
        grades::json(&book),
        grades::junit(&book),
        grades::csv(&book),
        grades::gradescope(&book).unwrap_or_default(),
        grades::not_measured(&book).join("\n"),
    ];
    for text in reports {
        let found = text.chars().find(|c| steers(*c) && !matches!(c, '\n' | '\t'));
        assert_eq!(found, None, "a report steers what shows it");
    }
}

/// How bash answers, then the script.
fn shell(bytes: &[u8]) {
    if let [answers, rest @ ..] = bytes {
        shell::script(*answers, &text(rest));
    }
}
