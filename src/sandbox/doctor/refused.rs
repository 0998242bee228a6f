//! Finds the remedy for a refused step, from the facts.

use super::apparmor;
use super::{Facts, Place, Remedy};
use crate::sandbox::error::SandboxError;
use nix::errno::Errno;

/// A sufficient number of namespaces of a kind.
const ENOUGH: u32 = 15_000;
/// The command that turns off Ubuntu's restriction of user namespaces.
const APPARMOR_OFF: &str = "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";

impl Facts {
    /// Returns the remedy for `error` on a machine with these facts.
    pub fn remedy(&self, error: &SandboxError) -> Option<Remedy> {
        if self.wsl() == Some(1) {
            let upgrade = "WSL 1 has no namespaces: `wsl --set-version DISTRIBUTION 2`, in Windows";
            return Some(Remedy::new(upgrade));
        }
        let remedy = match Errno::from_raw(error.errno) {
            Errno::ENOSPC | Errno::EUSERS => self.too_many(),
            Errno::EPERM | Errno::EACCES => return self.refused(),
            Errno::ENOSYS if !self.kernel_is(5, 12) => {
                Remedy::new("nslab needs Linux 5.12 or newer (mount_setattr(2))")
            }
            // Older container engines refuse unknown system calls in this way.
            Errno::ENOSYS if self.seccomp => return self.refused(),
            Errno::ENOSYS | Errno::EINVAL => Remedy::new(
                "this kernel lacks a kind of namespace: it needs CONFIG_USER_NS, CONFIG_NET_NS and CONFIG_PID_NS",
            ),
            Errno::EAGAIN => Remedy::new("there are too many processes: see `ulimit -u`"),
            _ => return None,
        };
        Some(remedy)
    }

    /// Returns the remedy if no more namespaces may be created.
    fn too_many(&self) -> Remedy {
        if self.none_of.is_empty() {
            let above = match self.nested || self.place.is_container() {
                true => "; the limits outside of this container count, too, and may forbid them",
                false => "",
            };
            return Remedy::new(format!(
                "too many namespaces are in use: end other sandboxes, or allow more with \
                 `sudo sysctl -w user.max_user_namespaces=100000 user.max_net_namespaces=100000`{above}"
            ));
        }
        let switches: Vec<String> =
            self.none_of.iter().map(|kind| format!("user.max_{kind}_namespaces={ENOUGH}")).collect();
        let kinds = self.none_of.join(", ");
        let command = format!("sudo sysctl -w {}", switches.join(" "));
        // A user namespace has its own limits; a container without one has its
        // host's.
        let host = if self.place.is_container() && !self.nested { " on the host" } else { "" };
        let remedy = Remedy::new(format!("allow {kinds} namespaces{host}: `{command}`"));
        if self.nixos && self.none_of.iter().any(|kind| kind == "user") {
            return remedy.copied(
                "to stay, in /etc/nixos/configuration.nix, before `sudo nixos-rebuild switch`",
                "security.allowUserNamespaces = true;",
            );
        }
        let keep: Vec<String> = switches.iter().map(|switch| format!("echo {switch}")).collect();
        let keep = format!("{} | sudo tee /etc/sysctl.d/60-nslab.conf", several(&keep));
        remedy.copied(format!("to stay{host}, in a terminal"), keep)
    }

    /// Returns the remedy if a policy forbids it: all known policies.
    fn refused(&self) -> Option<Remedy> {
        let mut remedy = Remedy::default();
        if self.chroot {
            remedy = Remedy::new(
                "this is a chroot, in which the kernel gives no user namespace: enter it another way, as by \
                 `systemd-nspawn`",
            );
        }
        remedy = remedy.and(match self.place {
            Place::Machine | Place::GitHubRunner => self.program_is_held(),
            _ => self.container(),
        });
        let host = if self.place.is_container() { " on the host" } else { "" };
        if self.clone_switch == Some(0) {
            let switch = "kernel.unprivileged_userns_clone=1";
            let allow = Remedy::new(format!("allow user namespaces{host}: `sudo sysctl -w {switch}`"));
            remedy = remedy.and(match self.nixos {
                true => allow.copied(
                    "to stay, in /etc/nixos/configuration.nix, before `sudo nixos-rebuild switch`",
                    "security.unprivilegedUsernsClone = true;",
                ),
                false => allow.copied(
                    format!("to stay{host}, in a terminal"),
                    format!("echo {switch} | sudo tee /etc/sysctl.d/60-nslab.conf"),
                ),
            });
        }
        if self.apparmor_restricts && !self.own_profile {
            remedy = remedy.and(self.apparmor(host));
        }
        (!remedy.line.is_empty()).then_some(remedy)
    }

