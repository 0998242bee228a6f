//! Accepted texts, kept by insta. No other file knows it.

use super::outcome::Failure;
use crate::lab::{LabName, Place, slug};
use insta::_macro_support::{SnapshotValue, assert_snapshot};
use pretty_assertions::StrComparison;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Whether a text that was not accepted yet is kept for review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// As insta is told to (`INSTA_UPDATE`).
    Insta,
    /// Nothing is written.
    Never,
}

/// Where the snapshots of one lab are: `snapshots/<subject>/<lab>/` beside
/// the nearest folder named `labs`, or `snapshots/<lab>/` beside the lab.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
    /// The root against which the lab is named in a snapshot's header.
    root: PathBuf,
    lab: PathBuf,
    update: Update,
    /// The checks whose texts may be kept, where not all were asked for.
    only: Option<BTreeSet<String>>,
}

/// Readies insta for this process. Call it before any other thread starts:
/// it sets variables of the environment.
///
/// Every difference is shown once, by us, and so insta must not. `accept`
/// takes each new text as the right one.
pub fn prepare(accept: bool) {
    // SAFETY: nobody else reads the environment, there is no other thread.
    unsafe {
        std::env::set_var("INSTA_OUTPUT", "none");
        if accept {
            std::env::set_var("INSTA_UPDATE", "always");
        }
    }
}

impl Shelf {
    /// The shelf of the lab at `path`.
    pub fn of(path: &Path, name: &LabName, update: Update) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
        let labs = path.ancestors().skip(1).find(|folder| folder.ends_with("labs"));
        let root = labs.and_then(Path::parent).or(path.parent()).unwrap_or(Path::new("/"));
        let folder = root.join("snapshots").join(name.as_str());
        let lab = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
        Self { folder, root: root.into(), lab, update, only: None }
    }

    /// Keeps texts of these checks only; the others are compared.
    pub fn only(self, checks: impl Iterator<Item = String>) -> Self {
        Self { only: Some(checks.collect()), ..self }
    }

    /// The folder of the lab's snapshots.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Compares a text with the accepted one.
    pub(super) fn compare(&self, name: &str, text: &str, place: Place) -> Result<(), Box<Failure>> {
        let file = self.folder.join(format!("{}.snap", slug(name)));
        let accepted = match fs::read_to_string(&file) {
            Ok(found) => Some(body(&found).ok_or_else(|| Box::new(self.damaged(name, &file)))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(Box::new(Failure {
                    message: format!("failed to read `{}`: {}", self.shown(&file), words(&error.to_string())),
                    ..Failure::default()
                }));
            }
        };
        let same = accepted.as_deref().is_some_and(|accepted| accepted == normal(text));
        let pending = file.with_extension("snap.new");
        // insta must hear of a snapshot whose file it counts, or whose
        // pending text has become right.
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

    /// Has insta compare, and keep the text as its settings say. Tells
    /// whether the text is accepted.
    fn ask_insta(&self, slug: &str, text: &str, place: Place) -> Result<bool, String> {
        be_quiet_about_expected_panics();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&self.folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let value: SnapshotValue = (slug.to_string(), text).into();
        let lab = self.lab.to_string_lossy();
        // insta says that texts differ with a panic.
        EXPECTED.set(true);
        let said = catch_unwind(AssertUnwindSafe(|| {
            settings.bind(|| {
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

    fn damaged(&self, name: &str, file: &Path) -> Failure {
        Failure {
            message: format!("the snapshot `{name}` is damaged: `{}` has no header", self.shown(file)),
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

    /// The snapshots in the folder that none of `names` asserts.
    pub fn stale(&self, names: &[&str]) -> Vec<PathBuf> {
        let asserted: BTreeSet<String> = names.iter().map(|name| format!("{}.snap", slug(name))).collect();
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let mut stale: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                name.ends_with(".snap") && !asserted.contains(&name)
            })
            .map(|entry| entry.path())
            .collect();
        stale.sort();
        stale
    }
}

/// The words of an I/O error: without the number, and without the path that
/// insta puts before them.
fn words(error: &str) -> &str {
    let error = error.rfind("\": ").map_or(error, |at| &error[at + 3..]);
    error.rfind(" (os error").map_or(error, |at| &error[..at])
}

/// The text of a snapshot file, below its header.
fn body(file: &str) -> Option<String> {
    let file = file.replace("\r\n", "\n");
    let (_, body) = file.strip_prefix("---\n")?.split_once("\n---\n")?;
    Some(normal(body))
}

/// A text without the line breaks at its end, which a file adds.
fn normal(text: &str) -> String {
    text.trim_end().replace("\r\n", "\n")
}

thread_local! {
    /// Whether a panic on this thread is insta's way to say that texts differ.
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

    #[test]
    fn a_snapshot_has_a_header_and_a_body() {
        assert_eq!(body("---\nsource: labs/a.rhai\n---\none\ntwo\n").as_deref(), Some("one\ntwo"));
        assert_eq!(body("---\nsource: labs/a.rhai\n---\n").as_deref(), Some(""));
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
}
