//! Names that cannot be resolved, or that resolve to the wrong address.

use super::page::Page;
use super::rank::{Rank, Tier};
use super::service::{program, start};
use super::{Suspicion, suspect};
use crate::net::survey::Space;
use crate::net::{NameFiles, NetnsName, SeenPacket, Sighting};
use crate::why::Cause;
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::network;
use std::net::{IpAddr, Ipv4Addr};

/// Suspects the files and servers that resolve names.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let name = evidence.probe.to.as_str();
    if name.parse::<IpAddr>().is_ok() || name.contains(['%', '/']) {
        return Vec::new();
    }
    let Some(netns) = evidence.netns(&evidence.probe.from) else { return Vec::new() };
    let Some(files) = evidence.kernel.name_files(&evidence.probe.from) else { return Vec::new() };
    let names = Names { evidence, netns, files, name };
    match evidence.shot.unnamed {
        false => names.wrong_address(),
        true => names.unknown(),
    }
}

pub(super) struct Names<'a> {
    pub evidence: &'a Evidence<'a>,
    netns: NetnsName,
    pub files: NameFiles,
    pub name: &'a str,
}

impl Names<'_> {
    pub fn found(&self, id: Cause, text: String, fix: Vec<String>, rank: Rank) -> Suspicion {
        let from = &self.evidence.probe.from;
        let mut suspect = suspect(id, format!("{from}: names"), text, fix);
        suspect.evidence = vec![
            self.netns.exec(&format!("getent hosts {}", self.name)),
            self.netns.exec("cat /etc/resolv.conf"),
        ];
        Suspicion { rank, sure: false, suspect }
    }

    /// Returns the namespaces that have the name's first part as their name, with their
    /// addresses.
    fn meant(&self) -> Vec<(&Space, IpAddr)> {
        let first = self.name.split('.').next().unwrap_or_default();
        let spaces = self.evidence.survey.spaces.iter();
        let called = spaces.filter(|space| space.name.eq_ignore_ascii_case(first));
        called
            .flat_map(|space| {
                let public = space.addrs.iter().filter(|addr| !addr.ip.is_loopback() && addr.scope != "link");
                public.map(move |addr| (space, addr.ip))
            })
            .collect()
    }

    /// Suspects the entry or record of a name whose address is not reached.
    fn wrong_address(&self) -> Vec<Suspicion> {
        let evidence = self.evidence;
        let Some(ip) = evidence.shot.target else { return Vec::new() };
        let mut found = Vec::new();
        let owners = evidence.ground.owners(ip);
        let told = self.files.lines.iter().any(|(addr, names)| {
            *addr == ip && names.iter().any(|name| name.eq_ignore_ascii_case(self.name))
        });
        // The right address is the servers' answer, or that of the namespace with this
        // name.
        let mut right: Vec<IpAddr> = Vec::new();
        if told {
            for server in &self.files.servers {
                right.extend(
                    evidence.kernel.ask_server(&evidence.probe.from, *server, self.name).unwrap_or_default(),
                );
            }
        }
        right.extend(self.meant().into_iter().map(|(_, ip)| ip));
        if owners.is_empty() && right.is_empty() {
            let others = evidence.survey.spaces.iter().filter(|space| space.name != evidence.probe.from);
            right.extend(
                others
                    .flat_map(|space| &space.addrs)
                    .map(|addr| addr.ip)
                    .filter(|other| differs_little(*other, ip)),
            );
        }
        // If the hosts file is wrong, an address of the other IP version counts as well,
        // unless there is one of the same.
        let alike = right.iter().any(|other| other.is_ipv4() == ip.is_ipv4());
        right.retain(|other| *other != ip && (other.is_ipv4() == ip.is_ipv4() || told && !alike));
        right.dedup();
        let has = match owners.first() {
            Some((space, _)) => format!("which is {}'s", space.name),
            None => "which nobody has".into(),
        };
        for other in right.into_iter().take(3) {
            let owner = evidence
                .ground
                .owners(other)
                .first()
                .map_or_else(String::new, |(space, _)| format!(" ({})", space.name));
            if told {
                let hosts = &self.files.hosts;
                let text = format!(
                    "{hosts} has {ip} for `{}`, {has}: a stale or wrong entry, as it is {other}{owner}",
                    self.name
                );
                let fix = vec![format!(
                    "sed -i 's/^{}\\([[:space:]]\\)/{other}\\1/' {hosts}",
                    ip.to_string().replace('.', "\\.")
                )];
                found.push(self.found(Cause::NameHostsWrong, text, fix, Tier::Named.exact()));
            } else {
                let text = format!(
                    "the server's record of `{}` is {ip}, {has}, and not {other}{owner}: correct the record there",
                    self.name
                );
                // The namespace of that name has a very different address, so this is no
                // typing error.
                let moved = owners.is_empty()
                    && self.meant().iter().any(|(_, own)| *own == other)
                    && strsim::levenshtein(&other.to_string(), &ip.to_string()) > 1;
                let rank = if moved { Tier::Named.exact() } else { Tier::Odd.loose() };
                found.push(self.found(Cause::NameRecordWrong, text, Vec::new(), rank));
            }
        }
        found
    }

    /// Suspects the reasons why a name cannot be resolved.
    fn unknown(&self) -> Vec<Suspicion> {
        let evidence = self.evidence;
        let mut found = Vec::new();
        let Names { files, name, .. } = self;
        found.extend(self.misspelt_in_hosts());
        if !files.asks_servers {
            let text = format!(
                "{} does not have `dns` in its line `hosts:`, so that no server is asked for `{name}`, only {}",
                files.nsswitch, files.hosts
            );
            let fix = vec![format!("sed -i 's/^hosts:.*/hosts: files dns/' {}", files.nsswitch)];
            found.push(self.found(Cause::NameDnsNotAsked, text, fix, Tier::Named.exact()));
        }
        if !files.asks_hosts && files.lines.iter().any(|(_, names)| names.iter().any(|one| one == name)) {
            let text = format!(
                "{} has no `files` in its line `hosts:`, so that {} is not looked into",
                files.nsswitch, files.hosts
            );
            let fix = vec![format!("sed -i 's/^hosts:.*/hosts: files dns/' {}", files.nsswitch)];
            found.push(self.found(Cause::NameDnsNotAsked, text, fix, Tier::Named.exact()));
        }
        let serving = self.servers_there_are();
        let (mut answers, mut deaf) = (Vec::new(), Vec::new());
        for server in &files.servers {
            match evidence.kernel.ask_server(&evidence.probe.from, *server, name) {
                Ok(_) => answers.push(*server),
                Err(words) => deaf.push((*server, words)),
            }
        }
        for server in &answers {
            found.extend(self.not_known_to(*server));
        }
        if answers.is_empty() {
            for (server, words) in &deaf {
                found.extend(self.deaf(*server, words, &serving));
            }
        }
        found
    }

    /// Returns the DNS servers of the lab, those that answer first.
    fn servers_there_are(&self) -> Vec<(String, IpAddr)> {
        let mut servers = Vec::new();
        for space in &self.evidence.survey.spaces {
            let dns = space.listeners.iter().filter(|one| one.proto == "udp" && one.port == 53);
            for one in dns.filter(|one| !one.ip.is_loopback()) {
                let own = space.addrs.iter().map(|addr| addr.ip);
                let own = own.filter(|ip| {
                    !ip.is_loopback() && !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
                });
                servers.extend(
                    own.filter(|ip| one.ip == *ip || one.ip.is_unspecified())
                        .map(|ip| (space.name.clone(), ip)),
                );
            }
        }
        servers.sort();
        servers.dedup();
        let asked =
            |ip: &IpAddr| self.evidence.kernel.ask_server(&self.evidence.probe.from, *ip, self.name).is_ok();
        servers.sort_by_key(|(_, ip)| !asked(ip));
        servers
    }

    /// Suspects a server that does not answer.
    fn deaf(&self, server: IpAddr, words: &str, serving: &[(String, IpAddr)]) -> Vec<Suspicion> {
        let evidence = self.evidence;
        let mut found = Vec::new();
        let Names { files, .. } = self;
        let owners = evidence.ground.owners(server);
        let own_file = files.resolv.starts_with("/etc/netns/") || self.netns.is_host();
        let who = match owners.first() {
            _ if server.is_loopback() => format!("{server} is {} itself", evidence.probe.from),
            Some((space, _)) => format!("{server} is {}'s", space.name),
            None => format!("nobody has {server}"),
        };
        for (name, ip) in serving.iter().filter(|(_, ip)| *ip != server).take(3) {
            if serving.iter().any(|(_, ip)| *ip == server) {
                break;
            }
            let (text, fix) = match own_file {
                true if !files.names_servers => (
                    format!(
                        "{} has no line `nameserver ADDRESS` that makes sense, so that {server} is asked, where nobody listens; the server is {ip} ({name})",
                        files.resolv
                    ),
                    vec![format!("echo 'nameserver {ip}' >> {}", files.resolv)],
                ),
                true => (
                    format!(
                        "{} names the server {server}, and {words}: {who}; the server is {ip} ({name})",
                        files.resolv
                    ),
                    vec![format!("sed -i 's/^nameserver {server}$/nameserver {ip}/' {}", files.resolv)],
                ),
                false => {
                    let folder = format!("/etc/netns/{}", evidence.probe.from);
                    // Without a `nameserver` line the resolver asks the loopback address.
                    let no_other = if server.is_loopback() { "no server but " } else { "" };
                    (
                        format!(
                            "{} has no resolv.conf of its own ({folder}/resolv.conf), so that the host's is read, which names {no_other}{server}: {words} ({who}); the lab's server is {ip} ({name})",
                            evidence.probe.from
                        ),
                        vec![
                            format!("mkdir -p {folder}"),
                            format!("echo 'nameserver {ip}' > {folder}/resolv.conf"),
                        ],
                    )
                }
            };
            let id = if own_file { Cause::NameServerWrong } else { Cause::NameNoResolvConf };
            found.push(self.found(id, text, fix, Tier::Named.exact()));
        }
        let Some((space, _)) = owners.first().filter(|_| !server.is_loopback()) else {
            if server.is_loopback() && serving.is_empty() {
                found.push(self.known_nowhere(server));
            } else if found.is_empty() && owners.is_empty() {
                found.push(self.hosts_instead(&format!(
                    "{} names the server {server}, and {words}: {who}",
                    files.resolv
                )));
            }
            return found;
        };
        let udp = || space.listeners.iter().filter(|one| one.proto == "udp" && one.port == 53);
        if udp().any(|one| one.ip == server || one.ip.is_unspecified()) {
            found.extend(self.silent(space, server));
            return found;
        }
        let text = match udp().next() {
            Some(one) => format!(
                "the DNS server in {} listens on {} only, and {server} is asked: let it listen there",
                space.name, one.ip
            ),
            None => format!(
                "nobody listens on UDP port 53 of {server} in {}: no DNS server runs there",
                space.name
            ),
        };
        found.push(self.hosts_instead(&text));
        found
    }

    /// Suspects a server that gets the question and sends no answer.
    fn silent(&self, space: &Space, server: IpAddr) -> Option<Suspicion> {
        let evidence = self.evidence;
        let walls = evidence.shot.walls.iter().filter(|wall| wall.netns == space.name);
        if walls.into_iter().any(|wall| !wall.culprits().is_empty() || !wall.stops().is_empty()) {
            return None;
        }
        let is_there = |seen: &&Sighting, out: bool| seen.netns == space.name && seen.out == out;
        let ends = |seen: &Sighting| match seen.packet {
            SeenPacket::Udp { src, dst, ports } => Some((src, dst, ports)),
            _ => None,
        };
        let came = evidence.shot.sightings.iter().filter(|seen| is_there(seen, false));
        let asker = came.filter_map(ends).find(|(_, dst, ports)| *dst == server && ports.1 == 53)?.0;
        let went = evidence.shot.sightings.iter().filter(|seen| is_there(seen, true));
        if went.filter_map(ends).any(|(_, dst, ports)| dst == asker && ports.0 == 53) {
            return None;
        }
        let words = program(evidence, space, 53, Some("dnsmasq"));
        let first = words.as_ref().and_then(|words| words.first()).map(String::as_str);
        let who = first.map_or("a program", |word| word.rsplit('/').next().unwrap_or(word)).to_string();
        let text = format!(
            "the DNS question arrives at {server} in {}, where {who} listens on UDP port 53 and does not answer {asker}",
            space.name
        );
        let own = |addr: &crate::net::survey::Address| network(addr.ip, addr.prefix_len).contains(asker);
        let local = words.filter(|words| words.iter().any(|word| word == "--local-service"));
        let (text, fix) = match local {
            Some(words) if !space.addrs.iter().any(own) && space.name != "host" => {
                let words: Vec<String> = words.into_iter().filter(|word| word != "--local-service").collect();
                let stop = "for pid in $(ip netns pids";
                let mut fix = vec![format!(
                    "{stop} {}); do grep -q '^{who}' /proc/$pid/comm && kill $pid; done; sleep 0.3",
                    space.name
                )];
                fix.extend(start(evidence, space, &words));
                (format!("{text}: --local-service lets it answer its own networks only"), fix)
            }
            _ => (format!("{text}: look at its configuration and its log"), Vec::new()),
        };
        let mut found = self.found(Cause::NameServerSilent, text, fix, Tier::Named.exact());
        found.suspect.place = format!("{}: UDP port 53", space.name);
        found.suspect.evidence.push(evidence.exec(&space.name, "ss -ulnp"));
        Some(found)
    }

    /// Suspects a name that is in no file, when there is no server to ask.
    fn known_nowhere(&self, server: IpAddr) -> Suspicion {
        let Names { files, name, .. } = self;
        // The resolver asks 127.0.0.1 when no server is named.
        let server = match server {
            IpAddr::V4(Ipv4Addr::LOCALHOST) => "no server".into(),
            other => format!("no server but {other}, where nobody listens"),
        };
        let text = format!(
            "`{name}` is known nowhere: {} does not have it, and {} names {server}",
            files.hosts, files.resolv
        );
        match self.meant().first() {
            Some((space, ip)) => {
                let text = format!("{text}; {}'s {ip} is meant", space.name);
                self.found(Cause::NameUnknown, text, self.hosts_entry(*ip).1, Tier::Named.close())
            }
            None => self.found(Cause::NameUnknown, text, Vec::new(), Tier::Odd.plain()),
        }
    }

    /// Suspects a missing server, and offers an entry in the hosts file instead.
    fn hosts_instead(&self, text: &str) -> Suspicion {
        let id = Cause::NameServerNotRunning;
        let Some((_, ip)) = self.meant().first().copied() else {
            return self.found(id, format!("{text}; start one there"), Vec::new(), Tier::Odd.plain());
        };
        let (hosts, fix) = self.hosts_entry(ip);
        let text = format!("{text}; as long as there is none, {hosts} may have the name");
        self.found(id, text, fix, Tier::Here.plain())
    }

    /// Returns the hosts file for the name, and the commands that write it there.
    fn hosts_entry(&self, ip: IpAddr) -> (String, Vec<String>) {
        let own = self.files.hosts.starts_with("/etc/netns/") || self.netns.is_host();
        let folder = format!("/etc/netns/{}", self.evidence.probe.from);
        let mut fix = Vec::new();
        let hosts = match own {
            true => self.files.hosts.clone(),
            false => {
                fix.push(format!("mkdir -p {folder}"));
                fix.push(format!("cp /etc/hosts {folder}/hosts"));
                format!("{folder}/hosts")
            }
        };
        fix.push(format!("echo '{ip} {}' >> {hosts}", self.name));
        (hosts, fix)
    }
}

