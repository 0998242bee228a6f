//! The things that every measurement needs.

use crate::quiet::Quiet;
use crate::workshop::Workshop;
use std::path::PathBuf;

pub struct Setting {
    /// The binary that is measured.
    pub nslab: PathBuf,
    pub workshop: Workshop,
    pub quiet: Quiet,
}
