//! How names are looked up in a namespace: the files that say so, and single
//! questions.

use super::conf::{NameService, Resolv, hosts, steps};
use super::stub::{NoAnswer, Stub};
use crate::net::{NetError, Netns, Network};
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};
use simple_dns::TYPE;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a namespace's files say of names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameFiles {
    /// The file that is read as `/etc/resolv.conf` there.
    pub resolv: String,
    /// The file that is read as `/etc/hosts` there.
    pub hosts: String,
    /// The file that is read as `/etc/nsswitch.conf` there.
    pub nsswitch: String,
    /// The servers; one's own where none is named.
    pub servers: Vec<IpAddr>,
    /// Whether a server is named, and not one's own for want of any.
    pub names_servers: bool,
    /// The domains that are tried behind a short name.
    pub search: Vec<String>,
    /// Whether servers are asked where the hosts file has no answer.
    pub asks_servers: bool,
    /// Whether the hosts file is looked into.
    pub asks_hosts: bool,
    /// The hosts file's lines.
    pub lines: Vec<(IpAddr, Vec<String>)>,
}

impl Network {
    /// What a namespace's files say of names.
    ///
    /// # Errors
    ///
    /// Where there is no `/etc` to read.
    pub fn name_files(&self, netns: &Netns) -> Result<NameFiles, NetError> {
        self.rooms.furnish()?;
        let read = |name: &str| self.read_etc(netns, name).unwrap_or_default();
        let path = |name: &str| {
            let own = Path::new("/etc/netns").join(netns.name()).join(name);
            let has = !netns.is_host() && self.rooms.open(&own, OFlag::O_RDONLY | OFlag::O_NONBLOCK).is_ok();
            let path = if has { own } else { Path::new("/etc").join(name) };
            path.display().to_string()
        };
        let conf = Resolv::read(&read("resolv.conf"));
        let named = |line: &str| {
            let mut words = line.split_whitespace();
            words.next() == Some("nameserver")
                && words.next().is_some_and(|word| word.parse::<IpAddr>().is_ok())
        };
        let names_servers = read("resolv.conf").lines().any(named);
        let order = steps(&read("nsswitch.conf"));
        // Who says `not found` before it, and ends it there.
        let dns = order.iter().position(|step| step.source == NameService::Dns);
        let ends = |step: &super::conf::LookupStep| step.ends_with(super::conf::Status::NotFound);
        let asks_servers = dns.is_some_and(|at| {
            !order[..at].iter().any(|step| step.source == NameService::Files && ends(step))
        });
        Ok(NameFiles {
            resolv: path("resolv.conf"),
            hosts: path("hosts"),
            nsswitch: path("nsswitch.conf"),
            servers: conf.servers,
            names_servers,
            search: conf.search,
            asks_servers,
            asks_hosts: order.iter().any(|step| step.source == NameService::Files),
            lines: hosts(&read("hosts")).into_iter().map(|line| (line.address, line.names)).collect(),
        })
    }

    /// The addresses that a server gives for a whole name; nothing where it
    /// does not know it.
    ///
    /// # Errors
    ///
    /// Where it does not answer at all, in a few words.
    pub fn ask_server(&self, netns: &Netns, server: IpAddr, name: &str) -> Result<Vec<IpAddr>, String> {
        self.enter(netns).map_err(|error| error.error)?;
        let conf = Resolv {
            servers: vec![server],
            search: Vec::new(),
            ndots: 1,
            timeout: 1,
            attempts: 1,
            use_vc: false,
            no_aaaa: false,
        };
        let deadline = Instant::now() + Duration::from_secs(1);
        let stub = Stub { conf: &conf, deadline, is_over: &|| self.is_over_for_services(netns) };
        match stub.query(name, &[TYPE::A, TYPE::AAAA]) {
            Ok(found) => Ok(found.addresses),
            Err(NoAnswer::HostNotFound | NoAnswer::NoData) => Ok(Vec::new()),
            Err(NoAnswer::NoRecovery) => Err("it refuses".into()),
            Err(NoAnswer::Refused) => Err("nobody listens there".into()),
            Err(NoAnswer::TryAgain | NoAnswer::Unreached) => Err("it does not answer".into()),
        }
    }
}
