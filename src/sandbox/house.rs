//! The sandbox's own `/etc`, `/run`, `/tmp`, `/proc`, `/sys` and `/dev`, made
//! by the init and looked at by the engine.

use super::SandboxError;
use crate::net::Placed;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, mknod};
use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC, SYSFS_MAGIC, TMPFS_MAGIC, fstatfs};
use nix::unistd::symlinkat;
use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::Path;

/// Where the machine's own `/etc` can be read.
pub(super) const MACHINE_ETC: &str = "/run/nslab/etc";
/// Where the sandbox's own is.
pub(super) const ETC: &str = "/run/nslab/own-etc";
/// What a sandbox's files may take, in memory.
const SIZE: &str = "mode=0755,size=256m,nr_inodes=100k";

/// What the sandbox has of its own, and as which kind of file system.
const OWN: [(&str, FsType); 5] = [
    ("etc", TMPFS_MAGIC),
    ("run", TMPFS_MAGIC),
    ("tmp", TMPFS_MAGIC),
    ("proc", PROC_SUPER_MAGIC),
    ("sys", SYSFS_MAGIC),
];

/// Files of `/etc` that are the sandbox's own, because labs write them or
/// because they would tell of this machine. All others are the machine's,
/// read only.
pub(super) const FILES: [(&str, &str); 7] = [
    ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("hostname", "host\n"),
    ("resolv.conf", ""),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ("passwd", PASSWD),
    ("group", "root:x:0:\nwww-data:x:33:\ntcpdump:x:0:\ndnsmasq:x:102:\nnogroup:x:65534:\n"),
    ("mtab", ""),
];

/// Root, and those whose names programs look up before they become them, in
/// name (`one_user`).
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
    www-data:x:33:33:www-data:/var/www:/bin/false\n\
    tcpdump:x:0:0:tcpdump:/nonexistent:/bin/false\n\
    dnsmasq:x:102:102:dnsmasq:/nonexistent:/bin/false\n\
    nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n";

/// Makes the machine's files read-only for all sandboxes, as root of the user
/// namespace outside of theirs: those inside can't take it back.
pub(super) fn lock_machine() -> Result<(), SandboxError> {
    own_mounts()?;
    at("make the machine's files read-only", set_attributes(c"/", libc::MOUNT_ATTR_RDONLY, 0))?;
    // Whose `/proc` and `/sys` can only be read gets none that can be written.
    at("write to /proc", set_attributes(c"/proc", 0, libc::MOUNT_ATTR_RDONLY))?;
    match set_attributes(c"/sys", 0, libc::MOUNT_ATTR_RDONLY) {
        // As in a container of Docker. What can be read of it is enough.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(()),
        done => at("write to /sys", done),
    }
}

/// Where programs make links that they are the other end of (tun, tap).
pub(super) const TUN: &str = "/dev/net/tun";

/// Shows everybody a `/dev/net/tun` that root alone may open: who is root may,
/// and is about to be nobody special. What can be done with it is bounded by
/// the network namespace of who opens it.
///
/// Where root may not make a device, as in a container, it stays as it is.
pub(super) fn share_tun() {
    let Ok(found) = nix::sys::stat::stat(TUN) else { return };
    let open_to_all = found.st_mode & 0o006 == 0o006;
    if open_to_all || found.st_mode & libc::S_IFMT != libc::S_IFCHR || own_mounts().is_err() {
        return;
    }
    let folder = Path::new(TUN).parent().unwrap_or(Path::new("/dev/net"));
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    if mount(Some("tmpfs"), folder, Some("tmpfs"), flags, Some("mode=0755,size=4k")).is_err() {
        return;
    }
    let all = Mode::from_bits_truncate(0o666);
    let made = mknod(TUN, SFlag::S_IFCHR, all, found.st_rdev)
        .and_then(|()| fchmodat(AT_FDCWD, TUN, all, FchmodatFlags::FollowSymlink));
    if made.is_err() {
        let _ = umount2(folder, MntFlags::MNT_DETACH);
    }
}

/// From now on what this process mounts is its own.
fn own_mounts() -> Result<(), SandboxError> {
    let own = unshare(CloneFlags::CLONE_NEWNS).map_err(io::Error::from);
    at("create a mount namespace", own)?;
    at("make every mount private", mount_flags("/", MsFlags::MS_REC | MsFlags::MS_PRIVATE))
}

