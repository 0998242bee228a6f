//! Commands of ip(8) that change something.

use super::link::LinkCommand;
use super::words::Words;
use crate::net::act::addr::AddrOptions;
use crate::net::act::route::RouteVerb;
use crate::net::kernel::Kernel;
use crate::net::{Family, NetError, Netns, RouteOptions, RuleOptions};

/// A command of ip(8).
#[derive(Debug)]
pub(super) enum IpCommand {
    Link(LinkCommand),
    Addr { add: bool, addr: String, link: String, options: AddrOptions },
    Route { verb: RouteVerb, dst: String, options: RouteOptions },
    FlushRouteCache { family: Family },
    Rule { add: bool, options: RuleOptions },
    AddNeighbour { ip: String, mac: String, link: String, replace: bool },
    DelNeighbour { ip: String, link: String },
    FlushNeighbours { link: Option<String> },
}

impl IpCommand {
    pub fn parse(words: &mut Words) -> Option<Self> {
        let object = words.next()?;
        if matches!(object, "link" | "l") {
            return LinkCommand::parse(words).map(Self::Link);
        }
        let verb = words.next()?;
        match (object, verb) {
            ("addr" | "address" | "a", "add" | "a") => addr(words, true),
            ("addr" | "address" | "a", "del" | "delete" | "d") => addr(words, false),
            ("route" | "r", "flush") => {
                let family = if words.family == Some(true) { Family::Inet6 } else { Family::Inet };
                (words.last()? == "cache").then_some(Self::FlushRouteCache { family })
            }
            ("route" | "r", verb) => route(words, verb),
            ("rule", "add") => rule(words, true),
            ("rule", "del" | "delete") => rule(words, false),
            ("neigh" | "neighbour" | "neighbor" | "n", verb) => neighbour(words, verb),
            _ => None,
        }
    }
}

fn addr(words: &mut Words, add: bool) -> Option<IpCommand> {
    let addr = words.next()?.to_string();
    crate::net::act::prefix::Prefix::parse(&addr).ok()?;
    let mut link = None;
    let mut options = AddrOptions::default();
    while let Some(word) = words.next() {
        match word {
            "dev" => link = Some(words.next()?.to_string()),
            "brd" | "broadcast" => options.broadcast = Some(words.next()?.into()),
            "peer" | "remote" => options.peer = Some(words.next()?.into()),
            "nodad" => options.nodad = true,
            _ => return None,
        }
    }
    Some(IpCommand::Addr { add, addr, link: link?, options })
}

fn route(words: &mut Words, verb: &str) -> Option<IpCommand> {
    let verb = match verb {
        "add" | "a" => RouteVerb::Add,
        "append" => RouteVerb::Append,
        "replace" => RouteVerb::Replace,
        "change" => RouteVerb::Change,
        "del" | "delete" => RouteVerb::Delete,
        _ => return None,
    };
    let kinds = ["unicast", "blackhole", "unreachable", "prohibit", "throw", "local"];
    let kind = words.next_if(|word| kinds.contains(&word)).map(String::from);
    let dst = words.next()?.to_string();
    let mut options = RouteOptions { kind, ..RouteOptions::default() };
    while let Some(word) = words.next() {
        match word {
            "via" => options.via = Some(words.next()?.into()),
            "dev" => options.dev = Some(words.next()?.into()),
            "src" => options.src = Some(words.next()?.into()),
            "metric" => options.metric = Some(words.number()?),
            "table" => options.table = Some(words.next()?.into()),
            "mtu" => options.mtu = Some(words.number()?),
            "onlink" => options.onlink = true,
            _ => return None,
        }
    }
    // Without an address or `-6`, the command means IPv4.
    let told = [Some(&dst), options.via.as_ref(), options.src.as_ref()];
    let v6 = told.into_iter().flatten().any(|address| address.contains(':'));
    (words.family.unwrap_or(v6) == v6).then_some(())?;
    Some(IpCommand::Route { verb, dst, options })
}

fn rule(words: &mut Words, add: bool) -> Option<IpCommand> {
    let mut options = RuleOptions::default();
    while let Some(word) = words.next() {
        match word {
            "pref" | "preference" | "priority" | "order" => options.pref = Some(words.number()?),
            "from" => options.from = Some(words.next()?.into()),
            "to" => options.to = Some(words.next()?.into()),
            "iif" | "dev" => options.iif = Some(words.next()?.into()),
            "fwmark" => options.fwmark = Some(words.next()?.into()),
            "table" | "lookup" => options.table = Some(words.next()?.into()),
            "prohibit" | "unreachable" | "blackhole" | "nop" => options.action = Some(word.into()),
            _ => return None,
        }
    }
    if options.from.as_deref() == Some("all") {
        options.from = None;
    }
    if words.family == Some(true) {
        options.family = Some(Family::Inet6);
    }
    Some(IpCommand::Rule { add, options })
}

fn neighbour(words: &mut Words, verb: &str) -> Option<IpCommand> {
    if verb == "flush" {
        let link = match words.next() {
            None => return None,
            Some("dev") => Some(words.last()?.to_string()),
            Some("all") if words.is_done() => None,
            Some(_) => return None,
        };
        return Some(IpCommand::FlushNeighbours { link });
    }
    let ip = words.next()?.to_string();
    let (mut mac, mut link) = (None, None);
    while let Some(word) = words.next() {
        match word {
            "lladdr" => mac = Some(words.next()?.to_string()),
            "dev" => link = Some(words.next()?.to_string()),
            "nud" if words.next()? == "permanent" => {}
            _ => return None,
        }
    }
    match (verb, mac) {
        ("add" | "replace", Some(mac)) => {
            Some(IpCommand::AddNeighbour { ip, mac, link: link?, replace: verb == "replace" })
        }
        ("del" | "delete", None) => Some(IpCommand::DelNeighbour { ip, link: link? }),
        _ => None,
    }
}

impl Kernel<'_> {
    /// Carries out a command of ip(8).
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub(super) fn ip_applet(&self, netns: &Netns, command: &IpCommand) -> Result<(), NetError> {
        match command {
            IpCommand::Link(command) => self.link_applet(netns, command),
            IpCommand::Addr { add: true, addr, link, options } => {
                self.addr_add_with(netns, link, addr, options)
            }
            IpCommand::Addr { addr, link, options, .. } => self.addr_del_with(netns, link, addr, options),
            IpCommand::Route { verb, dst, options } => self.route_change(netns, *verb, dst, options),
            IpCommand::FlushRouteCache { family } => self.flush_route_cache(netns, *family),
            IpCommand::Rule { add: true, options } => self.rule_add(netns, options),
            IpCommand::Rule { options, .. } => self.rule_del(netns, options),
            IpCommand::AddNeighbour { ip, mac, link, replace: false } => self.neigh_add(netns, ip, mac, link),
            IpCommand::AddNeighbour { ip, mac, link, .. } => self.neigh_replace(netns, ip, mac, link),
            IpCommand::DelNeighbour { ip, link } => self.neigh_del(netns, ip, link),
            IpCommand::FlushNeighbours { link } => self.neigh_flush(netns, link.as_deref()),
        }
    }
}
