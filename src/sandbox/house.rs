//! A lab's house: a root of its own, made by the init and looked at by the
//! engine. The machine's root is not below it but gone (pivot_root(2)): in a
//! lab there is no path that leads to another program of the machine.
//!
//! It is made in two steps. A lab that runs no program needs `/proc`, `/sys`
//! and `/run/netns` alone; all else is put in before the first one.

use super::mounts::{
    OLD, at, bind, directory, enter_root, leave_old_root, mount_flags, set_attributes, special, tmpfs,
};
use super::{SandboxError, furniture};
use crate::net::Placed;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, mknod};
use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC, SYSFS_MAGIC, TMPFS_MAGIC, fstatfs};
use std::fs;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// Where a sandbox's root is made, until it is the root.
const ROOT: &str = "/run";
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

/// Makes the house, as root of a new mount namespace, and moves in.
pub(super) fn build() -> Result<(), SandboxError> {
    at("make every mount private", mount_flags("/", MsFlags::MS_REC | MsFlags::MS_PRIVATE))?;
    at("mount a root", tmpfs(ROOT, SIZE))?;
    let inside = |path: &str| format!("{ROOT}{path}");
    for path in ["/etc", "/proc", "/run", "/sys", "/run/netns"] {
        at(&format!("make {path}"), directory(&inside(path), 0o755))?;
    }
    for path in ["/tmp", "/run/lock"] {
        at(&format!("make {path}"), directory(&inside(path), 0o1777))?;
    }
    // While the machine's are seen, or else the kernel gives none.
    at("mount /proc", special("proc", &inside("/proc")))?;
    at("mount /sys", special("sysfs", &inside("/sys")))?;
    // A mount of its own, as `ip netns add` makes it when it finds none: made
    // later it would cover the namespaces that are there.
    at("mount /run/netns", bind(&inside("/run/netns"), &inside("/run/netns")))?;
    at("change the root", enter_root(ROOT))
}

/// Puts into the house what only programs need, so that only the first one
/// waits for it, and takes the machine's root away.
pub(super) fn furnish() -> Result<(), SandboxError> {
    furniture::show_programs(OLD, "")?;
    furniture::make_folders("")?;
    at("fill /etc", furniture::fill_etc(Path::new(OLD), Path::new("/")))?;
    at("make /dev", furniture::devices(OLD, "/dev"))?;
    // `ip netns exec` takes `/sys` away before it mounts its own, which the
    // kernel allows to those only who see another one.
    at("mount another /sys", special("sysfs", furniture::ANOTHER_SYS))?;
    at("leave the machine's root", leave_old_root())
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
    tmpfs(&seen.display().to_string(), SIZE)?;
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
