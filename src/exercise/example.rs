use crate::lab::{Lab, Language, Solution};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A script that a student may hand in, and the points that it deserves: another
/// solution, or a counter-example, which is wrong.
///
/// It lies beside the reference solution, in a folder with the exercise's name:
/// `solutions/router/right-default-routes.sh`,
/// `solutions/router/wrong-own-cable.sh`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The script, with the drawn values filled in.
    pub solution: Solution,
    /// The points that it deserves.
    pub deserves: u64,
    /// Whether it is another solution.
    pub is_right: bool,
}

/// The reason why an example can't be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsound {
    /// The file or folder.
    pub path: String,
    /// The error message: lower case, no full stop.
    pub error: String,
    /// Help for the user.
    pub hint: Option<String>,
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.error)
    }
}

/// The prefixes of the file names of other solutions and of counter-examples.
const RIGHT: &str = "right-";
const WRONG: &str = "wrong-";

/// Returns the examples of an exercise, by name.
///
/// # Errors
///
/// If a file can't be read, or a counter-example does not state the points that
/// it deserves and the points that there are.
pub fn examples(lab: &Lab) -> Result<Vec<Example>, Unsound> {
    let Some(folder) = folder(lab) else { return Ok(Vec::new()) };
    let worth = lab.judging().map(|check| u64::from(check.points)).sum();
    let unread = |path: &Path, error: &io::Error| Unsound {
        path: path.display().to_string(),
        error: format!("failed to read it: {error}"),
        hint: None,
    };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unread(&folder, &error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unread(&folder, &error))?.path();
        paths.extend(Some(path).filter(|path| begins_with(path, RIGHT) || begins_with(path, WRONG)));
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|error| unread(&path, &error))?;
        let language = Language::of(&path).unwrap_or_else(|| Language::of_text(&text));
        let shown = path.display().to_string();
        let is_right = begins_with(&path, RIGHT);
        let deserves = if is_right { Ok(worth) } else { deserved(&text, worth) };
        let deserves =
            deserves.map_err(|(error, hint)| Unsound { path: shown.clone(), error, hint: Some(hint) })?;
        let text = lab.picks("").fill(&text);
        Ok(Example { solution: Solution { path: shown, text, language }, deserves, is_right })
    };
    paths.into_iter().map(read).collect()
}

fn begins_with(path: &Path, prefix: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

/// Returns the folder of an exercise's examples.
fn folder(lab: &Lab) -> Option<PathBuf> {
    let reference = Path::new(&lab.gap.as_ref()?.reference.path);
    Some(reference.parent()?.join(lab.source.path.file_stem()?))
}

/// Returns the points in the first line, such as `# deserves: 2 of 7`, or `//
/// deserves: 2 of 7` in a `.rhai` script.
fn deserved(text: &str, worth: u64) -> Result<u64, (String, String)> {
    let form = || format!("write `# deserves: 0 of {worth}`, or `// deserves: …` in a `.rhai` file");
    let mut lines = text.lines().skip_while(|line| line.starts_with("#!"));
    let first = lines.next().unwrap_or_default();
    let comment = first.strip_prefix('#').or_else(|| first.strip_prefix("//")).map(str::trim_start);
    let Some(said) = comment.and_then(|comment| comment.strip_prefix("deserves:")) else {
        return Err(("its first line does not say what it deserves".into(), form()));
    };
    let words: Vec<&str> = said.split_whitespace().collect();
    let numbers = match words[..] {
        [points, "of", all] => points.parse::<u64>().ok().zip(all.parse::<u64>().ok()),
        _ => None,
    };
    let Some((points, all)) = numbers else {
        return Err((format!("`{}` is not what a counter-example deserves", said.trim()), form()));
    };
    if all != worth {
        return Err((format!("it speaks of {all} points, and the checks are worth {worth}"), form()));
    }
    match points < worth {
        true => Ok(points),
        false => {
            let hint = "what deserves all points is a solution, and no counter-example".to_string();
            Err((format!("it deserves {points} of {worth} points"), hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_what_it_deserves() {
        let error = |text: &str| deserved(text, 7).unwrap_err().0;
        assert_eq!(deserved("# deserves: 2 of 7\ntrue\n", 7), Ok(2));
        assert_eq!(deserved("#!/bin/bash\n#deserves: 0 of 7\n", 7), Ok(0));
        assert_eq!(deserved("// deserves: 6 of 7", 7), Ok(6));
        assert_eq!(error(""), "its first line does not say what it deserves");
        assert_eq!(error("true\n# deserves: 2 of 7\n"), "its first line does not say what it deserves");
        assert_eq!(error("# deserves: nothing"), "`nothing` is not what a counter-example deserves");
        assert_eq!(error("# deserves: -1 of 7"), "`-1 of 7` is not what a counter-example deserves");
        assert_eq!(error("# deserves: 2 of 8"), "it speaks of 8 points, and the checks are worth 7");
        assert_eq!(error("# deserves: 7 of 7"), "it deserves 7 of 7 points");
    }
}
