//! Addresses and prefixes as they are typed.

use crate::net::NetError;
use std::fmt;
use std::net::IpAddr;

/// An address and its prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    pub address: IpAddr,
    pub length: u8,
}

impl Prefix {
    /// Parses `192.168.15.1/24`; without a prefix length it is a single address,
    /// as in `ip`.
    pub fn parse(text: &str) -> Result<Self, NetError> {
        let refused =
            || NetError::new(format!("any valid prefix is expected rather than \"{text}\"")).hint(hint(text));
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => most,
            Some(length) if length.bytes().all(|b| b.is_ascii_digit()) => {
                length.parse().ok().filter(|length| *length <= most).ok_or_else(refused)?
            }
            Some(_) => return Err(refused()),
        };
        Ok(Self { address, length })
    }

    /// The broadcast address of the network (RFC 919), if it has one.
    pub fn broadcast(&self) -> Option<std::net::Ipv4Addr> {
        match self.address {
            IpAddr::V4(address) if self.length <= 30 => {
                let hosts = u32::MAX.checked_shr(self.length.into()).unwrap_or(0);
                Some((u32::from(address) | hosts).into())
            }
            _ => None,
        }
    }
}

impl fmt::Display for Prefix {
    /// Prints it as `ip` does: a single address has no length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        if self.length == most {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{}/{}", self.address, self.length)
        }
    }
}

/// Parses an address without a prefix length.
pub fn address(text: &str) -> Result<IpAddr, NetError> {
    text.parse().map_err(|_| {
        NetError::new(format!("any valid address is expected rather than \"{text}\"")).hint(hint(text))
    })
}

/// A hint for an invalid address or prefix.
fn hint(text: &str) -> String {
    let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
    if address.parse::<IpAddr>().is_ok() {
        let most = if address.contains(':') { 128 } else { 32 };
        let length = length.unwrap_or("");
        return format!("the mask is a number from 0 to {most}, not `{length}`");
    }
    // A port, or an attempt at one.
    let port = address.split_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    if port.is_some_and(|(before, _)| before.is_empty() || before.contains('.')) {
        return "an address stands here alone, without a port, as `192.168.15.1`".into();
    }
    if address.contains(':') {
        return "an IPv6 address is up to eight groups of hexadecimal digits, as `fd00::1`".into();
    }
    let parts: Vec<&str> = address.split('.').collect();
    let big = parts.iter().find(|part| part.parse::<u64>().is_ok_and(|n| n > 255));
    match big {
        Some(part) if parts.len() == 4 => {
            format!("each of the four numbers is at most 255; `{part}` is more")
        }
        _ => "an IPv4 address is four numbers from 0 to 255, as `192.168.15.1`".into(),
    }
}

/// Parses a hardware address, as `02:00:00:00:00:01`.
pub fn mac(text: &str) -> Result<Vec<u8>, NetError> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let group = |part| u8::from_str_radix(part, 16).ok().filter(|_| digits(part));
    let bytes: Option<Vec<u8>> = text.split(':').map(group).collect();
    bytes.filter(|bytes| bytes.len() == 6).ok_or_else(|| {
        NetError::new(format!("\"{text}\" is invalid lladdr."))
            .hint("a hardware address is six groups of two hexadecimal digits, as `02:00:00:00:00:01`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (String, String) {
        let error = Prefix::parse(text).unwrap_err();
        (error.error, error.hint.unwrap())
    }

    #[test]
    fn a_prefix_is_read_as_ip_reads_it() {
        assert_eq!(Prefix::parse("192.168.15.1").unwrap().length, 32);
        assert_eq!(Prefix::parse("fd00::1/64").unwrap().length, 64);
        assert_eq!(Prefix::parse("10.201.0.1/24").unwrap().broadcast(), Some([10, 201, 0, 255].into()));
        assert_eq!(Prefix::parse("10.0.0.1/0").unwrap().broadcast(), Some([255; 4].into()));
        assert_eq!(Prefix::parse("10.0.0.1/31").unwrap().broadcast(), None);
    }

    #[test]
    fn what_cannot_be_read_is_explained() {
        let (error, hint) = refused("1992.168.15.2");
        assert_eq!(error, "any valid prefix is expected rather than \"1992.168.15.2\"");
        assert_eq!(hint, "each of the four numbers is at most 255; `1992` is more");
        assert_eq!(refused("10.0.0.1/33").1, "the mask is a number from 0 to 32, not `33`");
        assert_eq!(refused("10.0.0.1/+4").1, "the mask is a number from 0 to 32, not `+4`");
        assert_eq!(refused("fd00::1/129").1, "the mask is a number from 0 to 128, not `129`");
        assert!(refused("red").1.starts_with("an IPv4 address"));
        assert!(refused("fd00:::1").1.starts_with("an IPv6 address"));
    }

    #[test]
    fn a_mac_has_six_groups() {
        assert_eq!(mac("02:0:0:0:0:a").unwrap(), [2, 0, 0, 0, 0, 10]);
        assert!(mac("02:00:00:00:00").is_err());
        assert!(mac("02:00:00:00:00:+1").is_err());
    }
}
