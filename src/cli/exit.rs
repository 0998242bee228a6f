//! The exit codes, which scripts rely on.

use std::process::ExitCode;

/// A check failed, or a lab stopped half-way.
const FAILED: u8 = 1;
/// Wrong usage.
pub(super) const USAGE: u8 = 2;
/// A lab is invalid.
const INVALID: u8 = 3;
/// Nothing could be measured: no sandbox can be created.
pub(super) const NOTHING_MEASURED: u8 = 4;
/// A bug in nslab (`EX_SOFTWARE` of sysexits(3)).
const BUG: u8 = 70;

/// The events of a run; the most serious one decides.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Findings {
    pub failed: bool,
    pub invalid: bool,
    pub nothing_measured: bool,
    pub bug: bool,
}

impl From<Findings> for ExitCode {
    fn from(findings: Findings) -> Self {
        let codes = [
            (findings.bug, BUG),
            (findings.nothing_measured, NOTHING_MEASURED),
            (findings.invalid, INVALID),
            (findings.failed, FAILED),
        ];
        let gravest = codes.into_iter().find(|(found, _)| *found);
        gravest.map_or(Self::SUCCESS, |(_, code)| Self::from(code))
    }
}
