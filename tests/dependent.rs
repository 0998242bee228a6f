//! Somebody else's crate: it depends on nslab, has labs of its own, and runs
//! them with `cargo test`.

use crate::measured::skip;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const MANIFEST: &str = r#"
[package]
name = "somebody-elses"
version = "0.1.0"
edition = "2024"

[dev-dependencies]
nslab = { path = "PATH" }

[[test]]
name = "labs"
harness = false

# As nslab's own, so that what is built for the one serves the other.
[profile.dev]
debug = "line-tables-only"

# Not a part of any other workspace.
[workspace]
"#;

const HARNESS: &str = r#"fn main() -> std::process::ExitCode {
    nslab::harness::main("labs")
}
"#;

const LAB: &str = r#"let red = netns("red");
red.up("lo");
check("red hears itself", ping(red, "127.0.0.1"));
snapshot("red's links", links(red));
"#;

struct Crate(PathBuf);

impl Crate {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("nslab-test-{}-crate", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder is made");
            fs::write(path, text).expect("a file is written");
        };
        write("Cargo.toml", &MANIFEST.replace("PATH", env!("CARGO_MANIFEST_DIR")));
        write("src/lib.rs", "");
        write("tests/labs.rs", HARNESS);
        write("labs/first/lo.rhai", LAB);
        // The versions that were fetched for us are there offline.
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
        fs::copy(lock, folder.join("Cargo.lock")).expect("the lock file is copied");
        Self(folder)
    }

    fn cargo(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        // Beside our own build, whose crates it shares.
        let target = Path::new(env!("CARGO_BIN_EXE_nslab")).ancestors().nth(2).expect("a target folder");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        for variable in ["NEXTEST", "NSLAB_REQUIRE", "INSTA_UPDATE", "CI"] {
            cargo.env_remove(variable);
        }
        cargo
            .args(arguments)
            .current_dir(&self.0)
            .env("CARGO_TARGET_DIR", target)
            .envs(environment.iter().copied())
            .output()
            .expect("cargo starts")
    }
}

impl Drop for Crate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn shown(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_crate_of_its_own_tests_its_labs() {
    let found = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into())).arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        return skip("there is no cargo to build a crate with");
    }
    let krate = Crate::new();
    let test = ["test", "--offline", "--quiet", "--test", "labs"];

    // A new snapshot is kept for review, and fails until it is accepted.
    let first = krate.cargo(&test, &[("RUST_BACKTRACE", "0")]);
    let text = shown(&first);
    if text.contains("not measured") {
        return skip(text);
    }
    assert!(!first.status.success(), "{text}");
    assert!(text.contains("snapshot `red's links` is new"), "{text}");
    let snapshot = krate.0.join("snapshots/first/lo/reds-links.snap");
    assert!(snapshot.with_extension("snap.new").exists(), "{text}");

    // As insta's users know it.
    let accepted = krate.cargo(&test, &[("INSTA_UPDATE", "always")]);
    assert!(accepted.status.success(), "{}", shown(&accepted));
    let kept = fs::read_to_string(&snapshot).expect("the snapshot is kept");
    assert_eq!(
        kept,
        "---\nsource: labs/first/lo.rhai\n---\n\
         lo: mtu 65536 state UNKNOWN loopback 00:00:00:00:00:00 127.0.0.1/8 ::1/128\n"
    );
    let again = krate.cargo(&test, &[("INSTA_UPDATE", "no")]);
    assert!(again.status.success(), "{}", shown(&again));

    // No lab is not a pass.
    fs::remove_dir_all(krate.0.join("labs")).expect("the labs are removed");
    fs::create_dir(krate.0.join("labs")).expect("an empty folder is made");
    let none = krate.cargo(&test, &[]);
    assert!(!none.status.success(), "{}", shown(&none));
    assert!(shown(&none).contains("there is no lab below `labs`"), "{}", shown(&none));
}