    /// Returns the remedies for AppArmor: first for nslab alone, then for all
    /// programs.
    fn apparmor(&self, host: &str) -> Remedy {
        match self.place {
            Place::GitHubRunner => Remedy::new(
                "AppArmor restricts user namespaces on this runner: switch that off in a step before",
            )
            .copied("in the job's `steps:`, first", format!("- run: sudo {APPARMOR_OFF}")),
            // In a privileged container, which may change it.
            Place::GitHubContainer => {
                Remedy::new("AppArmor restricts user namespaces on this runner: switch that off, too")
                    .copied("in the job's `steps:`, first", format!("- run: {APPARMOR_OFF}"))
            }
            _ => Remedy::new(format!(
                "AppArmor restricts user namespaces{host}: install a profile for nslab alone, which is \
                 written out below, or lift it for all programs: `sudo {APPARMOR_OFF}`"
            ))
            .copied(
                format!("a profile for nslab alone, in a terminal{host}"),
                apparmor::install(&self.program),
            ),
        }
    }

    /// Returns the remedy for a policy on the program itself.
    fn program_is_held(&self) -> Remedy {
        let mut remedy = Remedy::default();
        if self.seccomp {
            remedy = remedy.and(Remedy::new(
                "a filter of system calls (seccomp) is on this process: start nslab outside of what has put it \
                 on; in a unit of systemd, with `RestrictNamespaces=no` and no `SystemCallFilter=`",
            ));
        }
        if !self.covered.is_empty() {
            remedy = remedy.and(Remedy::new(format!(
                "{} is covered, and so the kernel gives no other: start nslab outside of what has covered it; \
                 in a unit of systemd, with `ProtectKernelTunables=no` and `ProtectKernelLogs=no`",
                self.what_is_covered()
            )));
        }
        if let Some(policy) = &self.confined_by {
            remedy = remedy.and(Remedy::new(format!(
                "the policy `{policy}` is on this process: start nslab outside of what has put it on"
            )));
        }
        remedy
    }

    fn what_is_covered(&self) -> String {
        let more = if self.covered.len() > 1 {
            format!(" and {} more", self.covered.len() - 1)
        } else {
            String::new()
        };
        format!("`{}`{more}", self.covered.first().map(String::as_str).unwrap_or_default())
    }

    /// Returns the options that a container needs, in the terms of its engine.
    fn container(&self) -> Remedy {
        let options = self.options();
        let flags =
            options.iter().map(|option| format!("--security-opt {option}")).collect::<Vec<_>>().join(" ");
        match self.place {
            Place::Kubernetes => Remedy::new(
                "have the pod allow it: `hostUsers: false`, and in its container's `securityContext` \
                 `procMount: Unmasked`, seccomp and AppArmor `Unconfined`",
            )
            .copied("in the pod's specification (Kubernetes 1.33, or its feature gates before)", POD),
            Place::DevContainer | Place::Codespace => {
                let options = options.iter().map(|option| format!("\"--security-opt={option}\""));
                let run_args = format!("\"runArgs\": [{}]", options.collect::<Vec<_>>().join(", "));
                let what = if self.place == Place::Codespace { "codespace" } else { "container" };
                Remedy::new(format!("give the {what} `runArgs`, written out below, and rebuild it"))
                    .copied("in .devcontainer/devcontainer.json", run_args)
            }
            // If the host restricts it as well, a step in the container has to
            // lift that.
            Place::GitHubContainer if self.apparmor_restricts => {
                Remedy::new("give the job's container `options: --privileged`")
                    .copied("in the job", "container:\n  image: IMAGE\n  options: --privileged")
            }
            Place::GitHubContainer => Remedy::new(format!("give the job's container `options: {flags}`"))
                .copied("in the job", format!("container:\n  image: IMAGE\n  options: {flags}")),
            // Its settings offer no other way to uncover /proc.
            Place::GitLabContainer => {
                Remedy::new("have the runner start its containers with `privileged = true`")
                    .copied("in the runner's config.toml", "[runners.docker]\n  privileged = true")
            }
            Place::Lxc => Remedy::new(
                "allow nested containers: `incus config set NAME security.nesting=true`, or the same by `lxc`",
            ),
            Place::Container => Remedy::new(
                "have the container allow user namespaces, and see all of /proc: no seccomp filter, no covered paths",
            ),
            _ => Remedy::new(format!("start the container with `{flags}`")),
        }
    }

