//! The device `/dev/net/tun`, with which a program becomes the other end of a
//! link.

use crate::net::Network;
use crate::net::kernel::error::strerror;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::fstat;
use std::path::Path;

const TUN: &str = "/dev/net/tun";

impl Network {
    /// A hint for a failed command that uses `/dev/net/tun`, according to its
    /// text or its output, if programs can't open that device.
    pub fn hint_on_tun(&self, command: &str, said: &str) -> Option<String> {
        let about =
            [TUN, "tuntap", "tunctl"].iter().any(|word| command.contains(word) || said.contains(word));
        if !about {
            return None;
        }
        let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK;
        let errno = self.rooms.open(Path::new(TUN), flags).err()?;
        let found = self.rooms.open(Path::new(TUN), OFlag::O_PATH).and_then(fstat);
        Some(hint(errno, found.map_or(0, |found| found.st_mode & 0o777)))
    }
}

fn hint(errno: Errno, mode: u32) -> String {
    let (about, remedy) = match errno {
        Errno::EACCES => (
            format!(" (mode {mode:04o})"),
            "let everybody open it, as other machines do: `sudo chmod 666 /dev/net/tun`",
        ),
        Errno::EPERM => (String::new(), "start the container with `--device /dev/net/tun`"),
        _ => {
            let remedy =
                "load the module: `sudo modprobe tun`; a container needs `--device /dev/net/tun`, too";
            (String::new(), remedy)
        }
    };
    format!("{TUN} can't be opened: {}{about}; {remedy}", strerror(errno as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_own_remedy() {
        assert_eq!(
            hint(Errno::EACCES, 0o600),
            "/dev/net/tun can't be opened: Permission denied (mode 0600); \
             let everybody open it, as other machines do: `sudo chmod 666 /dev/net/tun`"
        );
        assert!(hint(Errno::EPERM, 0o666).contains("--device"));
        assert!(hint(Errno::ENOENT, 0).contains("modprobe tun"));
    }
}
