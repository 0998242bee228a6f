//! An AppArmor profile that allows user namespaces for nslab alone.

use std::path::{Component, Path, PathBuf};

/// Returns the commands that install a profile for the program at `path`.
pub(super) fn install(path: &Path) -> String {
    format!(
        "sudo tee /etc/apparmor.d/nslab > /dev/null <<'END'\n{}\nEND\nsudo apparmor_parser -r /etc/apparmor.d/nslab",
        profile(path)
    )
}

/// Returns the profile: it allows everything, as without a profile, and user
/// namespaces, too.
fn profile(path: &Path) -> String {
    format!(
        "abi <abi/4.0>,\ninclude <tunables/global>\n\nprofile nslab {} flags=(unconfined) {{\n  userns,\n}}",
        attachment(path)
    )
}

/// Returns the paths that the profile is for. Programs built by cargo have
/// several changing names: the binary of `cargo run`, and those of `cargo test`.
fn attachment(path: &Path) -> String {
    let below = built_by_cargo(path).map(|target| format!("{}/**", literal(&target)));
    format!("\"{}\"", below.unwrap_or_else(|| literal(path)))
}

/// Returns cargo's target folder, if the program is in one. It has a folder for
/// each profile, with a folder `deps`.
fn built_by_cargo(path: &Path) -> Option<PathBuf> {
    let mut folder = path.parent()?;
    if folder.ends_with("deps") || folder.ends_with("examples") {
        folder = folder.parent()?;
    }
    let is_target = |target: &Path| target.join("CACHEDIR.TAG").is_file() || target.ends_with("target");
    // With `--target` there is one more level.
    folder.ancestors().skip(1).take(2).find(|above| is_target(above)).map(Path::to_path_buf)
}

/// Returns a path with all special characters of apparmor.d(5) escaped.
fn literal(path: &Path) -> String {
    let mut text = String::new();
    for part in path.components() {
        if let Component::Normal(name) = part {
            text.push('/');
            for letter in name.to_string_lossy().chars() {
                if "\\\"*?[]{}^@,".contains(letter) {
                    text.push('\\');
                }
                text.push(letter);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_for_the_programs_own_path() {
        assert_eq!(attachment(Path::new("/usr/local/bin/nslab")), "\"/usr/local/bin/nslab\"");
        assert_eq!(attachment(Path::new("/home/me/.cargo/bin/nslab")), "\"/home/me/.cargo/bin/nslab\"");
        assert_eq!(attachment(Path::new("/srv/a b/n[1],{x}")), "\"/srv/a b/n\\[1\\]\\,\\{x\\}\"");
    }

    #[test]
    fn a_profile_is_for_all_that_cargo_builds_beside_it() {
        for path in [
            "/home/me/nslab/target/debug/nslab",
            "/home/me/nslab/target/release/nslab",
            "/home/me/nslab/target/debug/deps/labs-0123456789abcdef",
            "/home/me/nslab/target/x86_64-unknown-linux-musl/release/nslab",
        ] {
            assert_eq!(attachment(Path::new(path)), "\"/home/me/nslab/target/**\"");
        }
    }

    /// Tests with the real parser, if there is one that knows user namespaces
    /// (AppArmor 4).
    #[test]
    fn the_parser_takes_the_profile() {
        use std::io::Write;
        use std::process::{Command, Stdio};
        let parse = |text: &str| {
            let mut parser = Command::new("apparmor_parser");
            parser.args(["-Q", "-K"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = parser.spawn().ok()?;
            child.stdin.take()?.write_all(text.as_bytes()).ok()?;
            Some(child.wait().ok()?.success())
        };
        if parse("abi <abi/4.0>,\nprofile x { userns, }\n") != Some(true) {
            eprintln!("not measured: there is no apparmor_parser of AppArmor 4");
            return;
        }
        for path in ["/usr/local/bin/nslab", "/home/me/nslab/target/debug/nslab", "/srv/a b/n[1],{x}\"^"] {
            assert_eq!(parse(&profile(Path::new(path))), Some(true), "{}", profile(Path::new(path)));
        }
    }
}
