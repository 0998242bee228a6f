//! What this machine can do.
use super::SandboxError;
/// remedy
pub fn remedy(_error: &SandboxError) -> Option<String> { None }
/// Report
pub struct Report;
impl Report { /// x
 pub fn json(&self) -> String { String::new() } /// y
 pub fn can_run_labs(&self) -> bool { true } }
impl std::fmt::Display for Report { fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) } }
/// examine
pub fn examine() -> Report { Report }
