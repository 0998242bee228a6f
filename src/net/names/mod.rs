//! Resolves names as a program in a namespace would: the files of
//! `/etc/netns/<name>` override those of `/etc`. The sources are hosts(5) and
//! the servers of resolv.conf(5), in the order of nsswitch.conf(5).

mod conf;
mod files;
pub(super) mod fuzzing;
mod order;
mod stub;
pub(super) mod target;

use self::target::Target;
use crate::net::kernel::Kernel;
use crate::net::{NetError, Netns, Network};
use conf::{HostsLine, LookupStep, NameService, Resolv, Status, hosts, steps};
pub use files::NameFiles;
use nix::fcntl::OFlag;
use simple_dns::TYPE;
use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Instant;
use stub::{NoAnswer, Resolved, Stub};

/// The maximum size of a file that is read, in bytes.
const MOST: u64 = 1 << 20;

/// The addresses of a name.
#[derive(Debug, Clone)]
pub struct NameAnswer {
    /// The name as it was typed.
    pub name: String,
    /// Its addresses, in the order in which a program tries them.
    pub addresses: Vec<IpAddr>,
    /// The name at the end of all aliases and of the search list.
    pub canonical: String,
    trouble: Option<Trouble>,
}

/// The reason why there is no address (`EAI_…` of getaddrinfo(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    NoName,
    NoData,
    Again,
    Family,
    System,
}

impl NameAnswer {
    /// Tells whether the name has an address.
    pub fn ok(&self) -> bool {
        self.trouble.is_none()
    }

    /// The reason why it has none, in the words of gai_strerror(3).
    pub fn error(&self) -> Option<String> {
        self.trouble.map(|trouble| {
            match trouble {
                Trouble::NoName => "Name or service not known",
                Trouble::NoData => "No address associated with hostname",
                Trouble::Again => "Temporary failure in name resolution",
                Trouble::Family => "Address family for hostname not supported",
                Trouble::System => "System error",
            }
            .into()
        })
    }

    /// The addresses, one per line; or the reason why there are none.
    pub fn text(&self) -> String {
        match self.error() {
            Some(error) => format!("{}: {error}", self.name),
            None => self.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }
    }
}

impl Network {
    /// Resolves a name, as `getent ahosts` does. Addresses of a family are
    /// returned only if the namespace itself has such addresses.
    ///
    /// # Errors
    ///
    /// If the sandbox's files can't be read. An unknown name is an answer, not
    /// an error.
    pub fn resolve(&self, netns: &Netns, name: &str, deadline: Instant) -> Result<NameAnswer, NetError> {
        let kernel = self.look()?;
        kernel.await_addresses()?;
        let own = self.addrs(netns)?;
        let v6 = own.iter().any(|row| speaks_ipv6(&row.addr));
        let v4 = own.iter().any(|row| !row.addr.contains(':') && !row.addr.starts_with("127.0.0.1/"));
        let kinds: &[TYPE] = match (v4, v6) {
            (true, false) => &[TYPE::A],
            (false, true) => &[TYPE::AAAA],
            _ => &[TYPE::A, TYPE::AAAA],
        };
        kernel.look_up(netns, name, kinds, deadline)
    }

    /// Reads the configuration files below `/etc`, as programs of this namespace
    /// see them.
    fn sources(&self, netns: &Netns) -> Result<(Vec<LookupStep>, Vec<HostsLine>, Resolv), NetError> {
        // The files below `/etc` are created when first needed.
        self.rooms.furnish()?;
        let read = |name: &str| self.read_etc(netns, name).unwrap_or_default();
        let switch = steps(&read("nsswitch.conf"));
        Ok((switch, hosts(&read("hosts")), Resolv::read(&read("resolv.conf"))))
    }

