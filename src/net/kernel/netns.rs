use super::fallback;
use super::fallback::FIRST_CHOSEN;
use super::link_names::LinkNames;
use super::netlink::Netlink;
use super::nfnetlink::Netfilter;
use crate::net::notation::typed::typed;
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::fstat;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

/// Tells whether two descriptors refer to the same file, for instance to one
/// namespace under two names.
pub fn are_same(one: impl AsFd, other: impl AsFd) -> bool {
    let identity = |fd: BorrowedFd| fstat(fd).map(|found| (found.st_dev, found.st_ino));
    identity(one.as_fd()).is_ok_and(|one| identity(other.as_fd()) == Ok(one))
}

/// The name of a namespace, and the prefix of commands for it. It needs no
/// kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetnsName {
    name: String,
    is_host: bool,
}

impl NetnsName {
    /// Creates the name of a namespace; `is_host` for the sandbox's own.
    pub fn new(name: &str, is_host: bool) -> Self {
        Self { name: name.into(), is_host }
    }

    /// The name as text; `host` for the sandbox's own namespace.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Tells whether it is the sandbox's own namespace.
    pub fn is_host(&self) -> bool {
        self.is_host
    }

    /// `ip` with the options that make it act here: `ip -n red`.
    pub fn ip(&self) -> String {
        self.tool("ip")
    }

    /// A tool with the option `-n`, such as `ip` or `bridge`.
    pub fn tool(&self, tool: &str) -> String {
        if self.is_host { tool.to_string() } else { format!("{tool} -n {}", typed(&self.name)) }
    }

    /// A command that runs here: `ip netns exec red ping …`.
    pub fn exec(&self, command: &str) -> String {
        match self.is_host {
            true => command.to_string(),
            false => format!("ip netns exec {} {command}", typed(&self.name)),
        }
    }
}

impl fmt::Display for NetnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A handle on a network namespace.
#[derive(Clone)]
pub struct Netns(Rc<Place>);

struct Place {
    name: NetnsName,
    fd: RefCell<Option<Rc<OwnedFd>>>,
    netlink: RefCell<Option<Rc<Netlink>>>,
    netfilter: RefCell<Option<Rc<Netfilter>>>,
    /// The index of the next link that is created here.
    next_index: Cell<u32>,
    /// The links here, by index, as long as only we change them.
    links: RefCell<Option<LinkNames>>,
    /// The names of other namespaces, by their ids (nsids) in this one.
    nsids: RefCell<BTreeMap<i32, String>>,
    /// The fallback devices that an action has named.
    named: RefCell<BTreeSet<String>>,
}

impl Netns {
    pub(in crate::net) fn new(name: &str, is_host: bool, fd: OwnedFd) -> Self {
        Self(Rc::new(Place {
            name: NetnsName::new(name, is_host),
            fd: RefCell::new(Some(Rc::new(fd))),
            netlink: RefCell::default(),
            netfilter: RefCell::default(),
            next_index: Cell::new(FIRST_CHOSEN),
            links: RefCell::default(),
            nsids: RefCell::default(),
            named: RefCell::default(),
        }))
    }

    /// Its name; `host` for the sandbox's own namespace.
    pub fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// The name with the prefix of commands for the namespace.
    pub fn typed_name(&self) -> &NetnsName {
        &self.0.name
    }

    /// Tells whether it is the sandbox's own namespace.
    pub fn is_host(&self) -> bool {
        self.0.name.is_host()
    }

    /// Tells whether it has been deleted.
    pub fn is_deleted(&self) -> bool {
        self.0.fd.borrow().is_none()
    }

    /// Tells whether both are handles on the same kernel namespace, whatever
    /// their names.
    pub(in crate::net) fn is_same(&self, other: &Self) -> bool {
        self.fd().zip(other.fd()).is_some_and(|(own, other)| are_same(&own, &other))
    }

    /// `ip` with the options that make it act here: `ip -n red`.
    pub fn ip(&self) -> String {
        self.0.name.ip()
    }

