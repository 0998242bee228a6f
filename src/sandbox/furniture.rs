//! The contents of a new root, a lab's or a submission's: the machine's programs,
//! and the files that they need.
//!
//! The lists name what is shown, not what is hidden. Everything else of the
//! machine is missing: its users' files, and the sockets and pipes of its
//! programs.

use super::error::SandboxError;
use super::mounts::{at, bind, directory};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;

/// The machine's programs and libraries. They are read-only already.
const MACHINE: [&str; 10] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt/cni", "/nix/store", "/gnu/store"];

/// The files shown of the machine's `/etc`: settings that come with packages, and
/// nothing that could hold a secret.
const SETTINGS: [&str; 40] = [
    "bash.bashrc",
    "bindresvport.blacklist",
    "debian_version",
    "dnsmasq.conf",
    "ethertypes",
    "gai.conf",
    "host.conf",
    "inputrc",
    "iproute2",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "localtime",
    "login.defs",
    "magic",
    "mime.types",
    "netconfig",
    "networks",
    "nftables.conf",
    "nginx/fastcgi.conf",
    "nginx/fastcgi_params",
    "nginx/mime.types",
    "nginx/modules-enabled",
    "nginx/nginx.conf",
    "nginx/proxy_params",
    "nginx/scgi_params",
    "nginx/uwsgi_params",
    "os-release",
    "profile",
    "protocols",
    "python3",
    "rpc",
    "services",
    "shells",
    "ssl/openssl.cnf",
    "terminfo",
    "wgetrc",
    "wireshark",
    "xtables",
];

/// The files of `/etc` that each sandbox has of its own, because labs write them,
/// or because the machine's would reveal something about it.
const OWN: [(&str, &str); 7] = [
    ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("hostname", "host\n"),
    ("resolv.conf", ""),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ("passwd", PASSWD),
    ("group", "root:x:0:\nwww-data:x:33:\ntcpdump:x:0:\ndnsmasq:x:102:\nnogroup:x:65534:\n"),
    ("mtab", ""),
];

/// Root, and the users that programs look up before they switch to them, in name
/// only (`one_user`).
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
    www-data:x:33:33:www-data:/var/www:/bin/false\n\
    tcpdump:x:0:0:tcpdump:/nonexistent:/bin/false\n\
    dnsmasq:x:102:102:dnsmasq:/nonexistent:/bin/false\n\
    nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n";

/// The folder of `/etc` that selects between programs with the same purpose.
const ALTERNATIVES: &str = "alternatives";

/// The path of a second sysfs(5).
pub(super) const ANOTHER_SYS: &str = "/run/nslab/sys";

/// The folders in which programs keep their state.
const FOLDERS: [&str; 19] = [
    "/etc/dnsmasq.d",
    "/etc/netns",
    "/etc/nginx/conf.d",
    "/etc/nginx/sites-enabled",
    "/home",
    "/mnt",
    "/opt",
    "/root",
    "/run/lock",
    ANOTHER_SYS,
    "/srv",
    "/var/cache",
    "/var/lib/dhcp",
    "/var/lib/misc",
    "/var/lib/nginx",
    "/var/log/nginx",
    "/var/mail",
    "/var/spool",
    "/var/www/html",
];

/// The folders that everybody may write to.
const EVERYBODYS: [&str; 4] = ["/dev/shm", "/run/lock", "/tmp", "/var/tmp"];

/// The machine's devices that lead to no program outside the sandbox. `tty` is
/// the opener's own terminal, and in a sandbox programs have only terminals that
/// they create.
const DEVICES: [&str; 7] = ["null", "zero", "full", "random", "urandom", "tty", "net/tun"];

/// The limit of terminals in a sandbox; the machine has 4096 for all.
const TERMINALS: &str = "newinstance,ptmxmode=0666,mode=0620,max=16";

/// The deepest folder, and the largest file, that are copied.
const DEEP: usize = 8;
const LARGE: u64 = 16 << 20;

/// Shows the programs and libraries of the root at `from` in the root at `to`.
pub(super) fn show_programs(from: &str, to: &str) -> Result<(), SandboxError> {
    for path in MACHINE {
        at(&format!("show {path}"), show(&format!("{from}{path}"), &format!("{to}{path}")))?;
    }
    Ok(())
}

