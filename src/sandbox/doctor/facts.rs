//! The facts about a machine that decide whether it can run sandboxes.

use super::place::{Place, Signs};
use nix::sys::statvfs::{FsFlags, statvfs};
use std::fs;
use std::path::{Path, PathBuf};

/// The facts about a machine that decide whether it can run sandboxes.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The program that runs, by its resolved path.
    pub program: PathBuf,
    /// The kind of place in which it runs.
    pub place: Place,
    /// The kernel's release, as in `uname -r`.
    pub release: String,
    /// Whether this is NixOS, which has all settings in one file.
    pub nixos: bool,
    /// `kernel.apparmor_restrict_unprivileged_userns` (Ubuntu since 23.10).
    pub apparmor_restricts: bool,
    /// `kernel.unprivileged_userns_clone` (Debian's kernels, and hardened
    /// ones).
    pub clone_switch: Option<u64>,
    /// The kinds of namespaces with a limit of zero, as `user`
    /// (`user.max_user_namespaces`).
    pub none_of: Vec<String>,
    /// The AppArmor profile or SELinux context that confines this process; `None`
    /// for `unconfined` and the like.
    pub confined_by: Option<String>,
    /// Whether this process has an AppArmor profile that confines nothing, such
    /// as the one for nslab alone.
    pub own_profile: bool,
    /// Whether this is a user namespace other than the initial one.
    pub nested: bool,
    /// Whether this process has a seccomp filter (`Seccomp: 2` of proc(5)).
    pub seccomp: bool,
    /// The mounts over parts of /proc and /sys. With such mounts, the kernel
    /// refuses a user namespace a new /proc, which would show the covered files.
    pub covered: Vec<String>,
    /// Whether `/sys` is read-only, as in most containers.
    pub sys_read_only: bool,
    /// Whether root runs this.
    pub root: bool,
    /// Whether systemd is the machine's init (sd_booted(3)).
    pub systemd: bool,
    /// Whether the root is that of a chroot(2), in which the kernel allows no
    /// user namespaces.
    pub chroot: bool,
}

/// The kinds of namespaces that a sandbox has.
const KINDS: [&str; 6] = ["user", "pid", "mnt", "net", "uts", "ipc"];

/// The kernel's folders that exist only as mount points, so that a mount hides
/// nothing.
const MOUNT_POINTS: [&str; 8] = [
    "/proc/sys/fs/binfmt_misc",
    "/proc/fs/nfsd",
    "/sys/fs",
    "/sys/kernel/config",
    "/sys/kernel/debug",
    "/sys/kernel/security",
    "/sys/kernel/tracing",
    "/sys/firmware/efi/efivars",
];

impl Facts {
    /// Reads them from this machine.
    pub fn of_this_machine() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let none = |kind: &&str| number(&format!("/proc/sys/user/max_{kind}_namespaces")) == Some(0);
        let mounts = read("/proc/self/mountinfo");
        let contexts = ["/proc/self/attr/apparmor/current", "/proc/self/attr/current"];
        Self {
            program: std::env::current_exe().unwrap_or_else(|_| "/usr/local/bin/nslab".into()),
            place: Place::of(&Signs {
                environment: &std::env::vars_os()
                    .map(|(name, value)| (name.to_string_lossy().into(), value.to_string_lossy().into()))
                    .collect(),
                cgroup: &read("/proc/self/cgroup"),
                manager: read("/run/systemd/container").trim(),
                exists: &Path::exists,
            }),
            release: read("/proc/sys/kernel/osrelease").trim().into(),
            nixos: Path::new("/etc/NIXOS").exists(),
            apparmor_restricts: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1),
            clone_switch: number("/proc/sys/kernel/unprivileged_userns_clone"),
            none_of: KINDS.iter().filter(|kind| none(kind)).map(|kind| kind.to_string()).collect(),
            confined_by: contexts.iter().find_map(|path| confining(&fs::read_to_string(path).ok()?)),
            own_profile: contexts.iter().any(|path| read(path).trim_end().ends_with(" (unconfined)")),
            nested: !read("/proc/self/uid_map").split_whitespace().eq(["0", "0", "4294967295"]),
            seccomp: read("/proc/self/status")
                .lines()
                .any(|line| line.split_whitespace().eq(["Seccomp:", "2"])),
            covered: covered(&mounts),
            sys_read_only: statvfs("/sys").is_ok_and(|found| found.flags().contains(FsFlags::ST_RDONLY)),
            root: nix::unistd::Uid::effective().is_root(),
            systemd: Path::new("/run/systemd/system").is_dir(),
            chroot: !mounts.is_empty() && !mount_points(&mounts).any(|point| point == "/"),
        }
    }

    /// Returns the version of the Windows Subsystem for Linux, if this is one.
    /// Version 1 has no Linux kernel at all.
    pub(super) fn wsl(&self) -> Option<u8> {
        let release = self.release.to_lowercase();
        let first = release.contains("microsoft") && !release.contains("wsl2") && release.starts_with("4.4.");
        release.contains("microsoft").then_some(if first { 1 } else { 2 })
    }

    /// Tells whether the kernel has at least this release.
    pub(super) fn kernel_is(&self, major: u32, minor: u32) -> bool {
        let mut numbers =
            self.release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
    }

    /// Tells whether SELinux confines this process as a container.
    pub(super) fn selinux_container(&self) -> bool {
        self.confined_by.as_ref().is_some_and(|context| context.contains(":container_"))
    }
}

