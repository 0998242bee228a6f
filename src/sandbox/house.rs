//! A lab's house: a root of its own, built by the init and verified by the
//! engine. The machine's root is not hidden below it but gone (pivot_root(2)): no
//! path in a lab leads to another program of the machine.
//!
//! The init builds it in two steps. A lab that runs no program needs only
//! `/proc`, `/sys` and `/run/netns`; the rest is added before the first program
//! starts.

use super::error::SandboxError;
use super::furniture;
use super::mounts::{
    OLD, at, bind, directory, enter_root, leave_old_root, mount_flags, set_attributes, special, tmpfs,
};
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

/// The path of a sandbox's root while it is being built.
const ROOT: &str = "/run";
/// The size of a sandbox's files, in memory.
const SIZE: &str = "mode=0755,size=256m,nr_inodes=100k";

/// The folders that the sandbox has of its own, and their file systems.
const OWN: [(&str, FsType); 5] = [
    ("etc", TMPFS_MAGIC),
    ("run", TMPFS_MAGIC),
    ("tmp", TMPFS_MAGIC),
    ("proc", PROC_SUPER_MAGIC),
    ("sys", SYSFS_MAGIC),
];

/// Makes the machine's files read-only for all sandboxes, as root of the outer
/// user namespace: processes in the inner ones can't undo it.
pub(super) fn lock_machine() -> Result<(), SandboxError> {
    own_mounts()?;
    at("make the machine's files read-only", set_attributes(c"/", libc::MOUNT_ATTR_RDONLY, 0))?;
    // With a read-only `/proc` or `/sys`, the kernel refuses to mount writable
    // ones.
    at("write to /proc", set_attributes(c"/proc", 0, libc::MOUNT_ATTR_RDONLY))?;
    match set_attributes(c"/sys", 0, libc::MOUNT_ATTR_RDONLY) {
        // As in a Docker container. A read-only one is enough.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(()),
        done => at("write to /sys", done),
    }
}

/// The device by which programs create tun and tap interfaces.
pub(super) const TUN: &str = "/dev/net/tun";

/// Replaces a `/dev/net/tun` that only root may open by one for everybody: root
/// runs this before it drops its rights. The opener's network namespace limits
/// what the device can do.
///
/// If root may not create a device, as in a container, nothing changes.
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

/// Makes the mounts of this process private from now on.
fn own_mounts() -> Result<(), SandboxError> {
    let own = unshare(CloneFlags::CLONE_NEWNS).map_err(io::Error::from);
    at("create a mount namespace", own)?;
    at("make every mount private", mount_flags("/", MsFlags::MS_REC | MsFlags::MS_PRIVATE))
}

/// Builds the house, as root of a new mount namespace, and moves in.
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
    // The kernel allows these mounts only while the machine's own are visible.
    at("mount /proc", special("proc", &inside("/proc")))?;
    at("mount /sys", special("sysfs", &inside("/sys")))?;
    // A mount of its own, which `ip netns add` would otherwise create: a later
    // one would cover the existing namespaces.
    at("mount /run/netns", bind(&inside("/run/netns"), &inside("/run/netns")))?;
    at("change the root", enter_root(ROOT))
}

/// Adds to the house what only programs need, so that only the first program
/// waits for it, and removes the machine's root.
pub(super) fn furnish() -> Result<(), SandboxError> {
    furniture::show_programs(OLD, "")?;
    furniture::make_folders("")?;
    at("fill /etc", furniture::fill_etc(Path::new(OLD), Path::new("/")))?;
    at("make /dev", furniture::devices(OLD, "/dev"))?;
    // `ip netns exec` unmounts `/sys` before it mounts its own. The kernel allows
    // that only to a process that sees another one.
    at("mount another /sys", special("sysfs", furniture::ANOTHER_SYS))?;
    at("leave the machine's root", leave_old_root())
}

/// Verifies, from outside, that the sandbox has its own version of each folder.
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

/// Verifies that a folder has this file system, and is not the machine's.
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

/// Puts a file at a program's path, whatever this machine has there, and whether
/// or not the sandbox can see that folder.
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
        // The machine's own file: mounted over, never written.
        const SHOWN: &str = "/run/nslab/shown";
        directory(SHOWN, 0o755)?;
        let copy = Path::new(SHOWN).join(fs::read_dir(SHOWN)?.count().to_string());
        write(&copy)?;
        return bind(&copy.display().to_string(), &file.path);
    }
    // The sandbox can't see into that folder, so a tmpfs over the nearest visible one hides
    // nothing of use.
    let seen = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    tmpfs(&seen.display().to_string(), SIZE)?;
    fs::create_dir_all(folder)?;
    write(path)
}

/// Gives files of `/etc` this content, or removes them.
pub(super) fn adopt(files: &[(String, Option<String>)]) -> io::Result<()> {
    for (name, text) in files {
        let path = Path::new("/etc").join(name);
        let now = fs::read(&path).ok();
        if now.as_deref() == text.as_ref().map(String::as_bytes) {
            continue;
        }
        // A new file: not through a link, and not one that is being read.
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