    /// Returns the `--security-opt` values that lift the visible restrictions.
    fn options(&self) -> Vec<&'static str> {
        let uncovered = if self.place == Place::Podman { "unmask=ALL" } else { "systempaths=unconfined" };
        let apparmor = self.apparmor_restricts
            || self.confined_by.as_ref().is_some_and(|context| context.contains("(enforce)"));
        let seen = [
            (self.seccomp, "seccomp=unconfined"),
            (apparmor, "apparmor=unconfined"),
            (self.selinux_container(), "label=disable"),
            (!self.covered.is_empty(), uncovered),
        ];
        let mut options: Vec<&str> =
            seen.iter().filter(|(seen, _)| *seen).map(|(_, option)| *option).collect();
        if options.is_empty() {
            options = vec!["seccomp=unconfined", "apparmor=unconfined", uncovered];
        }
        options
    }

    /// Returns the remedy if the kernel lacks these modules.
    pub fn load(&self, modules: &str) -> String {
        let command = match modules.split_once(' ') {
            None => format!("load the module: `sudo modprobe {modules}`"),
            Some(_) => format!("load the modules: `sudo modprobe -a {modules}`"),
        };
        match self.wsl() {
            Some(_) => format!("{command}; where WSL's kernel has none, `wsl --update` in Windows"),
            None if self.place.is_container() => format!("{command}, on the host"),
            None => command,
        }
    }

    /// Returns the remedy if `ip netns exec` can't mount its own `/sys`: it needs
    /// a writable one, which the kernel allows only to a process that already
    /// sees one.
    pub fn writable_sys(&self) -> Option<Remedy> {
        let remedy = match self.place {
            _ if !self.sys_read_only => return None,
            Place::Docker | Place::Podman => {
                "start the container with `-v /sys:/sys`, too, which shows it the host's /sys, to be written"
            }
            // Here, privileged is no more than root in the pod's own user
            // namespace.
            Place::Kubernetes => "with `hostUsers: false`, set `privileged: true` in the `securityContext`",
            place if place.is_container() => "start the container as a privileged one",
            _ => "have /sys mounted so that it can be written",
        };
        Some(Remedy::new(remedy))
    }

    /// Returns the remedy if the kernel's settings can't be written.
    pub fn uncover(&self) -> Option<Remedy> {
        match self.covered.is_empty() {
            true => None,
            false if self.place.is_container() => Some(self.container()),
            false => Some(self.program_is_held()),
        }
    }
}

/// Joins commands into one.
fn several(commands: &[String]) -> String {
    match commands {
        [one] => one.clone(),
        more => format!("{{ {}; }}", more.join("; ")),
    }
}

const POD: &str = "spec:
  hostUsers: false
  containers:
    - name: NAME
      securityContext:
        procMount: Unmasked
        seccompProfile:
          type: Unconfined
        appArmorProfile:
          type: Unconfined";

#[cfg(test)]
mod tests {
    use super::*;

    fn remedy(facts: &Facts, step: &str, errno: Errno) -> Remedy {
        facts.remedy(&SandboxError::new(step, errno)).unwrap_or_default()
    }

    /// Returns the line and the texts for a refused user namespace.
    fn told(facts: &Facts) -> String {
        let remedy = remedy(facts, "create a user namespace", Errno::EPERM);
        format!("{remedy}\n{}", remedy.texts())
    }

    fn facts() -> Facts {
        Facts { program: "/opt/nslab".into(), release: "6.8.0-45-generic".into(), ..Facts::default() }
    }

