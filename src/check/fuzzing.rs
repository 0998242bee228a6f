//! A snapshot's file, for the fuzzers.

/// Reads bytes as an accepted text; what passes, insta gets to read as well.
pub fn snapshot(bytes: &[u8]) {
    super::snapshot::read_bytes(bytes);
}
