//! Turns pasted text into a script for bash, line by line.
//!
//! A prompt becomes blanks, so that columns stay the same. A line that bash can't
//! parse becomes a failing command, so that the others run. Bash gets everything
//! else as it is.

use super::continued::{Continued, ends_with_backslash};
use super::prompt::prompt_of;
use super::scan::Scan;
use std::collections::BTreeMap;

/// Bash's complaint about a text that it can't parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    /// The line, in bash's count.
    pub line: u32,
    /// The text of the line, if bash shows it.
    pub text: Option<String>,
    /// The message.
    pub words: String,
    /// Whether the text ended in the middle of a command.
    pub at_end: bool,
    /// The delimiter of an unclosed here-document. The line is then its first
    /// one.
    pub here: Option<String>,
}

/// Bash's answer about a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    /// It can be run.
    Sound,
    /// It can't.
    Wrong(Complaint),
}

/// A text in the form for bash.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// The text for bash: the same number of lines, and an `exit` below.
    pub text: String,
    /// The places of its commands.
    pub scan: Scan,
    /// The lines that bash can't parse.
    pub unparsable: BTreeMap<u32, Unparsable>,
    /// The line of that `exit`. Bash reaches it after all other lines.
    pub end: u32,
    /// The width of the continuation prompts that the text lacks, by line.
    pub widths: BTreeMap<u32, usize>,
}

/// A line that bash can't parse, with the lines that backslashes join to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unparsable {
    /// The line as it was written.
    pub text: String,
    /// Bash's message.
    pub words: String,
    /// Whether not even a failing command is possible there.
    pub left_out: bool,
    /// The last of the joined lines.
    last: u32,
}

/// Fails silently with bash's exit code for a syntax error.
const FAILING: &str = "[ 0 0 ] 2> /dev/null";

/// Bash's exit code for a syntax error.
pub(super) const SYNTAX_ERROR: i32 = 2;

/// The most tries to find the reason why a text ends too early.
const TRIES: usize = 100;

impl Script {
    /// Makes a script from a text; `check` asks bash whether it can parse a text.
    pub fn of<E>(text: &str, mut check: impl FnMut(&str) -> Result<Parsed, E>) -> Result<Self, E> {
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        let mut unparsable: BTreeMap<u32, Unparsable> = BTreeMap::new();
        let mut continued = Continued::default();
        loop {
            let (cleaned, scan) = clean(&lines, &unparsable);
            if continued.take(&mut lines, &scan, &mut check)? {
                continue;
            }
            let complaint = match check(&cleaned)? {
                Parsed::Wrong(complaint) => complaint,
                Parsed::Sound => return Ok(Self::finish(&cleaned, scan, unparsable, continued.widths)),
            };
            if lines.is_empty() {
                // The complaint needs a line that it is about.
                lines.push(String::new());
                continue;
            }
            let line = match complaint.at_end {
                false => shown(&cleaned, &complaint),
                true if complaint.here.is_some() => complaint.line,
                true => match scan.open {
                    Some(line) => line,
                    None => unfinished(&cleaned, &scan, &mut check)?.unwrap_or(complaint.line),
                },
            };
            let line = line.clamp(1, lines.len().max(1) as u32);
            let known = unparsable.range(..=line).next_back();
            let known = known.filter(|(_, known)| known.last >= line).map(|(first, _)| *first);
            match known.and_then(|first| unparsable.get_mut(&first)) {
                None => {
                    let (first, last) = joined(&lines, line);
                    let here = complaint.here.map(|delimiter| end_of_here(&lines, first, last, &delimiter));
                    let last = here.unwrap_or(last);
                    let text = lines[first as usize - 1..last as usize].join("\n");
                    let text: String = text.chars().skip(prompt_of(&text)).collect();
                    let text = Some(text.trim()).filter(|text| !text.is_empty());
                    let text = text.unwrap_or(lines[first as usize - 1].trim()).to_string();
                    let words = complaint.words;
                    unparsable.insert(first, Unparsable { text, words, left_out: false, last });
                }
                Some(known) if !known.left_out => known.left_out = true,
                Some(known) => {
                    // No single line helps: treat the rest as one unparsable
                    // part.
                    let last = lines.len() as u32;
                    let first = if known.last == last { 1 } else { line };
                    let text = lines[first as usize - 1..].join("\n").trim().to_string();
                    let words = complaint.words;
                    unparsable.retain(|other, _| *other < first);
                    unparsable.insert(first, Unparsable { text, words, left_out: false, last });
                }
            }
        }
    }

    fn finish(
        cleaned: &str,
        scan: Scan,
        unparsable: BTreeMap<u32, Unparsable>,
        widths: BTreeMap<u32, usize>,
    ) -> Self {
        // Below a blank line, in case a backslash ends the last line.
        let text = format!("{}\nexit\n", watched_traps(cleaned, &scan));
        let end = cleaned.lines().count() as u32 + 2;
        Self { text, scan, unparsable, end, widths }
    }
}

/// Returns the line of a complaint. After a here-document, bash's count is beyond
/// the line that it means and shows.
fn shown(text: &str, complaint: &Complaint) -> u32 {
    let lines: Vec<&str> = text.lines().collect();
    let up_to = lines.len().min(complaint.line as usize);
    let found =
        complaint.text.as_ref().and_then(|shown| lines[..up_to].iter().rposition(|line| line == shown));
    found.map_or(complaint.line, |at| at as u32 + 1)
}