/// Makes the house, as root of a new mount namespace.
pub(super) fn build() -> Result<(), SandboxError> {
    at("make every mount private", mount_flags("/", MsFlags::MS_REC | MsFlags::MS_PRIVATE))?;
    for path in [c"/proc", c"/sys"] {
        at("make the machine's files read-only", set_attributes(path, libc::MOUNT_ATTR_RDONLY, 0))?;
    }
    at("mount /run", tmpfs("/run"))?;
    at("keep the machine's /etc", bind("/etc", MACHINE_ETC))?;
    at("mount /tmp", directory("/run/nslab/tmp", 0o1777).and_then(|()| bind("/run/nslab/tmp", "/tmp")))?;
    at("mount /etc", directory(ETC, 0o755).and_then(|()| bind(ETC, "/etc")))?;
    at("mount /proc", special("proc", "/proc"))?;
    at("mount /sys", special("sysfs", "/sys"))?;
    // A mount of its own, as `ip netns add` makes it when it finds none: made
    // later it would cover the namespaces that are there.
    at("mount /run/netns", directory("/run/netns", 0o755).and_then(|()| bind("/run/netns", "/run/netns")))?;
    at("make /run/lock", directory("/run/lock", 0o1777))
}

/// Puts into the house what only programs need, so that only the first one
/// waits for it: the files of `/etc`, and a `/dev`.
pub(super) fn furnish() -> Result<(), SandboxError> {
    at("fill /etc", fill_etc())?;
    at("make a /var/lib of its own", own_var_lib())?;
    const DEV: &str = "/run/nslab/dev";
    at("make /dev", directory(DEV, 0o755).and_then(|()| devices(DEV)))?;
    at("mount /dev", bind(DEV, "/dev"))
}

/// Puts devices into a folder that is to be a `/dev`.
pub(super) fn devices(dev: &str) -> io::Result<()> {
    for device in ["null", "zero", "full", "random", "urandom", "tty", "net/tun"] {
        let (machine, own) = (format!("/dev/{device}"), format!("{dev}/{device}"));
        if Path::new(&machine).exists() {
            directory(&Path::new(&own).parent().unwrap_or(Path::new(dev)).display().to_string(), 0o755)?;
            fs::write(&own, "").and_then(|()| bind(&machine, &own))?;
        }
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, format!("{dev}/{name}"))?;
    }
    directory(&format!("{dev}/shm"), 0o1777)
}

/// Looks, from outside, that everything that must be the sandbox's own is.
pub(super) fn inspect(root: BorrowedFd) -> Result<(), SandboxError> {
    for (name, kind) in OWN {
        let path = format!("/{name}");
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT);
        let step = || format!("see that the sandbox's {path} is its own");
        let fd = openat2(root, name, how).map_err(|errno| SandboxError::new(step(), errno))?;
        is_of_its_own(&fd, &path, kind)?;
    }
    Ok(())
}

/// Looks whether a folder is of this kind, and not the machine's.
pub(super) fn is_of_its_own(folder: &OwnedFd, path: &str, kind: FsType) -> Result<(), SandboxError> {
    let step = || format!("see that the sandbox's {path} is its own");
    let found = fstatfs(folder).map_err(|errno| SandboxError::new(step(), errno))?;
    let machine = fs::metadata(path).map_err(|error| SandboxError::io(step(), &error))?;
    let own = nix::sys::stat::fstat(folder).map_err(|errno| SandboxError::new(step(), errno))?;
    use std::os::unix::fs::MetadataExt;
    if found.filesystem_type() != kind || own.st_dev == machine.dev() {
        return Err(SandboxError::new(step(), Errno::EEXIST));
    }
    Ok(())
}

pub(super) fn at(step: &str, result: io::Result<()>) -> Result<(), SandboxError> {
    result.map_err(|error| SandboxError::io(step, &error))
}

pub(super) fn directory(path: &str, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new().recursive(true).mode(mode).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

pub(super) fn mount_flags(path: &str, flags: MsFlags) -> io::Result<()> {
    Ok(mount(None::<&str>, path, None::<&str>, flags, None::<&str>)?)
}

fn tmpfs(path: &str) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    Ok(mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(SIZE))?)
}

/// Makes another instance of proc(5), which is mounted nowhere.
pub(super) fn another_proc() -> io::Result<OwnedFd> {
    special("proc", "/proc")?;
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let opened = open("/proc", flags, Mode::empty());
    // What is below it is `/proc` again.
    umount2("/proc", MntFlags::MNT_DETACH)?;
    Ok(opened?)
}

