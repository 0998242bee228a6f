//! Accepted texts, kept by insta. No other file uses insta.

use super::outcome::Failure;
use crate::lab::{Folder, HeldFile, LabName, Place, slug};
use insta::_macro_support::{SnapshotValue, assert_snapshot};
use pretty_assertions::StrComparison;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Whether new texts are kept for review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// As `INSTA_UPDATE` says.
    Insta,
    /// Nothing is written.
    Never,
}

/// The folder of a lab's snapshots: `snapshots/<subject>/<lab>/` beside the
/// nearest folder named `labs`, or `snapshots/<lab>/` beside the lab.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
    /// The root of the lab's path in a snapshot's header.
    root: PathBuf,
    lab: PathBuf,
    update: Update,
    /// The checks whose texts may be kept, unless all were asked for.
    only: Option<BTreeSet<String>>,
}

/// Prepares insta for this process. Call it before any other thread starts: it
/// sets environment variables.
///
/// nslab shows every difference once, so insta must not. `accept` accepts each
/// new text.
pub fn prepare(accept: bool) {
    // SAFETY: no other thread exists that could read the environment.
    unsafe {
        std::env::set_var("INSTA_OUTPUT", "none");
        if accept {
            std::env::set_var("INSTA_UPDATE", "always");
        }
    }
}

