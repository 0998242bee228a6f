use super::Unreadable;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All addresses with the same prefix: `10.0.0.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    is_v6: bool,
    first: u128,
    length: u8,
}

impl Block {
    /// Reads the destination of a route. `is_v6` says whether `default` is that
    /// of IPv6.
    ///
    /// # Errors
    ///
    /// If `ip route add` would not accept it as a destination.
    pub fn read(dst: &str, is_v6: bool) -> Result<Self, Unreadable> {
        if dst == "default" {
            return Ok(Self { is_v6, first: 0, length: 0 });
        }
        let unreadable = || Unreadable {
            error: format!("any valid prefix is expected rather than \"{dst}\""),
            hint: "a destination is `default`, an address, or a network as `10.0.0.0/24`".into(),
        };
        let (address, length) = match dst.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (dst, None),
        };
        let address: IpAddr = address.parse().map_err(|_| unreadable())?;
        let most = most(address.is_ipv6());
        let length = match length {
            None => most,
            Some(length) => length.parse().ok().filter(|length| *length <= most).ok_or_else(unreadable)?,
        };
        let block = Self::around(address, length);
        match block.first == bits(address) {
            true => Ok(block),
            false => Err(Unreadable {
                error: format!("{dst} is a host with its mask, not a network"),
                hint: format!("the network is {block}"),
            }),
        }
    }

    /// Returns the block of this length that contains an address.
    pub fn around(address: IpAddr, length: u8) -> Self {
        let is_v6 = address.is_ipv6();
        let behind = most(is_v6) - length.min(most(is_v6));
        let first = bits(address).checked_shr(behind.into()).unwrap_or(0);
        Self { is_v6, first: first.checked_shl(behind.into()).unwrap_or(0), length }
    }

    /// Tells whether these are IPv6 addresses.
    pub fn is_v6(&self) -> bool {
        self.is_v6
    }

    /// Returns the length of the prefix, in bits.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// Returns the first address.
    pub fn first(&self) -> IpAddr {
        address(self.first, self.is_v6)
    }

    /// Returns the last address.
    pub fn last(&self) -> IpAddr {
        address(self.last_bits(), self.is_v6)
    }

    pub(super) fn first_bits(&self) -> u128 {
        self.first
    }

    pub(super) fn last_bits(&self) -> u128 {
        self.first | self.behind()
    }

    /// Returns the mask of all bits after the prefix.
    fn behind(&self) -> u128 {
        let bits = most(self.is_v6) - self.length;
        1u128.checked_shl(bits.into()).map_or(u128::MAX, |size| size - 1)
    }

    /// Returns the largest block that begins at `first` and does not exceed
    /// `last`.
    pub(super) fn between(first: u128, last: u128, is_v6: bool) -> Self {
        let blocks = (0..=most(is_v6)).map(|length| Self { is_v6, first, length });
        // A block begins at an address whose bits after the prefix are 0.
        let mut fitting =
            blocks.filter(|block| first & block.behind() == 0 && block.behind() <= last - first);
        fitting.next().unwrap_or(Self { is_v6, first, length: most(is_v6) })
    }
}

impl fmt::Display for Block {
    /// Formats it as `ip route` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length {
            0 => f.write_str("default"),
            length if length == most(self.is_v6) => write!(f, "{}", self.first()),
            length => write!(f, "{}/{length}", self.first()),
        }
    }
}

fn most(is_v6: bool) -> u8 {
    if is_v6 { 128 } else { 32 }
}

pub(super) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

pub(super) fn address(bits: u128, is_v6: bool) -> IpAddr {
    match is_v6 {
        true => Ipv6Addr::from(bits).into(),
        false => Ipv4Addr::from(bits as u32).into(),
    }
}
