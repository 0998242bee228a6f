//! The corpus of the fuzzers, by a stable toolchain: real inputs, and those by
//! which a fuzzer has found something once. And inputs that are only long, or
//! only deep, which no fuzzer comes to soon.

use nslab::fuzzing::{TARGETS, run};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the reading of one input may take, built for debugging and on a
/// machine with other things to do. What takes time as the square of its length
/// takes minutes.
const LONGEST: Duration = Duration::from_secs(20);

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let name = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
    entries.map(|entry| name(entry).expect("a file with a name")).collect()
}

/// Reads an input on a thread of its own, whose stack is small.
#[track_caller]
fn read(target: &'static str, name: &str, bytes: Vec<u8>) {
    let begin = Instant::now();
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let read = thread.spawn(move || run(target, &bytes)).expect("a thread");
    assert!(read.join().is_ok(), "{target}: {name}");
    let took = begin.elapsed();
    assert!(took < LONGEST, "{target}: {name} takes {took:?}");
}

#[test]
fn each_input_of_the_corpus_is_read_to_its_end() {
    for (target, _) in TARGETS {
        let folder = corpus().join(target);
        let inputs = names(&folder);
        assert!(!inputs.is_empty(), "{target} has no corpus");
        for input in inputs {
            let bytes = fs::read(folder.join(&input)).unwrap();
            read(target, &format!("fuzz/corpus/{target}/{input}"), bytes);
        }
    }
}

/// A kind of bytes that nobody fuzzes would look as if it were tried.
#[test]
fn each_kind_has_a_fuzzer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
    let nightly = fs::read_to_string(root.join(".github/workflows/nightly.yml")).unwrap();
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_string()).collect();
    assert_eq!(names(&corpus()), targets);
    let fuzzers: BTreeSet<String> =
        names(&root.join("fuzz/fuzz_targets")).iter().map(|name| name.replace(".rs", "")).collect();
    assert_eq!(fuzzers, targets);
    for target in targets {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
        let is_named = |word: &str| word.trim_matches(['[', ']', ',']) == target;
        assert!(nightly.split_whitespace().any(is_named), "{target} has no night");
        let source = fs::read_to_string(root.join(format!("fuzz/fuzz_targets/{target}.rs"))).unwrap();
        assert!(source.contains(&format!("\"{target}\"")), "{target}");
    }
}

/// The most that is read of a lab or a submission.
const MOST: usize = 1 << 20;

/// As often as there is room for it.
fn much(before: &str, part: &str, after: &str) -> String {
    let count = (MOST - before.len() - after.len()) / part.len();
    format!("{before}{}{after}", part.repeat(count))
}

#[test]
fn labs_that_are_deep_or_long() {
    let numbered = |part: &str, count: usize| -> String {
        (0..count).map(|n| part.replace('#', &n.to_string())).collect()
    };
    for text in [
        much("let a = ", "(", "1;"),
        much("let a = ", "[", "1;"),
        much("let a = ", "#{a:", "1;"),
        much("let a = ", "-", "1;"),
        much("let a = ", "!", "true;"),
        much("let a = ", "`${", "1;"),
        much("let a = ", "|x| ", "1;"),
        much("let a = ", "len(", "1;"),
        much("let a = 1", "+1", ";"),
        much("let a = 1", "**1", ";"),
        much("let a = true", "||true", ";"),
        much("let a = 1; a", ".a", ";"),
        much("let a = 1; a", "[0]", ";"),
        much("let a = 1; ", "a = ", "1;"),
        much("", "{", ""),
        much("if true ", "{ if true ", ""),
        much("if true {}", " else if true {}", ""),
        much("", "try { ", ""),
        much("", "fn a() { ", ""),
        much("", "switch 1 { 1 => ", ""),
        much("", "/*", ""),
        much("let a = 1;\n", "// /*\n", "/* x"),
        much("//! ", "{a", "\nlet a = pick(\"a\", [1]);\n"),
        much("check(\"", "a", "\", true);"),
        much("let a = 1;\n", "let a = a;\n", ""),
        // The drawn value replaces each use of its name.
        format!("//! {}\nlet a = pick(\"a\", [\"{}\"]);", "{a}".repeat(150_000), "x".repeat(500_000)),
        numbered("let a# = pick(\"a#\", [1]);\n", 4000),
        numbered("let b# = 1; snapshot(\"a#\", b#);\n", 4000),
        numbered("check(\"a#\", true);\n", 10_000),
        numbered("fn f#() { 1 }\nf#();\n", 10_000),
        numbered("g#();", 50_000),
        format!("fn {}() {{}}\n{}();", "a".repeat(MOST / 3), "b".repeat(MOST / 3)),
    ] {
        read("lab", &text[..text.len().min(60)].replace('\n', " "), text.into_bytes());
    }
}

