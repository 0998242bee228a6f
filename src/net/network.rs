use crate::net::act::defaults;
use crate::net::bounds::budget::Budget;
use crate::net::bounds::guard::Guard;
use crate::net::calm::settle::Pending;
use crate::net::cni::Attached;
use crate::net::kernel::error::strerror;
use crate::net::kernel::link_names::LinkNames;
use crate::net::kernel::netns::are_same;
use crate::net::notation::typed::{link_set, typed_words};
use crate::net::service::Services;
use crate::net::watch::capture::Capture;
use crate::net::watch::delta::Watch;
use crate::net::{NetError, Netns, Process, Rooms, Started};
use nix::fcntl::OFlag;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

/// The time that the kernel may take to remove a namespace.
const TAKEN_DOWN: Duration = Duration::from_secs(10);

/// The network of one lab: its namespaces, and the actions on them.
///
/// Each method that changes or reads something is prepared by `act` or
/// `look` (`kernel/access.rs`).
pub struct Network {
    pub(super) rooms: Box<dyn Rooms>,
    namespaces: RefCell<Vec<Netns>>,
    host: Netns,
    /// The two ends of each cable that was created here, as namespace and index.
    pub(super) ends: RefCell<BTreeMap<(String, u32), (String, u32)>>,
    /// The work that is not finished between an action and the next observation.
    pub(super) pending: Pending,
    /// The shell that waits while we answer or observe.
    pub(super) waiting: Cell<Option<Started>>,
    /// The folder where a lab of the shell begins.
    pub(super) home: RefCell<Option<String>>,
    /// The process that was started last.
    pub(super) started: Cell<Option<i32>>,
    /// All started processes. They keep the reading ends of the output open even
    /// if the script drops its handle: otherwise SIGPIPE could end a program.
    pub(super) processes: RefCell<Vec<Process>>,
    pub(super) budget: Budget,
    pub(super) guard: Guard,
    /// The sysctls that a new namespace copies from this machine and that are
    /// reset.
    differing: Vec<defaults::Setting>,
    /// Whether namespaces get nslab's settings besides the kernel's defaults.
    chosen: bool,
    watch: Option<RefCell<Watch>>,
    pub(super) services: Services,
    pub(super) captures: RefCell<Vec<Capture>>,
    pub(super) attached: RefCell<Attached>,
    /// A socket for a packet that queues behind those on their way.
    pub(super) queue: OnceCell<UdpSocket>,
    /// Whether this kernel tracks connections without a rule.
    pub(super) tracks_from_birth: OnceCell<bool>,
    /// The number of ICMP messages that the kernel could not send, at the last
    /// check.
    pub(super) icmp_unsent: Cell<u64>,
}

impl Network {
    /// Creates the network of a new sandbox. If it is `watched`, it records the
    /// changes of each action.
    ///
    /// # Errors
    ///
    /// If the kernel gives no socket, or a default can't be set.
    pub fn new(rooms: Box<dyn Rooms>, watched: bool) -> Result<Self, NetError> {
        Self::begin(rooms, watched, true)
    }

    /// Does the same with only the kernel's documented defaults, also in
    /// namespaces that programs create.
    ///
    /// # Errors
    ///
    /// If the kernel gives no socket, or a default can't be set.
    pub fn with_kernel_defaults(rooms: Box<dyn Rooms>, watched: bool) -> Result<Self, NetError> {
        Self::begin(rooms, watched, false)
    }

    fn begin(rooms: Box<dyn Rooms>, watched: bool, chosen: bool) -> Result<Self, NetError> {
        let host = Netns::new("host", true, rooms.host());
        let mut network = Self {
            rooms,
            namespaces: RefCell::default(),
            host: host.clone(),
            ends: RefCell::default(),
            pending: Pending::default(),
            waiting: Cell::default(),
            home: RefCell::default(),
            started: Cell::default(),
            processes: RefCell::default(),
            budget: Budget::default(),
            guard: Guard::default(),
            differing: Vec::new(),
            chosen,
            watch: watched.then(RefCell::default),
            services: Services::default(),
            captures: RefCell::default(),
            attached: RefCell::default(),
            queue: OnceCell::new(),
            tracks_from_birth: OnceCell::new(),
            icmp_unsent: Cell::default(),
        };
        // If IPv6 is a module, this loads it with its sysctls, before a script
        // sets one.
        drop(socket(AddressFamily::Inet6, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None));
        network.differing = defaults::differing(&network, &host);
        network.adopt(&host, true)?;
        Ok(network)
    }

    /// The sandbox's own namespace.
    pub fn host(&self) -> Netns {
        self.host.clone()
    }