/// Creates the folders of the root at `to`.
pub(super) fn make_folders(to: &str) -> Result<(), SandboxError> {
    for path in FOLDERS {
        at(&format!("make {path}"), directory(&format!("{to}{path}"), 0o755))?;
    }
    for path in EVERYBODYS {
        at(&format!("make {path}"), directory(&format!("{to}{path}"), 0o1777))?;
    }
    at("make /var/run", symlink("/run", format!("{to}/var/run")))?;
    at("make /var/lock", symlink("/run/lock", format!("{to}/var/lock")))
}

/// Shows a folder, or copies a symbolic link as it is.
fn show(from: &str, to: &str) -> io::Result<()> {
    match fs::symlink_metadata(from) {
        Ok(found) if found.is_symlink() => symlink(fs::read_link(from)?, to),
        Ok(found) if found.is_dir() => bind(from, to),
        _ => Ok(()),
    }
}

/// Fills the `/etc` of the root at `to` with copies, so that a lab may write
/// there: the shown files of the machine, whose root is at `machine`, and the
/// sandbox's own.
pub(super) fn fill_etc(machine: &Path, to: &Path) -> io::Result<()> {
    let (from, etc) = (machine.join("etc"), to.join("etc"));
    for name in SETTINGS {
        let (from, to) = (from.join(name), etc.join(name));
        if fs::symlink_metadata(&from).is_ok() {
            fs::create_dir_all(to.parent().unwrap_or(&etc))?;
            copy_one(&from, &to, DEEP)?;
        }
    }
    for (name, text) in OWN {
        fs::write(etc.join(name), text)?;
    }
    show_alternatives(&from, &etc)
}

/// Fills the `/etc` of the root at `to` from that of another root.
pub(super) fn copy_etc(from: &Path, to: &Path) -> io::Result<()> {
    let (from, etc) = (from.join("etc"), to.join("etc"));
    for entry in fs::read_dir(&from)? {
        let entry = entry?;
        if entry.file_name() != ALTERNATIVES {
            copy_one(&entry.path(), &etc.join(entry.file_name()), DEEP)?;
        }
    }
    show_alternatives(&from, &etc)
}

/// Shows the links to programs, of which there may be hundreds, without copying.
fn show_alternatives(from: &Path, to: &Path) -> io::Result<()> {
    let path = |etc: &Path| etc.join(ALTERNATIVES).display().to_string();
    show(&path(from), &path(to))
}

/// Fills the folder `dev`, a future `/dev`, with the devices of the root at
/// `from`.
pub(super) fn devices(from: &str, dev: &str) -> io::Result<()> {
    directory(dev, 0o755)?;
    for device in DEVICES {
        let (machine, own) = (format!("{from}/dev/{device}"), format!("{dev}/{device}"));
        let is_device = |found: &fs::Metadata| found.file_type().is_char_device();
        if fs::symlink_metadata(&machine).as_ref().is_ok_and(is_device) {
            fs::create_dir_all(Path::new(&own).parent().unwrap_or(Path::new(dev)))?;
            fs::write(&own, "").and_then(|()| bind(&machine, &own))?;
        }
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ] {
        symlink(target, format!("{dev}/{name}"))?;
    }
    directory(&format!("{dev}/shm"), 0o1777)?;
    let terminals = format!("{dev}/pts");
    directory(&terminals, 0o755)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    // Without devpts, programs that want a terminal get an error.
    let _ = mount(Some("devpts"), terminals.as_str(), Some("devpts"), flags, Some(TERMINALS));
    Ok(())
}

/// Copies the contents of a folder.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    copy_below(from, to, DEEP)
}

fn copy_below(from: &Path, to: &Path, deep: usize) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_one(&entry.path(), &to.join(entry.file_name()), deep)?;
    }
    Ok(())
}

/// Copies a file, a symbolic link, a named pipe, or a folder. Leaves out files
/// that are unreadable or too large.
fn copy_one(from: &Path, to: &Path, deep: usize) -> io::Result<()> {
    let found = fs::symlink_metadata(from)?;
    let kind = found.file_type();
    if kind.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if kind.is_fifo() {
        return Ok(mkfifo(to, Mode::from_bits_truncate(found.permissions().mode()))?);
    }
    let readable = match kind.is_dir() {
        true => deep > 0 && fs::read_dir(from).is_ok(),
        false => kind.is_file() && found.len() <= LARGE && fs::File::open(from).is_ok(),
    };
    if !readable {
        return Ok(());
    }
    if kind.is_dir() {
        fs::create_dir_all(to)?;
        copy_below(from, to, deep - 1)?;
    } else {
        fs::write(to, fs::read(from)?)?;
    }
    fs::set_permissions(to, found.permissions())
}
