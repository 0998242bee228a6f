use crate::net::kernel::error::strerror;
use crate::net::{NetError, Netns, Network};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use std::path::{Path, PathBuf};

impl Network {
    /// Reads a sysctl, as `sysctl KEY` does.
    ///
    /// # Errors
    ///
    /// If there is no such sysctl.
    pub fn sysctl(&self, netns: &Netns, key: &str) -> Result<String, NetError> {
        self.act()?;
        self.read_sysctl(netns, key)
    }

    /// Sets a sysctl, as `sysctl -w KEY=VALUE` does.
    ///
    /// # Errors
    ///
    /// If there is no such sysctl, if it belongs to the whole machine, or if the
    /// kernel refuses the value.
    pub fn set_sysctl(&self, netns: &Netns, key: &str, value: &str) -> Result<(), NetError> {
        self.act()?;
        let before = self.is_watched().then(|| self.read_sysctl(netns, key).unwrap_or_default());
        self.write_sysctl(netns, key, value)?;
        if let Some(before) = before {
            let after = self.read_sysctl(netns, key).unwrap_or_default();
            self.note_change(format!("{netns}: ~ {key}: {before} → {after}"));
        }
        Ok(())
    }

    pub(in crate::net) fn read_sysctl(&self, netns: &Netns, key: &str) -> Result<String, NetError> {
        let file = self.open_sysctl(netns, key, OFlag::O_RDONLY)?;
        let mut text = [0; 4096];
        let length = nix::unistd::read(&file, &mut text).map_err(|errno| refused(key, "reading", errno))?;
        Ok(String::from_utf8_lossy(&text[..length]).trim_end().to_string())
    }

    pub(in crate::net) fn write_sysctl(&self, netns: &Netns, key: &str, value: &str) -> Result<(), NetError> {
        let file = self.open_sysctl(netns, key, OFlag::O_WRONLY)?;
        nix::unistd::write(&file, value.as_bytes()).map_err(|errno| refused(key, "setting", errno))?;
        Ok(())
    }

    /// Reads several sysctls of one folder; `None` for one that does not exist.
    pub(in crate::net) fn read_sysctls<'a>(
        &self,
        netns: &Netns,
        folder: &str,
        names: impl Iterator<Item = &'a str>,
    ) -> Vec<Option<String>> {
        let folder = self.open_sysctl(netns, folder, OFlag::O_PATH | OFlag::O_DIRECTORY).ok();
        let read = |name: &str| {
            let file =
                openat(folder.as_ref()?, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
            let mut text = [0; 64];
            let length = nix::unistd::read(&file, &mut text).ok()?;
            Some(String::from_utf8_lossy(&text[..length]).trim_end().to_string())
        };
        names.map(read).collect()
    }

    /// Sets several sysctls of one folder.
    pub(in crate::net) fn write_sysctls(
        &self,
        netns: &Netns,
        folder: &str,
        settings: &[(&str, &str)],
    ) -> Result<(), NetError> {
        let open = self.open_sysctl(netns, folder, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        for (name, value) in settings {
            let key = || format!("{folder}.{name}");
            let file = openat(&open, *name, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())
                .map_err(|errno| refused(&key(), "opening", errno))?;
            nix::unistd::write(&file, value.as_bytes()).map_err(|errno| refused(&key(), "setting", errno))?;
        }
        Ok(())
    }

    /// Opens the sysctl's file. The kernel takes the namespace of the thread
    /// that opens it.
    fn open_sysctl(&self, netns: &Netns, key: &str, flags: OFlag) -> Result<std::os::fd::OwnedFd, NetError> {
        let path = file(key).ok_or_else(|| {
            NetError::new(format!("\"{key}\" is an unknown key"))
                .hint("a key is words with dots between them, as `net.ipv4.ip_forward`")
        })?;
        self.must_exist(netns)?;
        netns.enter().map_err(|error| NetError::new(format!("failed to enter `{netns}`: {error}")))?;
        self.rooms.open(&path, flags).map_err(|errno| {
            let error = refused(key, "opening", errno);
            match errno {
                Errno::ENOENT => self.blame(error, &format!("sysctl {key}")),
                _ => error,
            }
        })
    }
}

/// The file of a key. As in sysctl(8), dots and slashes are swapped, so that
/// `net/ipv4/conf/eth0.1/forwarding` names an interface with a dot.
fn file(key: &str) -> Option<PathBuf> {
    let slashes_first = key.find(['.', '/']).is_some_and(|at| key.as_bytes()[at] == b'/');
    let path: String = match slashes_first {
        true => key.into(),
        false => key
            .chars()
            .map(|c| match c {
                '.' => '/',
                '/' => '.',
                c => c,
            })
            .collect(),
    };
    let sound = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    sound.then(|| Path::new("/proc/sys").join(path))
}

fn refused(key: &str, doing: &str, errno: Errno) -> NetError {
    let error = match errno {
        // A sysctl of a module that may not be loaded on a machine.
        Errno::ENOENT if key.replace('/', ".").starts_with("net.bridge.bridge-nf-") => {
            NetError::new(format!("this machine's bridges ask no firewall: there is no {key}"))
        }
        Errno::ENOENT => NetError::new(format!(
            "cannot stat {}: No such file or directory",
            file(key).unwrap_or_default().display()
        )),
        Errno::EACCES | Errno::EPERM => NetError::new(format!("permission denied on key \"{key}\""))
            .hint("only switches of the namespace itself can be set; this one is the whole machine's"),
        errno => NetError::new(format!("{doing} key \"{key}\": {}", strerror(errno as i32))),
    };
    error.errno(errno as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_file_below_proc_sys() {
        let path = |key| file(key).map(|path| path.display().to_string());
        assert_eq!(path("net.ipv4.ip_forward").unwrap(), "/proc/sys/net/ipv4/ip_forward");
        assert_eq!(path("net/ipv4/conf/a.1/forwarding").unwrap(), "/proc/sys/net/ipv4/conf/a.1/forwarding");
        assert_eq!(path("net.ipv4.conf.a/1.forwarding").unwrap(), "/proc/sys/net/ipv4/conf/a.1/forwarding");
        assert_eq!(path("net...etc"), None);
        assert_eq!(path("../../etc/passwd"), None);
        assert_eq!(path(""), None);
    }
}
