use super::netlink::KernelError;
use super::rooms::RoomsError;
use std::fmt;

/// The reason why an action was refused: the message of the kernel or of `ip`,
/// and a remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetError {
    /// The message, in words known from `ip`'s output.
    pub error: String,
    /// The kernel's error number, if the kernel refused it.
    pub errno: Option<i32>,
    /// The remedy, if there is one.
    pub hint: Option<String>,
    /// A remedy for the machine, if the reason is that the machine lacks
    /// something.
    pub unmeasured: Option<String>,
}

impl NetError {
    /// Makes an error without a hint.
    pub fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), errno: None, hint: None, unmeasured: None }
    }

    /// Adds the kernel's error number.
    pub(in crate::net) fn errno(mut self, errno: i32) -> Self {
        self.errno = Some(errno);
        self
    }

    /// Adds a remedy.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the error of the attempt without the missing program: the program's
    /// own message is not known.
    pub(in crate::net) fn and_refused(mut self, refused: &Self) -> Self {
        self.error = format!("{} (without it: {})", self.error, refused.error);
        self
    }

    /// Marks the error as the machine's lack, not the script's fault.
    pub fn unmeasured(mut self, remedy: impl Into<String>) -> Self {
        self.unmeasured = Some(remedy.into());
        self
    }
}

impl From<KernelError> for NetError {
    /// Uses the kernel's own text if it has one (extended ack), otherwise `ip`'s
    /// message for the error number.
    fn from(error: KernelError) -> Self {
        Self::new(match error.text {
            Some(text) => text,
            None => format!("RTNETLINK answers: {}", strerror(error.errno)),
        })
        .errno(error.errno)
    }
}

impl From<RoomsError> for NetError {
    fn from(error: RoomsError) -> Self {
        Self::new(format!("failed to {}: {}", error.step, strerror(error.errno))).errno(error.errno)
    }
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

impl std::error::Error for NetError {}

/// The C library's text for an error number, which every tool prints.
pub(in crate::net) fn strerror(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    text.rfind(" (os error").map_or(text.as_str(), |at| &text[..at]).to_string()
}