/// Returns the first and the last line that backslashes join to this one.
fn joined(lines: &[String], line: u32) -> (u32, u32) {
    let goes_on = |line: u32| lines.get(line as usize - 1).is_some_and(|text| ends_with_backslash(text));
    let (mut first, mut last) = (line, line);
    while first > 1 && goes_on(first - 1) {
        first -= 1;
    }
    while (last as usize) < lines.len() && goes_on(last) {
        last += 1;
    }
    (first, last)
}

/// Returns the last line of an unclosed here-document: a line that is nearly its
/// delimiter, or, if it began at a prompt, the last line before the next prompt.
/// Otherwise its end is unknown, and the lines below it count as commands.
fn end_of_here(lines: &[String], first: u32, last: u32, delimiter: &str) -> u32 {
    let prompted = prompt_of(&lines[first as usize - 1]) > 0;
    for (at, line) in (last..).zip(&lines[last as usize..]) {
        if prompted && prompt_of(line) > 0 {
            return at;
        }
        if line.trim() == delimiter {
            return at + 1;
        }
    }
    last
}

/// Returns the text with blanks in place of prompts and fences, and without
/// unparsable lines.
fn clean(lines: &[String], unparsable: &BTreeMap<u32, Unparsable>) -> (String, Scan) {
    let mut kept: Vec<String> = lines.iter().map(|line| line.trim_end_matches('\r').to_string()).collect();
    for (first, what) in unparsable {
        for line in *first..=what.last {
            kept[line as usize - 1].clear();
        }
        if !what.left_out {
            kept[*first as usize - 1] = FAILING.into();
        }
    }
    let join = |lines: &[String]| lines.iter().flat_map(|line| [line, "\n"]).collect::<String>();
    let scan = Scan::of(&join(&kept));
    for (number, width) in &scan.prompts {
        let line = &mut kept[*number as usize - 1];
        let rest: String = line.chars().skip(*width).collect();
        *line = format!("{}{rest}", " ".repeat(*width));
    }
    (join(&kept), scan)
}

/// Finds the unfinished compound command: the last line that may begin one and
/// before which everything is correct.
fn unfinished<E>(
    text: &str,
    scan: &Scan,
    check: &mut impl FnMut(&str) -> Result<Parsed, E>,
) -> Result<Option<u32>, E> {
    let begins = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        ["if", "for", "while", "until", "case", "select", "{", "function"].contains(&word)
            || word.starts_with('(')
            || line.contains("()")
            || line.contains("{")
    };
    let lines: Vec<&str> = text.lines().collect();
    let candidates = (0..lines.len()).rev().filter(|at| scan.fresh[*at] && begins(lines[*at]));
    for at in candidates.take(TRIES) {
        let before: String = lines[..at].iter().flat_map(|line| [line, "\n"]).collect();
        if check(&before)? == Parsed::Sound {
            return Ok(Some(at as u32 + 1));
        }
    }
    Ok(None)
}

/// Redirects the script's own DEBUG traps, so that the watching trap calls them:
/// a `trap` of the script would replace it.
fn watched_traps(text: &str, scan: &Scan) -> String {
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    let mut simples: Vec<_> = scan.simples.iter().collect();
    simples.sort_by_key(|simple| std::cmp::Reverse((simple.line, simple.column)));
    for simple in simples {
        let mut words = simple.text.split_whitespace();
        if words.next() == Some("trap") && words.any(|word| word == "DEBUG") {
            let line = &mut lines[simple.line as usize - 1];
            let at = line.char_indices().nth(simple.column as usize - 1).map_or(0, |(at, _)| at);
            line.insert_str(at, super::prelude::PREFIX);
        }
    }
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with a complaint for each text with `(x)`.
    fn check(text: &str) -> Result<Parsed, ()> {
        let complaint =
            |at| Complaint { line: at as u32 + 1, text: None, words: "no".into(), at_end: false, here: None };
        let line = text.lines().position(|line| line.contains("(x)"));
        Ok(line.map_or(Parsed::Sound, |at| Parsed::Wrong(complaint(at))))
    }

    #[test]
    fn a_line_that_can_not_be_parsed_fails_alone() {
        let script = Script::of("$ a\nb (x)\nc \\\n d (x)\n❯ e", check).unwrap();
        assert_eq!(script.text, format!("  a\n{FAILING}\n{FAILING}\n\n  e\n\nexit\n"));
        assert_eq!(script.unparsable[&2].text, "b (x)");
        assert_eq!(script.unparsable[&3].text, "c \\\n d (x)");
        assert_eq!(script.end, 7);
    }

    #[test]
    fn text_in_a_here_document_stays() {
        let script = Script::of("cat <<E\n$ a\n```\nE\n", check).unwrap();
        assert_eq!(script.text, "cat <<E\n$ a\n```\nE\n\nexit\n");
    }

    #[test]
    fn a_debug_trap_is_one_beside_ours() {
        let script = Script::of("a; trap 'b' DEBUG\ntrap c EXIT", check).unwrap();
        assert!(script.text.starts_with("a; __nslab_trap 'b' DEBUG\ntrap c EXIT\n"), "{}", script.text);
    }
}
