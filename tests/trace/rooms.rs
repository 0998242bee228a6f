//! Namespaces and programs for a network without a sandbox: this process is
//! in namespaces of its own, and does it all by itself.

use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use nslab::net::{Cleared, Exit, Placed, Program, Rooms, RoomsError, Started};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Ended {
    exits: Mutex<BTreeMap<i32, Exit>>,
    changed: Condvar,
}

pub struct Plain {
    host: File,
    ended: Arc<Ended>,
    events: UnixStream,
    teller: UnixStream,
}

impl Plain {
    pub fn new() -> Self {
        let (events, teller) = UnixStream::pair().expect("a pair of sockets");
        events.set_nonblocking(true).expect("it does not block");
        let host = File::open("/proc/thread-self/ns/net").expect("the namespace that this is in");
        Self { host, ended: Arc::default(), events, teller }
    }
}

fn refused(step: &str, errno: nix::Error) -> RoomsError {
    RoomsError { step: step.into(), errno: errno as i32 }
}

impl Rooms for Plain {
    fn host(&self) -> OwnedFd {
        self.host.try_clone().expect("a descriptor").into()
    }

    fn open(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        nix::fcntl::open(path, flags | OFlag::O_CLOEXEC, Mode::empty())
    }

    fn furnish(&self) -> Result<(), RoomsError> {
        Ok(())
    }

    fn expect(&self, _: nslab::net::Expected) {}

    fn new_netns(&self, name: &str) -> Result<OwnedFd, RoomsError> {
        let path = Path::new("/run/netns").join(name);
        let bound = path.clone();
        let make = move || {
            File::create(&bound).map_err(|_| nix::Error::EEXIST)?;
            unshare(CloneFlags::CLONE_NEWNET)?;
            mount(Some("/proc/thread-self/ns/net"), &bound, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        };
        let made = std::thread::spawn(make).join().expect("a thread that ends");
        made.map_err(|errno| refused("make a namespace", errno))?;
        self.open(&path, OFlag::O_RDONLY).map_err(|errno| refused("open a namespace", errno))
    }

    fn delete_netns(&self, _: &str) -> Result<(), RoomsError> {
        unimplemented!("nobody deletes a namespace here")
    }

    fn place(&self, _: &[Placed]) -> Result<(), RoomsError> {
        unimplemented!("nobody needs a file here")
    }

    fn start(
        &self,
        program: &Program,
        netns: Option<BorrowedFd>,
        out: BorrowedFd,
        err: BorrowedFd,
    ) -> Result<Started, RoomsError> {
        let place = netns.unwrap_or(self.host.as_fd()).try_clone_to_owned().expect("a descriptor");
        let mut command = Command::new(&program.argv[0]);
        command.args(&program.argv[1..]).stdin(Stdio::null());
        command.stdout(out.try_clone_to_owned().expect("a descriptor"));
        command.stderr(err.try_clone_to_owned().expect("a descriptor"));
        // SAFETY: one call of the kernel, and nothing else.
        unsafe { command.pre_exec(move || Ok(setns(place.as_fd(), CloneFlags::CLONE_NEWNET)?)) };
        let mut child = command.spawn().map_err(|error| RoomsError {
            step: "start a program".into(),
            errno: error.raw_os_error().unwrap_or_default(),
        })?;
        let pid = child.id() as i32;
        let (ended, mut teller) = (self.ended.clone(), self.teller.try_clone().expect("a descriptor"));
        std::thread::spawn(move || {
            let status = child.wait().expect("a child that ends");
            let exit = match (status.code(), status.signal()) {
                (Some(code), _) => Exit::Code(code),
                (None, signal) => Exit::Signal(signal.unwrap_or_default()),
            };
            ended.exits.lock().expect("a lock").insert(pid, exit);
            ended.changed.notify_all();
            let _ = teller.write_all(&[0]);
        });
        Ok(Started { pid, confined: false })
    }

    fn kill(&self, program: Started, signal: i32) -> Result<(), RoomsError> {
        let signal = nix::sys::signal::Signal::try_from(signal).expect("a signal");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(program.pid), signal)
            .map_err(|errno| refused("end a program", errno))
    }

    fn exit_of(&self, program: Started, deadline: Option<Instant>) -> Option<Exit> {
        let _ = (&self.events).read(&mut [0; 64]);
        let mut exits = self.ended.exits.lock().expect("a lock");
        loop {
            if let Some(exit) = exits.get(&program.pid) {
                return Some(exit.clone());
            }
            let left = deadline?.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let most = left.min(Duration::from_secs(1));
            exits = self.ended.changed.wait_timeout(exits, most).expect("a lock").0;
        }
    }

    fn made_namespaces(&self) -> Vec<OwnedFd> {
        Vec::new()
    }

    fn hold(&self) {}

    fn let_go(&self) -> bool {
        true
    }

    fn freeze(&self, _: &[String]) -> Result<(), RoomsError> {
        Ok(())
    }

    fn confine(&self, _: bool) -> Result<(), RoomsError> {
        unimplemented!("nobody hands anything in here")
    }

    fn clear(&self, _: &str) {
        unimplemented!("nobody hands anything in here")
    }

    fn why_cleared(&self) -> Option<Cleared> {
        None
    }

    fn events(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

/// Prepares the mount namespace that this process has of its own.
pub fn furnish() {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("a tree of its own");
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), None::<&str>).expect("a /run of its own");
    fs::create_dir("/run/netns").expect("a folder");
}
