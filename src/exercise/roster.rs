use super::handed_in::{HandedIn, Unfit, words};
use crate::lab::{self, Folder, steers};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// A student, and the place of the submission.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The student's name, from the file's or the folder's name.
    pub student: String,
    /// The candidates with that name; more than one can't be graded.
    found: Vec<Candidate>,
}

/// A file or a folder, by its name in the class's folder.
#[derive(Debug, Clone)]
struct Candidate {
    class: Folder,
    name: OsString,
    /// The path for messages.
    path: PathBuf,
}

/// The reason why there is nobody to grade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterError {
    /// The error message.
    pub message: String,
    /// Help for the user.
    pub hint: Option<String>,
}

impl fmt::Display for RosterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for RosterError {}

/// Returns the students whose submissions are at some paths, by name. A file is
/// one student's, and each entry of a folder is one student's file or folder.
/// With several paths, as from `subs/*`, a folder may be one student's. Hidden
/// entries are ignored. No submission is read yet.
///
/// # Errors
///
/// If a path does not exist or can't be read, or there is no submission.
pub fn roster(paths: &[PathBuf]) -> Result<Vec<Entry>, RosterError> {
    let mut students: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    for path in paths {
        let failed = |error: io::Error| RosterError {
            message: format!("failed to read `{}`: {}", path.display(), words(&error)),
            hint: None,
        };
        for found in named(path, paths.len() == 1).map_err(failed)?? {
            let same = students.entry(found.student()).or_default();
            // The same entry may be named twice.
            let identity = found.identity().map_err(failed)?;
            if same.iter().all(|other| other.identity().is_ok_and(|other| other != identity)) {
                same.push(found);
            }
        }
    }
    let entry = |(student, mut found): (String, Vec<Candidate>)| {
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Entry { student, found }
    };
    Ok(students.into_iter().map(entry).collect())
}

/// Returns the candidates at a path that the user typed, alone or among others.
fn named(path: &Path, alone: bool) -> io::Result<Result<Vec<Candidate>, RosterError>> {
    let typed = path.symlink_metadata()?;
    if alone && typed.is_symlink() && path.is_dir() {
        let message = format!("`{}` is a symbolic link to a folder", path.display());
        let hint = format!("where it is your own, write `{}/`", path.display());
        return Ok(Err(RosterError { message, hint: Some(hint) }));
    }
    let class = match alone && typed.is_dir() {
        true => Folder::open(path)?,
        false => {
            let found = Candidate::at(path)?;
            let looked = found.class.look(&found.name)?;
            let folder = if looked.is_folder() { Some(looked.into_folder()?) } else { None };
            match folder {
                Some(folder) if holds_several(&folder)? => folder,
                _ => return Ok(Ok(vec![found])),
            }
        }
    };
    let names = visible(&class)?;
    if names.is_empty() {
        let hint =
            "each entry of the folder is a student: `alice.sh`, or a folder `alice` with one script in it";
        let message = format!("nobody has handed in: the folder `{}` is empty", path.display());
        return Ok(Err(RosterError { message, hint: Some(hint.into()) }));
    }
    let found = |name: OsString| Candidate { class: class.clone(), path: path.join(&name), name };
    Ok(Ok(names.into_iter().map(found).collect()))
}

impl Entry {
    /// Reads the student's submission.
    ///
    /// # Errors
    ///
    /// If it can't be run.
    pub fn read(&self) -> Result<HandedIn, Unfit> {
        match &self.found[..] {
            [found] => found.read(),
            several => {
                let paths = list(several.iter().map(|found| found.path.display().to_string()));
                Err(Unfit::work(format!("there are {} submissions of this name: {paths}", several.len())))
            }
        }
    }
}

impl Candidate {
    /// Returns the candidate at a path that the user typed. Symbolic links on the
    /// path are the user's; one at its end is the student's.
    fn at(path: &Path) -> io::Result<Self> {
        let whole;
        let (folder, name) = match path.components().next_back() {
            Some(Component::Normal(name)) => (path.parent().unwrap_or(Path::new("")), name),
            // Such as `subs/alice/..`.
            _ => {
                whole = path.canonicalize()?;
                (whole.parent().unwrap_or(Path::new("/")), whole.file_name().unwrap_or(OsStr::new(".")))
            }
        };
        Ok(Self { class: Folder::open(folder)?, name: name.into(), path: path.into() })
    }

