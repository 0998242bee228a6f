use super::fingerprint::Fingerprint;
use super::graded::Graded;
use super::handed_in::words;
use super::shard::Shard;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The version of the format.
const FORMAT: u32 = 1;

/// The beginning of each results file.
const BEGINNING: &str = r#"{"results":{"format":"#;

/// The longest time before written results are synced to disk.
const SYNC: Duration = Duration::from_secs(1);

/// The first line of a results file: the exercise of the results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// The name of the exercise.
    pub exercise: String,
    /// The fingerprint of its task.
    pub fingerprint: Fingerprint,
}

/// A line of a results file. Its first key is its kind.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    /// The first line.
    Results {
        format: u32,
        #[serde(flatten)]
        heading: Heading,
    },
    /// One student.
    Graded {
        /// The fingerprint of the submission.
        submission: Fingerprint,
        #[serde(flatten)]
        graded: Graded,
    },
    /// The whole class, or a whole part of it, was graded.
    Done {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shard: Option<Shard>,
    },
}

/// The content of a results file.
#[derive(Debug)]
pub(super) struct Kept {
    pub heading: Heading,
    /// The last line about each student.
    pub graded: BTreeMap<String, (Fingerprint, Graded)>,
    /// The part of the class that was graded completely, if any.
    pub done: Option<Option<Shard>>,
    /// The number of bytes in whole lines.
    whole: u64,
}

/// A file that keeps each grade as it comes, one line per student, so that an
/// interrupted run can continue.
#[derive(Debug)]
pub struct Results {
    path: PathBuf,
    file: File,
    #[expect(dead_code, reason = "it ends when it is dropped")]
    lock: Option<Flock<File>>,
    known: BTreeMap<String, (Fingerprint, Graded)>,
    /// The position of the next line.
    end: u64,
    synced: Instant,
}

/// The reason why results can't be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultsError {
    /// The error message.
    pub message: String,
    /// Help for the user.
    pub hint: Option<String>,
}

impl fmt::Display for ResultsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for ResultsError {}

impl ResultsError {
    pub(super) fn new(message: String, hint: Option<&str>) -> Self {
        Self { message, hint: hint.map(Into::into) }
    }

    fn io(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(format!("failed to {what} `{}`: {}", path.display(), words(error)), None)
    }
}

impl Results {
    /// Opens the results file of an exercise, or creates it.
    ///
    /// # Errors
    ///
    /// If it can't be read or written, is in use, or belongs to something else.
    pub fn open(path: &Path, heading: &Heading) -> Result<Self, ResultsError> {
        // A device or a pipe keeps nothing, and may be endless.
        match path.metadata() {
            Ok(found) if !found.is_file() => {
                let message = format!("`{}` is no file that results can be kept in", path.display());
                return Err(ResultsError::new(message, None));
            }
            _ => {}
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| ResultsError::io("open", path, &error))?;
        let lock = lock(&file, path)?;
        let text = bounded(&file, path)?;
        let kept = read(&text, path)?;
        let mut results =
            Self { path: path.into(), file, lock, known: BTreeMap::new(), end: 0, synced: Instant::now() };
        match kept {
            Some(kept) if kept.heading != *heading => return Err(other(path, &kept.heading, heading)),
            Some(kept) => {
                results.end = kept.whole;
                results.known = kept.graded;
                results.cut()?;
            }
            None => {
                results.cut()?;
                results.append(&Line::Results { format: FORMAT, heading: heading.clone() })?;
            }
        }
        Ok(results)
    }

    /// Returns the known grade of a student's submission, unless something was
    /// not measured: that should be tried again.
    pub fn known(&self, student: &str, submission: &Fingerprint) -> Option<&Graded> {
        let (of, graded) = self.known.get(student)?;
        (of == submission && graded.unmeasured().is_empty()).then_some(graded)
    }

    /// Keeps the grade of one student. After this returns, a killed run does not
    /// lose it.
    ///
    /// # Errors
    ///
    /// If it can't be written. Earlier results are not lost.
    pub fn keep(&mut self, submission: &Fingerprint, graded: &Graded) -> Result<(), ResultsError> {
        self.append(&Line::Graded { submission: *submission, graded: graded.clone() })?;
        // A network file system may report an error as late as this.
        if self.synced.elapsed() >= SYNC { self.sync() } else { Ok(()) }
    }

