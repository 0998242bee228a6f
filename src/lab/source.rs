use super::{Declared, Draw, LabName, Picks, Place, ToolUse};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The text of a lab, with its name.
#[derive(Debug, Clone)]
pub struct LabSource {
    /// `<subject>/<lab>`.
    pub name: LabName,
    /// The path as it was given, for messages.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
}

/// A helper file that a lab imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Helper {
    /// The path as it stands in the `import` statement.
    pub import: String,
    /// The path of the file, for messages.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// The language of a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    /// A script of nslab's own vocabulary, a `.rhai` file.
    Rhai,
    /// A script of bash(1), a `.sh` file.
    Shell,
}

impl Language {
    /// Returns the language of the file at `path`, if it is a lab.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "rhai" => Some(Self::Rhai),
            "sh" => Some(Self::Shell),
            _ => None,
        }
    }

    /// Returns the language of a text whose file name does not show it: by its
    /// first line.
    pub fn of_text(text: &str) -> Self {
        let first = text.lines().next().unwrap_or_default();
        if first.starts_with("#!") && first.trim_end().ends_with("sh") { Self::Shell } else { Self::Rhai }
    }
}

/// The gap of an exercise: the part before it is given, the part after it judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The place of the gap.
    pub place: Place,
    /// The reference solution as written, with a `{key}` for each drawn value.
    /// [`Lab::reference`] has the values filled in.
    pub reference: Solution,
    /// The submission, which runs in place of the reference.
    pub handed_in: Option<Solution>,
}

/// A script that runs in the gap of an exercise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solution {
    /// The path of the file, for messages.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// The language of the script.
    pub language: Language,
}

/// A lab that was read and is valid.
#[derive(Debug, Clone)]
pub struct Lab {
    /// Its text and name.
    pub source: LabSource,
    /// The language of the lab.
    pub language: Language,
    /// The outside tool without which it can't even start.
    pub tool: Option<ToolUse>,
    /// Its checks, in the order of their places.
    pub checks: Vec<Declared>,
    /// The helper files that it imports.
    pub helpers: Vec<Helper>,
    /// The draws for each student.
    pub draws: Vec<Draw>,
    /// The gap, if it is an exercise.
    pub gap: Option<Gap>,
}

impl Lab {
    /// Returns the exercise with a submission.
    ///
    /// A lab that is no exercise stays as it is.
    pub fn with(&self, handed_in: Solution) -> Self {
        let gap = self.gap.clone().map(|gap| Gap { handed_in: Some(handed_in), ..gap });
        Self { gap, ..self.clone() }
    }

    /// Returns the values drawn for a student: the seed is the student's name.
    pub fn picks(&self, seed: &str) -> Picks {
        Picks::of(&self.draws, seed)
    }

    /// Returns the description for a student, with the student's own values.
    pub fn task(&self, seed: &str) -> String {
        self.picks(seed).fill(&self.source.description())
    }

    /// Returns the reference solution of a student's own variant.
    pub fn reference(&self, seed: &str) -> Option<Solution> {
        let reference = self.gap.as_ref()?.reference.clone();
        Some(Solution { text: self.picks(seed).fill(&reference.text), ..reference })
    }

    /// Returns the checks that judge the submission: those after the gap.
    pub fn judging(&self) -> impl Iterator<Item = &Declared> {
        let gap = self.gap.as_ref().map(|gap| gap.place);
        self.checks.iter().filter(move |check| gap.is_some_and(|gap| gap < check.place))
    }
}

impl LabSource {
    /// Returns the lab's description: its leading `//!` lines.
    pub fn description(&self) -> String {
        let lines: Vec<&str> = self
            .text
            .lines()
            .skip_while(|line| line.trim().is_empty() || line.starts_with("#!"))
            .map_while(|line| line.trim_start().strip_prefix("//!"))
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        lines.join("\n").trim().to_string()
    }
}

/// Shows the line of `text` at `place` with a caret below the column.
///
/// ```
/// use nslab::lab::{Place, excerpt};
///
/// let shown = excerpt("let a = 1;\nping(b);\n", Place::new(2, 6)).unwrap();
/// assert_eq!(shown, "   |\n 2 | ping(b);\n   |      ^");
/// ```
pub fn excerpt(text: &str, place: Place) -> Option<String> {
    let line = text.lines().nth(place.line.checked_sub(1)? as usize)?;
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    // A tab stays a tab, so that the caret is in the right column at any tab
    // width.
    let indent: String = line
        .chars()
        .take(place.column.saturating_sub(1) as usize)
        .flat_map(|c| match c {
            '\t' => vec!['\t'],
            c if is_wide(c) => vec![' ', ' '],
            _ => vec![' '],
        })
        .collect();
    Some(format!(" {margin} |\n {number} | {line}\n {margin} | {indent}^"))
}

/// Tells whether a terminal shows `c` two columns wide (East Asian Width W
/// or F of UAX 11, the blocks that matter in running text).
fn is_wide(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3
        | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f | 0x1f900..=0x1f9ff | 0x20000..=0x3fffd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> LabSource {
        LabSource { name: LabName::of("x.rhai".as_ref()), path: "x.rhai".into(), text: text.into() }
    }

    #[test]
    fn description_is_the_leading_doc_lines() {
        assert_eq!(source("//! One.\n//!\n//! Two.\nlet a = 1;\n//! no").description(), "One.\n\nTwo.");
        assert_eq!(source("let a = 1;").description(), "");
    }

    #[test]
    fn the_caret_stands_below_wide_letters_and_tabs() {
        assert_eq!(excerpt("\t한x", Place::new(1, 3)).unwrap(), "   |\n 1 | \t한x\n   | \t  ^");
        assert_eq!(excerpt("one line", Place::new(2, 1)), None);
    }
}
