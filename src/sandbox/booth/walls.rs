//! What a submission sees: a root of its own, with what programs need.

use crate::sandbox::SandboxError;
use crate::sandbox::house::{self, ETC, FILES, MACHINE_ETC, at, bind, directory, mount_flags, special};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, mkfifo, pivot_root};
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;

/// Where it is made.
const ROOT: &str = "/run/nslab/booth";
/// What its files may take, in memory.
const SIZE: &str = "mode=0755,size=128m,nr_inodes=20k";

/// The machine's programs and libraries. They are read-only already.
const MACHINE: [&str; 10] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt/cni", "/nix/store", "/gnu/store"];

/// What there is of the machine's `/etc`: what programs are set up with by
/// their packages, and nothing that could hold a secret.
const SETTINGS: [&str; 35] = [
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
    "rpc",
    "services",
    "shells",
    "xtables",
];

/// Folders in which programs keep what they do.
const FOLDERS: [&str; 17] = [
    "/etc/dnsmasq.d",
    "/etc/nginx/conf.d",
    "/etc/nginx/sites-enabled",
    "/root",
    "/run/lock",
    "/run/nslab/sys",
    "/var/cache",
    "/var/lib/dhcp",
    "/var/lib/misc",
    "/var/lib/nginx",
    "/var/log/nginx",
    "/var/mail",
    "/var/spool",
    "/var/www/html",
    "/home",
    "/mnt",
    "/srv",
];

/// How deep folders are copied, and how large a file.
const DEEP: usize = 8;
const LARGE: u64 = 16 << 20;

/// Makes it and moves in, as PID 1 of new pid and mount namespaces. What was
/// the root before can't be reached any more.
pub(super) fn move_in() -> Result<(), SandboxError> {
    let inside = |path: &str| format!("{ROOT}{path}");
    at("make the booth's folder", directory(ROOT, 0o755))?;
    at("mount the booth's root", tmpfs(ROOT))?;
    for path in MACHINE {
        at(&format!("show {path}"), show(path, &inside(path)))?;
    }
    for path in ["/etc", "/run", "/var", "/proc", "/sys", "/old"].iter().chain(&FOLDERS) {
        at(&format!("make {path}"), directory(&inside(path), 0o755))?;
    }
    for path in ["/tmp", "/var/tmp", "/dev/shm"] {
        at(&format!("make {path}"), directory(&inside(path), 0o1777))?;
    }
    at("make /var/run", symlink("/run", inside("/var/run")))?;
    at("make /var/lock", symlink("/run/lock", inside("/var/lock")))?;
    at("fill /etc", fill_etc(&inside("/etc")))?;
    at("copy /tmp", copy(Path::new("/tmp"), Path::new(&inside("/tmp")), DEEP))?;
    let alternatives = format!("{MACHINE_ETC}/alternatives");
    at("show /etc/alternatives", show(&alternatives, &inside("/etc/alternatives")))?;
    at("make /dev", house::devices(&inside("/dev")))?;
    at("mount /proc", special("proc", &inside("/proc")))?;
    // Twice: `ip netns exec` takes `/sys` away before it mounts its own, which
    // the kernel allows to those only who see one.
    at("mount /sys", special("sysfs", &inside("/sys")))?;
    at("mount another /sys", special("sysfs", &inside("/run/nslab/sys")))?;
    at("mount /run/netns", bind("/run/netns", &inside("/run/netns")))?;
    at("change the root", change_root())
}

/// Leaves the old root. What is taken away there must not be taken away from
/// the init, with whom `/run/netns` is shared.
fn change_root() -> io::Result<()> {
    pivot_root(ROOT, format!("{ROOT}/old").as_str())?;
    chdir("/")?;
    mount_flags("/old", MsFlags::MS_REC | MsFlags::MS_PRIVATE)?;
    umount2("/old", MntFlags::MNT_DETACH)?;
    fs::remove_dir("/old")
}

fn tmpfs(path: &str) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    Ok(mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(SIZE))?)
}

/// Shows a folder of the machine, or a link as it has one there.
fn show(machine: &str, to: &str) -> io::Result<()> {
    match fs::symlink_metadata(machine) {
        Ok(found) if found.is_symlink() => symlink(fs::read_link(machine)?, to),
        Ok(found) if found.is_dir() => bind(machine, to),
        _ => Ok(()),
    }
}

/// Copies what there is of the machine's `/etc`, and what is the sandbox's own
/// as the lab has left it.
fn fill_etc(etc: &str) -> io::Result<()> {
    for name in SETTINGS {
        let (from, to) = (Path::new(MACHINE_ETC).join(name), Path::new(etc).join(name));
        if fs::symlink_metadata(&from).is_ok() {
            fs::create_dir_all(to.parent().unwrap_or(Path::new(etc)))?;
            copy_one(&from, &to, DEEP)?;
        }
    }
    for entry in fs::read_dir(ETC)? {
        let entry = entry?;
        let to = Path::new(etc).join(entry.file_name());
        // A link leads to the machine's, which was copied as far as it is
        // anybody's business.
        let ours = FILES.iter().any(|(name, _)| entry.file_name() == *name);
        if ours || !entry.file_type()?.is_symlink() {
            let _ = fs::remove_file(&to);
            copy_one(&entry.path(), &to, DEEP)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path, deep: usize) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_one(&entry.path(), &to.join(entry.file_name()), deep)?;
    }
    Ok(())
}

/// Copies a file, a link, a pipe with a name, or a folder. What can't be read,
/// or is too large, is left out.
fn copy_one(from: &Path, to: &Path, deep: usize) -> io::Result<()> {
    let found = fs::symlink_metadata(from)?;
    let kind = found.file_type();
    if kind.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if kind.is_fifo() {
        return Ok(mkfifo(to, nix::sys::stat::Mode::from_bits_truncate(found.permissions().mode()))?);
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
        copy(from, to, deep - 1)?;
    } else {
        fs::write(to, fs::read(from)?)?;
    }
    fs::set_permissions(to, found.permissions())
}