    /// Makes a namespace, as `ip netns add` does.
    ///
    /// # Errors
    ///
    /// If the name is no valid file name, or is taken.
    pub fn netns(&self, name: &str, ipv6: bool) -> Result<Netns, NetError> {
        if name.is_empty() || name.len() > 255 || name.contains(['/', '\0']) || matches!(name, "." | "..") {
            return Err(NetError::new(format!("Invalid netns name \"{name}\""))
                .hint("it becomes a file under /run/netns: one to 255 bytes, without a slash"));
        }
        if name == "host" {
            return Err(NetError::new("`host` is the sandbox's own namespace")
                .hint("get it with `host()`, or choose another name"));
        }
        let fd = self.rooms.new_netns(name).map_err(|error| match error.errno {
            libc::EEXIST => {
                let path = format!("Cannot create namespace file \"/run/netns/{name}\": File exists");
                NetError::new(path).hint(format!("a namespace `{name}` was made before"))
            }
            _ => error.into(),
        })?;
        let netns = Netns::new(name, false, fd);
        self.namespaces.borrow_mut().push(netns.clone());
        self.adopt(&netns, ipv6)?;
        Ok(netns)
    }

    fn adopt(&self, netns: &Netns, ipv6: bool) -> Result<(), NetError> {
        // A namespace starts with `lo`. A machine may add tunnels, which are
        // looked up when they appear.
        netns.know_links(Some(LinkNames::from_iter([(1, "lo".to_string())])));
        defaults::apply(self, netns, &self.differing, self.chosen, ipv6)?;
        if let Some(watch) = &self.watch {
            watch.borrow_mut().add(self, netns)?;
        }
        Ok(())
    }

    /// The namespaces under `/run/netns`, by name, including those that a
    /// program has created.
    ///
    /// # Errors
    ///
    /// If the folder can't be read.
    pub fn namespaces(&self) -> Result<Vec<Netns>, NetError> {
        if self.pending.programs.get().may_have_changed {
            self.find_namespaces().map_err(|errno| NetError::new(strerror(errno as i32)))?;
        }
        let mut namespaces: Vec<_> = self.namespaces.borrow().clone();
        namespaces.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(namespaces)
    }

