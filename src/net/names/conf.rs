//! The configuration files of name lookup: nsswitch.conf(5), hosts(5) and
//! resolv.conf(5).

use std::net::IpAddr;

/// A source of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameService {
    /// `/etc/hosts`
    Files,
    /// The servers of `/etc/resolv.conf`.
    Dns,
    /// A source that no sandbox has.
    Other,
}

/// The status with which a lookup ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    NotFound,
    Unavail,
    TryAgain,
}

const STATUSES: [(&str, Status); 4] = [
    ("success", Status::Success),
    ("notfound", Status::NotFound),
    ("unavail", Status::Unavail),
    ("tryagain", Status::TryAgain),
];

/// One source, and the statuses after which the lookup ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LookupStep {
    pub source: NameService,
    returns: Vec<Status>,
}

impl LookupStep {
    fn new(word: &str) -> Self {
        let source = match word {
            "files" => NameService::Files,
            "dns" => NameService::Dns,
            _ => NameService::Other,
        };
        Self { source, returns: vec![Status::Success] }
    }

    /// Parses `NOTFOUND=return` or `!UNAVAIL=return`.
    fn act(&mut self, word: &str) {
        let Some((status, action)) = word.split_once('=') else { return };
        let (not, status) = match status.strip_prefix('!') {
            Some(status) => (true, status),
            None => (false, status),
        };
        for (name, each) in STATUSES {
            if name.eq_ignore_ascii_case(status) != not {
                self.returns.retain(|other| *other != each);
                if action.eq_ignore_ascii_case("return") {
                    self.returns.push(each);
                }
            }
        }
    }

    /// Tells whether the lookup ends after this status.
    pub fn ends_with(&self, status: Status) -> bool {
        self.returns.contains(&status)
    }
}

/// Reads the `hosts:` line of nsswitch.conf(5).
pub(super) fn steps(text: &str) -> Vec<LookupStep> {
    // Comments are whole lines here.
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("hosts:"));
    let spaced = line.unwrap_or("files dns").replace('[', " [ ").replace(']', " ] ");
    let mut steps: Vec<LookupStep> = Vec::new();
    let mut acting = false;
    for word in spaced.split_whitespace() {
        match (word, steps.last_mut()) {
            ("[", _) => acting = true,
            ("]", _) => acting = false,
            (_, Some(step)) if acting => step.act(word),
            _ => steps.push(LookupStep::new(word)),
        }
    }
    steps
}

/// Removes the comment from a line.
fn bare(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

/// A line of hosts(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostsLine {
    pub address: IpAddr,
    /// The canonical name first, then the aliases.
    pub names: Vec<String>,
}

/// Parses hosts(5); invalid lines are skipped.
pub(super) fn hosts(text: &str) -> Vec<HostsLine> {
    let read = |line: &str| {
        let mut words = bare(line).split_whitespace();
        let address = words.next()?.parse().ok()?;
        let names: Vec<String> = words.map(Into::into).collect();
        (!names.is_empty()).then_some(HostsLine { address, names })
    };
    text.lines().filter_map(read).collect()
}

/// The settings of resolv.conf(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolv {
    /// At most three.
    pub servers: Vec<IpAddr>,
    pub search: Vec<String>,
    pub ndots: usize,
    pub timeout: u64,
    pub attempts: u32,
    pub use_vc: bool,
    pub no_aaaa: bool,
}

impl Resolv {
    /// Parses the file; invalid lines are skipped. If the file gives no search
    /// list, a host name with a domain gives it.
    pub fn read(text: &str) -> Self {
        let (ndots, timeout, attempts) = (1, 5, 2);
        let (servers, search) = (Vec::new(), Vec::new());
        let mut conf = Self { servers, search, ndots, timeout, attempts, use_vc: false, no_aaaa: false };
        for line in text.lines() {
            // Comments are whole lines here.
            if line.starts_with(['#', ';']) {
                continue;
            }
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") if conf.servers.len() < 3 => {
                    conf.servers.extend(words.next().and_then(|word| word.parse::<IpAddr>().ok()));
                }
                Some("search") => conf.search = words.map(domain).collect(),
                Some("domain") => conf.search = words.take(1).map(domain).collect(),
                Some("options") => words.for_each(|word| conf.option(word)),
                _ => {}
            }
        }
        if conf.servers.is_empty() {
            conf.servers.push(std::net::Ipv4Addr::LOCALHOST.into());
        }
        conf
    }

    fn option(&mut self, word: &str) {
        let number = |text: &str| text.parse::<u32>().ok();
        match word.split_once(':') {
            Some(("ndots", text)) => self.ndots = number(text).unwrap_or(0).min(15) as usize,
            Some(("timeout", text)) => self.timeout = number(text).unwrap_or(0).clamp(1, 30).into(),
            Some(("attempts", text)) => self.attempts = number(text).unwrap_or(0).clamp(1, 5),
            None if word == "use-vc" => self.use_vc = true,
            None if word == "no-aaaa" => self.no_aaaa = true,
            _ => {}
        }
    }
}

fn domain(word: &str) -> String {
    word.trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nsswitch_gives_an_order_and_where_it_ends() {
        let order = |text: &str| steps(text).iter().map(|step| step.source).collect::<Vec<_>>();
        assert_eq!(
            order("passwd: files\n#hosts: files\nhosts:\tdns files\n"),
            [NameService::Dns, NameService::Files]
        );
        assert_eq!(order(""), [NameService::Files, NameService::Dns]);
        assert_eq!(order("hosts:"), []);
        let steps = steps("hosts: files mdns4_minimal [NOTFOUND=return] dns [!UNAVAIL=return] files");
        assert!(steps[0].ends_with(Status::Success) && !steps[0].ends_with(Status::NotFound));
        assert!(steps[1].source == NameService::Other && steps[1].ends_with(Status::NotFound));
        assert!(steps[2].ends_with(Status::TryAgain) && !steps[2].ends_with(Status::Unavail));
    }

    #[test]
    fn hosts_has_names_for_addresses() {
        let lines = hosts("# no\n10.0.0.1\tweb.corp web # its alias\nnonsense\n::1 localhost\n10.0.0.2\n");
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].names, ["web.corp", "web"]);
    }

    #[test]
    fn resolv_conf_has_servers_and_a_search_list() {
        let conf = Resolv::read(
            "nameserver 10.0.0.1\n;nameserver 10.0.0.9\nnameserver x\nnameserver fd00::1\n\
             domain a.\nsearch b c.d\noptions ndots:2 timeout:99 attempts:0 use-vc\n",
        );
        assert_eq!(conf.servers.len(), 2);
        assert_eq!(conf.search, ["b", "c.d"]);
        assert_eq!((conf.ndots, conf.timeout, conf.attempts, conf.use_vc), (2, 30, 1, true));
        assert_eq!(Resolv::read("").servers, ["127.0.0.1".parse::<IpAddr>().unwrap()]);
    }
}