impl Shelf {
    /// Returns the shelf of the lab at `path`.
    pub fn of(path: &Path, name: &LabName, update: Update) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
        let labs = path.ancestors().skip(1).find(|folder| folder.ends_with("labs"));
        let root = labs.and_then(Path::parent).or(path.parent()).unwrap_or(Path::new("/"));
        let folder = root.join("snapshots").join(name.as_str());
        let lab = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
        Self { folder, root: root.into(), lab, update, only: None }
    }

    /// Restricts updates to these checks; the others are only compared.
    pub fn only(self, checks: impl Iterator<Item = String>) -> Self {
        Self { only: Some(checks.collect()), ..self }
    }

    /// Returns the folder of the lab's snapshots.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Compares a text with the accepted one.
    pub(super) fn compare(&self, name: &str, text: &str, place: Place) -> Result<(), Box<Failure>> {
        let file = self.folder.join(format!("{}.snap", slug(name)));
        let pending = file.with_extension("snap.new");
        let accepted = self.body_of(name, &file)?;
        // insta reads this file, and may delete it.
        self.body_of(name, &pending)?;
        let same = accepted.as_deref().is_some_and(|accepted| accepted == normal(text));
        // insta must see a snapshot if it tracks references, or if a pending text
        // has become the accepted one.
        let unconcerned = !pending.exists() && std::env::var_os("INSTA_SNAPSHOT_REFERENCES_FILE").is_none();
        let keep = self.update != Update::Never && self.only.as_ref().is_none_or(|only| only.contains(name));
        if !keep || (same && unconcerned) {
            return if same {
                Ok(())
            } else {
                Err(Box::new(self.different(name, accepted, text, &Ok(false))))
            };
        }
        match self.ask_insta(&slug(name), text, place) {
            Ok(true) => Ok(()),
            kept => Err(Box::new(self.different(name, accepted, text, &kept.map(|_| pending.exists())))),
        }
    }

    /// Returns the text of a snapshot's file, if there is one.
    ///
    /// The file must be in a folder below the root, or it is neither read nor
    /// written: through a symbolic link, it could be any file of the machine.
    fn body_of(&self, name: &str, file: &Path) -> Result<Option<String>, Box<Failure>> {
        let unreadable = |error: &io::Error| {
            let message = format!("failed to read `{}`: {}", self.shown(file), words(&error.to_string()));
            Box::new(Failure { message, ..Failure::default() })
        };
        let found = match self.look(file) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&error)),
        };
        let bytes = found.read(LARGEST).map_err(|error| unreadable(&error))?;
        let text = String::from_utf8(bytes).ok().filter(|text| text.len() as u64 <= LARGEST);
        let body = text.as_deref().and_then(body);
        body.map(Some).ok_or_else(|| Box::new(self.damaged(name, file)))
    }

    /// Opens a file in the folder, which must be below the root.
    fn look(&self, file: &Path) -> io::Result<HeldFile> {
        let leads_away = |error: io::Error| match error.raw_os_error() {
            Some(libc::EXDEV) => io::Error::new(
                io::ErrorKind::PermissionDenied,
                "a symbolic link leads out of the folder that it is in",
            ),
            _ => error,
        };
        let below = self.folder.strip_prefix(&self.root).unwrap_or(&self.folder);
        let folder = Folder::open(&self.root)?.look_below(below).map_err(leads_away)?.into_folder()?;
        folder.look(file.file_name().unwrap_or_default())
    }

    /// Lets insta compare, and keep the text as its settings say. Tells whether
    /// the text is accepted.
    fn ask_insta(&self, slug: &str, text: &str, place: Place) -> Result<bool, String> {
        be_quiet_about_expected_panics();
        let value: SnapshotValue = (slug.to_string(), text).into();
        let lab = self.lab.to_string_lossy();
        // insta panics if texts differ.
        EXPECTED.set(true);
        let said = catch_unwind(AssertUnwindSafe(|| {
            self.settings().bind(|| {
                assert_snapshot(value, &self.root, slug, "nslab", &lab, place.line, "")
                    .map_err(|error| error.to_string())
            })
        }));
        EXPECTED.set(false);
        match said {
            Ok(Ok(())) => Ok(true),
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Returns insta's settings for this folder.
    fn settings(&self) -> insta::Settings {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&self.folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings
    }

    fn damaged(&self, name: &str, file: &Path) -> Failure {
        Failure {
            message: format!(
                "the snapshot `{name}` is damaged: `{}` has no header of ours",
                self.shown(file)
            ),
            hints: vec![
                "restore the file from version control, or delete it and accept the text anew".into(),
            ],
            ..Failure::default()
        }
    }

    fn different(
        &self,
        name: &str,
        accepted: Option<String>,
        text: &str,
        kept: &Result<bool, String>,
    ) -> Failure {
        let message = match accepted {
            None => format!("snapshot `{name}` is new: nobody has accepted a text yet"),
            Some(_) => format!("snapshot `{name}` differs from the accepted one"),
        };
        let hint = match kept {
            Ok(true) => {
                "look at it and accept it with `cargo insta review`, or accept all with `nslab test --accept`"
                    .into()
            }
            Ok(false) => "accept it with `nslab test --accept`".into(),
            Err(error) => format!("the new text could not be kept for review: {}", words(error)),
        };
        let diff = accepted.as_ref().map(|accepted| StrComparison::new(accepted, &normal(text)).to_string());
        let seen = accepted.is_none().then(|| text.to_string());
        Failure { message, diff, seen, hints: vec![hint], ..Failure::default() }
    }

    fn shown(&self, file: &Path) -> String {
        file.strip_prefix(&self.root).unwrap_or(file).display().to_string()
    }

    /// Returns the snapshots in the folder that none of `names` asserts.
    pub fn stale(&self, names: &[&str]) -> Vec<PathBuf> {
        let asserted: BTreeSet<String> = names.iter().map(|name| format!("{}.snap", slug(name))).collect();
        // They may be deleted: a folder outside of the root is not ours.
        let below = self.folder.strip_prefix(&self.root).unwrap_or(&self.folder);
        let folder = Folder::open(&self.root).and_then(|root| root.look_below(below)?.into_folder());
        let names = folder.and_then(|folder| folder.names()).unwrap_or_default();
        let names = names.iter().filter_map(|name| name.to_str());
        names
            .filter(|name| name.ends_with(".snap") && !asserted.contains(*name))
            .map(|name| self.folder.join(name))
            .collect()
    }
}

/// Returns the message of an I/O error, without the number, and without the path
/// that insta puts before it.
fn words(error: &str) -> &str {
    let error = error.rfind("\": ").map_or(error, |at| &error[at + 3..]);
    error.rfind(" (os error").map_or(error, |at| &error[..at])
}

/// The largest file, in bytes: a script can't produce a longer text.
const LARGEST: u64 = 32 << 20;

/// The keys that the header of a snapshot file may have, one per line.
const SAID: [&str; 5] = ["source", "expression", "description", "assertion_line", "input_file"];

/// Returns the text of a snapshot file, below its header.
///
/// Accepts only headers that insta writes for a text. insta reads the header as
/// YAML, which may be nested without limit. It may also name another file in
/// place of a text, which insta would read and delete.
fn body(file: &str) -> Option<String> {
    let file = file.replace("\r\n", "\n");
    let (header, body) = file.strip_prefix("---\n")?.split_once("\n---\n")?;
    (!header.is_empty() && header.lines().all(is_plain)).then(|| normal(body))
}

/// Tells whether a header line is a key of [`SAID`] and a plain value.
fn is_plain(line: &str) -> bool {
    let Some((name, value)) = line.split_once(": ") else { return false };
    let is_number = !value.is_empty() && value.len() < 10 && value.bytes().all(|byte| byte.is_ascii_digit());
    // In insta's form: in quotes, if YAML could read it as another type.
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let is_text = match quoted {
        Some(text) => is_escaped(text),
        None => {
            // insta reads `.nan` as a number and panics (1.49).
            let is_path = value.starts_with('.') && value.contains('/');
            (is_path || value.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '_')))
                && !value.contains(": ")
                && !value.contains(" #")
                && !value.ends_with(':')
        }
    };
    SAID.contains(&name)
        && if name == "assertion_line" { is_number } else { is_text }
        && !value.contains(char::is_control)
}