    /// Records that the class, or a part of it, was graded completely.
    ///
    /// # Errors
    ///
    /// If it can't be written.
    pub fn done(mut self, shard: Option<Shard>) -> Result<(), ResultsError> {
        self.append(&Line::Done { shard })?;
        self.sync()
    }

    fn append(&mut self, line: &Line) -> Result<(), ResultsError> {
        let mut text =
            serde_json::to_vec(line).map_err(|error| ResultsError::io("write", &self.path, &error.into()))?;
        text.push(b'\n');
        if let Err(error) = self.file.write_all(&text) {
            // An incomplete line is useless, and no other line may follow it.
            let _ = self.cut();
            return Err(ResultsError::io("write", &self.path, &error));
        }
        self.end += text.len() as u64;
        Ok(())
    }

    /// Truncates the file after the last whole line.
    fn cut(&mut self) -> Result<(), ResultsError> {
        let cut = self.file.set_len(self.end).and_then(|()| self.file.seek(SeekFrom::Start(self.end)));
        cut.map(|_| ()).map_err(|error| ResultsError::io("write", &self.path, &error))
    }

    fn sync(&mut self) -> Result<(), ResultsError> {
        self.synced = Instant::now();
        self.file.sync_data().map_err(|error| ResultsError::io("write", &self.path, &error))
    }
}

/// The largest results file, in bytes: one student needs a hundred kilobytes at
/// most.
const LARGEST: u64 = 512 << 20;

/// Reads a file with a size limit: it may be a pipe, or grow endlessly.
pub(super) fn bounded(file: &File, path: &Path) -> Result<Vec<u8>, ResultsError> {
    let mut bytes = Vec::new();
    let read = file.take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| ResultsError::io("read", path, &error))?;
    match bytes.len() as u64 > LARGEST {
        false => Ok(bytes),
        true => {
            let message = format!("`{}` is larger than {} MiB", path.display(), LARGEST >> 20);
            Err(ResultsError::new(message, Some("grade the class in parts (`--shard`)")))
        }
    }
}

/// Locks the file against other runs until it is closed.
fn lock(file: &File, path: &Path) -> Result<Option<Flock<File>>, ResultsError> {
    let same = file.try_clone().map_err(|error| ResultsError::io("open", path, &error))?;
    match Flock::lock(same, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => {
            let message = format!("`{}` is in use by another `nslab grade`", path.display());
            let hint = "give each run a results file of its own, and merge them";
            Err(ResultsError::new(message, Some(hint)))
        }
        // Some network file systems have no locks.
        Err(_) => Ok(None),
    }
}

/// Returns the error that a file has results of something else.
fn other(path: &Path, kept: &Heading, wanted: &Heading) -> ResultsError {
    let path = path.display();
    if kept.exercise != wanted.exercise {
        let message = format!("`{path}` has results of `{}`, not of `{}`", kept.exercise, wanted.exercise);
        return ResultsError::new(message, Some("name another file"));
    }
    let message = format!(
        "`{path}` has results of another text of `{}`: it was {}, and is {} now",
        wanted.exercise, kept.fingerprint, wanted.fingerprint
    );
    ResultsError::new(
        message,
        Some("the exercise or its seed has changed since: grade anew into another file"),
    )
}

/// Reads a results file; `None` if it is empty.
///
/// An incomplete last line was cut off when a run was killed, and is left out.
pub(super) fn read(text: &[u8], path: &Path) -> Result<Option<Kept>, ResultsError> {
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let damaged = |line: usize, what: String| {
        ResultsError::new(format!("`{}` is damaged: line {line}: {what}", path.display()), None)
    };
    let mut kept: Option<Kept> = None;
    for (n, line) in text[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let read: Result<Line, _> = serde_json::from_slice(line);
        match (&mut kept, read) {
            (None, Ok(Line::Results { format: FORMAT, heading })) => {
                let (graded, whole) = (BTreeMap::new(), whole as u64);
                kept = Some(Kept { heading, graded, done: None, whole });
            }
            (None, _) => {
                return Err(other_format(line, path).unwrap_or_else(|| stranger(path)));
            }
            (Some(kept), Ok(Line::Graded { submission, graded })) if graded.adds_up() => {
                kept.done = None;
                kept.graded.insert(graded.student.clone(), (submission, graded));
            }
            (Some(kept), Ok(Line::Done { shard })) => kept.done = Some(shard),
            (Some(_), Ok(Line::Graded { graded, .. })) => {
                return Err(damaged(n + 1, format!("the points of `{}` don't add up", graded.student)));
            }
            (Some(_), Ok(Line::Results { .. })) => {
                return Err(damaged(n + 1, "it begins a second time".into()));
            }
            (Some(_), Err(error)) => {
                let said = error.to_string();
                let said = said.split(" at line ").next().unwrap_or_default().to_string();
                return Err(damaged(n + 1, said));
            }
        }
    }
    if kept.is_none() && !torn_from(text, BEGINNING) {
        return Err(stranger(path));
    }
    if let Some(kept) = &mut kept
        && whole < text.len()
    {
        kept.done = None;
    }
    Ok(kept)
}

