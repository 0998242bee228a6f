use super::gradebook::Gradebook;
use super::graded::{Graded, Mark};
use super::handed_in::words;
use super::results::{ResultsError, bounded, read, stranger};
use super::shard::Shard;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Several parts, joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// All students of all parts.
    pub book: Gradebook,
    /// Notices about what seems to be missing.
    pub notices: Vec<String>,
}

/// Joins gradebooks (of `--format json`) and results files (of `--resume`) into
/// one gradebook.
///
/// # Errors
///
/// If a file can't be read or is neither, or if files are of several exercises or
/// disagree about a student.
pub fn merge(paths: &[PathBuf]) -> Result<Merged, ResultsError> {
    let mut notices = Vec::new();
    let mut first: Option<(&Path, Gradebook)> = None;
    let mut students: BTreeMap<String, (&Path, Graded)> = BTreeMap::new();
    let mut shards = BTreeSet::new();
    let mut missing = 0;
    for path in paths {
        let (mut book, notice) = gradebook(path)?;
        notices.extend(notice);
        shards.insert(book.shard);
        missing += book.missing;
        for graded in std::mem::take(&mut book.results) {
            let student = graded.student.clone();
            let graded = match students.remove(&student) {
                None => (path.as_path(), graded),
                Some((other, known)) => (path.as_path(), agreed(other, known, path, graded)?),
            };
            students.insert(student, graded);
        }
        match &mut first {
            None => first = Some((path, book)),
            Some((other, known)) => one_exercise(other, known, path, book)?,
        }
    }
    let Some((_, book)) = first else {
        return Err(ResultsError::new("there is nothing to merge".into(), None));
    };
    notices.extend(parts_missing(&shards));
    let results = students.into_values().map(|(_, graded)| graded).collect();
    Ok(Merged { book: Gradebook { shard: None, missing, results, ..book }, notices })
}

/// Reads a gradebook or a results file. Also returns a notice if it is
/// incomplete.
fn gradebook(path: &Path) -> Result<(Gradebook, Option<String>), ResultsError> {
    let shown = path.display();
    let failed = |error| ResultsError::new(format!("failed to read `{shown}`: {}", words(&error)), None);
    let bytes = bounded(&File::open(path).map_err(failed)?, path)?;
    if let Some(book) = book_of(&bytes, path)? {
        let notice = (book.missing > 0)
            .then(|| format!("`{shown}` lacks {}: its run was interrupted", students(book.missing)));
        return Ok((book, notice));
    }
    let neither = || {
        let message = format!("`{shown}` is neither a gradebook nor a results file of `nslab grade`");
        let hint = "merge what `--format json` prints, and what `--resume` writes";
        ResultsError::new(message, Some(hint))
    };
    let kept = match read(&bytes, path) {
        Ok(kept) => kept.ok_or_else(neither)?,
        Err(error) if error == stranger(path) => return Err(neither()),
        Err(error) => return Err(error),
    };
    let notice = kept.done.is_none().then(|| {
        format!("`{shown}` was not graded to its end: students may be missing; run it again with `--resume {shown}`")
    });
    let book = Gradebook {
        exercise: kept.heading.exercise,
        fingerprint: Some(kept.heading.fingerprint),
        shard: kept.done.flatten(),
        missing: 0,
        results: kept.graded.into_values().map(|(_, graded)| graded).collect(),
    };
    Ok((book, notice))
}

/// Returns the gradebook in a file, if it is one.
pub(super) fn book_of(bytes: &[u8], path: &Path) -> Result<Option<Gradebook>, ResultsError> {
    let Ok(book) = serde_json::from_slice::<Gradebook>(bytes) else { return Ok(None) };
    match book.results.iter().find(|graded| !graded.adds_up()) {
        None => Ok(Some(book)),
        Some(graded) => {
            let shown = path.display();
            let message = format!("`{shown}` is damaged: the points of `{}` don't add up", graded.student);
            Err(ResultsError::new(message, None))
        }
    }
}

fn students(count: usize) -> String {
    if count == 1 { "1 student".into() } else { format!("{count} students") }
}

