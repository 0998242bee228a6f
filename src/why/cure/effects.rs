//! Measures who reaches whom, before and after a cure.

use crate::event::Way;
use crate::net::survey::{Address, Space, Survey};
use crate::net::{NetError, Netns, Network, Question};
use crate::why::command::ruling::{Of, Ruling};
use crate::why::look::shot::may_be_slow;
use crate::why::look::translation::{Rewrites, rewrites};
use std::net::IpAddr;
use std::time::Duration;

/// The most questions. Of more, some are left out evenly.
const MOST: usize = 600;

/// The time that the answers may take altogether, for each group of questions.
const QUICK: Duration = Duration::from_millis(300);
/// The same in a network that may delay packets.
const SLOW: Duration = Duration::from_millis(1000);
/// The same for those that answered before: TCP repeats a lost packet after a second.
const LATE: Duration = Duration::from_millis(1500);

/// Returns the ways between namespaces in their present state: from each namespace to each
/// address of the others, and there to each TCP port that somebody listens at or that is
/// published (DNAT), and to one of neither kind.
pub(in crate::why) fn ways(network: &Network, survey: &Survey) -> Result<Vec<Way>, NetError> {
    let mut ways = Vec::new();
    let spaces = || survey.spaces.iter().filter(|space| is_in_use(space));
    // An address that two have leads to one of them, by chance.
    let has = |space: &&Space, ip: IpAddr| space.addrs.iter().any(|addr| addr.ip == ip);
    let has_one_owner = |ip: IpAddr| survey.spaces.iter().filter(|space| has(space, ip)).count() == 1;
    let published = published(network)?;
    for from in spaces() {
        for to in spaces().filter(|to| to.name != from.name) {
            let askable = to.addrs.iter().filter(|addr| is_askable(addr)).map(|addr| addr.ip);
            for ip in askable.filter(|ip| has_one_owner(*ip)) {
                let listens = to.listeners.iter().filter(|one| one.proto == "tcp" && one.serves(ip));
                let published = published.iter().filter(|(at, _)| *at == to.name).map(|(_, port)| *port);
                let ports = listens.map(|one| one.port).chain(published).chain([Way::SHUT]);
                let ports: Vec<u16> = ports.collect();
                for source in sources(from, ip).into_iter().filter(|source| source.is_none_or(has_one_owner))
                {
                    let (from, owner) = (from.name.clone(), to.name.clone());
                    let way = Way { from, source, owner, to: ip, port: None, own: false, open: false };
                    ways.extend(ports.iter().map(|port| Way { port: Some(*port), ..way.clone() }));
                    ways.push(way);
                }
            }
        }
    }
    ways.sort();
    ways.dedup();
    let all = ways.len();
    if all > MOST {
        ways = (0..MOST).map(|n| ways[n * all / MOST].clone()).collect();
    }
    ask(network, survey, ways, |_| false)
}

/// Returns the present state of these ways, whose earlier one is known.
pub(in crate::why) fn again(
    network: &Network,
    survey: &Survey,
    ways: Vec<Way>,
) -> Result<Vec<Way>, NetError> {
    let before: Vec<bool> = ways.iter().map(|way| way.open).collect();
    let mut ways = ask(network, survey, ways, |(at, open)| before[at] != open)?;
    // On a busy machine an answer may come late: what seems lost has more time.
    let lost: Vec<usize> = (0..ways.len()).filter(|at| before[*at] && !ways[*at].open).collect();
    let all = network.all_namespaces()?;
    let asked = lost.iter().filter_map(|at| Some((*at, question(&all, &ways[*at])?)));
    let (at, questions): (Vec<usize>, Vec<Question>) = asked.unzip();
    for (at, open) in at.into_iter().zip(network.ask_all(&questions, LATE)?) {
        ways[at].open = open;
    }
    Ok(ways)
}

/// Returns the question that tells whether a way is open; none from a namespace that is gone.
fn question(all: &[Netns], way: &Way) -> Option<Question> {
    let from = all.iter().find(|netns| netns.name() == way.from)?;
    let refusal = way.port == Some(Way::SHUT);
    Some(Question { from: from.clone(), source: way.source, to: way.to, port: way.port, refusal })
}

/// Asks all ways. A service may not keep up with many questions at once, so one that is silent
/// is asked again by itself, and so are the ways whose answer, by its index, is doubtful.
fn ask(
    network: &Network,
    survey: &Survey,
    mut ways: Vec<Way>,
    is_doubtful: impl Fn((usize, bool)) -> bool,
) -> Result<Vec<Way>, NetError> {
    let patience = if may_be_slow(survey) { SLOW } else { QUICK };
    let all = network.all_namespaces()?;
    // A namespace that is gone reaches nobody.
    let asked: Vec<Option<Question>> = ways.iter().map(|way| question(&all, way)).collect();
    let questions: Vec<Question> = asked.iter().flatten().cloned().collect();
    let mut answers = network.ask_all(&questions, patience)?.into_iter();
    for (at, (way, asked)) in ways.iter_mut().zip(&asked).enumerate() {
        let open = asked.is_some() && answers.next().unwrap_or(false);
        let is_silent = !open && way.port.is_some_and(|port| port != Way::SHUT);
        way.open = match asked {
            Some(asked) if is_silent || is_doubtful((at, open)) => {
                network.ask_all(std::slice::from_ref(asked), patience)?[0]
            }
            _ => open,
        };
    }
    Ok(ways)
}

/// Returns the TCP ports that rules of each namespace redirect.
fn published(network: &Network) -> Result<Vec<(String, u16)>, NetError> {
    let mut published = Vec::new();
    for netns in network.all_namespaces()? {
        for rule in network.firewall_snapshot(&netns)?.rules {
            if rewrites(&rule) != Some(Rewrites::Destination) {
                continue;
            }
            let ruling = Ruling::of(&rule);
            let ports = ruling.clauses.iter().filter(|clause| clause.of == Of::Dport && !clause.not);
            let ports = ports.filter(|clause| !clause.value.starts_with('@'));
            let ports = ports.flat_map(|clause| clause.value.split(|c: char| !c.is_ascii_digit()));
            published.extend(ports.filter_map(|port| Some((netns.name().to_string(), port.parse().ok()?))));
        }
    }
    Ok(published)
}

/// Returns the sources that a namespace asks an address from: the kernel's choice, and each
/// further address of an interface that has several.
fn sources(from: &Space, to: IpAddr) -> Vec<Option<IpAddr>> {
    let of_kind = |addr: &&Address| is_askable(addr) && addr.ip.is_ipv4() == to.is_ipv4();
    let has_one_before = |at: usize| {
        let dev = &from.addrs[at].dev;
        from.addrs[..at].iter().filter(of_kind).any(|addr| addr.dev == *dev)
    };
    let further = from.addrs.iter().enumerate().filter(|(at, addr)| of_kind(addr) && has_one_before(*at));
    [None].into_iter().chain(further.map(|(_, addr)| Some(addr.ip))).collect()
}

/// Tells whether a namespace has a link beside its loopback.
fn is_in_use(space: &Space) -> bool {
    space.links.iter().any(|link| !link.loopback)
}

/// Tells whether others may ask for an address: it is neither the loopback's nor link-local,
/// and no duplicate. Whoever asks waits for tentative ones.
fn is_askable(addr: &Address) -> bool {
    let local = match addr.ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !local && !addr.ip.is_loopback() && !addr.dadfailed
}