/// Returns the confinement, in the security module's own words.
fn confining(context: &str) -> Option<String> {
    let context = context.trim_matches(['\0', '\n', ' ']);
    let free = ["", "unconfined", "kernel"].contains(&context) || context.contains("unconfined");
    (!free).then(|| context.to_string())
}

fn mount_points(mountinfo: &str) -> impl Iterator<Item = &str> {
    mountinfo.lines().filter_map(|line| line.split(' ').nth(4))
}

/// Returns the mounts over parts of /proc and /sys.
fn covered(mountinfo: &str) -> Vec<String> {
    let inside = |point: &&str| point.starts_with("/proc/") || point.starts_with("/sys/");
    let serves = |point: &str| MOUNT_POINTS.iter().any(|known| Path::new(point).starts_with(known));
    let mut covered: Vec<String> =
        mount_points(mountinfo).filter(inside).filter(|point| !serves(point)).map(String::from).collect();
    covered.dedup();
    covered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_covers_proc_is_seen() {
        let docker = "600 500 0:50 / / rw - overlay overlay rw\n\
                      601 600 0:52 / /proc rw,nosuid - proc proc rw\n\
                      602 601 0:52 /bus /proc/bus ro - proc proc rw\n\
                      603 601 0:55 / /proc/kcore rw,nosuid - tmpfs tmpfs rw\n\
                      604 600 0:56 / /sys ro - sysfs sysfs ro\n\
                      605 604 0:57 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n\
                      606 604 0:58 / /sys/firmware ro - tmpfs tmpfs ro\n";
        assert_eq!(covered(docker), ["/proc/bus", "/proc/kcore", "/sys/firmware"]);
        let machine = "22 27 0:21 / /proc rw - proc proc rw\n\
                       30 22 0:29 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw\n\
                       31 23 0:28 / /sys/kernel/debug rw - debugfs debugfs rw\n";
        assert!(covered(machine).is_empty());
    }

    #[test]
    fn what_confines_is_named() {
        assert_eq!(confining("docker-default (enforce)\n").as_deref(), Some("docker-default (enforce)"));
        assert_eq!(confining("unconfined\n"), None);
        assert_eq!(confining("nslab (unconfined)\n"), None);
        assert_eq!(confining("unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023\0"), None);
        assert!(confining("system_u:system_r:container_t:s0:c1,c2\0").is_some());
    }

    #[test]
    fn this_machine_has_facts() {
        let facts = Facts::of_this_machine();
        assert!(facts.program.is_absolute());
        assert!(facts.kernel_is(3, 8), "{}", facts.release);
        assert!(!facts.kernel_is(99, 0), "{}", facts.release);
    }

    #[test]
    fn both_kinds_of_wsl_are_known() {
        let wsl = |release: &str| Facts { release: release.into(), ..Facts::default() }.wsl();
        assert_eq!(wsl("4.4.0-19041-Microsoft"), Some(1));
        assert_eq!(wsl("5.15.153.1-microsoft-standard-WSL2"), Some(2));
        assert_eq!(wsl("6.8.0-45-generic"), None);
    }
}