/// Tells whether a text can be between quotes, with its escapes.
fn is_escaped(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let sound = match c {
            '"' => false,
            '\\' => matches!(chars.next(), Some('"' | '\\' | 'n' | 'r' | 't')),
            _ => true,
        };
        if !sound {
            return false;
        }
    }
    true
}

/// Reads a file's bytes, for the fuzzers: a snapshot for nslab must be a snapshot
/// for insta, with the same text.
pub(super) fn read_bytes(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(body) = body(text) else { return };
    let mut file = std::fs::File::from(
        nix::sys::memfd::memfd_create("snapshot", nix::sys::memfd::MFdFlags::MFD_CLOEXEC).expect("a file"),
    );
    std::io::Write::write_all(&mut file, bytes).expect("a file in memory is written");
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    let read = insta::Snapshot::from_file(Path::new(&path)).expect("insta reads what is plain");
    match read.contents() {
        insta::internals::SnapshotContents::Text(text) => {
            assert_eq!(normal(&text.to_string()), body, "insta sees another text");
        }
        insta::internals::SnapshotContents::Binary(_) => panic!("insta takes it for another file"),
    }
}

/// Returns a text without the line breaks at its end, which a file adds, and with
/// Linux line ends: a terminal may write several carriage returns before one, and
/// insta drops one at each reading.
fn normal(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().split('\n').map(|line| line.trim_end_matches('\r')).collect();
    lines.join("\n")
}