    /// Finds the namespaces that programs have created or removed.
    fn find_namespaces(&self) -> nix::Result<()> {
        let folder = Path::new("/run/netns");
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        self.host.enter().map_err(|_| nix::Error::EIO)?;
        let mut folder_fd = nix::dir::Dir::from_fd(self.rooms.open(folder, flags)?)?;
        let mut names = BTreeSet::new();
        for entry in folder_fd.iter() {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.insert(name);
            }
        }
        let gone: Vec<Netns> = {
            let namespaces = self.namespaces.borrow();
            let is_gone = |netns: &&Netns| !names.contains(netns.name()) || !self.is_at(netns, folder);
            namespaces.iter().filter(is_gone).cloned().collect()
        };
        for netns in gone {
            self.lose(&netns);
        }
        for netns in self.namespaces.borrow().iter() {
            names.remove(netns.name());
        }
        for name in names {
            // A program may have put any file there.
            let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK;
            let Ok(fd) = self.rooms.open(&folder.join(&name), flags) else { continue };
            let netns = Netns::new(&name, false, fd);
            if netns.enter().is_ok() {
                if !self.chosen {
                    // It has copied this machine's settings.
                    let _ = defaults::apply(self, &netns, &self.differing, false, true);
                }
                self.namespaces.borrow_mut().push(netns);
            }
        }
        Ok(())
    }

    /// Tells whether a namespace's file is still the same: a program may have
    /// deleted it, and created another of the same name.
    fn is_at(&self, netns: &Netns, folder: &Path) -> bool {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK;
        let file = self.rooms.open(&folder.join(netns.name()), flags).ok();
        file.zip(netns.fd()).is_some_and(|(now, then)| are_same(&now, &then))
    }

    fn lose(&self, netns: &Netns) {
        self.stop_captures_in(netns);
        self.namespaces.borrow_mut().retain(|known| !known.is(netns));
        self.ends.borrow_mut().retain(|one, other| one.0 != netns.name() && other.0 != netns.name());
        if let Some(watch) = &self.watch {
            watch.borrow_mut().remove(netns);
        }
        netns.forget();
    }

    /// Removes a namespace, as `ip netns delete` does, and waits until the other
    /// ends of its cables are gone as well.
    ///
    /// # Errors
    ///
    /// If it is the host's, or does not exist any more.
    pub fn delete(&self, netns: &Netns) -> Result<(), NetError> {
        if netns.is_host() {
            return Err(NetError::new("the host's own namespace can't be deleted"));
        }
        let name = netns.name();
        if netns.is_deleted() {
            let path =
                format!("Cannot remove namespace file \"/run/netns/{name}\": No such file or directory");
            return Err(NetError::new(path).hint(format!("`{name}` was deleted before")));
        }
        let kernel = self.act()?;
        let others = kernel.other_ends(netns)?;
        // Processes in the namespace keep it alive as long as they run.
        let kept = self.services.are_in(netns) || self.processes(netns).is_ok_and(|rows| !rows.is_empty());
        self.rooms.delete_netns(name)?;
        // This thread may be in the namespace, which would keep it alive.
        kernel.enter(&self.host)?;
        self.lose(netns);
        self.forget_links();
        // The kernel removes a namespace later, one at a time with those of
        // everybody else on the machine.
        let deadline = Instant::now() + TAKEN_DOWN;
        for (other, index) in others {
            while !kept && Instant::now() < deadline && kernel.link_at(&other, index).is_ok() {
                std::thread::sleep(Duration::from_micros(500));
            }
        }
        Ok(())
    }

    /// The namespace of this name, among those known to the lab.
    pub(super) fn known(&self, name: &str) -> Option<Netns> {
        if name == self.host.name() {
            return Some(self.host());
        }
        self.namespaces.borrow().iter().find(|netns| netns.name() == name).cloned()
    }

    /// The namespace of this name, to which a `link` of `netns` is to be moved.
    ///
    /// # Errors
    ///
    /// If there is none, for instance because the name is that of a bridge.
    pub fn namespace_named(&self, netns: &Netns, link: &str, name: &str) -> Result<Netns, NetError> {
        if let Some(found) = self.namespaces()?.into_iter().find(|found| found.name() == name) {
            return Ok(found);
        }
        let kernel = self.act()?;
        let error = NetError::new(format!("argument \"{name}\" is wrong: Invalid \"netns\" value"));
        match kernel.look_for(netns, name) {
            Ok(Some(found)) if found.bridge => {
                let command = typed_words(&link_set(link, &["master", name]));
                Err(error.hint(format!(
                    "`{name}` is a bridge, no namespace; a port stays where it is, and gets a master: `{} {command}`",
                    netns.ip()
                )))
            }
            _ => {
                let names: Vec<String> = self.namespaces()?.iter().map(|ns| format!("`{ns}`")).collect();
                Err(error.hint(match names.is_empty() {
                    true => "there is no namespace but the host's, `host()`".into(),
                    false => format!("the namespaces are {}, and the host's, `host()`", names.join(", ")),
                }))
            }
        }
    }

    /// The host's namespace and all others, by name, including those that a
    /// program has created.
    ///
    /// # Errors
    ///
    /// If the folder can't be read.
    pub fn all_namespaces(&self) -> Result<Vec<Netns>, NetError> {
        let mut all = vec![self.host()];
        all.extend(self.namespaces()?);
        Ok(all)
    }

    /// All known namespaces, the host's first.
    pub(super) fn everywhere(&self) -> Vec<Netns> {
        let mut all = vec![self.host()];
        all.extend(self.namespaces.borrow().iter().cloned());
        all
    }

    /// Refuses a deleted namespace, as `ip netns exec` does.
    pub(super) fn must_exist(&self, netns: &Netns) -> Result<(), NetError> {
        if !netns.is_deleted() {
            return Ok(());
        }
        let error = format!("Cannot open network namespace \"{netns}\": No such file or directory");
        let is_known = self.namespaces.borrow().iter().any(|known| known.name() == netns.name());
        Err(match is_known {
            // A handle on the first namespace is not valid for the second.
            true => {
                NetError::new(format!("`{netns}` was deleted, and another namespace was made under its name"))
                    .hint("what was in it is gone: change it as it is, and leave the namespace itself alone")
            }
            false => NetError::new(error).hint(format!("`{netns}` was deleted before")),
        })
    }

    /// Forgets the known links: one was removed, and others with it.
    pub(super) fn forget_links(&self) {
        for netns in self.everywhere() {
            netns.know_links(None);
        }
    }

    /// Tells whether somebody observes between the actions, so that each must be
    /// complete when its call returns.
    pub(super) fn is_observed(&self) -> bool {
        self.watch.is_some() || self.pending.programs.get().have_run
    }

    /// Tells whether the changes of each action are recorded.
    pub(super) fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    /// From now on, watches without touching anything: the effects of programs
    /// take the time that they take without us.
    pub fn keep_hands_off(&self) {
        self.pending.hands_off.set(true);
    }

    /// From now on, does not wait for running programs, except for answers that programs give.
    pub fn let_programs_rest(&self) {
        self.pending.programs_rest.set(true);
    }

    /// Records a change that the tables don't show, for the next report.
    pub(super) fn note_change(&self, line: String) {
        if let Some(watch) = &self.watch {
            watch.borrow_mut().note(line);
        }
    }

    /// Returns the changes since the last call, one per line; none if nobody
    /// watches.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn changes(&self) -> Result<Vec<String>, NetError> {
        match &self.watch {
            None => Ok(Vec::new()),
            Some(watch) => {
                if !self.pending.hands_off.get() {
                    self.look()?;
                }
                watch.borrow_mut().changes(self)
            }
        }
    }
}
