//! Records the given state of an exercise, to show later what a student has
//! changed in it.
//!
//! Changes by the kernel itself do not count: learned neighbours, counters,
//! connections, carriers, and the automatic actions of IPv6 on a link.

mod facts;
mod links;

use crate::net::kernel::Kernel;
use crate::net::netfilter::SetElements;
use crate::net::survey::{Link, Space};
use crate::net::{FirewallSnapshot, NetError, Netns, Network};
use std::time::{Duration, Instant};

/// The time that the kernel may take to remove a namespace.
const TAKEN_DOWN: Duration = Duration::from_secs(2);

/// The state of all namespaces at one moment.
#[derive(Debug)]
pub struct Stock(Vec<Kept>);

/// The state of one namespace.
#[derive(Debug)]
struct Kept {
    netns: Netns,
    state: State,
}

/// The compared state of one namespace.
#[derive(Debug, Default)]
struct State {
    space: Space,
    firewall: FirewallSnapshot,
    /// The elements of the named sets.
    sets: Vec<SetElements>,
}

/// The changes since a moment, one per line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes(Vec<String>);

impl Changes {
    /// Tells whether nothing has changed.
    pub fn ok(&self) -> bool {
        self.0.is_empty()
    }

    /// All changes, one per line.
    pub fn lines(&self) -> &[String] {
        &self.0
    }

    /// The first change.
    pub fn error(&self) -> Option<String> {
        self.0.first().cloned()
    }

    /// All changes as text.
    pub fn text(&self) -> String {
        if self.ok() { "nothing has changed".into() } else { self.0.join("\n") }
    }
}

/// The parts of a lab that a student may change.
#[derive(Debug, Clone, Default)]
pub struct Leave {
    /// The namespaces that may be changed, created or deleted; all if `None`.
    pub only: Option<Vec<String>>,
    /// The kinds of links that may be created; all if `None`.
    pub new_links: Option<Vec<String>>,
    /// The given links that may become ports, or ports of something else.
    pub ports: Vec<String>,
}

impl Leave {
    /// Tells whether there are any restrictions.
    pub fn says_something(&self) -> bool {
        self.only.is_some() || self.new_links.is_some()
    }

    fn is_theirs(&self, netns: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|name| name == netns))
    }

    fn may_make(&self, kind: &str) -> bool {
        self.new_links.as_ref().is_none_or(|kinds| kinds.iter().any(|known| known == kind))
    }
}

