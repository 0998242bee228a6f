//! The rules of this repository, as tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The imports that each room may have. A new arrow is a line here, to be seen in review;
/// arrows run one way.
const ARROWS: [(&str, &[&str]); 17] = [
    // Pure rooms: plain data.
    ("lab", &[]),
    ("table", &[]),
    ("event", &["lab", "table"]),
    // The kernel.
    ("net", &["table"]),
    ("sandbox", &["event", "lab", "net"]),
    // Diagnosis.
    ("why", &["event", "lab", "net"]),
    // The language.
    ("script", &["event", "lab", "net", "table", "why"]),
    // The other language, which is bash's own.
    ("shell", &["event", "lab", "net", "why"]),
    // Judging and telling: neither the engine nor the kernel.
    ("check", &["event", "lab"]),
    ("exercise", &["check", "event", "lab"]),
    ("report", &["check", "event", "exercise", "lab"]),
    // Joining.
    ("run", &["check", "event", "lab", "report", "sandbox", "script", "shell"]),
    // On top; nobody imports them.
    ("harness", &["check", "lab", "net", "report", "run", "sandbox", "script"]),
    (
        "cli",
        &["check", "event", "exercise", "harness", "lab", "net", "report", "run", "sandbox", "script", "why"],
    ),
    // Parsers of foreign bytes, of every room that has one.
    ("fuzzing", &["check", "exercise", "lab", "net", "report", "script", "shell"]),
    ("lib", &[]),
    ("main", &[]),
];

/// The same within the room `why`, for the modules below it.
const WHY_ARROWS: [(&str, &[&str]); 8] = [
    ("look", &[]),
    ("evidence", &["look"]),
    ("command", &["evidence"]),
    ("cause", &["command", "evidence", "look"]),
    ("cure", &["command", "look"]),
    ("pages", &["cause"]),
    ("round", &["cause", "command", "cure", "evidence", "look"]),
    ("recorded", &["cause", "evidence"]),
];

/// The same within the room `net`.
const NET_ARROWS: [(&str, &[&str]); 19] = [
    ("notation", &[]),
    ("packet", &[]),
    ("kernel", &["notation"]),
    // The state of a network, and changes of it.
    ("survey", &["kernel", "notation"]),
    ("act", &["kernel", "notation"]),
    ("calm", &["act", "kernel", "survey"]),
    ("bounds", &["act", "kernel"]),
    ("observe", &["act", "kernel", "notation", "survey"]),
    ("watch", &["kernel", "notation", "packet"]),
    // Programs, and the work that some of them do.
    ("run", &["calm", "kernel"]),
    ("lacking", &["kernel", "run"]),
    ("cni", &["kernel", "notation", "run"]),
    ("netfilter", &["act", "kernel", "notation", "packet", "run", "survey"]),
    ("applet", &["act", "kernel", "netfilter", "notation", "run"]),
    ("stock", &["kernel", "netfilter", "survey"]),
    // Questions.
    ("names", &["kernel"]),
    ("service", &["act", "kernel", "names"]),
    ("ask", &["calm", "kernel", "names", "notation", "packet", "run", "service", "survey"]),
    ("sweep", &["act", "ask", "kernel", "names", "netfilter", "notation"]),
];

/// The modules of `net` that join the others, and so are left out: `Network` holds the state
/// of each, and each adds methods to it.
const NET_JOINTS: [&str; 2] = ["network", "fuzzing"];

/// The same within the room `sandbox`.
const SANDBOX_ARROWS: [(&str, &[&str]); 22] = [
    ("error", &[]),
    ("kind", &[]),
    ("wire", &[]),
    ("message", &["error"]),
    ("process", &[]),
    ("seccomp", &[]),
    ("one_user", &["seccomp"]),
    ("lab_calls", &["one_user", "seccomp"]),
    ("cgroup", &[]),
    // The root of a lab, and the users.
    ("mounts", &["error"]),
    ("furniture", &["error", "mounts"]),
    ("house", &["error", "furniture", "mounts"]),
    ("users", &["error", "house", "kind"]),
    // The processes inside, and the engine's lines to them.
    ("hand", &["error", "message", "wire"]),
    (
        "booth",
        &[
            "cgroup",
            "error",
            "furniture",
            "hand",
            "house",
            "message",
            "mounts",
            "process",
            "seccomp",
            "users",
            "wire",
        ],
    ),
    ("begin", &["booth", "cgroup", "error", "mounts", "process"]),
    (
        "init",
        &[
            "begin",
            "booth",
            "cgroup",
            "error",
            "house",
            "lab_calls",
            "message",
            "mounts",
            "process",
            "users",
            "wire",
        ],
    ),
    ("inside", &["booth", "cgroup", "error", "hand", "house", "message", "wire"]),
    // From the engine up to the parent.
    ("engine", &["cgroup", "error", "init", "inside", "message", "process", "users", "wire"]),
    (
        "launcher",
        &["cgroup", "engine", "error", "house", "inside", "kind", "message", "process", "users", "wire"],
    ),
    ("parent", &["cgroup", "engine", "error", "inside", "kind", "launcher", "message", "wire"]),
    // Why there is no sandbox.
    ("doctor", &["error"]),
];