thread_local! {
    /// Whether a panic on this thread is insta's report of a difference.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

fn be_quiet_about_expected_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !EXPECTED.get() {
                hook(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::fs;
    use std::process::Command;

    #[test]
    fn a_snapshot_has_a_header_and_a_body() {
        assert_eq!(body("---\nsource: labs/a.rhai\n---\none\ntwo\n").as_deref(), Some("one\ntwo"));
        assert_eq!(body("---\nsource: labs/a.rhai\n---\n").as_deref(), Some(""));
        assert_eq!(body("---\nsource: labs/a.rhai\n---\none\r\r\ntwo\r\n").as_deref(), Some("one\ntwo"));
        assert_eq!(body("---\nsource: la"), None);
        assert_eq!(body(""), None);
    }

    #[test]
    fn the_shelf_is_beside_the_labs() {
        let shelf = |path: &str| {
            let path = Path::new(path);
            Shelf::of(path, &LabName::of(path), Update::Never).folder().display().to_string()
        };
        assert_eq!(shelf("/p/labs/cable/mask.rhai"), "/p/snapshots/cable/mask");
        assert_eq!(shelf("/p/try.rhai"), "/p/snapshots/try");
    }

    /// Set in a process that compares, to the folder for its snapshots.
    const COMPARES_IN: &str = "NSLAB_SNAPSHOTS_COMPARED_IN";

    /// nslab calls the hidden function to which insta's public macro expands. Both must
    /// accept the same texts and write the same files. `tests/snapshots.rs` tests how nslab
    /// reports this.
    #[test]
    fn a_snapshot_is_kept_as_the_macro_of_insta_keeps_it() {
        if let Some(folder) = std::env::var_os(COMPARES_IN) {
            return compare_with_macro(Path::new(&folder));
        }
        let (_, module) = module_path!().split_once("::").unwrap();
        let test = format!("{module}::a_snapshot_is_kept_as_the_macro_of_insta_keeps_it");
        for update in ["always", "new", "no"] {
            let folder = std::env::temp_dir().join(format!("nslab-insta-{}-{update}", std::process::id()));
            // insta reads its settings from the environment, once for each process.
            let mut command = Command::new(std::env::current_exe().unwrap());
            for (name, _) in
                std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("INSTA_"))
            {
                command.env_remove(name);
            }
            command.env("INSTA_UPDATE", update).env("INSTA_WORKSPACE_ROOT", env!("CARGO_MANIFEST_DIR"));
            command.env("INSTA_OUTPUT", "none").env(COMPARES_IN, &folder);
            let output = command.args(["--exact", &test]).output().unwrap();
            let _ = fs::remove_dir_all(&folder);
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(output.status.success() && said.contains(" 1 passed"), "{update}: {said}");
        }
    }

    fn compare_with_macro(folder: &Path) {
        let shelf = |name: &str| Shelf {
            folder: folder.join(name),
            root: env!("CARGO_MANIFEST_DIR").into(),
            lab: file!().into(),
            update: Update::Insta,
            only: None,
        };
        let (ours, theirs) = (shelf("ours"), shelf("theirs"));
        let update = std::env::var("INSTA_UPDATE").unwrap();
        let (one, two) = ("one:  1\n\n  \"two\"\n", "one:  2\n");
        // A new text, one that differs from the accepted one, and the accepted one.
        for (at, text) in [one, two, one].into_iter().enumerate() {
            let line = line!() + 1;
            let by_macro = || insta::assert_snapshot!("text", text);
            let by_macro = catch_unwind(|| theirs.settings().bind(by_macro)).is_ok();
            let by_us = ours.ask_insta("text", text, Place::new(line, 1));
            let accepted = at == 2 || update == "always";
            assert_eq!((by_us, by_macro), (Ok(accepted), accepted), "{text}");
            let (kept, theirs_kept) = (files(&ours), files(&theirs));
            pretty_assertions::assert_eq!(kept, theirs_kept, "{text}");
            assert_eq!(kept.contains_key("text.snap.new"), !accepted && update == "new", "{text}");
            if accepted || update == "new" {
                assert_eq!(kept.values().last().and_then(|file| body(file)), Some(normal(text)));
            }
            for shelf in [&ours, &theirs].into_iter().filter(|_| at == 0) {
                fs::create_dir_all(shelf.folder()).unwrap();
                let file = format!("---\nsource: {}\n---\n{one}", file!());
                fs::write(shelf.folder().join("text.snap"), file).unwrap();
            }
        }
    }

    /// Returns the names of the files in a folder of snapshots, with their texts.
    fn files(shelf: &Shelf) -> BTreeMap<String, String> {
        let entries = fs::read_dir(shelf.folder()).into_iter().flatten().flatten();
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        let paths = entries.map(|entry| entry.path());
        paths.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect()
    }
}
