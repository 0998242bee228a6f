//! A snapshot's file, for the fuzzers.

/// Reads bytes as an accepted text; insta also reads what passes.
pub fn snapshot(bytes: &[u8]) {
    super::snapshot::read_bytes(bytes);
}
