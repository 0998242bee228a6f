//! The files that configure name lookup in a namespace, and single DNS requests.

use super::conf::{NameService, Resolv, hosts, steps};
use super::stub::{NoAnswer, Stub};
use crate::net::{NetError, Netns, Network};
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};
use simple_dns::TYPE;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// The name lookup configuration of a namespace's files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameFiles {
    /// The path of the file that is read as `/etc/resolv.conf` there.
    pub resolv: String,
    /// The path of the file that is read as `/etc/hosts` there.
    pub hosts: String,
    /// The path of the file that is read as `/etc/nsswitch.conf` there.
    pub nsswitch: String,
    /// The servers; the loopback address if none is named.
    pub servers: Vec<IpAddr>,
    /// Whether resolv.conf names a server, so that `servers` is not the default.
    pub names_servers: bool,
    /// The domains that are appended to a short name.
    pub search: Vec<String>,
    /// Whether servers are asked if the hosts file has no answer.
    pub asks_servers: bool,
    /// Whether the hosts file is read.
    pub asks_hosts: bool,
    /// The lines of the hosts file.
    pub lines: Vec<(IpAddr, Vec<String>)>,
}

impl Network {
    /// Reads the name lookup configuration of a namespace's files.
    ///
    /// # Errors
    ///
    /// If there is no `/etc` to read.
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
        // If the hosts file comes before DNS and returns on NOTFOUND, servers
        // are not asked.
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

    /// Asks a server for the addresses of a full name; returns none if the
    /// server does not know it.
    ///
    /// # Errors
    ///
    /// If it does not answer at all; the reason in a few words.
    pub fn ask_server(&self, netns: &Netns, server: IpAddr, name: &str) -> Result<Vec<IpAddr>, String> {
        // A further question after a survey.
        let kernel = self.bare();
        kernel.enter(netns).map_err(|error| error.error)?;
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
        let stub = Stub { conf: &conf, deadline, is_over: &|| kernel.is_over_for_services(netns) };
        match stub.query(name, &[TYPE::A, TYPE::AAAA]) {
            Ok(found) => Ok(found.addresses),
            Err(NoAnswer::HostNotFound | NoAnswer::NoData) => Ok(Vec::new()),
            Err(NoAnswer::NoRecovery) => Err("it refuses".into()),
            Err(NoAnswer::Refused) => Err("nobody listens there".into()),
            Err(NoAnswer::TryAgain | NoAnswer::Unreached) => Err("it does not answer".into()),
        }
    }
}
