//! Snapshots that no check asserts any more.

use super::LabRun;
use crate::lab::{Kind, visible_in_line};
use libtest_mimic::Trial;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Returns a failing test case for each snapshot that no check asserts. With
/// `accept`, deletes them.
///
/// The `untouched` folders belong to labs that can't be read; a fixed lab may
/// assert their snapshots again.
pub(super) fn trials(
    paths: &[PathBuf],
    runs: &[Arc<LabRun>],
    untouched: Vec<PathBuf>,
    accept: bool,
) -> Vec<Trial> {
    let mut stale = Vec::new();
    let mut folders = untouched;
    for lab_run in runs {
        let names: Vec<&str> = lab_run
            .lab
            .checks
            .iter()
            .filter(|check| check.kind == Kind::Snapshot)
            .map(|check| check.name.as_str())
            .collect();
        stale.extend(lab_run.shelf.stale(&names));
        folders.push(lab_run.shelf.folder().to_path_buf());
    }
    // Snapshots of deleted labs, if the whole folder was selected.
    for path in paths.iter().filter(|path| path.is_dir() && path.ends_with("labs")) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let Some(root) = path.parent() else { continue };
        for orphan in snapshots_below(&root.join("snapshots")) {
            if orphan.parent().is_some_and(|folder| !folders.iter().any(|known| known == folder)) {
                stale.push(orphan);
            }
        }
    }
    if accept {
        for path in &stale {
            if let Err(error) = std::fs::remove_file(path) {
                eprintln!("error: failed to delete {}: {error}", path.display());
            }
        }
        return Vec::new();
    }
    let here = std::env::current_dir().unwrap_or_default();
    stale
        .into_iter()
        .map(|path| {
            let path = visible_in_line(&path.strip_prefix(&here).unwrap_or(&path).display().to_string());
            Trial::test(format!("stale snapshot {path}"), move || {
                Err(format!(
                    "{path}: no check asserts this snapshot\n\
                     hint: delete it, or have `nslab test --accept` do so; where its check was renamed, move it"
                )
                .into())
            })
        })
        .collect()
}

/// Returns the snapshots below a folder, by name.
fn snapshots_below(folder: &Path) -> Vec<PathBuf> {
    // Files behind a symbolic link don't belong to these labs, and could be
    // deleted.
    if folder.is_symlink() {
        return Vec::new();
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(snapshots_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "snap") {
            found.push(path);
        }
    }
    found.sort();
    found
}