/// Tells whether two IPv4 addresses differ in their last octet only.
fn differs_little(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let (a, b) = (a.octets(), b.octets());
            a != b && a[..3] == b[..3]
        }
        _ => false,
    }
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::NameDnsNotAsked,
        title: "nsswitch.conf does not ask DNS",
        symptom: "`Name or service not known` at once, and no packet is sent.",
        cause: "The line `hosts:` says who is asked, in which order. Without `dns` no server is.",
        evidence: "The line, as the namespace sees it:\n  ip netns exec NS grep hosts: /etc/nsswitch.conf",
        cure: "Say that servers are asked after the files:\n  sed -i 's/^hosts:.*/hosts: files dns/' /etc/netns/NS/nsswitch.conf",
    },
    Page {
        id: Cause::NameHostsWrong,
        title: "a wrong line in the hosts file",
        symptom: "The name stands for an address that is not its own, or is not known for a slip.",
        cause: "The hosts file comes before the servers: what is stale in it wins.",
        evidence: "What does the namespace read, and what does it find?\n  ip netns exec NS cat /etc/resolv.conf /etc/hosts\n  ip netns exec NS getent hosts NAME",
        cure: "Correct the line:\n  sed -i 's/WRONG/RIGHT/' /etc/netns/NS/hosts",
    },
    Page {
        id: Cause::NameNoResolvConf,
        title: "the namespace has no resolv.conf of its own",
        symptom: "`Temporary failure in name resolution`.",
        cause: "Without /etc/netns/NS/resolv.conf the host's file is read. A server on 127.0.0.53 there is the host's, and not to be reached from a namespace.",
        evidence: "What does the namespace read, and what does it find?\n  ip netns exec NS cat /etc/resolv.conf /etc/hosts\n  ip netns exec NS getent hosts NAME",
        cure: "Give it one:\n  mkdir -p /etc/netns/NS\n  echo 'nameserver ADDRESS' > /etc/netns/NS/resolv.conf",
    },
    Page {
        id: Cause::NameRecordWrong,
        title: "the server's record is wrong",
        symptom: "The name stands for an address that is not its own.",
        cause: "The server says what its zone has: a record that nobody corrected.",
        evidence: "What the server says:\n  ip netns exec NS dig @SERVER NAME",
        cure: "Correct the record at the server, and start it again:\n  ip netns exec SERVER dnsmasq --host-record=NAME,ADDRESS",
    },
    Page {
        id: Cause::NameServerSilent,
        title: "the name server gets the question and says nothing",
        symptom: "`Temporary failure in name resolution`, after some seconds.",
        cause: "A program listens on port 53 and does not answer this asker: it serves its own networks only (dnsmasq's --local-service, which Debian sets), has an access list, or hangs.",
        evidence: "The question comes in, and nothing goes out:\n  ip netns exec SERVER tcpdump -ni any port 53\n  ip netns exec SERVER ss -ulnp",
        cure: "Tell the program whom it may answer, and start it again:\n  ip netns exec SERVER dnsmasq --interface=DEV",
    },
    Page {
        id: Cause::NameServerNotRunning,
        title: "no DNS server runs there",
        symptom: "`Temporary failure in name resolution`, after a while or at once.",
        cause: "Nobody listens on UDP port 53 of the address in resolv.conf.",
        evidence: "No line for port 53:\n  ip netns exec SERVER ss -ulnp",
        cure: "Start a server there, or have the name in the hosts file for the time being:\n  echo 'ADDRESS NAME' >> /etc/netns/NS/hosts",
    },
    Page {
        id: Cause::NameServerWrong,
        title: "resolv.conf names a server that is none",
        symptom: "`Temporary failure in name resolution`.",
        cause: "The address behind `nameserver` has a slip, or is another host's.",
        evidence: "What does the namespace read, and what does it find?\n  ip netns exec NS cat /etc/resolv.conf /etc/hosts\n  ip netns exec NS getent hosts NAME",
        cure: "Correct it:\n  sed -i 's/WRONG/RIGHT/' /etc/netns/NS/resolv.conf",
    },
];