    fn identity(&self) -> io::Result<((u64, u64), &OsStr)> {
        Ok((self.class.identity()?, &self.name))
    }

    fn read(&self) -> Result<HandedIn, Unfit> {
        let failed = |error: io::Error| Unfit::failed("the submission", &error);
        let mut looked = self.class.look(&self.name).map_err(failed)?;
        if looked.is_link() {
            looked = self.in_volume(&looked).ok_or_else(away)?;
        }
        if !looked.is_folder() {
            return HandedIn::read(&looked, &self.path);
        }
        let folder = looked.into_folder().map_err(failed)?;
        let names = visible(&folder).map_err(failed)?;
        match &scripts(&names)[..] {
            [script] => {
                let looked = folder.look(script).map_err(failed)?;
                if looked.is_link() { Err(away()) } else { HandedIn::read(&looked, &self.path.join(script)) }
            }
            [] => Err(Unfit::work("the folder has no `.sh` file and no `.rhai` file in it")),
            several => {
                let names = list(several.iter().map(|name| name.to_string_lossy().into_owned()));
                let reason =
                    format!("the folder has {} scripts in it, and one is wanted: {names}", several.len());
                Err(Unfit::Work(reason))
            }
        }
    }

    /// Returns the file behind a symbolic link of a Kubernetes volume: `alice.sh`
    /// points to `..data/alice.sh`, and `..data` to the folder of the last
    /// change, such as `..2026_11_29`. The names are looked up one by one, and no
    /// link is followed. No other link may be a submission.
    fn in_volume(&self, link: &lab::HeldFile) -> Option<lab::HeldFile> {
        let data = OsStr::new("..data");
        (link.target().ok()? == Path::new(data).join(&self.name)).then_some(())?;
        let current = self.class.look(data).ok()?.target().ok()?;
        let is_name = current.components().count() == 1 && current.as_os_str().as_bytes().starts_with(b"..");
        (is_name && current != Path::new("..")).then_some(())?;
        let folder = self.class.look(current.as_os_str()).ok()?.into_folder().ok()?;
        folder.look(&self.name).ok().filter(|found| !found.is_link())
    }

    /// Returns the name of the student. Characters that would affect a terminal
    /// are escaped.
    fn student(&self) -> String {
        let is_folder = self.class.look(&self.name).is_ok_and(|found| found.is_folder());
        let name = Path::new(&self.name);
        let name = if is_folder { name.file_name() } else { name.file_stem() };
        let name = name.map(|name| name.to_string_lossy()).unwrap_or_default();
        let mut shown = String::new();
        for c in name.chars() {
            if steers(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
        }
        shown
    }
}

fn away() -> Unfit {
    Unfit::work("the submission is a symbolic link: hand in the file itself")
}

/// Returns the names in a folder, in order, without hidden ones.
fn visible(folder: &Folder) -> io::Result<Vec<OsString>> {
    let mut names = folder.names()?;
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    Ok(names)
}

/// Returns the names of scripts.
fn scripts(names: &[OsString]) -> Vec<&OsStr> {
    let is_script =
        |name: &&OsStr| Path::new(name).extension().is_some_and(|last| last == "sh" || last == "rhai");
    names.iter().map(OsString::as_os_str).filter(is_script).collect()
}

/// Tells whether a folder is a class's. A student's folder has a single script.
fn holds_several(folder: &Folder) -> io::Result<bool> {
    let names = visible(folder)?;
    let is_folder = |name: &OsString| folder.look(name).is_ok_and(|found| found.is_folder());
    Ok(scripts(&names).len() > 1 || names.iter().any(is_folder))
}

/// Returns a list of the first few.
fn list(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(5);
    let names: Vec<String> = names.take(5).map(|name| format!("`{name}`")).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    struct Class(PathBuf);

    impl Class {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("nslab-roster-{}-{name}", std::process::id()));
            fs::create_dir_all(folder.join("subs")).unwrap();
            Self(folder)
        }

        fn path(&self, path: &str) -> PathBuf {
            self.0.join(path)
        }

        fn write(&self, path: &str, text: &str) {
            fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
            fs::write(self.path(path), text).unwrap();
        }