/// Mounts proc(5) or sysfs(5). Whose `/sys` can only be read gets another one
/// that can only be read.
pub(super) fn special(kind: &str, path: &str) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let mount = |flags| mount(Some(kind), path, Some(kind), flags, None::<&str>);
    Ok(mount(flags).or_else(|errno| match (kind, errno) {
        ("sysfs", Errno::EPERM) => mount(flags | MsFlags::MS_RDONLY),
        _ => Err(errno),
    })?)
}

/// Shows `from` at `to` as well, which is made where it does not exist.
pub(super) fn bind(from: &str, to: &str) -> io::Result<()> {
    if Path::new(from).is_dir() && !Path::new(to).exists() {
        directory(to, 0o755)?;
    }
    Ok(mount(Some(from), to, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)?)
}

/// Puts a file where a program will look for it, whatever this machine has
/// there, and whether or not the sandbox may look.
pub(super) fn place(file: &Placed) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let path = Path::new(&file.path);
    let mode = nix::sys::stat::Mode::from_bits_truncate(file.mode);
    let folder = path.parent().unwrap_or(Path::new("/"));
    let Some(text) = &file.text else {
        directory(&folder.display().to_string(), 0o755)?;
        return Ok(nix::unistd::mkfifo(path, mode)?);
    };
    let write = |path: &Path| {
        fs::write(path, text)?;
        fs::set_permissions(path, fs::Permissions::from_mode(file.mode))
    };
    if fs::create_dir_all(folder).and_then(|()| write(path)).is_ok() {
        return Ok(());
    }
    if fs::metadata(path).is_ok() {
        // This machine's own: shown over it, never written.
        const SHOWN: &str = "/run/nslab/shown";
        directory(SHOWN, 0o755)?;
        let copy = Path::new(SHOWN).join(fs::read_dir(SHOWN)?.count().to_string());
        write(&copy)?;
        return bind(&copy.display().to_string(), &file.path);
    }
    // Where it may not look there is nothing that a folder of its own hides.
    let seen = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    tmpfs(&seen.display().to_string())?;
    fs::create_dir_all(folder)?;
    write(path)
}

/// Has files of `/etc` say this, or be gone.
pub(super) fn adopt(files: &[(String, Option<String>)]) -> io::Result<()> {
    for (name, text) in files {
        let path = Path::new("/etc").join(name);
        let now = fs::read(&path).ok();
        if now.as_deref() == text.as_ref().map(String::as_bytes) {
            continue;
        }
        // Not through a link, and not what somebody reads at the moment.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if let Some(text) = text {
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/etc")))?;
            fs::write(&path, text)?;
        }
    }
    Ok(())
}

/// Changes what holds for a mount, and sets what holds for all below it, in one
/// call (mount_setattr(2), Linux 5.12).
fn set_attributes(path: &CStr, set: u64, clear: u64) -> io::Result<()> {
    let attributes = libc::mount_attr {
        attr_set: set | libc::MOUNT_ATTR_NOSUID,
        attr_clr: clear,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the path and the attributes live through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            if clear == 0 { libc::AT_RECURSIVE } else { 0 },
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes a `/var/lib` that can be written, with links to what the machine has
/// there: programs keep their state in it, as CNI's plugins in
/// `/var/lib/cni`, which is no lab's business on the machine.
fn own_var_lib() -> io::Result<()> {
    const MACHINE: &str = "/run/nslab/var-lib";
    const OWN: &str = "/run/nslab/own-var-lib";
    if !Path::new("/var/lib").is_dir() {
        return Ok(());
    }
    bind("/var/lib", MACHINE)?;
    directory(OWN, 0o755)?;
    let own = fs::File::open(OWN)?;
    for entry in fs::read_dir(MACHINE)? {
        let name = entry?.file_name();
        if name != "cni" {
            symlinkat(&Path::new(MACHINE).join(&name), &own, Path::new(&name))?;
        }
    }
    bind(OWN, "/var/lib")
}

/// Fills the `/etc` that can be written: links to the machine's files, but for
/// those that are the sandbox's own.
fn fill_etc() -> io::Result<()> {
    let etc = fs::File::open("/etc")?;
    for entry in fs::read_dir(MACHINE_ETC)? {
        let name = entry?.file_name();
        if name != "netns" && !FILES.iter().any(|(own, _)| name == *own) {
            symlinkat(&Path::new(MACHINE_ETC).join(&name), &etc, Path::new(&name))?;
        }
    }
    for (name, text) in FILES {
        fs::write(Path::new("/etc").join(name), text)?;
    }
    // `ip netns exec` looks for files of a namespace here, and labs put them.
    fs::create_dir("/etc/netns")
}
