use super::handed_in::{HandedIn, Unfit, words};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A student, and where the submission is.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The student's name, from that of the file or the folder.
    pub student: String,
    /// What was found under that name: one thing, or it can't be graded.
    found: Vec<Found>,
}

/// A file, a folder or a link to one.
#[derive(Debug, Clone)]
struct Found {
    /// The folder of the class, which no submission leads out of.
    class: PathBuf,
    path: PathBuf,
    /// The same without links on the way: it may be named twice.
    real: PathBuf,
}

/// Why there is nobody to be graded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterError {
    /// What is wrong.
    pub message: String,
    /// What helps.
    pub hint: Option<String>,
}

impl fmt::Display for RosterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for RosterError {}

/// The students whose submissions are at some paths, by name: a file is one
/// student's, and each entry of a folder is one student's file or folder.
/// Where several paths are named, as by `subs/*`, a folder may be a student's
/// itself. Hidden ones are nobody's. Nothing is read yet.
///
/// # Errors
///
/// Where a path is not there or can't be read, or nobody has handed in.
pub fn roster(paths: &[PathBuf]) -> Result<Vec<Entry>, RosterError> {
    let mut students: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for path in paths {
        let failed = |error: &io::Error| RosterError {
            message: format!("failed to read `{}`: {}", path.display(), words(error)),
            hint: None,
        };
        let typed = path.symlink_metadata().map_err(|error| failed(&error))?;
        if typed.is_symlink() && path.is_dir() && paths.len() == 1 {
            let message = format!("`{}` is a symbolic link to a folder", path.display());
            let hint = format!("where it is your own, write `{}/`", path.display());
            return Err(RosterError { message, hint: Some(hint) });
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let is_class =
            typed.is_dir() && (paths.len() == 1 || holds_several(path).map_err(|error| failed(&error))?);
        let class = if is_class { path } else { folder.unwrap_or(Path::new(".")) };
        let real = class.canonicalize().map_err(|error| failed(&error))?;
        let mut entries = vec![path.clone()];
        if is_class {
            entries = visible(path).map_err(|error| failed(&error))?;
        }
        if entries.is_empty() {
            let hint = "each entry of the folder is a student: `alice.sh`, or a folder `alice` with one script in it";
            return Err(RosterError {
                message: format!("nobody has handed in: the folder `{}` is empty", path.display()),
                hint: Some(hint.into()),
            });
        }
        for path in entries {
            let real = path.file_name().map_or_else(|| real.clone(), |name| real.join(name));
            let found = students.entry(name(&path)).or_default();
            if found.iter().all(|other| other.real != real) {
                found.push(Found { class: class.into(), path, real });
            }
        }
    }
    let entry = |(student, mut found): (String, Vec<Found>)| {
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Entry { student, found }
    };
    Ok(students.into_iter().map(entry).collect())
}

impl Entry {
    /// Reads what the student has handed in.
    ///
    /// # Errors
    ///
    /// Where that can't be run.
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

impl Found {
    fn read(&self) -> Result<HandedIn, Unfit> {
        let path = self.follow(&self.path)?;
        let failed = |error: &io::Error| Unfit::failed("the submission", error);
        if !path.symlink_metadata().map_err(|error| failed(&error))?.is_dir() {
            return HandedIn::read(&path);
        }
        let entries = visible(&path).map_err(|error| failed(&error))?;
        match &scripts(&entries)[..] {
            [script] => HandedIn::read(&self.follow(script)?),
            [] => Err(Unfit::work("the folder has no `.sh` file and no `.rhai` file in it")),
            several => {
                let name = |path: &&Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let names = list(several.iter().map(name));
                let reason =
                    format!("the folder has {} scripts in it, and one is wanted: {names}", several.len());
                Err(Unfit::Work(reason))
            }
        }
    }

    /// Where a link leads: to what is the student's own, or to what a volume
    /// of Kubernetes keeps in `..data`. No other link is followed, to the
    /// work of a classmate neither.
    fn follow(&self, path: &Path) -> Result<PathBuf, Unfit> {
        let failed = |error: &io::Error| Unfit::failed("the submission", error);
        if !path.symlink_metadata().map_err(|error| failed(&error))?.is_symlink() {
            return Ok(path.into());
        }
        let away =
            || Unfit::work("the submission is a symbolic link that leads away: hand in the file itself");
        let class = self.class.canonicalize().map_err(|error| failed(&error))?;
        let target = path.canonicalize().map_err(|_| away())?;
        let below = target.strip_prefix(&class).map_err(|_| away())?;
        let first = below.iter().next().ok_or_else(away)?;
        let is_own = Some(first) == self.path.file_name() || first.as_encoded_bytes().starts_with(b"..");
        if is_own { Ok(target) } else { Err(away()) }
    }
}

/// What is in a folder, by name, without what is hidden.
fn visible(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_hidden =
        |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    let mut paths: Vec<PathBuf> =
        entries.iter().map(fs::DirEntry::path).filter(|path| !is_hidden(path)).collect();
    paths.sort();
    Ok(paths)
}

/// Those that are scripts by their names.
fn scripts(paths: &[PathBuf]) -> Vec<&Path> {
    let is_script = |path: &&Path| path.extension().is_some_and(|last| last == "sh" || last == "rhai");
    paths.iter().map(PathBuf::as_path).filter(is_script).collect()
}

/// Whether a folder is that of a class, and not of one student, who hands in
/// a single script.
fn holds_several(folder: &Path) -> io::Result<bool> {
    let entries = visible(folder)?;
    Ok(scripts(&entries).len() > 1 || entries.iter().any(|path| path.is_dir()))
}

/// The student whose file or folder this is. What would steer a terminal, or
/// turn the direction of a line, is written out.
fn name(path: &Path) -> String {
    let is_folder = path.symlink_metadata().is_ok_and(|found| found.is_dir());
    let name = if is_folder { path.file_name() } else { path.file_stem() };
    let name = name.map(|name| name.to_string_lossy()).unwrap_or_default();
    let mut shown = String::new();
    for c in name.chars() {
        let steers = c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if steers { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// Some of these, as a list.
fn list(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(5);
    let names: Vec<String> = names.take(5).map(|name| format!("`{name}`")).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
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

        /// Each student in a line: what was handed in, or why that is none.
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
        let away = "the submission is a symbolic link that leads away: hand in the file itself";
        let lines = [
            format!("alice: 0: {away}"),
            "bob: bob's".into(),
            format!("copycat: 0: {away}"),
            "dora: 0: the submission is neither a `.sh` file, a shell script, nor a `.rhai` file, a Rhai script".into(),
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
        symlink("subs", class.path("class")).unwrap();
        assert_eq!(class.read(&["class/"]), lines);
        assert_eq!(
            class.read(&["class"]),
            ["`class` is a symbolic link to a folder\nhint: where it is your own, write `class/`"]
        );
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

    /// As root nothing is unreadable.
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