    /// A tool with the option `-n`, such as `ip` or `bridge`.
    pub fn tool(&self, tool: &str) -> String {
        self.0.name.tool(tool)
    }

    /// A command that runs here: `ip netns exec red ping …`.
    pub fn exec(&self, command: &str) -> String {
        self.0.name.exec(command)
    }

    /// The namespace's descriptor; `None` once it is deleted.
    pub(in crate::net) fn fd(&self) -> Option<Rc<OwnedFd>> {
        self.0.fd.borrow().clone()
    }

    /// Moves this thread into the namespace. It stays there; other code that
    /// needs a namespace enters its own.
    pub(in crate::net) fn enter(&self) -> io::Result<()> {
        let fd = self.fd().ok_or(io::ErrorKind::NotFound)?;
        Ok(setns(fd.as_fd(), CloneFlags::CLONE_NEWNET)?)
    }

    /// The netlink socket of the namespace, opened on first use.
    pub(in crate::net) fn netlink(&self) -> io::Result<Rc<Netlink>> {
        if let Some(netlink) = &*self.0.netlink.borrow() {
            return Ok(netlink.clone());
        }
        self.enter()?;
        let netlink = Rc::new(Netlink::open()?);
        self.0.netlink.replace(Some(netlink.clone()));
        Ok(netlink)
    }

    /// The netfilter socket, once it is kept.
    pub(in crate::net) fn netfilter(&self) -> Option<Rc<Netfilter>> {
        self.0.netfilter.borrow().clone()
    }

    /// Keeps the netfilter socket. Closing one would wait until the kernel has
    /// freed the remains of the last change (an RCU period).
    pub(in crate::net) fn keep_netfilter(&self, socket: &Rc<Netfilter>) {
        self.0.netfilter.replace(Some(socket.clone()));
    }

    /// Returns the index for a new link.
    pub(in crate::net) fn take_index(&self) -> u32 {
        let index = self.0.next_index.get();
        self.0.next_index.set(index + 1);
        index
    }

    /// The known links of this namespace.
    pub(in crate::net) fn known_links(&self) -> Option<LinkNames> {
        self.0.links.borrow().clone()
    }

    /// The index of a known link.
    pub(in crate::net) fn known_index(&self, name: &str) -> Option<u32> {
        self.0.links.borrow().as_ref()?.index_of(name)
    }

    /// Sets the known links, or forgets them.
    pub(in crate::net) fn know_links(&self, links: Option<LinkNames>) {
        self.0.links.replace(links);
    }

    /// Adds a known link.
    pub(in crate::net) fn know_link(&self, index: u32, name: &str) {
        if let Some(links) = &mut *self.0.links.borrow_mut() {
            links.insert(index, name);
        }
    }

    /// Records that an action names a link: a fallback device is part of the lab
    /// from then on.
    pub(in crate::net) fn name_link(&self, name: &str) {
        if fallback::is_name(name) {
            self.0.named.borrow_mut().insert(name.into());
        }
    }

    /// Tells whether an action has named a fallback device.
    pub(in crate::net) fn has_named(&self, name: &str) -> bool {
        self.0.named.borrow().contains(name)
    }

    /// The namespace with this nsid, if it was looked up before.
    pub(in crate::net) fn name_of(&self, nsid: i32) -> Option<String> {
        self.0.nsids.borrow().get(&nsid).cloned()
    }

    /// Stores the nsid of another namespace: the kernel never changes it.
    pub(in crate::net) fn remember(&self, nsid: i32, name: &str) {
        self.0.nsids.borrow_mut().insert(nsid, name.into());
    }

    /// Closes all descriptors of the namespace, so that nothing of ours keeps it
    /// alive.
    pub(in crate::net) fn forget(&self) {
        self.0.fd.take();
        self.0.netlink.take();
        self.0.netfilter.take();
    }

    /// Tells whether two handles are for the same namespace.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl PartialEq for Netns {
    fn eq(&self, other: &Self) -> bool {
        self.is(other)
    }
}

impl fmt::Display for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "netns({})", self.name())
    }
}