        /// Returns each student in a line: the submission, or the reason against
        /// it.
        fn read(&self, paths: &[&str]) -> Vec<String> {
            let paths: Vec<PathBuf> = paths.iter().map(|path| self.path(path)).collect();
            let line = |entry: &Entry| match entry.read() {
                Ok(found) => format!("{}: {}", entry.student, found.solution.text.trim()),
                Err(Unfit::Work(reason)) => format!("{}: 0: {reason}", entry.student),
                Err(Unfit::Machine(reason)) => format!("{}: null: {reason}", entry.student),
            };
            let lines = match roster(&paths) {
                Ok(entries) => entries.iter().map(line).collect(),
                Err(error) => vec![error.to_string()],
            };
            lines.iter().map(|line| line.replace(&format!("{}/", self.0.display()), "")).collect()
        }
    }

    impl Drop for Class {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn an_entry_is_a_student() {
        let class = Class::new("entry");
        class.write("subs/carol.rhai", "up(\"c\")");
        class.write("subs/alice.sh", "alice's");
        class.write("subs/bob/mask.sh", "bob's");
        class.write("subs/bob/notes.txt", "hello");
        class.write("subs/bob/.mask.sh.swp", "\0");
        class.write("subs/dave", "#!/bin/sh\ntrue");
        class.write("subs/e.f.sh", "e.f's");
        class.write("subs/.git/config", "hidden");
        class.write("subs/.DS_Store", "hidden");
        let all = ["alice: alice's", "bob: bob's", "carol: up(\"c\")", "dave: #!/bin/sh\ntrue", "e.f: e.f's"];
        assert_eq!(class.read(&["subs"]), all);
        assert_eq!(class.read(&["subs/"]), all);
        assert_eq!(class.read(&["subs", "subs/alice.sh", "subs/../subs/e.f.sh"]), all);
        assert_eq!(class.read(&["subs/dave", "subs/alice.sh"]), [all[0], all[3]]);
    }

    #[test]
    fn among_several_a_folder_may_be_a_students() {
        let class = Class::new("several");
        class.write("subs/alice/cable.sh", "alice's");
        class.write("subs/bob/cable.sh", "bob's");
        class.write("subs/carol/notes.txt", "hello");
        class.write("subs/dave.sh", "dave's");
        let named = ["subs/alice", "subs/bob", "subs/carol", "subs/dave.sh"];
        let all = [
            "alice: alice's",
            "bob: bob's",
            "carol: 0: the folder has no `.sh` file and no `.rhai` file in it",
            "dave: dave's",
        ];
        assert_eq!(class.read(&named), all);
        assert_eq!(class.read(&["subs"]), all);
        class.write("more/erin/cable.sh", "erin's");
        class.write("even/frank.sh", "frank's");
        class.write("even/grace.sh", "grace's");
        let others = ["erin: erin's", "frank: frank's", "grace: grace's"];
        assert_eq!(class.read(&["subs", "more", "even"]), [&all[..], &others[..]].concat());
        assert_eq!(class.read(&["subs/alice"]), ["cable: alice's"]);
    }

    #[test]
    fn what_is_no_submission_says_why_and_costs_nobody_else() {
        let class = Class::new("none");
        class.write("subs/zoe.sh", "zoe's");
        class.write("subs/none/notes.txt", "");
        class.write("subs/two/a.sh", "1");
        class.write("subs/two/b.rhai", "2");
        class.write("subs/twice.sh", "1");
        class.write("subs/twice.rhai", "2");
        class.write("subs/folder/a.sh/b", "");
        class.write("subs/empty.sh", "");
        class.write("subs/word.docx", "PK\0\0");
        let large = fs::File::create(class.path("subs/large.sh")).unwrap();
        large.set_len(1 << 30).unwrap();
        class.write("subs/more.sh", &"#".repeat((1 << 20) + 1));
        class.write("subs/most.sh", &format!("most's{}", " ".repeat((1 << 20) - 6)));
        nix::unistd::mkfifo(&class.path("subs/pipe.sh"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _socket = UnixListener::bind(class.path("subs/socket.sh")).unwrap();
        assert_eq!(
            class.read(&["subs", "/dev/null", "/dev/zero"]),
            [
                "empty: 0: the submission is empty",
                "folder: 0: the submission is a folder, and no file",
                "large: 0: the submission is 1024 MiB long: 1 MiB is the most",
                "more: 0: the submission is 2 MiB long: 1 MiB is the most",
                "most: most's",
                "none: 0: the folder has no `.sh` file and no `.rhai` file in it",
                "null: 0: the submission is a device, and no file",
                "pipe: 0: the submission is a named pipe, and no file",
                "socket: 0: the submission is a socket, and no file",
                "twice: 0: there are 2 submissions of this name: `subs/twice.rhai`, `subs/twice.sh`",
                "two: 0: the folder has 2 scripts in it, and one is wanted: `a.sh`, `b.rhai`",
                "word: 0: the submission is no text, but a binary file",
                "zero: 0: the submission is a device, and no file",
                "zoe: zoe's",
            ]
        );
    }

    #[test]
    fn a_link_leads_nowhere_else() {
        let class = Class::new("link");
        class.write("secret", "secret");
        class.write("subs/bob.sh", "bob's");
        class.write("subs/dora/real.sh.txt", "dora's");
        class.write("subs/..2026/volume.sh", "volume's");
        class.write("subs/.hidden/x.sh", "secret");
        let link = |to: &str, from: &str| symlink(to, class.path(from)).unwrap();
        link("/etc/passwd", "subs/alice.sh");
        link("bob.sh", "subs/copycat.sh");
        link("../secret", "subs/eve.sh");
        link(".hidden/../bob.sh", "subs/fred.sh");
        link(".hidden/x.sh", "subs/gina.sh");
        link("nowhere", "subs/hal.sh");
        link("ivy.sh", "subs/ivy.sh");
        link("/", "subs/jack");
        link(".", "subs/self");
        link("real.sh.txt", "subs/dora/mask.sh");
        fs::create_dir(class.path("subs/kate")).unwrap();
        link("../bob.sh", "subs/kate/mask.sh");
        link("..2026", "subs/..data");
        link("..data/volume.sh", "subs/volume.sh");
        let away = "the submission is a symbolic link: hand in the file itself";
        let lines = [
            format!("alice: 0: {away}"),
            "bob: bob's".into(),
            format!("copycat: 0: {away}"),
            format!("dora: 0: {away}"),
            format!("eve: 0: {away}"),
            format!("fred: 0: {away}"),
            format!("gina: 0: {away}"),
            format!("hal: 0: {away}"),
            format!("ivy: 0: {away}"),
            format!("jack: 0: {away}"),
            format!("kate: 0: {away}"),
            format!("self: 0: {away}"),
            "volume: volume's".into(),
        ];
        assert_eq!(class.read(&["subs"]), lines);
        let named = ["subs/alice.sh", "subs/bob.sh", "subs/copycat.sh"];
        assert_eq!(class.read(&named), lines[..3]);
        // The form of `subs/*/`.
        let named = ["subs/jack/", "subs/bob.sh", "subs/kate/"];
        assert_eq!(class.read(&named), [lines[1].clone(), lines[9].clone(), lines[10].clone()]);
        symlink("subs", class.path("class")).unwrap();
        assert_eq!(class.read(&["class/"]), lines);
        assert_eq!(
            class.read(&["class"]),
            ["`class` is a symbolic link to a folder\nhint: where it is your own, write `class/`"]
        );
    }

    /// A Kubernetes volume has symbolic links of one form only.
    #[test]
    fn a_volume_shows_its_own_files_alone() {
        let class = Class::new("volume");
        for file in ["subs/..2026/alice.sh", "subs/..2026/team/mask.sh", "secret/carol.sh"] {
            class.write(file, "x");
        }
        let link = |to: &str, from: &str| symlink(to, class.path(from)).unwrap();
        link("..2026", "subs/..data");
        link("..data/alice.sh", "subs/alice.sh");
        link("..data/alice.sh", "subs/bob.sh");
        link("..data/team", "subs/team");
        link("..data/dave.sh", "subs/dave.sh");
        link("/etc/passwd", "subs/..2026/dave.sh");
        let away = "0: the submission is a symbolic link: hand in the file itself";
        let read = |carol: String| {
            vec!["alice: x".into(), format!("bob: {away}"), carol, format!("dave: {away}"), "team: x".into()]
        };
        link("..data/carol.sh", "subs/carol.sh");
        assert_eq!(class.read(&["subs"]), read(format!("carol: {away}")));
        fs::remove_file(class.path("subs/..data")).unwrap();
        for elsewhere in ["../secret", "..", "../subs/..2026", "/etc"] {
            link(elsewhere, "subs/..data");
            assert!(class.read(&["subs"]).iter().all(|line| line.ends_with(away)), "{elsewhere}");
            fs::remove_file(class.path("subs/..data")).unwrap();
        }
    }

    #[test]
    fn the_folder_that_was_listed_is_read() {
        let class = Class::new("listed");
        class.write("subs/alice.sh", "alice's");
        class.write("subs/bob/mask.sh", "bob's");
        class.write("elsewhere/alice.sh", "secret");
        class.write("elsewhere/bob/mask.sh", "secret");
        let entries = roster(&[class.path("subs")]).unwrap();
        fs::rename(class.path("subs"), class.path("moved")).unwrap();
        symlink("elsewhere", class.path("subs")).unwrap();
        let texts: Vec<String> =
            entries.iter().map(|entry| entry.read().unwrap().solution.text.clone()).collect();
        assert_eq!(texts, ["alice's", "bob's"]);
    }

    /// A process replaces submissions by symbolic links and back, endlessly.
    #[test]
    fn what_changes_between_looking_and_reading_leads_nowhere() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let class = Class::new("swapped");
        class.write("subs/alice.sh", "alice's");
        class.write("subs/bob/mask.sh", "bob's");
        class.write("secret/mask.sh", "secret");
        symlink("../secret/mask.sh", class.path("alice-link")).unwrap();
        symlink("../secret", class.path("bob-link")).unwrap();
        let entries = roster(&[class.path("subs")]).unwrap();
        let done = AtomicBool::new(false);
        let exchange = |one: &str, other: &str| {
            let (one, other) = (class.path(one), class.path(other));
            let flags = nix::fcntl::RenameFlags::RENAME_EXCHANGE;
            let here = nix::fcntl::AT_FDCWD;
            nix::fcntl::renameat2(here, &one, here, &other, flags).unwrap();
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    exchange("subs/alice.sh", "alice-link");
                    exchange("subs/bob", "bob-link");
                }
            });
            let (mut read, mut refused, mut told) = (0, 0, 0);
            for _ in 0..3000 {
                for entry in &entries {
                    match entry.read() {
                        Ok(handed_in) if handed_in.solution.text == "secret" => told += 1,
                        Ok(_) => read += 1,
                        Err(_) => refused += 1,
                    }
                }
            }
            done.store(true, Ordering::Relaxed);
            assert_eq!(told, 0, "the secret was read");
            assert!(read > 0 && refused > 0, "{read} were read, {refused} refused: nothing was swapped");
        });
    }

    #[test]
    fn nobody_is_graded_where_nobody_is() {
        let class = Class::new("nobody");
        assert_eq!(
            class.read(&["subs"]),
            ["nobody has handed in: the folder `subs` is empty\n\
              hint: each entry of the folder is a student: `alice.sh`, or a folder `alice` with one script in it"]
        );
        assert_eq!(class.read(&["nowhere"]), ["failed to read `nowhere`: No such file or directory"]);
        assert_eq!(
            class.read(&["subs/alice.sh"]),
            ["failed to read `subs/alice.sh`: No such file or directory"]
        );
    }

    #[test]
    fn odd_names_are_names() {
        let class = Class::new("odd");
        for name in ["김철수", "a b", "-n", "=1+1", "a\u{1b}[2J", "a\nb", "a\u{202e}hs"] {
            class.write(&format!("subs/{name}.sh"), "x");
        }
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9.sh");
        fs::write(class.path("subs").join(name), "x").unwrap();
        assert_eq!(
            class.read(&["subs"]),
            [
                "-n: x",
                "=1+1: x",
                "a b: x",
                "a\\u{1b}[2J: x",
                "a\\u{202e}hs: x",
                "a\\u{a}b: x",
                "caf\u{fffd}: x",
                "김철수: x",
            ]
        );
    }

    /// For root, every file is readable.
    #[test]
    fn what_can_not_be_read_costs_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let class = Class::new("permission");
        class.write("subs/alice.sh", "x");
        class.write("subs/bob/x.sh", "x");
        for path in ["subs/alice.sh", "subs/bob"] {
            fs::set_permissions(class.path(path), fs::Permissions::from_mode(0o000)).unwrap();
        }
        if fs::read(class.path("subs/alice.sh")).is_err() {
            assert_eq!(
                class.read(&["subs"]),
                [
                    "alice: null: failed to read the submission: Permission denied",
                    "bob: null: failed to read the submission: Permission denied",
                ]
            );
        }
        fs::set_permissions(class.path("subs/bob"), fs::Permissions::from_mode(0o700)).unwrap();
    }
}
