//! The kind of place in which nslab runs: a machine, or a kind of container.

use std::collections::BTreeMap;
use std::path::Path;

/// The kind of place in which nslab runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// On a machine, real or virtual.
    #[default]
    Machine,
    /// A job of GitHub Actions, on the runner itself.
    GitHubRunner,
    /// A job of GitHub Actions, in a container.
    GitHubContainer,
    /// A job of GitLab CI, in a container.
    GitLabContainer,
    /// A development container (containers.dev), as of an editor.
    DevContainer,
    /// A GitHub codespace.
    Codespace,
    /// A Kubernetes pod.
    Kubernetes,
    /// A container of Podman or a similar engine.
    Podman,
    /// A container of LXC, LXD or Incus.
    Lxc,
    /// A Docker container.
    Docker,
    /// Another container.
    Container,
}

/// The signs of a place, separate from the machine so that a test can set them.
pub(super) struct Signs<'a> {
    pub environment: &'a BTreeMap<String, String>,
    pub cgroup: &'a str,
    /// The content of `/run/systemd/container`.
    pub manager: &'a str,
    pub exists: &'a dyn Fn(&Path) -> bool,
}

impl Place {
    pub(super) fn of(signs: &Signs) -> Self {
        let set = |name: &str| signs.environment.get(name).is_some_and(|value| !value.is_empty());
        let is = |name: &str, value: &str| signs.environment.get(name).is_some_and(|found| found == value);
        let exists = |path: &str| (signs.exists)(Path::new(path));
        let podman = exists("/run/.containerenv") || is("container", "podman") || signs.manager == "podman";
        let docker = exists("/.dockerenv") || signs.cgroup.contains("/docker/");
        // A pod has neither of the two files, but a container in it might.
        let kubernetes = set("KUBERNETES_SERVICE_HOST")
            || exists("/var/run/secrets/kubernetes.io")
            || signs.cgroup.contains("kubepods");
        let lxc = signs.manager.starts_with("lxc") || signs.manager == "incus" || is("container", "lxc");
        let other = !signs.manager.is_empty() && signs.manager != "wsl";
        let contained = podman || docker || kubernetes || lxc || other;
        match () {
            () if set("CODESPACES") => Self::Codespace,
            () if set("REMOTE_CONTAINERS") || set("DEVCONTAINER") => Self::DevContainer,
            () if set("GITHUB_ACTIONS") && contained && !kubernetes => Self::GitHubContainer,
            () if set("GITHUB_ACTIONS") && !contained => Self::GitHubRunner,
            () if set("GITLAB_CI") && contained && !kubernetes => Self::GitLabContainer,
            () if kubernetes => Self::Kubernetes,
            () if podman => Self::Podman,
            () if docker => Self::Docker,
            () if lxc => Self::Lxc,
            () if other => Self::Container,
            () => Self::Machine,
        }
    }

    /// Tells whether the kernel's settings belong to a machine outside.
    pub fn is_container(self) -> bool {
        !matches!(self, Self::Machine | Self::GitHubRunner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(environment: &[(&str, &str)], cgroup: &str, manager: &str, files: &[&str]) -> Place {
        let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Place::of(&Signs {
            environment: &environment.collect(),
            cgroup,
            manager,
            exists: &|path| files.iter().any(|file| Path::new(file) == path),
        })
    }

    #[test]
    fn a_place_is_known_by_its_signs() {
        assert_eq!(place(&[], "0::/user.slice/session-1.scope\n", "", &[]), Place::Machine);
        assert_eq!(place(&[], "0::/init.scope\n", "wsl", &[]), Place::Machine);
        assert_eq!(place(&[], "", "", &["/.dockerenv"]), Place::Docker);
        assert_eq!(place(&[], "12:pids:/docker/0a1b\n", "", &[]), Place::Docker);
        assert_eq!(place(&[], "", "", &["/run/.containerenv"]), Place::Podman);
        assert_eq!(place(&[("container", "podman")], "", "", &[]), Place::Podman);
        assert_eq!(place(&[("container", "lxc")], "", "", &[]), Place::Lxc);
        assert_eq!(place(&[], "", "systemd-nspawn", &[]), Place::Container);
        // A pod on a node with containerd, one with nothing but its service
        // account, one with cgroup v1.
        assert_eq!(place(&[("KUBERNETES_SERVICE_HOST", "10.96.0.1")], "0::/\n", "", &[]), Place::Kubernetes);
        assert_eq!(place(&[], "0::/\n", "", &["/var/run/secrets/kubernetes.io"]), Place::Kubernetes);
        assert_eq!(place(&[], "4:memory:/kubepods/burstable/pod1/2\n", "", &[]), Place::Kubernetes);
        let code = [("REMOTE_CONTAINERS", "true")];
        assert_eq!(place(&code, "", "", &["/.dockerenv"]), Place::DevContainer);
        let codespace = [("CODESPACES", "true"), ("REMOTE_CONTAINERS", "true")];
        assert_eq!(place(&codespace, "", "", &["/.dockerenv"]), Place::Codespace);
        let github = [("GITHUB_ACTIONS", "true")];
        assert_eq!(place(&github, "", "", &[]), Place::GitHubRunner);
        assert_eq!(place(&github, "", "", &["/.dockerenv"]), Place::GitHubContainer);
        assert_eq!(place(&[("GITLAB_CI", "true")], "", "", &["/.dockerenv"]), Place::GitLabContainer);
        let pod = [("GITLAB_CI", "true"), ("KUBERNETES_SERVICE_HOST", "10.96.0.1")];
        assert_eq!(place(&pod, "", "", &[]), Place::Kubernetes);
    }
}
