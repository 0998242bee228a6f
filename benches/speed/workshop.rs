//! The labs and scripts that the variants work on, in a folder of their own
//! below the temporary one, removed afterwards.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

/// The folder. It goes when this value goes.
pub struct Workshop(PathBuf);

impl Workshop {
    /// Makes the folder. It must be fresh: what is in it will be deleted.
    pub fn open() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("nslab-bench-{}", process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }

    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and gives its place.
    pub fn write(&self, path: &str, parts: &[&str]) -> io::Result<PathBuf> {
        let path = self.0.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, parts.concat())?;
        Ok(path)
    }

    /// Writes the same lab many times, and gives the folder of all.
    pub fn crowd(&self, subject: &str, text: &str, count: usize) -> io::Result<PathBuf> {
        for number in 0..count {
            self.write(&format!("crowd-of-{subject}/labs/{subject}/lab-{number:03}.rhai"), &[text])?;
        }
        Ok(self.0.join(format!("crowd-of-{subject}/labs")))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("warning: failed to remove {}: {error}", self.0.display());
        }
    }
}