    /// Reads a file of `/etc`, or its override for the namespace in
    /// `/etc/netns`.
    fn read_etc(&self, netns: &Netns, name: &str) -> Option<String> {
        let own = Path::new("/etc/netns").join(netns.name()).join(name);
        let open = |path: &Path| self.rooms.open(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK).ok();
        let file = if netns.is_host() { None } else { open(&own) };
        let file = file.or_else(|| open(&Path::new("/etc").join(name)))?;
        let mut bytes = Vec::new();
        File::from(file).take(MOST).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Kernel<'_> {
    /// The addresses to send to for a name or an address; or the reason why
    /// there are none.
    pub(super) fn targets(
        &self,
        netns: &Netns,
        dst: &str,
        deadline: Instant,
    ) -> Result<(Vec<Target>, NameAnswer), NetError> {
        if let Some(target) = self.target(netns, dst)? {
            let (addresses, canonical) = (vec![target.ip], dst.to_string());
            let answer = NameAnswer { name: dst.into(), addresses, canonical, trouble: None };
            return Ok((vec![target], answer));
        }
        let answer = self.look_up(netns, dst, &[TYPE::A, TYPE::AAAA], deadline)?;
        Ok((answer.addresses.iter().map(|ip| Target { ip: *ip, scope: 0 }).collect(), answer))
    }

    /// Looks up the name of an address, if it has one.
    pub(super) fn name_of_address(
        &self,
        netns: &Netns,
        ip: IpAddr,
        deadline: Instant,
    ) -> Result<Option<String>, NetError> {
        let (steps, lines, conf) = self.sources(netns)?;
        self.enter(netns)?;
        let stub = Stub { conf: &conf, deadline, is_over: &|| self.is_over_for_services(netns) };
        for step in steps {
            let (status, name) = match step.source {
                NameService::Files => match lines.iter().find(|line| line.address == ip) {
                    Some(line) => (Status::Success, line.names.first().cloned()),
                    None => (Status::NotFound, None),
                },
                NameService::Dns => match stub.query(&reverse(ip), &[TYPE::PTR]) {
                    Ok(found) => (Status::Success, found.names.first().cloned()),
                    Err(_) => (Status::NotFound, None),
                },
                NameService::Other => (Status::Unavail, None),
            };
            if name.is_some() || step.ends_with(status) {
                return Ok(name);
            }
        }
        Ok(None)
    }

    fn look_up(
        &self,
        netns: &Netns,
        name: &str,
        kinds: &[TYPE],
        deadline: Instant,
    ) -> Result<NameAnswer, NetError> {
        let mut answer =
            NameAnswer { name: name.into(), addresses: vec![], canonical: name.into(), trouble: None };
        if let Some(ip) = name.parse().ok().or_else(|| numbers(name)) {
            match kinds.contains(&kind_of(ip)) {
                true => answer.addresses.push(ip),
                false => answer.trouble = Some(Trouble::Family),
            }
            return Ok(answer);
        }
        let (steps, lines, conf) = self.sources(netns)?;
        let own = self.addrs(netns)?;
        self.enter(netns)?;
        let stub = Stub { conf: &conf, deadline, is_over: &|| self.is_over_for_services(netns) };
        let kinds: Vec<TYPE> =
            kinds.iter().copied().filter(|kind| !conf.no_aaaa || *kind != TYPE::AAAA).collect();
        // If no source was asked at all.
        let mut trouble = Trouble::System;
        for step in steps {
            let found = match step.source {
                NameService::Files => in_files(&lines, name, &kinds).ok_or(NoAnswer::HostNotFound),
                NameService::Dns if is_sound(name) => stub.search(name, &kinds),
                NameService::Dns => Err(NoAnswer::HostNotFound),
                NameService::Other if step.ends_with(Status::Unavail) => break,
                NameService::Other => continue,
            };
            // The last source decides, even if it knows less.
            answer.addresses.clear();
            let status = match found {
                Ok(found) => {
                    answer.addresses = found.addresses;
                    answer.canonical = found.canonical;
                    Status::Success
                }
                Err(why) => {
                    trouble = match why {
                        NoAnswer::HostNotFound | NoAnswer::NoRecovery => Trouble::NoName,
                        NoAnswer::NoData => Trouble::NoData,
                        NoAnswer::TryAgain | NoAnswer::Unreached | NoAnswer::Refused => Trouble::Again,
                    };
                    status(why)
                }
            };
            if step.ends_with(status) {
                break;
            }
        }
        if answer.addresses.is_empty() {
            answer.trouble = Some(trouble);
        }
        // The C library knows the prefix lengths only if the host has IPv6.
        let near = if own.iter().any(|row| speaks_ipv6(&row.addr)) { &own[..] } else { &[] };
        order::sort(&mut answer.addresses, near);
        Ok(answer)
    }
}

/// The nsswitch.conf(5) status of a failed lookup.
fn status(why: NoAnswer) -> Status {
    match why {
        NoAnswer::HostNotFound | NoAnswer::NoData | NoAnswer::NoRecovery => Status::NotFound,
        NoAnswer::TryAgain | NoAnswer::Unreached | NoAnswer::Refused => Status::Unavail,
    }
}

/// Looks a name up in hosts(5), in all lines that have it.
fn in_files(lines: &[HostsLine], name: &str, kinds: &[TYPE]) -> Option<Resolved> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let has = |line: &&HostsLine| line.names.iter().any(|other| other.eq_ignore_ascii_case(name));
    let mut found = Resolved::default();
    for line in lines.iter().filter(has) {
        let address = match line.address {
            // A lookup of IPv4 addresses alone returns 127.0.0.1 for ::1.
            IpAddr::V6(Ipv6Addr::LOCALHOST) if kinds == [TYPE::A] => Ipv4Addr::LOCALHOST.into(),
            address => address,
        };
        if kinds.contains(&kind_of(address)) && !found.addresses.contains(&address) {
            found.addresses.push(address);
        }
        if found.canonical.is_empty() {
            found.canonical.clone_from(&line.names[0]);
        }
    }
    (!found.addresses.is_empty()).then_some(found)
}

