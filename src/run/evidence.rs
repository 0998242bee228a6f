//! The recorded facts of a diagnosis, as a file.

use crate::event::Explanation;
use crate::lab::LabName;
use crate::report::WhyJson;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Whether the facts of diagnoses are recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Record {
    /// No.
    #[default]
    Dropped,
    /// Each [`Explanation`] includes them.
    Kept,
    /// Each [`Explanation`] includes them, and each diagnosis of a lab becomes
    /// a file `<lab>-<number>.json` in this folder.
    Written(PathBuf),
}

/// Writes the recorded facts for a report: the version of nslab, the lab, the
/// answer, and each round of the search.
///
/// # Errors
///
/// If the file can't be written.
pub fn write_evidence(file: &Path, lab: &LabName, explanation: &Explanation) -> io::Result<()> {
    let evidence = serde_json::json!({
        "nslab": env!("CARGO_PKG_VERSION"),
        "lab": lab.to_string(),
        "said": WhyJson::from(explanation),
        "rounds": explanation.known,
    });
    fs::write(file, format!("{evidence:#}\n"))
}

/// Writes the facts of one diagnosis of a lab below a folder.
pub(super) fn write_numbered(folder: &Path, lab: &LabName, number: usize, explanation: &Explanation) {
    let file = folder.join(format!("{lab}-{number}.json"));
    let written = file.parent().map_or(Ok(()), fs::create_dir_all);
    if let Err(error) = written.and_then(|()| write_evidence(&file, lab, explanation)) {
        eprintln!("error: failed to write {}: {}", file.display(), super::words(&error));
    }
}