#[test]
fn shell_labs_that_are_deep_or_long() {
    for text in [
        much("", "( ", ""),
        much("", "a $(", ""),
        much("", "a \"${", ""),
        much("", "a `b ", ""),
        much("", "a <(", ""),
        much("", "a=(", ""),
        much("", "(( ", ""),
        much("", "a||", ""),
        much("", "a|", ""),
        much("", "a & ", ""),
        much("", "! ", ""),
        much("", "{ ", ""),
        much("", "if a; then ", ""),
        much("", "case a in ", ""),
        much("cat ", "<<E ", "\nx\nE\n"),
        much("", "```\n", ""),
        much("", "a '\n", ""),
        much("", "$ a\n> b\n", ""),
    ] {
        let name = text[..20].replace('\n', " ");
        read("shell", &name, [b"\0", text.as_bytes()].concat());
    }
    // Bash can't parse any line of it.
    read("shell", "errors", [b"\x06".to_vec(), "a '\n".repeat(2000).into_bytes()].concat());
}

/// Pieces, each with its length before it.
fn pieces(parts: &[&[u8]]) -> Vec<u8> {
    let piece = |part: &&[u8]| [&(part.len() as u16).to_be_bytes(), *part].concat();
    parts.iter().flat_map(piece).collect()
}

/// An answer of a DNS server that has so many records.
fn answer(count: u16, records: impl Fn(u16) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = b"\x12\x34\x81\x80\0\0".to_vec();
    bytes.extend(count.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend((0..count).flat_map(records));
    bytes
}

#[test]
fn names_that_refer_to_each_other() {
    let name =
        |n: u16| vec![2, b'a' + (n % 26) as u8, b'a' + (n / 26 % 26) as u8, 1, b'a' + (n / 676) as u8, 0];
    let alias = |owner: Vec<u8>, target: Vec<u8>| {
        let length = (target.len() as u16).to_be_bytes();
        [&owner[..], &[0, 5, 0, 1, 0, 0, 0, 0], &length, &target].concat()
    };
    let web = b"\x03web\x04corp\0".to_vec();
    let chain = answer(2500, |n| match n {
        0 => alias(web.clone(), name(1)),
        n => alias(name(n), name(n + 1)),
    });
    read("dns", "a chain of aliases", pieces(&[&chain, &chain]));
    let long = [&b"\x3f"[..], &[b'a'; 63]].concat().repeat(3);
    let same = answer(5000, |n| match n {
        0 => alias([&long[..], &[0]].concat(), vec![0xc0, 12]),
        _ => alias(vec![0xc0, 12], vec![0xc0, 12]),
    });
    read("dns", "one long name", pieces(&[&same, &same]));
    let loops = answer(1000, |_| alias([&b"\x01a".repeat(60)[..], &[0xc0, 12]].concat(), vec![0xc0, 12]));
    read("dns", "labels in circles", pieces(&[&loops, &loops]));
}

#[test]
fn packets_within_packets() {
    let mut frame = Vec::new();
    // Each is within a VXLAN packet.
    for _ in 0..1200 {
        let length = |header: usize| ((frame.len() + header) as u16).to_be_bytes();
        let ip =
            [&[0x45, 0][..], &length(36), &[0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]].concat();
        let udp = [&[0x80, 0, 0x12, 0xb5][..], &length(16), &[0, 0, 8, 0, 0, 0, 0, 0, 7, 0]].concat();
        frame = [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0][..], &ip, &udp, &frame].concat();
    }
    read("packets", "1200 times VXLAN", [&[0], &pieces(&[&frame])[..]].concat());
}