fn kind_of(address: IpAddr) -> TYPE {
    if address.is_ipv4() { TYPE::A } else { TYPE::AAAA }
}

/// Tells whether an address with its prefix is an IPv6 address other than the
/// loopback address.
fn speaks_ipv6(addr: &str) -> bool {
    addr.contains(':') && !addr.starts_with("::1/")
}

/// Tells whether a name is valid in the DNS (RFC 1035, section 2.3.4).
fn is_sound(name: &str) -> bool {
    let bare = name.strip_suffix('.').unwrap_or(name);
    let sound = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(plain)
    };
    bare.len() <= 253 && bare.split('.').all(sound)
}

/// Parses an IPv4 address in one of the forms of inet_aton(3), such as `127.1`.
fn numbers(text: &str) -> Option<IpAddr> {
    let parts: Vec<&str> = text.split('.').collect();
    let number = |part: &str| -> Option<u32> {
        let hex = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"));
        match (hex, part) {
            (Some(digits), _) => u32::from_str_radix(digits, 16).ok(),
            (None, "0") => Some(0),
            (None, _) if part.starts_with('0') => u32::from_str_radix(part, 8).ok(),
            (None, _) if part.bytes().all(|byte| byte.is_ascii_digit()) => part.parse().ok(),
            _ => None,
        }
    };
    let (last, first) = parts.split_last().filter(|(_, first)| first.len() <= 3)?;
    let room = 32 - 8 * first.len() as u32;
    let mut address = number(last).filter(|last| room == 32 || *last < 1 << room)?;
    for (place, part) in first.iter().enumerate() {
        address |= number(part).filter(|part| *part <= 255)? << (24 - 8 * place);
    }
    Some(Ipv4Addr::from(address).into())
}

/// The name for a reverse lookup of an address (RFC 1035, section 3.5; RFC 3596,
/// section 2.5).
pub(super) fn reverse(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let digits = format!("{:032x}", ip.to_bits());
            let digits: Vec<String> = digits.chars().rev().map(String::from).collect();
            format!("{}.ip6.arpa", digits.join("."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_short() {
        let read = |text: &str| numbers(text).map(|ip| ip.to_string()).unwrap_or_default();
        assert_eq!(read("127.1"), "127.0.0.1");
        assert_eq!(read("192.168.15"), "192.168.0.15");
        assert_eq!(read("0x7f.0.0.010"), "127.0.0.8");
        assert_eq!(read("1"), "0.0.0.1");
        for none in ["", "web", "1992.168.15.2", "1.2.3.256", "1.2.3.4.5", "1..2", "-1", "08"] {
            assert_eq!(read(none), "", "{none}");
        }
    }

    #[test]
    fn a_name_is_made_of_an_address() {
        assert_eq!(reverse([192, 168, 15, 2].into()), "2.15.168.192.in-addr.arpa");
        assert!(reverse("fd00::1".parse().unwrap()).starts_with("1.0.0.0."));
        assert!(reverse("fd00::1".parse().unwrap()).ends_with("0.0.d.f.ip6.arpa"));
    }
}
