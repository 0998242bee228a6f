//! Names that nobody knows, or that stand for the wrong address.

use super::rank::{Rank, Tier};
use super::{Suspicion, suspect};
use crate::net::survey::Space;
use crate::net::{NameFiles, NetnsName};
use crate::why::Cause;
use crate::why::evidence::Evidence;
use std::net::{IpAddr, Ipv4Addr};

/// Suspects what names are looked up with.
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

struct Names<'a> {
    evidence: &'a Evidence<'a>,
    netns: NetnsName,
    files: NameFiles,
    name: &'a str,
}

impl Names<'_> {
    fn found(&self, id: Cause, text: String, fix: Vec<String>, rank: Rank) -> Suspicion {
        let from = &self.evidence.probe.from;
        let mut suspect = suspect(id, format!("{from}: names"), text, fix);
        suspect.evidence = vec![
            self.netns.exec(&format!("getent hosts {}", self.name)),
            self.netns.exec("cat /etc/resolv.conf"),
        ];
        Suspicion { rank, sure: false, suspect }
    }

    /// The namespaces that are called as the name's first part, and their
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

    /// It stands for an address, and that one is not reached.
    fn wrong_address(&self) -> Vec<Suspicion> {
        let evidence = self.evidence;
        let Some(ip) = evidence.shot.target else { return Vec::new() };
        let mut found = Vec::new();
        let owners = evidence.ground.owners(ip);
        let told = self.files.lines.iter().any(|(addr, names)| {
            *addr == ip && names.iter().any(|name| name.eq_ignore_ascii_case(self.name))
        });
        // What the servers say, and whose namespace is called so.
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
        // Whoever has none of that kind is told by the other one.
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
                // Whoever bears that name is elsewhere, and not by a slip.
                let moved = owners.is_empty()
                    && self.meant().iter().any(|(_, own)| *own == other)
                    && edits(&other.to_string(), &ip.to_string()) > 1;
                let rank = if moved { Tier::Named.exact() } else { Tier::Odd.loose() };
                found.push(self.found(Cause::NameRecordWrong, text, Vec::new(), rank));
            }
        }
        found
    }

    /// Nobody knows the name.
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

    /// The servers that there are in the lab, those that answer first.
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

    /// A server does not answer.
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
                    // Where none is named, this one is asked.
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

    /// Neither a file nor a server has the name, and there is none to ask.
    fn known_nowhere(&self, server: IpAddr) -> Suspicion {
        let Names { files, name, .. } = self;
        // That one is asked where none is named.
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

    /// Without a server one's own file helps.
    fn hosts_instead(&self, text: &str) -> Suspicion {
        let id = Cause::NameServerNotRunning;
        let Some((_, ip)) = self.meant().first().copied() else {
            return self.found(id, format!("{text}; start one there"), Vec::new(), Tier::Odd.plain());
        };
        let (hosts, fix) = self.hosts_entry(ip);
        let text = format!("{text}; as long as there is none, {hosts} may have the name");
        self.found(id, text, fix, Tier::Here.plain())
    }

    /// The file that is to have the name, and what writes it there.
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

    /// A server answers, and has no such name.
    fn not_known_to(&self, server: IpAddr) -> Vec<Suspicion> {
        let evidence = self.evidence;
        let mut found = Vec::new();
        let Names { files, name, .. } = self;
        let knows = |whole: &str| {
            evidence.kernel.ask_server(&evidence.probe.from, server, whole).is_ok_and(|ips| !ips.is_empty())
        };
        let mentioned = self.mentioned();
        let bare = name.trim_end_matches('.');
        let longer = mentioned.iter().filter_map(|one| one.strip_prefix(bare)?.strip_prefix('.'));
        for domain in longer {
            if !knows(&format!("{bare}.{domain}")) {
                continue;
            }
            let resolv = &files.resolv;
            let fix = match files.search.is_empty() {
                true => format!("echo 'search {domain}' >> {resolv}"),
                false => format!("sed -i 's/^\\(search\\|domain\\) .*/search {domain}/' {resolv}"),
            };
            let has = match files.search.is_empty() {
                true => "has no `search` line".to_string(),
                false => format!("has `search {}`", files.search.join(" ")),
            };
            let text = format!(
                "the server {server} does not know `{name}`, it knows `{bare}.{domain}`: {resolv} {has}, so that the domain `{domain}` is not tried behind a short name"
            );
            found.push(self.found(Cause::NameSearchMissing, text, vec![fix], Tier::Named.exact()));
        }
        for near in mentioned.iter().filter(|one| edits(one, bare) <= 2 && *one != bare).take(4) {
            if knows(near) {
                let text = format!(
                    "the server {server} does not know `{name}`; it knows `{near}`: a slip of the pen?"
                );
                found.push(self.found(Cause::NameUnknown, text, Vec::new(), Tier::Odd.plain()));
            }
        }
        if found.is_empty() {
            let text = format!(
                "the server {server} answers that there is no name `{name}`: its record is missing there"
            );
            found.push(self.found(Cause::NameUnknown, text, Vec::new(), Tier::Odd.loose()));
        }
        found
    }

    /// The hosts file has nearly that name.
    fn misspelt_in_hosts(&self) -> Option<Suspicion> {
        let files = &self.files;
        let nearly = |one: &&String| edits(one, self.name) == 1 && self.name.len() > 2;
        let (ip, wrong) =
            files.lines.iter().find_map(|(ip, names)| Some((ip, names.iter().find(nearly)?)))?;
        let text = format!("{} has {ip} for `{wrong}`, and `{}` is asked for", files.hosts, self.name);
        let fix =
            vec![format!("sed -i 's/\\b{}\\b/{}/' {}", wrong.replace('.', "\\."), self.name, files.hosts)];
        Some(self.found(Cause::NameHostsWrong, text, fix, Tier::Named.plain()))
    }

    /// Names that programs, their files or the lab mention, which begin like
    /// the one that is asked for.
    fn mentioned(&self) -> Vec<String> {
        let start = self.name.split('.').next().unwrap_or_default();
        let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let mut names: Vec<String> = Vec::new();
        let mut read = |text: &str| {
            for word in text.split(|c: char| !sound(c)) {
                let word = word.trim_matches('.').to_lowercase();
                if word.contains('.') && word.parse::<IpAddr>().is_err() && !names.contains(&word) {
                    names.push(word);
                }
            }
        };
        for command in self.evidence.lab_commands {
            read(&command.command);
        }
        for space in [self.evidence.from()].into_iter().chain(&self.evidence.survey.spaces) {
            self.evidence.kernel.processes(&space.name).iter().for_each(|command| read(command));
        }
        read(&self.evidence.kernel.names_in_files(start));
        // Domains that others search.
        for space in &self.evidence.survey.spaces {
            let files = self.evidence.kernel.name_files(&space.name);
            for domain in files.map(|files| files.search).unwrap_or_default() {
                read(&format!("{start}.{domain}"));
            }
        }
        let domains: Vec<String> =
            names.iter().filter_map(|one| Some(format!("{start}.{}", one.split_once('.')?.1))).collect();
        names.extend(domains);
        names.dedup();
        names.truncate(60);
        names
    }
}

/// Tells whether two addresses look alike: one part differs.
fn differs_little(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let (a, b) = (a.octets(), b.octets());
            a != b && a[..3] == b[..3]
        }
        _ => false,
    }
}

/// How many letters have to be changed, added or left out.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (corner + usize::from(x != *y)).min(above + 1).min(row[j] + 1);
            corner = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_letter_by_letter() {
        assert_eq!(edits("blue.lab", "bleu.lab"), 2);
        assert_eq!(edits("web", "webs"), 1);
        assert_eq!(edits("", "ab"), 2);
    }
}