/// Checks that two files are of the same exercise, and the same text of it.
fn one_exercise(
    other: &Path,
    known: &mut Gradebook,
    path: &Path,
    book: Gradebook,
) -> Result<(), ResultsError> {
    let (other, path) = (other.display(), path.display());
    if known.exercise != book.exercise {
        let message =
            format!("`{other}` has grades of `{}`, and `{path}` of `{}`", known.exercise, book.exercise);
        return Err(ResultsError::new(message, Some("a gradebook is of one exercise")));
    }
    match (&known.fingerprint, book.fingerprint) {
        (Some(one), Some(another)) if *one != another => {
            let exercise = &known.exercise;
            let message = format!(
                "`{other}` and `{path}` have grades of two texts of `{exercise}`: {one}, and {another}"
            );
            Err(ResultsError::new(
                message,
                Some("the exercise or its seed has changed between them: grade anew"),
            ))
        }
        (None, fingerprint) => {
            known.fingerprint = fingerprint;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Returns what two files say about one student, unless they disagree. One of
/// them may have measured what the other one could not.
fn agreed(other: &Path, known: Graded, path: &Path, graded: Graded) -> Result<Graded, ResultsError> {
    let marks = |mark: &Mark| (mark.name.clone(), mark.passed, mark.points, mark.max);
    let open = |mark: &Mark| mark.unmeasured.is_some();
    let of = |graded: &Graded| graded.checks.iter().map(marks).collect::<Vec<_>>();
    let covers = |more: &Graded, less: &Graded| {
        more.checks.len() == less.checks.len()
            && more.checks.iter().zip(&less.checks).all(|(more, less)| {
                marks(more) == marks(less) || (more.name == less.name && open(less) && !open(more))
            })
    };
    if of(&known) == of(&graded) || covers(&known, &graded) {
        return Ok(known);
    }
    if covers(&graded, &known) {
        return Ok(graded);
    }
    let earned = |graded: &Graded| format!("{} of {}", graded.points, graded.max);
    let message = format!(
        "`{}` was graded twice: {} in `{}`, and {} in `{}`",
        known.student,
        earned(&known),
        other.display(),
        earned(&graded),
        path.display()
    );
    Err(ResultsError::new(message, Some("leave out the file that does not count")))
}

/// Returns the missing parts of a class.
fn parts_missing(shards: &BTreeSet<Option<Shard>>) -> Option<String> {
    let parts: BTreeSet<u32> = shards.iter().map(|shard| shard.map_or(1, |shard| shard.parts)).collect();
    let [parts] = parts.into_iter().collect::<Vec<_>>()[..] else { return None };
    let missing: Vec<String> = (1..=parts)
        .filter(|part| parts > 1 && !shards.contains(&Some(Shard { parts, part: *part })))
        .map(|part| format!("{part}/{parts}"))
        .collect();
    let shown = missing.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
    match missing.len() {
        0 => None,
        1..=10 => Some(format!("of the class, {shown} is missing")),
        more => Some(format!("of the class, {shown} and {} more are missing", more - 10)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercise::{Fingerprint, Heading, Results};
    use std::fs;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("nslab-merge-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn book(&self, name: &str, book: &Gradebook) {
            fs::write(self.0.join(name), serde_json::to_string(book).unwrap()).unwrap();
        }

        /// Merges files of the folder; returns the error as text.
        fn merge(&self, names: &[&str]) -> Result<Merged, String> {
            let paths: Vec<PathBuf> = names.iter().map(|name| self.0.join(name)).collect();
            let folder = format!("{}/", self.0.display());
            match merge(&paths) {
                Ok(mut merged) => {
                    for notice in &mut merged.notices {
                        *notice = notice.replace(&folder, "");
                    }
                    Ok(merged)
                }
                Err(error) => Err(error.to_string().replace(&folder, "")),
            }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn heading() -> Heading {
        Heading { exercise: "a".into(), fingerprint: Fingerprint::of(["text"]) }
    }

    fn graded(student: &str, points: u64) -> Graded {
        let mark =
            Mark { name: "it pings".into(), passed: Some(points > 0), points, max: 2, ..Mark::default() };
        Graded { student: student.into(), points, max: 2, checks: vec![mark], ..Graded::default() }
    }

    fn lost(student: &str) -> Graded {
        let mark = Mark { name: "it pings".into(), unmeasured: Some("no memory".into()), ..Mark::default() };
        Graded { student: student.into(), checks: vec![mark], ..Graded::default() }
    }

    fn part(part: u32, results: Vec<Graded>) -> Gradebook {
        Gradebook::new(&heading(), Some(Shard { parts: 3, part }), results)
    }

    #[test]
    fn parts_make_a_class() {
        let folder = Folder::new("parts");
        let results = vec![graded("alice", 2), graded("bob", 0), graded("carol", 2)];
        let whole = Gradebook::new(&heading(), None, results.clone());
        folder.book("1", &part(1, vec![results[2].clone()]));
        folder.book("2", &part(2, vec![results[0].clone()]));
        let mut kept = Results::open(&folder.0.join("3"), &heading()).unwrap();
        kept.keep(&Fingerprint::of(["x"]), &results[1]).unwrap();
        kept.done(Some(Shard { parts: 3, part: 3 })).unwrap();
        for order in [["1", "2", "3"], ["3", "1", "2"]] {
            let merged = folder.merge(&order).unwrap();
            assert_eq!(merged, Merged { book: whole.clone(), notices: Vec::new() });
        }
        let notices = folder.merge(&["1", "3"]).unwrap().notices;
        assert_eq!(notices, ["of the class, 2/3 is missing"]);
    }

    #[test]
    fn a_run_that_was_interrupted_is_named() {
        let folder = Folder::new("interrupted");
        let mut kept = Results::open(&folder.0.join("r"), &heading()).unwrap();
        kept.keep(&Fingerprint::of(["x"]), &graded("alice", 2)).unwrap();
        drop(kept);
        folder.book("j", &Gradebook { missing: 2, ..part(1, vec![graded("bob", 2)]) });
        assert_eq!(folder.merge(&["j"]).unwrap().notices[0], "`j` lacks 2 students: its run was interrupted");
        let merged = folder.merge(&["r"]).unwrap();
        assert_eq!(merged.book.results, [graded("alice", 2)]);
        assert_eq!(
            merged.notices,
            ["`r` was not graded to its end: students may be missing; run it again with `--resume r`"]
        );
    }

    #[test]
    fn a_student_is_there_once() {
        let folder = Folder::new("once");
        let book =
            |name: &str, graded: Graded| folder.book(name, &Gradebook::new(&heading(), None, vec![graded]));
        let also = Mark { rationale: Some("after 0.2 ms".into()), ..graded("alice", 2).checks[0].clone() };
        book("1", graded("alice", 2));
        book("same", Graded { checks: vec![also], ..graded("alice", 2) });
        book("less", graded("alice", 0));
        book("lost", lost("alice"));
        let both = |names: &[&str]| folder.merge(names).map(|merged| merged.book.results);
        assert_eq!(both(&["1", "same"]), Ok(vec![graded("alice", 2)]));
        assert_eq!(both(&["1", "1"]), Ok(vec![graded("alice", 2)]));
        assert_eq!(both(&["1", "lost"]), Ok(vec![graded("alice", 2)]));
        assert_eq!(both(&["lost", "1"]), Ok(vec![graded("alice", 2)]));
        assert_eq!(
            both(&["1", "less"]),
            Err("`alice` was graded twice: 2 of 2 in `1`, and 0 of 2 in `less`\n\
                 hint: leave out the file that does not count"
                .into())
        );
    }

    #[test]
    fn what_has_no_end_is_not_read_to_it() {
        let error = merge(&["/dev/zero".into()]).unwrap_err();
        assert_eq!(error.message, "`/dev/zero` is larger than 512 MiB");
    }

    #[test]
    fn what_does_not_belong_together_is_named() {
        let folder = Folder::new("other");
        let said = |names: &[&str]| folder.merge(names).map(|_| ()).unwrap_err();
        folder.book("1", &part(1, vec![graded("alice", 2)]));
        let other = Heading { exercise: "b".into(), ..heading() };
        folder.book("b", &Gradebook::new(&other, None, Vec::new()));
        assert_eq!(
            said(&["1", "b"]),
            "`1` has grades of `a`, and `b` of `b`\nhint: a gradebook is of one exercise"
        );
        let (then, now) = (heading().fingerprint, Fingerprint::of(["new"]));
        folder.book("new", &Gradebook::new(&Heading { fingerprint: now, ..heading() }, None, Vec::new()));
        assert_eq!(
            said(&["1", "new"]),
            format!(
                "`1` and `new` have grades of two texts of `a`: {then}, and {now}\n\
                 hint: the exercise or its seed has changed between them: grade anew"
            )
        );
        let neither = "`x` is neither a gradebook nor a results file of `nslab grade`\n\
                       hint: merge what `--format json` prints, and what `--resume` writes";
        for text in ["", "{", "ip link\n", "{}", "[]", "{\"exercise\": \"a\"}", "\u{0}"] {
            fs::write(folder.0.join("x"), text).unwrap();
            assert_eq!(said(&["1", "x"]), neither, "{text:?}");
        }
        folder.book("x", &part(2, vec![Graded { points: 9, ..graded("bob", 2) }]));
        assert_eq!(said(&["1", "x"]), "`x` is damaged: the points of `bob` don't add up");
        assert_eq!(said(&["nowhere"]), "failed to read `nowhere`: No such file or directory");
        assert_eq!(said(&[]), "there is nothing to merge");
    }
}
