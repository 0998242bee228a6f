//! Names that no server knows: similar names, and names that a search domain would
//! complete.

use super::Suspicion;
use super::names::Names;
use super::page::Page;
use super::rank::Tier;
use crate::why::Cause;
use std::net::IpAddr;
use strsim::levenshtein;

impl Names<'_> {
    /// Suspects a name that a server does not know.
    pub(super) fn not_known_to(&self, server: IpAddr) -> Vec<Suspicion> {
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
        for near in mentioned.iter().filter(|one| levenshtein(one, bare) <= 2 && *one != bare).take(4) {
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

    /// Suspects a hosts file that has a similar name.
    pub(super) fn misspelt_in_hosts(&self) -> Option<Suspicion> {
        let files = &self.files;
        let nearly = |one: &&String| levenshtein(one, self.name) == 1 && self.name.len() > 2;
        let (ip, wrong) =
            files.lines.iter().find_map(|(ip, names)| Some((ip, names.iter().find(nearly)?)))?;
        let text = format!("{} has {ip} for `{wrong}`, and `{}` is asked for", files.hosts, self.name);
        let fix =
            vec![format!("sed -i 's/\\b{}\\b/{}/' {}", wrong.replace('.', "\\."), self.name, files.hosts)];
        Some(self.found(Cause::NameHostsWrong, text, fix, Tier::Named.plain()))
    }

    /// Returns the dotted words of the lab and its programs, names below the wanted one in
    /// files, and the wanted name in each of their domains.
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
        // Search domains of other namespaces.
        for space in &self.evidence.survey.spaces {
            let files = self.evidence.kernel.name_files(&space.name);
            for domain in files.map(|files| files.search).unwrap_or_default() {
                read(&format!("{start}.{domain}"));
            }
        }
        let domains: Vec<String> =
            names.iter().filter_map(|one| Some(format!("{start}.{}", one.split_once('.')?.1))).collect();
        for domain in domains {
            if !names.contains(&domain) {
                names.push(domain);
            }
        }
        names.truncate(60);
        names
    }
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::NameSearchMissing,
        title: "no search domain for a short name",
        symptom: "`Name or service not known` for the short name; the whole name works.",
        cause: "A short name is tried with each domain of the line `search` behind it.",
        evidence: "What does the namespace read, and what does it find?\n  ip netns exec NS cat /etc/resolv.conf /etc/hosts\n  ip netns exec NS getent hosts NAME",
        cure: "Add the domain:\n  echo 'search DOMAIN' >> /etc/netns/NS/resolv.conf",
    },
    Page {
        id: Cause::NameUnknown,
        title: "nobody knows the name",
        symptom: "`Name or service not known`, said by a server that answers; `Temporary failure in name resolution` where there is none to ask.",
        cause: "The name is in no hosts file, and no server has a record of it: it is missing, or the name has a slip.",
        evidence: "What the files and the server say:\n  ip netns exec NS getent hosts NAME\n  ip netns exec NS dig @SERVER NAME",
        cure: "Ask for the name that there is, write it down, or add the record at the server:\n  echo 'ADDRESS NAME' >> /etc/netns/NS/hosts\n  ip netns exec SERVER dnsmasq --host-record=NAME,ADDRESS",
    },
];
