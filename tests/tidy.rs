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
const WHY_ARROWS: [(&str, &[&str]); 7] = [
    ("look", &[]),
    ("evidence", &["look"]),
    ("command", &["evidence"]),
    ("cause", &["command", "evidence", "look"]),
    ("pages", &["cause"]),
    ("round", &["cause", "evidence", "look"]),
    ("recorded", &["cause", "evidence"]),
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

/// The room of a file: `src/net/ping.rs` is in `net`.
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

/// Compares the arrows of some files with a table: each arrow is in it, and each in it is
/// there. `from` tells where a file belongs, and `to` where a line of code leads.
fn compare_arrows<'a>(
    table: &[(&str, &[&str])],
    files: impl Iterator<Item = (&'a PathBuf, &'a String)>,
    from: impl Fn(&Path) -> String,
    to: impl Fn(&str) -> Vec<String>,
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
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for to in to(line).into_iter().filter(|to| *to != from && !to.is_empty()) {
                let fine = allowed.get(from.as_str()).is_some_and(|rooms| rooms.contains(to.as_str()));
                assert!(fine, "{}: an arrow from `{from}` to `{to}`", path.display());
                used.entry(from.clone()).or_default().insert(to);
            }
        }
    }
    for (from, to) in allowed {
        for room in to {
            let drawn = used.get(from).is_some_and(|used| used.contains(room));
            assert!(drawn, "nobody uses the arrow from `{from}` to `{room}`: take it out of the table");
        }
    }
}

#[test]
fn arrows_between_rooms_run_one_way() {
    let to = |line: &str| line.split("crate::").skip(1).map(|part| name(part).into()).collect();
    compare_arrows(&ARROWS, sources("src").iter(), room, to);
}

#[test]
fn arrows_within_why_run_one_way() {
    let sources = sources("src/why");
    let files = sources.iter().filter(|(path, _)| path.as_path() != Path::new("src/why/mod.rs"));
    let module = |path: &Path| {
        let below = path.strip_prefix("src/why").expect("a file of the room");
        let first = Path::new(below.iter().next().expect("a file has a name"));
        first.file_stem().expect("a file has a stem").to_string_lossy().into_owned()
    };
    let modules: Vec<&str> = WHY_ARROWS.iter().map(|(module, _)| *module).collect();
    let to = |line: &str| {
        let parts = line.split("crate::why::").skip(1).chain(line.split("super::").skip(1));
        parts.map(name).filter(|name| modules.contains(name)).map(String::from).collect()
    };
    compare_arrows(&WHY_ARROWS, files, module, to);
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