/// An attribute of netlink.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [&(value.len() as u16 + 4).to_ne_bytes(), &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn expression(name: &str, data: &[Vec<u8>]) -> Vec<u8> {
    let name = attribute(1, format!("{name}\0").as_bytes());
    attribute(1, &[name, attribute(2, &data.concat())].concat())
}

#[test]
fn numbers_that_are_as_large_as_can_be() {
    let most = [0xff; 8];
    let number = |kind: u16, number: u32| attribute(kind, &number.to_be_bytes());
    let load = |length: &[u8]| {
        expression("payload", &[number(1, 1), number(2, 1), attribute(3, &most), attribute(4, length)])
    };
    let compare = expression("cmp", &[number(1, 1), number(2, 0), attribute(3, &attribute(1, &most))]);
    let set = [attribute(2, b"s\0"), number(3, 1), attribute(5, &most)].concat();
    let lookup = expression("lookup", &[attribute(1, b"s\0"), attribute(2, &most)]);
    let queue = expression("queue", &[attribute(1, &most), attribute(2, &most)]);
    let element = attribute(1, &attribute(1, &attribute(1, &[1, 2, 3, 4])));
    for rule in [
        [load(&most), compare.clone()].concat(),
        // A field of no bytes.
        [load(&[0]), compare.clone()].concat(),
        [lookup, queue].concat(),
    ] {
        read("nftables", "a rule", [&[2], &pieces(&[&rule, &set, &element])[..]].concat());
    }
    // The last priority that a chain can have.
    let hook = [number(1, 0), number(2, i32::MAX as u32)].concat();
    let chain = [attribute(1, b"t\0"), attribute(3, b"c\0"), attribute(4, &hook), attribute(7, b"filter\0")];
    let body = [&[2, 0, 0, 0][..], &chain.concat()].concat();
    let header = [&(body.len() as u32 + 16).to_ne_bytes()[..], &[3, 10], &[0; 10]].concat();
    read("nftables", "a chain", [&[2], &pieces(&[&[&header[..], &body].concat()])[..]].concat());
    // The least error number.
    let error = [&20_u32.to_ne_bytes()[..], &[2, 0], &[0; 10], &i32::MIN.to_ne_bytes()].concat();
    for target in ["netlink", "nftables"] {
        read(target, "an error", [&[2][usize::from(target == "netlink")..], &pieces(&[&error])].concat());
    }
}

#[test]
fn files_that_are_long_or_deep() {
    let heading = "{\"results\":{\"format\":1,\"exercise\":\"a\",\"fingerprint\":\"90ea4a535d3139312af216d7c5ef94db\"}}\n";
    for (target, text) in [
        ("iptables", much("*filter\n", "-A INPUT -j DROP\n", "")),
        ("iptables", much("-p tcp -m multiport --dports ", "1,", "1 -j DROP")),
        ("names", much("search ", "a ", "")),
        ("names", much("hosts: ", "[a=b] ", "")),
        ("results", much(heading, "[", "\n")),
        ("results", much("", "{\"a\":", "")),
        ("snapshot", much("---\nsource: ", "[", "\n---\n")),
        ("submission", much("", "a\n", "")),
        ("submission", much("", "é", "")),
        ("told", "\0".repeat(100_000)),
    ] {
        read(target, &text[..text.len().min(60)].replace('\n', " "), text.into_bytes());
    }
}
