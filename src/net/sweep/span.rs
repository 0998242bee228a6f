//! Ranges of addresses.

use crate::net::NetError;
use std::net::Ipv4Addr;

/// A range of IPv4 addresses, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub(super) first: u32,
    pub(super) last: u32,
    /// Whether it is a network, whose first and last address belong to no host.
    pub(super) network: bool,
}

impl Span {
    /// Reads `10.0.0.1`, `10.0.0.0/24` or `10.0.0.0/255.255.255.0`, or
    /// `10.0.0.7-10.0.0.9`.
    ///
    /// # Errors
    ///
    /// If it has none of these forms.
    pub fn parse(text: &str) -> Result<Self, NetError> {
        let wrong = || {
            NetError::new(format!("`{text}` is no IPv4 address or network"))
                .hint("say `10.0.0.1`, `10.0.0.0/24` or `10.0.0.7-10.0.0.9`")
        };
        let address = |text: &str| text.parse::<Ipv4Addr>().map(u32::from).map_err(|_| wrong());
        if let Some((first, last)) = text.split_once('-') {
            let span = Self { first: address(first)?, last: address(last)?, network: false };
            return if span.first <= span.last { Ok(span) } else { Err(wrong()) };
        }
        let Some((network, length)) = text.split_once('/') else {
            let only = address(text)?;
            return Ok(Self { first: only, last: only, network: false });
        };
        let mask = match length.parse::<u32>() {
            Ok(length) if length <= 32 => u32::MAX.checked_shl(32 - length).unwrap_or(0),
            Ok(_) => return Err(wrong()),
            Err(_) => address(length)?,
        };
        let first = address(network)? & mask;
        let last = first | !mask;
        // In a /31 both addresses are hosts (RFC 3021).
        Ok(Self { first, last, network: last - first > 1 })
    }

    pub(super) fn contains(self, address: u32) -> bool {
        (self.first..=self.last).contains(&address)
    }

    /// The range extended by `by` addresses on each side.
    pub(super) fn wider(self, by: u32) -> Self {
        Self { first: self.first.saturating_sub(by), last: self.last.saturating_add(by), ..self }
    }

    /// The intersection of both.
    pub(super) fn within(self, other: Self) -> Option<Self> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        let both = Self { first, last, network: false };
        (both.first <= both.last).then_some(both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_as_it_is_typed() {
        let ends = |text: &str| {
            Span::parse(text)
                .ok()
                .map(|span| [span.first, span.last].map(Ipv4Addr::from).map(|ip| ip.to_string()))
        };
        let is = |text, first: &str, last: &str| {
            assert_eq!(ends(text), Some([first.into(), last.into()]), "{text}")
        };
        is("10.0.0.1", "10.0.0.1", "10.0.0.1");
        is("10.0.0.9/24", "10.0.0.0", "10.0.0.255");
        is("10.0.0.0/255.255.255.128", "10.0.0.0", "10.0.0.127");
        is("0.0.0.0/0", "0.0.0.0", "255.255.255.255");
        is("10.0.0.7-10.0.0.9", "10.0.0.7", "10.0.0.9");
        for wrong in ["10.0.0", "10.0.0.0/33", "10.0.0.9-10.0.0.7", "fe80::1", ""] {
            assert_eq!(ends(wrong), None, "{wrong}");
        }
    }
}
