//! The fields of proc_pid_stat(5).

/// Returns the fields after the name, from the state on (field 3). The name is in
/// parentheses and may contain anything.
pub(super) fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit(')').next().unwrap_or_default().split_whitespace()
}
