//! Entry points for untrusted input, one function for each kind. The fuzzers in
//! `fuzz/` call them, and so does the test that runs their corpus.
//!
//! *Takes* any bytes, *gives* nothing: each function ends soon and without a
//! panic, whatever it gets.

use crate::exercise::fuzzing as exercise;
use crate::lab::steers;
use crate::net::fuzzing as net;
use crate::report::grades;
use crate::shell::fuzzing as shell;

/// A kind of untrusted input: its name, which is also the name of its corpus,
/// and its parser.
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

/// Runs the parser of this kind; an unknown kind is a mistake of the caller.
///
/// # Panics
///
/// If there is no such kind, or its parser has a bug.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    target.unwrap_or_else(|| panic!("nothing reads `{name}`")).1(bytes);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Several messages in one input. Each has its length in front: two bytes, the
/// higher one first. The last message may be incomplete.
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

/// A request, then answers to it.
fn dns(bytes: &[u8]) {
    net::dns(&pieces(bytes));
}

/// The family, then messages from the kernel.
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

/// A gradebook or a results file, and each report on it.
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

/// The answers of bash, then the script.
fn shell(bytes: &[u8]) {
    if let [answers, rest @ ..] = bytes {
        shell::script(*answers, &text(rest));
    }
}
