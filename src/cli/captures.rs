//! `nslab run --captures DIR`: writes a lab's captures into files.

use crate::event::Captured;
use crate::run::words;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The folder for the files of one lab.
pub(super) struct Captures {
    folder: PathBuf,
    /// The error of a failed write.
    pub failed: Option<String>,
}

impl Captures {
    /// Creates the folder if it does not exist.
    pub fn in_folder(folder: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| format!("failed to make `{}`: {}", folder.display(), words(&error));
        fs::create_dir_all(folder).map_err(failed)?;
        Ok(Self { folder: folder.into(), failed: None })
    }

    /// Writes one file, and returns a line about it.
    pub fn write(&mut self, captured: &Captured) -> String {
        let path = self.folder.join(&captured.name);
        // O_NOFOLLOW: another user may have put a symbolic link there.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).custom_flags(nix::libc::O_NOFOLLOW);
        match options.open(&path).and_then(|mut file| file.write_all(&captured.pcap)) {
            Ok(()) => {
                let s = if captured.packets == 1 { "" } else { "s" };
                format!("  {}: {} packet{s}\n", path.display(), captured.packets)
            }
            Err(error) => {
                self.failed = Some(format!("failed to write `{}`: {}", path.display(), words(&error)));
                String::new()
            }
        }
    }
}
