//! The result of a connection attempt to a port, over TCP or UDP.

use crate::net::kernel::error::strerror;
use nix::errno::Errno;
use std::net::IpAddr;

/// An attempt at a port of some destination, and its result.
#[derive(Debug, Clone)]
pub(in crate::net) struct Attempt {
    /// The destination as it was typed.
    pub dst: String,
    pub port: u16,
    /// The address that the name resolves to.
    pub ip: Option<IpAddr>,
    pub failed: Option<Failed>,
    /// The complaint that another host answered than the one asked for.
    pub by_others: Option<String>,
}

impl Attempt {
    /// An attempt that has not failed so far.
    pub fn new(dst: &str, port: u16) -> Self {
        Self { dst: dst.into(), port, ip: None, failed: None, by_others: None }
    }

    pub fn ok(&self) -> bool {
        self.failed.is_none() && self.by_others.is_none()
    }

    /// The reason for the failure, in a few words.
    pub fn error(&self) -> Option<String> {
        self.failed.as_ref().map(Failed::words).or(self.by_others.clone())
    }

    /// The destination as typed; a name is followed by its address.
    pub fn to(&self) -> String {
        let dst = &self.dst;
        match self.ip {
            Some(ip) if !dst.starts_with(&ip.to_string()) => format!("{dst} ({ip})"),
            _ => dst.clone(),
        }
    }

    /// A tool's output, plus a line if another host answered.
    pub fn with_objection(&self, said: String) -> String {
        match &self.by_others {
            Some(others) => format!("{said}\n{others}"),
            None => said,
        }
    }
}

/// The reason why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::net) enum Failed {
    /// The name does not exist; in the words of gai_strerror(3).
    NoName(String),
    /// The kernel refused.
    Kernel(Errno),
    /// Nothing was received.
    TimedOut,
    /// The connection was made, and these many bytes of those sent were not acknowledged.
    Stalled { sent: usize, left: usize },
}

impl Failed {
    /// The reason in a few words.
    pub fn words(&self) -> String {
        match self {
            Self::NoName(words) => words.clone(),
            Self::Kernel(errno) => strerror(*errno as i32),
            Self::TimedOut => "timed out".into(),
            Self::Stalled { sent, left } => {
                format!("connected, and {left} of {sent} bytes were not acknowledged")
            }
        }
    }
}
