//! The root of a submission: like a lab's, with a copy of what the lab has left
//! in `/etc` and `/tmp`.

use crate::sandbox::error::SandboxError;
use crate::sandbox::furniture;
use crate::sandbox::mounts::{at, bind, directory, enter_root, leave_old_root, special, tmpfs};
use std::path::Path;

/// The path at which it is created.
const ROOT: &str = "/run/nslab/booth";
/// The size of its files, in memory.
const SIZE: &str = "mode=0755,size=128m,nr_inodes=20k";

/// Creates it and moves in, as PID 1 of new PID and mount namespaces. The former
/// root is unreachable afterwards.
pub(super) fn move_in() -> Result<(), SandboxError> {
    let inside = |path: &str| format!("{ROOT}{path}");
    at("make the booth's folder", directory(ROOT, 0o755))?;
    at("mount the booth's root", tmpfs(ROOT, SIZE))?;
    furniture::show_programs("", ROOT)?;
    for path in ["/etc", "/proc", "/run/netns", "/sys"] {
        at(&format!("make {path}"), directory(&inside(path), 0o755))?;
    }
    at("copy /etc", furniture::copy_etc(Path::new("/"), Path::new(ROOT)))?;
    furniture::make_folders(ROOT)?;
    at("copy /tmp", furniture::copy(Path::new("/tmp"), Path::new(&inside("/tmp"))))?;
    at("make /dev", furniture::devices("", &inside("/dev")))?;
    at("mount /proc", special("proc", &inside("/proc")))?;
    at("mount /sys", special("sysfs", &inside("/sys")))?;
    at("mount another /sys", special("sysfs", &inside(furniture::ANOTHER_SYS)))?;
    at("mount /run/netns", bind(&inside("/run/netns"), &inside("/run/netns")))?;
    at("change the root", enter_root(ROOT).and_then(|()| leave_old_root()))
}
