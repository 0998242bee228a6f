//! Folders and files of others. Each is opened once, so that changes between the
//! check and the reading have no effect, and no symbolic link leads outside.

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// An open folder: it stays the same if its path changes.
#[derive(Debug, Clone)]
pub struct Folder(Arc<OwnedFd>);

/// An entry of a folder. It is held open but not yet read, so that a device is
/// not triggered, and a pipe does not block.
#[derive(Debug)]
pub struct HeldFile {
    held: OwnedFd,
    stat: FileStat,
}

/// The number of tries of a path resolution that others disturb.
const TRIES: usize = 100;

impl Folder {
    /// Opens a folder that the user has named. Symbolic links on the path are the
    /// user's.
    ///
    /// # Errors
    ///
    /// If it is no folder, or can't be searched.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self(Arc::new(nix::fcntl::open(path, flags, Mode::empty())?)))
    }

    /// Returns the entry with this name. A symbolic link is returned as such.
    ///
    /// # Errors
    ///
    /// If there is none, or the folder can't be searched.
    pub fn look(&self, name: &OsStr) -> io::Result<HeldFile> {
        let held = self.resolve(Path::new(name), false)?;
        Ok(HeldFile { stat: fstat(&held)?, held })
    }

    /// Returns the target of a path below this folder. Symbolic links are
    /// followed as long as they stay below it.
    ///
    /// # Errors
    ///
    /// If there is none, or it leads outside (`EXDEV`).
    pub fn look_below(&self, path: &Path) -> io::Result<HeldFile> {
        let held = self.resolve(path, true)?;
        Ok(HeldFile { stat: fstat(&held)?, held })
    }

    /// The kernel resolves the path, and checks at each step that it stays below
    /// this folder (openat2(2)).
    fn resolve(&self, path: &Path, follow: bool) -> nix::Result<OwnedFd> {
        let (mut flags, mut resolve) = (OFlag::O_PATH | OFlag::O_CLOEXEC, ResolveFlag::RESOLVE_BENEATH);
        if !follow {
            flags |= OFlag::O_NOFOLLOW;
            resolve |= ResolveFlag::RESOLVE_NO_SYMLINKS;
        }
        let how = OpenHow::new().flags(flags).resolve(resolve);
        for _ in 0..TRIES {
            match openat2(&*self.0, path, how) {
                // A folder was moved meanwhile.
                Err(Errno::EAGAIN) => {}
                // A kernel before 5.6, or a seccomp filter without newer calls.
                Err(Errno::ENOSYS | Errno::EPERM) => return self.walk(path),
                opened => return opened,
            }
        }
        Err(Errno::EAGAIN)
    }

    /// Resolves a path step by step, without following any symbolic link.
    fn walk(&self, path: &Path) -> nix::Result<OwnedFd> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut here = self.0.try_clone().map_err(|_| Errno::EMFILE)?;
        for part in path.components() {
            match part {
                Component::CurDir => {}
                Component::Normal(name) => here = openat(&here, name, flags, Mode::empty())?,
                _ => return Err(Errno::EXDEV),
            }
        }
        Ok(here)
    }

    /// Returns the names of all entries, in order.
    ///
    /// # Errors
    ///
    /// If it can't be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut folder = nix::dir::Dir::from_fd(openat(&*self.0, ".", flags, Mode::empty())?)?;
        let mut names = Vec::new();
        for entry in folder.iter() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_os_string());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Returns an identity that no other folder has.
    ///
    /// # Errors
    ///
    /// If the kernel does not report it.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        let stat = fstat(&*self.0)?;
        Ok((stat.st_dev, stat.st_ino))
    }
}

impl HeldFile {
    fn kind(&self) -> SFlag {
        SFlag::from_bits_truncate(self.stat.st_mode) & SFlag::S_IFMT
    }

    /// Tells whether it is a regular file, which is safe to read.
    pub fn is_file(&self) -> bool {
        self.kind() == SFlag::S_IFREG
    }