impl Network {
    /// Records the state of all namespaces. For those that may be changed, it
    /// records only the links, unless `all` is set.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn take_stock(&self, leave: &Leave, all: bool) -> Result<Stock, NetError> {
        let kernel = self.look()?;
        let kept = |netns: Netns| {
            let state = match all || !leave.is_theirs(netns.name()) {
                true => kernel.state_of(&netns)?,
                false => State { space: kernel.links_of(&netns)?, ..State::default() },
            };
            Ok(Kept { netns, state })
        };
        Ok(Stock(self.all_namespaces()?.into_iter().map(kept).collect::<Result<_, NetError>>()?))
    }

    /// The forbidden changes since then, one per line.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn trespasses(&self, stock: &Stock, leave: &Leave) -> Result<Vec<String>, NetError> {
        let kernel = self.look()?;
        let now = self.all_namespaces()?;
        let gone = |kept: &&Kept| kept.netns.is_deleted();
        let is_wrong = |kept: &&Kept| {
            let name = kept.netns.name();
            !leave.is_theirs(name) || now.iter().any(|netns| netns.name() == name)
        };
        let mut found: Vec<String> =
            stock.0.iter().filter(gone).filter(is_wrong).map(|kept| self::gone(kept, &now)).collect();
        if !found.is_empty() {
            // Other changes that come with it tell nothing more.
            return Ok(found);
        }
        for kept in stock.0.iter().filter(gone) {
            kernel.await_ends(stock, kept.netns.name());
        }
        for kept in stock.0.iter().filter(|kept| !gone(kept)) {
            let name = kept.netns.name();
            let changed = match leave.is_theirs(name) {
                true => links::moved(&kept.state.space, &kernel.links_of(&kept.netns)?, leave),
                false => kernel.changes_of(kept)?,
            };
            found.extend(changed.into_iter().map(|line| format!("`{name}`: {line}")));
        }
        for netns in now.iter().filter(|netns| stock.of(netns).is_none()) {
            let name = netns.name();
            let known = stock.0.iter().any(|kept| kept.netns.name() == name);
            if !known && !leave.is_theirs(name) {
                found.push(format!("`{name}` was made"));
            }
            let links = links::moved(&Space::default(), &kernel.links_of(netns)?, leave);
            found.extend(links.into_iter().map(|line| format!("`{name}`: {line}")));
        }
        Ok(found)
    }

    /// The changes in a namespace since then, one per line.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn changes_since(&self, stock: &Stock, netns: &Netns) -> Result<Changes, NetError> {
        let kernel = self.look()?;
        // This also detects a namespace that a program has deleted.
        let now = self.all_namespaces()?;
        match stock.of(netns) {
            None => Ok(Changes(vec!["it was not there".into()])),
            Some(kept) if netns.is_deleted() => Ok(Changes(vec![gone(kept, &now)])),
            Some(kept) => Ok(Changes(kernel.changes_of(kept)?)),
        }
    }

    /// Checks the links that were in a namespace then; one line for each whose
    /// place or identity has changed.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn links_since(&self, stock: &Stock, netns: &Netns) -> Result<Changes, NetError> {
        let kernel = self.look()?;
        let now = self.all_namespaces()?;
        match stock.of(netns) {
            None => Ok(Changes(vec!["it was not there".into()])),
            Some(kept) if netns.is_deleted() => Ok(Changes(vec![gone(kept, &now)])),
            Some(kept) => {
                let now = kernel.links_of(netns)?;
                Ok(Changes(links::moved(&kept.state.space, &now, &Leave::default())))
            }
        }
    }
}

impl Kernel<'_> {
    /// Waits until the other ends of a deleted namespace's cables are gone,
    /// because the kernel removes them later; only for a while, because a
    /// program may keep the namespace.
    fn await_ends(&self, stock: &Stock, name: &str) {
        let deadline = Instant::now() + TAKEN_DOWN;
        for kept in stock.0.iter().filter(|kept| !kept.netns.is_deleted()) {
            let leads_there =
                |link: &&Link| link.peer.as_ref().is_some_and(|peer| peer.space.as_deref() == Some(name));
            for link in kept.state.space.links.iter().filter(leads_there) {
                while self.link_at(&kept.netns, link.index).is_ok() && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_micros(500));
                }
            }
        }
    }

    fn changes_of(&self, kept: &Kept) -> Result<Vec<String>, NetError> {
        let now = self.state_of(&kept.netns)?;
        let mut lines = links::changed(&kept.state.space, &now.space);
        lines.extend(facts::changed(&kept.state, &now));
        Ok(lines)
    }

    fn links_of(&self, netns: &Netns) -> Result<Space, NetError> {
        let mut space = Space { name: netns.name().into(), ..Space::default() };
        self.survey_links(netns, &mut space)?;
        Ok(space)
    }

    fn state_of(&self, netns: &Netns) -> Result<State, NetError> {
        Ok(State {
            space: self.survey_of(netns)?,
            firewall: self.firewall_recount(netns, &FirewallSnapshot::default())?,
            sets: self.set_elements(netns)?,
        })
    }
}

impl Stock {
    fn of(&self, netns: &Netns) -> Option<&Kept> {
        self.0.iter().find(|kept| kept.netns.is(netns))
    }
}

fn replaced(name: &str) -> String {
    format!("`{name}` was deleted, and another namespace was made under its name")
}

fn gone(kept: &Kept, now: &[Netns]) -> String {
    let name = kept.netns.name();
    match now.iter().any(|netns| netns.name() == name) {
        true => replaced(name),
        false => format!("`{name}` was deleted"),
    }
}
