//! Why this machine gives no sandbox, and what its owner can do about it.

use super::SandboxError;
use nix::errno::Errno;
use std::fs;
use std::path::Path;

/// What helps against `error` on this very machine.
pub fn remedy(error: &SandboxError) -> Option<String> {
    Facts::of_this_machine().remedy(error)
}

/// What decides about user namespaces here.
#[derive(Debug, Clone, Default)]
struct Facts {
    /// `kernel.apparmor_restrict_unprivileged_userns` (Ubuntu, since 23.10).
    apparmor: Option<u64>,
    /// `kernel.unprivileged_userns_clone` (Debian's kernels until 2021).
    clone_switch: Option<u64>,
    /// `user.max_user_namespaces` (0 by default on RHEL 7).
    most: Option<u64>,
    /// Docker, Podman or another container engine runs us.
    container: bool,
    /// A seccomp filter is on this process (`Seccomp: 2` of proc(5)).
    seccomp: bool,
}

/// Lets a container make namespaces and mount /proc.
const CONTAINER: &str = "start the container with `--security-opt seccomp=unconfined \
    --security-opt apparmor=unconfined --security-opt systempaths=unconfined`";

impl Facts {
    fn of_this_machine() -> Self {
        let switch = |path: &str| fs::read_to_string(path).ok()?.trim().parse().ok();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            apparmor: switch("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            clone_switch: switch("/proc/sys/kernel/unprivileged_userns_clone"),
            most: switch("/proc/sys/user/max_user_namespaces"),
            container: ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists()),
            seccomp: status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"])),
        }
    }

    fn remedy(&self, error: &SandboxError) -> Option<String> {
        let refused = [Errno::EPERM as i32, Errno::EACCES as i32].contains(&error.errno);
        let full = [Errno::ENOSPC as i32, Errno::EUSERS as i32].contains(&error.errno);
        let remedy = if self.most == Some(0) {
            "allow user namespaces: `sudo sysctl -w user.max_user_namespaces=15000`".to_string()
        } else if full {
            "too many namespaces are in use: end other sandboxes, or allow more with \
             `sudo sysctl -w user.max_user_namespaces=100000 user.max_net_namespaces=100000`"
                .to_string()
        } else if refused && self.clone_switch == Some(0) {
            "allow user namespaces: `sudo sysctl -w kernel.unprivileged_userns_clone=1`".to_string()
        } else if refused && self.apparmor == Some(1) {
            "AppArmor restricts user namespaces: `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
                .to_string()
        } else if refused && (self.container || self.seccomp) {
            CONTAINER.to_string()
        } else if error.errno == Errno::ENOSYS as i32 && error.step.contains("read-only") {
            "nslab needs Linux 5.12 or newer (mount_setattr(2))".to_string()
        } else if error.errno == Errno::ENOSYS as i32 || error.errno == Errno::EINVAL as i32 {
            "this kernel lacks a kind of namespace: it needs CONFIG_USER_NS, CONFIG_NET_NS and CONFIG_PID_NS"
                .to_string()
        } else if error.errno == Errno::EAGAIN as i32 {
            "there are too many processes: see `ulimit -u`".to_string()
        } else {
            return None;
        };
        Some(remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedy(facts: &Facts, step: &str, errno: Errno) -> String {
        facts.remedy(&SandboxError::new(step, errno)).unwrap_or_default()
    }

    #[test]
    fn each_switch_has_its_own_remedy() {
        let userns = "create a user namespace";
        let ubuntu = Facts { apparmor: Some(1), ..Facts::default() };
        assert!(
            remedy(&ubuntu, "mount /run", Errno::EACCES).contains("apparmor_restrict_unprivileged_userns=0")
        );
        let debian = Facts { clone_switch: Some(0), ..Facts::default() };
        assert!(remedy(&debian, userns, Errno::EPERM).contains("unprivileged_userns_clone=1"));
        let rhel = Facts { most: Some(0), ..Facts::default() };
        assert!(remedy(&rhel, userns, Errno::ENOSPC).contains("max_user_namespaces=15000"));
        let docker = Facts { container: true, seccomp: true, ..Facts::default() };
        assert!(remedy(&docker, userns, Errno::EPERM).contains("--security-opt"));
        let open = Facts { most: Some(90_000), ..Facts::default() };
        assert!(remedy(&open, userns, Errno::ENOSPC).contains("too many namespaces"));
        assert!(remedy(&open, "make the machine's files read-only", Errno::ENOSYS).contains("5.12"));
        assert_eq!(remedy(&open, userns, Errno::EPERM), "");
    }
}