    /// Returns the facts of a container as Docker starts it.
    fn docker() -> Facts {
        Facts {
            place: Place::Docker,
            seccomp: true,
            confined_by: Some("docker-default (enforce)".into()),
            covered: vec!["/proc/bus".into(), "/proc/kcore".into()],
            ..facts()
        }
    }

    #[test]
    fn ubuntu_has_a_profile_first_and_then_the_switch() {
        let ubuntu = Facts { apparmor_restricts: true, ..facts() };
        for (step, errno) in [("create a mount namespace", Errno::EPERM), ("mount /run", Errno::EACCES)] {
            let remedy = remedy(&ubuntu, step, errno);
            assert_eq!(
                remedy.line,
                "AppArmor restricts user namespaces: install a profile for nslab alone, which is written out \
                 below, or lift it for all programs: \
                 `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
            );
            assert_eq!(
                remedy.texts(),
                "a profile for nslab alone, in a terminal:\n\n\
                 sudo tee /etc/apparmor.d/nslab > /dev/null <<'END'\n\
                 abi <abi/4.0>,\n\
                 include <tunables/global>\n\n\
                 profile nslab \"/opt/nslab\" flags=(unconfined) {\n\
                 \x20 userns,\n\
                 }\n\
                 END\n\
                 sudo apparmor_parser -r /etc/apparmor.d/nslab\n"
            );
        }
        // A machine with the profile needs no other.
        let installed = Facts { own_profile: true, ..ubuntu };
        assert_eq!(told(&installed), "\n");
    }

    #[test]
    fn a_container_needs_flags_for_what_holds_it() {
        assert_eq!(
            told(&docker()),
            "start the container with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined \
             --security-opt systempaths=unconfined`\n"
        );
        let podman = Facts { place: Place::Podman, confined_by: None, ..docker() };
        assert_eq!(
            told(&podman),
            "start the container with `--security-opt seccomp=unconfined --security-opt unmask=ALL`\n"
        );
        let label = "system_u:system_r:container_t:s0:c1,c2";
        let fedora = Facts { confined_by: Some(label.into()), ..podman };
        assert!(told(&fedora).contains("--security-opt label=disable --security-opt unmask=ALL"));
        // A container without visible restrictions.
        let bare = Facts { place: Place::Docker, ..facts() };
        assert!(told(&bare).contains("seccomp=unconfined --security-opt apparmor=unconfined"));
    }

    #[test]
    fn a_container_on_ubuntu_needs_flags_and_the_hosts_leave() {
        let told = told(&Facts { apparmor_restricts: true, ..docker() });
        assert!(
            told.contains("`--security-opt seccomp=unconfined --security-opt apparmor=unconfined"),
            "{told}"
        );
        assert!(told.contains("; and AppArmor restricts user namespaces on the host: "), "{told}");
        assert!(told.contains("in a terminal on the host:\n\nsudo tee /etc/apparmor.d/nslab"), "{told}");
        assert!(told.contains("`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"), "{told}");
    }

    #[test]
    fn a_pod_needs_what_its_specification_can_say() {
        let told = told(&Facts { place: Place::Kubernetes, ..docker() });
        for setting in ["hostUsers: false", "procMount: Unmasked", "seccompProfile:", "appArmorProfile:"] {
            assert!(told.contains(&format!("  {setting}")), "{told}");
        }
        assert!(!told.contains("--security-opt"), "{told}");
    }

    #[test]
    fn who_has_no_command_line_to_give_flags_on_has_a_file() {
        let at = |place| told(&Facts { place, ..docker() });
        let run_args = "\"runArgs\": [\"--security-opt=seccomp=unconfined\", \
                        \"--security-opt=apparmor=unconfined\", \"--security-opt=systempaths=unconfined\"]\n";
        for place in [Place::DevContainer, Place::Codespace] {
            assert!(
                at(place).ends_with(&format!("in .devcontainer/devcontainer.json:\n\n{run_args}")),
                "{}",
                at(place)
            );
        }
        assert!(at(Place::GitHubContainer).contains("  options: --security-opt seccomp=unconfined"));
        assert!(at(Place::GitLabContainer).contains("[runners.docker]\n  privileged = true"));
        assert!(at(Place::Lxc).contains("security.nesting=true"));
    }

