//! Remedies if submissions can't have a user or a cgroup of their own.

use super::{Facts, Remedy};

impl Facts {
    /// The remedy if all sandboxes run as one user.
    pub fn more_users(&self) -> Option<Remedy> {
        if self.root || self.place.is_container() {
            // A container that has one user can't give itself more.
            return None;
        }
        let give = "sudo apt-get install uidmap\nsudo usermod --add-subuids 200000-265535 --add-subgids 200000-265535 \"$USER\"";
        let line = "give yourself more users, which newuidmap(1) of the package uidmap maps (subuid(5))";
        Some(Remedy::new(line).copied("in a shell", give))
    }

    /// The remedy if no cgroups can be created.
    pub fn divided_cgroup(&self) -> Option<Remedy> {
        let whose = if self.root { "" } else { " --user" };
        self.systemd.then(|| {
            Remedy::new(format!("have systemd give it one: `systemd-run{whose} --scope nslab grade …`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helps_is_told_to_those_who_can_do_it() {
        let user = Facts { systemd: true, ..Facts::default() };
        let root = Facts { root: true, ..user.clone() };
        assert!(user.more_users().is_some_and(|remedy| remedy.texts().contains("--add-subuids")));
        assert_eq!(root.more_users(), None);
        let line = |facts: &Facts| facts.divided_cgroup().map(|remedy| remedy.line).unwrap_or_default();
        assert!(line(&user).contains("`systemd-run --user --scope nslab"), "{}", line(&user));
        assert!(line(&root).contains("`systemd-run --scope nslab"), "{}", line(&root));
        assert_eq!(Facts::default().divided_cgroup(), None);
    }
}
