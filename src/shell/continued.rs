//! Removes continuation prompts: a shell shows them before the further lines of a
//! command, and people paste them along.

use super::paste::Parsed;
use super::prompt::prompt_of;
use super::scan::Scan;
use std::collections::{BTreeMap, BTreeSet};

/// Words that zsh shows before its `> ` for open constructs.
const OPEN: [&str; 23] = [
    "always", "bquote", "case", "cmdand", "cmdor", "cmdsubst", "cursh", "do", "dquote", "elif", "else",
    "for", "function", "heredoc", "if", "pipe", "quote", "repeat", "select", "subsh", "then", "until",
    "while",
];

/// The lines whose continuation prompt was removed.
#[derive(Debug, Default)]
pub(super) struct Continued {
    /// The number of characters that each line has lost, by line number.
    pub widths: BTreeMap<u32, usize>,
    tried: BTreeSet<u32>,
}

impl Continued {
    /// Searches the lines after those with a prompt, and removes the continuation
    /// prompts of the next command. Tells whether there was one.
    ///
    /// A `> ` may be text. It counts as a prompt only if the line before it is
    /// incomplete, and if the lines together are a command, or no more lines
    /// follow that could belong to it.
    pub fn take<E>(
        &mut self,
        lines: &mut [String],
        scan: &Scan,
        check: &mut impl FnMut(&str) -> Result<Parsed, E>,
    ) -> Result<bool, E> {
        for (number, width) in &scan.prompts {
            let first = *number as usize;
            let widths: Vec<usize> = lines[first..].iter().map_while(|line| continuation(line)).collect();
            if widths.is_empty() || !self.tried.insert(*number) {
                continue;
            }
            let head = lines[first - 1].chars().skip(*width).collect::<String>();
            let goes_on = |parsed: &Parsed| matches!(parsed, Parsed::Wrong(complaint) if complaint.at_end);
            if !ends_with_backslash(&head) && !goes_on(&check(&format!("{head}\n"))?) {
                continue;
            }
            let mut text = format!("{head}\n");
            for (line, width) in lines[first..].iter().zip(&widths) {
                text.extend(line.chars().skip(*width).chain(['\n']));
            }
            let behind = lines.get(first + widths.len());
            let alone = behind.is_none_or(|line| line.trim().is_empty() || prompt_of(line) > 0);
            if !alone && check(&text)? != Parsed::Sound {
                continue;
            }
            for (at, width) in (first..).zip(widths) {
                lines[at] = lines[at].chars().skip(width).collect();
                self.widths.insert(at as u32 + 1, width);
            }
            return Ok(true);
        }
        Ok(false)
    }
}

/// Tells whether a backslash joins the next line to this one.
pub(super) fn ends_with_backslash(line: &str) -> bool {
    line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

/// Returns the width of a line's continuation prompt, in characters.
fn continuation(line: &str) -> Option<usize> {
    let text = line.trim_start();
    let (words, rest) = text.split_once('>')?;
    let known = words.split(' ').all(|word| OPEN.contains(&word));
    if !(words.is_empty() || known) || !(rest.is_empty() || rest.starts_with([' ', '\r'])) {
        return None;
    }
    let blank = usize::from(rest.starts_with(' '));
    Some(line.chars().count() - rest.chars().count() + blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_of_lines_that_go_on_are_known() {
        for (line, width) in [("> a", 2), (">", 1), ("  >   a", 4), ("dquote> a", 8), ("for then> a", 10)] {
            assert_eq!(continuation(line), Some(width), "{line}");
        }
        for line in ["", "a", ">a", ">> a", "echo > a", "1> a"] {
            assert_eq!(continuation(line), None, "{line}");
        }
    }
}
