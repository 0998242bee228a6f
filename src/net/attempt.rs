//! The result of a try at a port, over TCP or UDP.

use super::error::strerror;
use nix::errno::Errno;
use std::net::IpAddr;

/// A try at a port of some destination, and how it ended.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// The destination as it was typed.
    pub dst: String,
    pub port: u16,
    /// The address that the name stands for.
    pub ip: Option<IpAddr>,
    pub failed: Option<Failed>,
    /// The complaint that another one answered than the one asked for.
    pub by_others: Option<String>,
}

impl Attempt {
    /// A try that has not failed so far.
    pub fn new(dst: &str, port: u16) -> Self {
        Self { dst: dst.into(), port, ip: None, failed: None, by_others: None }
    }

    pub fn ok(&self) -> bool {
        self.failed.is_none() && self.by_others.is_none()
    }

    /// Why it did not work, in a few words.
    pub fn error(&self) -> Option<String> {
        self.failed.as_ref().map(Failed::words).or(self.by_others.clone())
    }

    /// The destination as typed, with its address where that was a name.
    pub fn to(&self) -> String {
        let dst = &self.dst;
        match self.ip {
            Some(ip) if !dst.starts_with(&ip.to_string()) => format!("{dst} ({ip})"),
            _ => dst.clone(),
        }
    }

    /// The words of a tool, and a line more where another one answered.
    pub fn with_objection(&self, said: String) -> String {
        match &self.by_others {
            Some(others) => format!("{said}\n{others}"),
            None => said,
        }
    }
}

/// The reason why a try failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    /// There is no such name, in the words of gai_strerror(3).
    NoName(String),
    /// The kernel says so.
    Kernel(Errno),
    /// Nobody has said anything.
    TimedOut,
}

impl Failed {
    /// The reason in a few words.
    pub fn words(&self) -> String {
        match self {
            Self::NoName(words) => words.clone(),
            Self::Kernel(errno) => strerror(*errno as i32),
            Self::TimedOut => "timed out".into(),
        }
    }
}
