//! Mounts and roots (mount(2), pivot_root(2)): the steps that build a sandbox's
//! root.

use super::error::SandboxError;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, pivot_root};
use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Adds the name of the step to an error.
pub(super) fn at<T>(step: &str, result: io::Result<T>) -> Result<T, SandboxError> {
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

/// Mounts an empty file system in memory.
pub(super) fn tmpfs(path: &str, size: &str) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    Ok(mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(size))?)
}

/// Creates another instance of proc(5), which is mounted nowhere.
pub(super) fn another_proc() -> io::Result<OwnedFd> {
    special("proc", "/proc")?;
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let opened = open("/proc", flags, Mode::empty());
    // The mount below it is `/proc` again.
    umount2("/proc", MntFlags::MNT_DETACH)?;
    Ok(opened?)
}

/// Mounts proc(5) or sysfs(5). If the visible `/sys` is read-only, the new one
/// must be read-only, too.
pub(super) fn special(kind: &str, path: &str) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let mount = |flags| mount(Some(kind), path, Some(kind), flags, None::<&str>);
    Ok(mount(flags).or_else(|errno| match (kind, errno) {
        ("sysfs", Errno::EPERM) => mount(flags | MsFlags::MS_RDONLY),
        _ => Err(errno),
    })?)
}

/// Shows `from` at `to` as well. Creates `to` if it is a missing folder.
pub(super) fn bind(from: &str, to: &str) -> io::Result<()> {
    if Path::new(from).is_dir() && !Path::new(to).exists() {
        directory(to, 0o755)?;
    }
    Ok(mount(Some(from), to, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)?)
}

/// Changes the attributes of a mount, or sets those of all mounts below it, in
/// one call (mount_setattr(2), Linux 5.12).
pub(super) fn set_attributes(path: &CStr, set: u64, clear: u64) -> io::Result<()> {
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

/// The path of the former root until it is removed.
pub(super) const OLD: &str = "/old";

/// Makes a mount the root of this mount namespace; the former root is at [`OLD`].
pub(super) fn enter_root(root: &str) -> io::Result<()> {
    let old = format!("{root}{OLD}");
    directory(&old, 0o700)?;
    pivot_root(root, old.as_str())?;
    Ok(chdir("/")?)
}

/// Removes the former root, so that no path leads there. Its mounts stay in other
/// mount namespaces that share them.
pub(super) fn leave_old_root() -> io::Result<()> {
    mount_flags(OLD, MsFlags::MS_REC | MsFlags::MS_PRIVATE)?;
    umount2(OLD, MntFlags::MNT_DETACH)?;
    fs::remove_dir(OLD)
}
