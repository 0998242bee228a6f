use super::netlink::KernelError;
use super::rooms::RoomsError;
use std::fmt;

/// Why an act was refused: the words of the kernel or of `ip`, and what
/// helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetError {
    /// The words that a reader of `ip`'s output knows.
    pub error: String,
    /// What helps, where there is a remedy.
    pub hint: Option<String>,
    /// What the machine lacks, where that is the reason.
    pub unmeasured: Option<String>,
}

impl NetError {
    /// Makes an error without a hint.
    pub fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), hint: None, unmeasured: None }
    }

    /// Adds what helps.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what came of it when it was tried without a program: the program's
    /// own words for that are not known.
    pub(super) fn and_refused(mut self, refused: &Self) -> Self {
        self.error = format!("{} (without it: {})", self.error, refused.error);
        self
    }

    /// Says that it is the machine's lack, not the script's fault.
    pub fn unmeasured(mut self, remedy: impl Into<String>) -> Self {
        self.unmeasured = Some(remedy.into());
        self
    }
}

impl From<KernelError> for NetError {
    /// The kernel's own text where it has one (extended ack), else what `ip`
    /// makes of the number.
    fn from(error: KernelError) -> Self {
        Self::new(match error.text {
            Some(text) => text,
            None => format!("RTNETLINK answers: {}", strerror(error.errno)),
        })
    }
}

impl From<RoomsError> for NetError {
    fn from(error: RoomsError) -> Self {
        Self::new(format!("failed to {}: {}", error.step, strerror(error.errno)))
    }
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

impl std::error::Error for NetError {}

/// The text that the C library has for an error number, which is what every
/// tool prints.
pub(super) fn strerror(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    text.rfind(" (os error").map_or(text.as_str(), |at| &text[..at]).to_string()
}