    /// Tells whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.kind() == SFlag::S_IFDIR
    }

    /// Tells whether it is a symbolic link.
    pub fn is_link(&self) -> bool {
        self.kind() == SFlag::S_IFLNK
    }

    /// Returns its kind, for messages.
    pub fn what(&self) -> &'static str {
        match self.kind() {
            SFlag::S_IFREG => "a file",
            SFlag::S_IFDIR => "a folder",
            SFlag::S_IFLNK => "a symbolic link",
            SFlag::S_IFIFO => "a named pipe",
            SFlag::S_IFSOCK => "a socket",
            _ => "a device",
        }
    }

    /// Returns its size in bytes, as the kernel reports it before reading.
    pub fn size(&self) -> u64 {
        self.stat.st_size.try_into().unwrap_or_default()
    }

    /// Returns the text of a symbolic link.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn target(&self) -> io::Result<PathBuf> {
        Ok(readlinkat(&self.held, "")?.into())
    }

    /// Returns it as a folder.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn into_folder(self) -> io::Result<Folder> {
        match self.is_folder() {
            true => Ok(Folder(Arc::new(self.held))),
            false => Err(Errno::ENOTDIR.into()),
        }
    }

    /// Reads the file, at most one byte more than `most`.
    ///
    /// # Errors
    ///
    /// If it is none, or can't be read.
    pub fn read(&self, most: u64) -> io::Result<Vec<u8>> {
        if !self.is_file() {
            let what = self.what();
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, and no file")));
        }
        // Opens the held file itself, not the file that now has its name.
        let again = format!("/proc/self/fd/{}", self.held.as_raw_fd());
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = File::from(nix::fcntl::open(again.as_str(), flags, Mode::empty())?);
        let mut bytes = Vec::new();
        file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The longest file of a lab, in bytes.
pub const LONGEST: u64 = 1 << 20;

/// Reads a file of a lab: the lab itself, or one beside or below it. The target
/// of a symbolic link must be in the folder of all labs (the nearest one named
/// `labs`), or else in the file's own folder.
///
/// # Errors
///
/// If it does not exist, leads outside, is no file, or is longer than
/// [`LONGEST`].
pub fn read_beside(path: &Path) -> io::Result<Vec<u8>> {
    let (root, below) = root_of(path)?;
    let bytes = Folder::open(&root)?.look_below(&below).map_err(|error| away(error, &root))?.read(LONGEST)?;
    if bytes.len() as u64 > LONGEST {
        let words = format!("it is longer than {} MiB", LONGEST >> 20);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
    }
    Ok(bytes)
}

/// Returns the folder of all labs, and the path from there.
fn root_of(path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let path = std::path::absolute(path)?;
    let is_plain = |below: &Path| !below.components().any(|part| part == Component::ParentDir);
    let labs = path.ancestors().skip(1).filter(|folder| folder.ends_with("labs"));
    let own = path.parent().unwrap_or(Path::new("/"));
    let root = labs.chain([own]).find(|root| path.strip_prefix(root).is_ok_and(is_plain)).unwrap_or(own);
    Ok((root.into(), path.strip_prefix(root).unwrap_or(&path).into()))
}

/// Replaces the kernel's `EXDEV` by a clear message.
fn away(error: io::Error, root: &Path) -> io::Error {
    if error.raw_os_error() != Some(Errno::EXDEV as i32) {
        return error;
    }
    let name = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy();
    let words = format!("a symbolic link leads out of the folder `{name}`");
    io::Error::new(io::ErrorKind::PermissionDenied, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    struct Scratch(PathBuf);

    impl Scratch {
        /// Creates a folder beside a secret, with symbolic links of all kinds in
        /// it.
        fn new(name: &str) -> Self {
            let scratch = std::env::temp_dir().join(format!("nslab-folder-{}-{name}", std::process::id()));
            fs::create_dir_all(scratch.join("own/below")).unwrap();
            fs::write(scratch.join("secret"), "secret").unwrap();
            fs::write(scratch.join("own/file"), "file").unwrap();
            fs::write(scratch.join("own/below/file"), "below").unwrap();
            for (to, from) in [
                ("file", "own/beside"),
                ("../file", "own/below/up"),
                ("below", "own/folder"),
                ("../secret", "own/away"),
                ("/etc/passwd", "own/absolute"),
                ("..", "own/parent"),
                ("circle", "own/circle"),
            ] {
                symlink(to, scratch.join(from)).unwrap();
            }
            Self(scratch)
        }

        fn own(&self) -> Folder {
            Folder::open(&self.0.join("own")).unwrap()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn text(found: io::Result<HeldFile>) -> Result<String, i32> {
        let bytes = found.and_then(|found| found.read(100));
        let bytes = bytes.map_err(|error| error.raw_os_error().unwrap_or_default())?;
        Ok(String::from_utf8(bytes).expect("text"))
    }

    const IS_LINK: i32 = 0;

    #[test]
    fn a_name_is_no_link() {
        let scratch = Scratch::new("name");
        let look = |name: &str| text(scratch.own().look(OsStr::new(name)));
        assert_eq!(look("file"), Ok("file".into()));
        for link in ["beside", "away", "absolute", "circle"] {
            assert_eq!(look(link), Err(IS_LINK), "{link}");
        }
        for away in ["..", "../secret", "folder/file", "parent/secret"] {
            assert!(look(away).is_err(), "{away}");
        }
        assert_eq!(scratch.own().look(OsStr::new("away")).unwrap().target().unwrap(), Path::new("../secret"));
    }

    #[test]
    fn a_path_stays_below() {
        let scratch = Scratch::new("path");
        let look = |path: &str| text(scratch.own().look_below(Path::new(path)));
        assert_eq!(look("beside"), Ok("file".into()));
        assert_eq!(look("below/up"), Ok("file".into()));
        assert_eq!(look("folder/file"), Ok("below".into()));
        for away in ["away", "absolute", "parent/secret", "../secret", "/etc/passwd"] {
            assert_eq!(look(away), Err(Errno::EXDEV as i32), "{away}");
        }
        assert_eq!(look("circle"), Err(Errno::ELOOP as i32));
    }

    /// As before Linux 5.6.
    #[test]
    fn step_by_step_no_link_is_followed() {
        let scratch = Scratch::new("steps");
        let walk = |path: &str| {
            let held = scratch.own().walk(Path::new(path)).map_err(io::Error::from);
            text(held.and_then(|held| Ok(HeldFile { stat: fstat(&held)?, held })))
        };
        assert_eq!(walk("file"), Ok("file".into()));
        assert_eq!(walk("./below/file"), Ok("below".into()));
        for link in ["beside", "away", "absolute"] {
            assert_eq!(walk(link), Err(IS_LINK), "{link}");
        }
        assert_eq!(walk("folder/file"), Err(Errno::ENOTDIR as i32));
        assert_eq!(walk("parent/secret"), Err(Errno::ENOTDIR as i32));
        assert_eq!(walk("../secret"), Err(Errno::EXDEV as i32));
        assert_eq!(walk("/etc/passwd"), Err(Errno::EXDEV as i32));
    }

    #[test]
    fn the_root_of_a_lab() {
        let root = |path: &str| {
            let (root, below) = root_of(Path::new(path)).unwrap();
            (root.display().to_string(), below.display().to_string())
        };
        let pair = |root: &str, below: &str| (root.to_string(), below.to_string());
        assert_eq!(root("/p/labs/cable/mask.rhai"), pair("/p/labs", "cable/mask.rhai"));
        assert_eq!(root("/p/labs/a/labs/b.rhai"), pair("/p/labs/a/labs", "b.rhai"));
        assert_eq!(root("/p/try.rhai"), pair("/p", "try.rhai"));
        // The user may have typed it like this.
        assert_eq!(root("/p/labs/../try.rhai"), pair("/p/labs/..", "try.rhai"));
    }
}