/// Names that hide a missing noun.
const NO_ROOMS: [&str; 6] = ["utils", "util", "core", "common", "types", "helpers"];

/// The most lines of a source file: what a reader can hold in the head.
const LONGEST: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder of the repository, with their text.
fn sources(folder: &str) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file can be read");
                found.insert(path.strip_prefix(root()).expect("it is below the root").into(), text);
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has sources");
    found
}

/// The room of a file: `src/net/ask/ping.rs` is in `net`.
fn room(path: &Path) -> String {
    let below = path.strip_prefix("src").expect("a file below src");
    let first = below.iter().next().expect("a file has a name");
    Path::new(first).file_stem().expect("a file has a stem").to_string_lossy().into_owned()
}

/// The name that begins here.
fn name(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

/// Returns the first name of a path, or of each path in a list: `a` for `a::b`, and `a` and
/// `c` for `{a::b, c}`.
fn first_names(text: &str) -> Vec<&str> {
    let Some(list) = text.strip_prefix('{') else { return vec![name(text)] };
    let mut names = vec![name(list.trim_start())];
    let mut depth = 1;
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(name(list[at + 1..].trim_start())),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    // No name follows a trailing comma.
    names.retain(|name| !name.is_empty());
    names
}

/// Compares the arrows of some files with a table: each arrow is in it, and each in it is
/// there. `from` tells where a file belongs, and `to` where the code of a file leads.
fn compare_arrows<'a>(
    table: &[(&str, &[&str])],
    files: impl Iterator<Item = (&'a PathBuf, &'a String)>,
    from: impl Fn(&Path) -> String,
    to: impl Fn(&Path, &str) -> Vec<String>,
) {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        table.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    // A table is in an order in which each arrow leads up, so that there is no circle.
    let line = |room: &str| table.iter().position(|(known, _)| *known == room);
    for (from, to) in table {
        let back = to.iter().find(|to| line(to) >= line(from));
        assert!(back.is_none(), "`{from}` has an arrow to `{}`, which stands below it", back.unwrap_or(&""));
    }
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in files {
        let from = from(path);
        assert!(allowed.contains_key(from.as_str()), "{}: `{from}` is not in the table", path.display());
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for to in to(path, &code.join("\n")).into_iter().filter(|to| *to != from) {
            let fine = allowed[from.as_str()].contains(to.as_str());
            assert!(fine, "{}: an arrow from `{from}` to `{to}`", path.display());
            used.entry(from.clone()).or_default().insert(to);
        }
    }
    for (from, to) in allowed {
        for room in to {
            let drawn = used.get(from).is_some_and(|used| used.contains(room));
            assert!(drawn, "nobody uses the arrow from `{from}` to `{room}`: take it out of the table");
        }
    }
}

/// Compares the arrows between the modules of a room with a table. An item that `mod.rs`
/// re-exports leads to the module that defines it. `mod.rs` itself is a list, and not in the
/// table; neither are the `joints`.
fn compare_arrows_within(room: &str, table: &[(&str, &[&str])], joints: &[&str]) {
    let sources = sources(&format!("src/{room}"));
    let folder = Path::new("src").join(room);
    let is_list = |path: &Path| path == folder.join("mod.rs");
    // The modules that a file's code is in: `booth` and `filter` of `booth/filter.rs`.
    let modules = |path: &Path| -> Vec<String> {
        let below = path.strip_prefix(&folder).expect("a file of the room").with_extension("");
        let names = below.iter().map(|name| name.to_string_lossy().into_owned());
        names.filter(|name| name != "mod").collect()
    };
    let list = &sources[&folder.join("mod.rs")];
    let re_exported: BTreeMap<&str, &str> = list
        .split("\npub use ")
        .skip(1)
        .filter_map(|text| text.split_once("::"))
        .flat_map(|(module, text)| first_names(text).into_iter().map(move |item| (item, module)))
        .collect();
    let module_of = |path: &Path, name: &str| {
        let module = re_exported.get(name).copied().unwrap_or(name);
        let known = joints.contains(&module) || table.iter().any(|(known, _)| *known == module);
        assert!(
            known,
            "{}: `{name}` is neither a module of `{room}` nor re-exported from one",
            path.display()
        );
        module.to_string()
    };
    let to = |path: &Path, code: &str| {
        let mut found = Vec::new();
        for text in code.split(&format!("crate::{room}::")).skip(1) {
            found.extend(first_names(text));
        }
        // Tests are a module within the file's.
        for (within, code) in code.split("#[cfg(test)]\nmod tests {").enumerate() {
            let mut up = 0;
            for text in code.split("super::").skip(1) {
                up += 1;
                if text.is_empty() {
                    continue;
                }
                let depth = modules(path).len() + within;
                assert!(up <= depth, "{}: `super` leads out of `{room}`", path.display());
                if up == depth {
                    found.extend(first_names(text));
                }
                up = 0;
            }
        }
        let mut found: Vec<String> = found.into_iter().map(|name| module_of(path, name)).collect();
        found.retain(|module| !joints.contains(&module.as_str()));
        found
    };
    let joins = |path: &Path| joints.contains(&modules(path)[0].as_str());
    let files = sources.iter().filter(|(path, _)| !is_list(path) && !joins(path));
    compare_arrows(table, files, |path| modules(path)[0].clone(), to);
}