    #[test]
    fn a_runner_of_github_has_a_step() {
        let runner = Facts { place: Place::GitHubRunner, apparmor_restricts: true, ..facts() };
        let step = "- run: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0\n";
        assert!(told(&runner).ends_with(step), "{}", told(&runner));
        let container = Facts { place: Place::GitHubContainer, apparmor_restricts: true, ..docker() };
        assert!(told(&container).contains("options: --privileged"), "{}", told(&container));
        assert!(told(&container).contains("- run: sysctl -w kernel.apparmor"), "{}", told(&container));
    }

    #[test]
    fn each_switch_has_its_own_remedy() {
        let debian = Facts { clone_switch: Some(0), ..facts() };
        assert!(
            told(&debian)
                .starts_with("allow user namespaces: `sudo sysctl -w kernel.unprivileged_userns_clone=1`")
        );
        let rhel = Facts { none_of: vec!["user".into(), "net".into()], ..facts() };
        let none = |facts: &Facts| remedy(facts, "create a user namespace", Errno::ENOSPC);
        assert_eq!(
            none(&rhel).line,
            "allow user, net namespaces: \
             `sudo sysctl -w user.max_user_namespaces=15000 user.max_net_namespaces=15000`"
        );
        let inside = Facts { place: Place::Docker, ..rhel.clone() };
        assert!(none(&inside).line.starts_with("allow user, net namespaces on the host: "));
        let own = Facts { nested: true, ..inside };
        assert!(none(&own).line.starts_with("allow user, net namespaces: "));
        let nixos = Facts { nixos: true, ..rhel };
        assert!(none(&nixos).texts().contains("security.allowUserNamespaces = true;"));
        let hardened = Facts { nixos: true, ..debian };
        assert!(told(&hardened).contains("security.unprivilegedUsernsClone = true;"));
        assert!(none(&facts()).line.starts_with("too many namespaces are in use"));
    }

    #[test]
    fn who_holds_a_program_is_named() {
        let filtered = Facts { seccomp: true, ..facts() };
        assert!(told(&filtered).contains("RestrictNamespaces=no"));
        let covered = Facts { covered: vec!["/proc/kcore".into(), "/proc/keys".into()], ..facts() };
        assert!(told(&covered).starts_with("`/proc/kcore` and 1 more is covered"));
        assert!(told(&Facts { chroot: true, ..facts() }).contains("chroot"));
        assert!(told(&Facts { confined_by: Some("snap.x (enforce)".into()), ..facts() }).contains("snap.x"));
        assert_eq!(told(&facts()), "\n");
    }

    #[test]
    fn a_sys_to_write_is_asked_for_where_there_is_none() {
        assert_eq!(docker().writable_sys(), None);
        let reading = Facts { sys_read_only: true, ..docker() };
        assert!(reading.writable_sys().unwrap().line.contains("-v /sys:/sys"));
        let pod = Facts { place: Place::Kubernetes, ..reading };
        assert!(pod.writable_sys().unwrap().line.contains("privileged: true"));
    }

    #[test]
    fn a_kernel_that_lacks_something_is_told_from_one_that_refuses() {
        let step = "make the machine's files read-only";
        let old = Facts { release: "5.10.0-30-amd64".into(), ..facts() };
        assert!(remedy(&old, step, Errno::ENOSYS).line.contains("5.12"));
        assert!(remedy(&docker(), step, Errno::ENOSYS).line.contains("seccomp=unconfined"));
        assert!(remedy(&facts(), "create a user namespace", Errno::EINVAL).line.contains("CONFIG_USER_NS"));
        let wsl = Facts { release: "4.4.0-19041-Microsoft".into(), ..facts() };
        assert!(remedy(&wsl, "create a user namespace", Errno::EINVAL).line.contains("wsl --set-version"));
    }

    #[test]
    fn modules_are_loaded_where_the_kernel_is() {
        assert_eq!(facts().load("veth"), "load the module: `sudo modprobe veth`");
        assert!(docker().load("a b").ends_with("`sudo modprobe -a a b`, on the host"));
        let wsl = Facts { release: "5.15.153.1-microsoft-standard-WSL2".into(), ..facts() };
        assert!(wsl.load("veth").contains("wsl --update"));
    }
}