/// Tells whether a text may be the rest of a text with this beginning.
fn torn_from(text: &[u8], beginning: &str) -> bool {
    let shorter = text.len().min(beginning.len());
    text[..shorter] == beginning.as_bytes()[..shorter]
}

/// Returns the error for a first line of another format version.
fn other_format(line: &[u8], path: &Path) -> Option<ResultsError> {
    #[derive(Deserialize)]
    struct Beginning {
        results: Format,
    }
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Beginning { results: Format { format } } = serde_json::from_slice(line).ok()?;
    (format != FORMAT).then(|| {
        let message = format!("`{}` is of format {format}, and this nslab knows {FORMAT}", path.display());
        ResultsError::new(message, Some("grade anew into another file"))
    })
}

/// Returns the error that a file is no results file.
pub(super) fn stranger(path: &Path) -> ResultsError {
    let message = format!("`{}` is no results file of `nslab grade`", path.display());
    ResultsError::new(message, Some("name a new file, or one that `--resume` has written"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercise::Mark;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("nslab-results-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn file(&self) -> PathBuf {
            self.0.join("results.jsonl")
        }

        fn open(&self) -> Result<Results, String> {
            Results::open(&self.file(), &heading("a", "text"))
                .map_err(|error| error.to_string().replace(&self.file().display().to_string(), "FILE"))
        }

        fn text(&self) -> String {
            std::fs::read_to_string(self.file()).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn heading(exercise: &str, text: &str) -> Heading {
        Heading { exercise: exercise.into(), fingerprint: Fingerprint::of([text]) }
    }

    fn graded(student: &str, points: u64) -> Graded {
        let mark =
            Mark { name: "it pings".into(), passed: Some(points > 0), points, max: 2, ..Mark::default() };
        Graded { student: student.into(), points, max: 2, checks: vec![mark], ..Graded::default() }
    }

    fn handed_in(text: &str) -> Fingerprint {
        Fingerprint::of([text])
    }

    #[test]
    fn what_was_graded_is_known_again() {
        let folder = Folder::new("known");
        let mut results = folder.open().unwrap();
        results.keep(&handed_in("one"), &graded("alice", 2)).unwrap();
        results.keep(&handed_in("two"), &graded("bob", 0)).unwrap();
        results.keep(&handed_in("three"), &graded("bob", 2)).unwrap();
        results.done(None).unwrap();
        let results = folder.open().unwrap();
        assert_eq!(results.known("alice", &handed_in("one")), Some(&graded("alice", 2)));
        assert_eq!(results.known("alice", &handed_in("changed")), None);
        assert_eq!(results.known("bob", &handed_in("three")), Some(&graded("bob", 2)));
        assert_eq!(results.known("carol", &handed_in("one")), None);
    }

    #[test]
    fn what_was_not_measured_is_tried_again() {
        let folder = Folder::new("again");
        let mut lost = graded("alice", 0);
        lost.checks[0] =
            Mark { max: 0, passed: None, unmeasured: Some("no memory".into()), ..lost.checks[0].clone() };
        lost.max = 0;
        folder.open().unwrap().keep(&handed_in("one"), &lost).unwrap();
        assert_eq!(folder.open().unwrap().known("alice", &handed_in("one")), None);
    }

    /// A run may be killed at each byte.
    #[test]
    fn a_file_torn_at_any_byte_goes_on() {
        let folder = Folder::new("torn");
        let mut results = folder.open().unwrap();
        results.keep(&handed_in("one"), &graded("alice", 2)).unwrap();
        results.keep(&handed_in("two"), &graded("bob", 0)).unwrap();
        drop(results);
        let whole = folder.text();
        for length in 0..whole.len() {
            std::fs::write(folder.file(), &whole[..length]).unwrap();
            let mut results = folder.open().unwrap();
            let known = results.known("alice", &handed_in("one")).is_some();
            assert_eq!(
                known,
                whole[..length].lines().count() >= 2 && whole[..length].matches('\n').count() >= 2
            );
            results.keep(&handed_in("one"), &graded("alice", 2)).unwrap();
            results.keep(&handed_in("two"), &graded("bob", 0)).unwrap();
            drop(results);
            let results = folder.open().unwrap();
            assert!(results.known("alice", &handed_in("one")).is_some(), "{length}");
            assert!(results.known("bob", &handed_in("two")).is_some(), "{length}");
        }
    }

    #[test]
    fn another_file_is_left_alone_and_named() {
        let folder = Folder::new("other");
        drop(folder.open().unwrap());
        let open = |heading: &Heading| {
            let said = Results::open(&folder.file(), heading).map(|_| ()).map_err(|error| error.to_string());
            said.map_err(|said| said.replace(&folder.file().display().to_string(), "FILE"))
        };
        assert_eq!(
            open(&heading("b", "text")),
            Err("`FILE` has results of `a`, not of `b`\nhint: name another file".into())
        );
        let (then, now) = (Fingerprint::of(["text"]), Fingerprint::of(["new"]));
        assert_eq!(
            open(&heading("a", "new")),
            Err(format!(
                "`FILE` has results of another text of `a`: it was {then}, and is {now} now\n\
                 hint: the exercise or its seed has changed since: grade anew into another file"
            ))
        );
        let no_results = "`FILE` is no results file of `nslab grade`\n\
                          hint: name a new file, or one that `--resume` has written";
        for text in ["ip link add", "ip link add\n", "{}", "{}\n", "[1]\n", "{\"results\":1}\n", "\n", "\0"] {
            std::fs::write(folder.file(), text).unwrap();
            assert_eq!(folder.open().map(|_| ()), Err(no_results.into()), "{text:?}");
            assert_eq!(folder.text(), text);
        }
        let line = serde_json::json!({"results": {"format": 2, "exercise": "a", "fingerprint": "0"}});
        std::fs::write(folder.file(), format!("{line}\n")).unwrap();
        assert_eq!(
            folder.open().map(|_| ()),
            Err("`FILE` is of format 2, and this nslab knows 1\nhint: grade anew into another file".into())
        );
    }

    #[test]
    fn a_damaged_line_is_named() {
        let folder = Folder::new("damaged");
        drop(folder.open().unwrap());
        let heading = folder.text();
        let line = |graded: &Graded| {
            let line = Line::Graded { submission: handed_in("one"), graded: graded.clone() };
            serde_json::to_string(&line).unwrap()
        };
        let said = |line: &str| {
            std::fs::write(folder.file(), format!("{heading}{line}\n")).unwrap();
            folder.open().map(|_| ())
        };
        assert_eq!(said(&line(&graded("alice", 2))), Ok(()));
        let more = Graded { points: 3, ..graded("alice", 2) };
        assert_eq!(
            said(&line(&more)),
            Err("`FILE` is damaged: line 2: the points of `alice` don't add up".into())
        );
        assert_eq!(
            said("{\"graded\":{\"student\":"),
            Err("`FILE` is damaged: line 2: EOF while parsing a value".into())
        );
        assert_eq!(said(heading.trim()), Err("`FILE` is damaged: line 2: it begins a second time".into()));
    }

    #[test]
    fn one_run_writes_at_a_time() {
        let folder = Folder::new("lock");
        let first = folder.open().unwrap();
        let said = "`FILE` is in use by another `nslab grade`\n\
                    hint: give each run a results file of its own, and merge them";
        assert_eq!(folder.open().map(|_| ()), Err(said.into()));
        drop(first);
        assert!(folder.open().is_ok());
    }

    #[test]
    fn what_keeps_nothing_is_no_results_file() {
        let said =
            |path: &str| Results::open(path.as_ref(), &heading("a", "")).map(|_| ()).map_err(|e| e.message);
        assert_eq!(said("/dev/full"), Err("`/dev/full` is no file that results can be kept in".into()));
        assert_eq!(said("/"), Err("`/` is no file that results can be kept in".into()));
        assert_eq!(said("/nowhere/x"), Err("failed to open `/nowhere/x`: No such file or directory".into()));
    }
}