#[test]
fn arrows_between_rooms_run_one_way() {
    let to = |_: &Path, code: &str| {
        let names = code.split("crate::").skip(1).flat_map(first_names);
        names.map(String::from).collect()
    };
    compare_arrows(&ARROWS, sources("src").iter(), room, to);
}

#[test]
fn arrows_within_why_run_one_way() {
    compare_arrows_within("why", &WHY_ARROWS, &[]);
}

#[test]
fn arrows_within_net_run_one_way() {
    compare_arrows_within("net", &NET_ARROWS, &NET_JOINTS);
}

#[test]
fn arrows_within_sandbox_run_one_way() {
    compare_arrows_within("sandbox", &SANDBOX_ARROWS, &[]);
}

#[test]
fn no_room_hides_a_missing_noun() {
    for path in sources("src").keys() {
        let name = path.file_stem().expect("a file has a stem").to_string_lossy();
        assert!(!NO_ROOMS.contains(&name.as_ref()), "{} says nothing", path.display());
        assert!(!NO_ROOMS.contains(&room(path).as_str()), "{} says nothing", path.display());
    }
}

#[test]
fn files_can_be_held_in_the_head() {
    for (path, text) in sources("src") {
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines = code.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines: is there a second idea in it?", path.display());
    }
}

#[test]
fn one_file_owns_each_foreign_library() {
    let owners = [
        ("insta::", vec!["src/check/snapshot.rs"]),
        (
            "libtest_mimic::",
            vec!["src/harness.rs", "src/harness/print.rs", "src/harness/stale.rs", "src/cli/test.rs"],
        ),
        ("pretty_assertions::", vec!["src/check/snapshot.rs"]),
    ];
    for (path, text) in sources("src") {
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for (library, files) in &owners {
            let uses = code.iter().any(|line| line.contains(library));
            let mine = files.iter().any(|file| Path::new(file) == path);
            assert!(!uses || mine, "{} uses {library}", path.display());
        }
        let rhai = code.iter().any(|line| line.contains("rhai::"));
        assert!(!rhai || room(&path) == "script", "{} names the script language", path.display());
    }
}

/// A file that nobody names is compiled by nobody, and tests nothing.
#[test]
fn each_file_of_tests_is_part_of_an_executable() {
    let suite = fs::read_to_string(root().join("tests/suite.rs")).expect("the suite");
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    for entry in fs::read_dir(root().join("tests")).expect("the tests") {
        let path = entry.expect("a test").path();
        let stem = path.file_stem().expect("a file has a stem").to_string_lossy().into_owned();
        let code =
            path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").is_file();
        let target = manifest.contains(&format!("[[test]]\nname = \"{stem}\"\n"));
        let module = suite.lines().any(|line| line == format!("mod {stem};"));
        assert!(
            !code || target != module,
            "tests/{stem}: a module of tests/suite.rs, or a target in Cargo.toml"
        );
    }
}

#[test]
fn the_changelog_has_this_version() {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).expect("a changelog");
    let version = env!("CARGO_PKG_VERSION");
    assert!(changelog.contains(&format!("## [{version}]")), "CHANGELOG.md has no {version}");
}

#[test]
fn the_readme_shows_a_lab_that_runs() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let lab = readme.split("```rhai\n").nth(1).and_then(|rest| rest.split("```").next());
    let lab = lab.expect("the README shows a lab");
    let file = root().join("labs/cable/reach.rhai");
    let shown = fs::read_to_string(file).expect("the lab that the README shows");
    for line in lab.lines().filter(|line| !line.trim().is_empty()) {
        assert!(
            shown.contains(line.trim()),
            "README.md shows a line that labs/cable/reach.rhai does not have: {line}"
        );
    }
}

/// Labs that the help gives as examples exist.
#[test]
fn labs_that_the_help_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("src/cli/mod.rs")).unwrap();
    let examples = text.lines().filter_map(|line| line.strip_prefix("  nslab "));
    let labs: Vec<&str> = examples
        .flat_map(str::split_whitespace)
        .filter(|word| word.starts_with("labs/") && word.ends_with(".rhai"))
        .collect();
    assert!(!labs.is_empty());
    for lab in labs {
        assert!(root.join(lab).is_file(), "{lab}");
    }
}
