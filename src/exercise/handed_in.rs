use super::fingerprint::Fingerprint;
use crate::lab::{HeldFile, Language, Solution};
use std::io;
use std::path::Path;

/// The largest submission, in bytes.
pub const LARGEST: u64 = 1 << 20;

/// Shells whose scripts bash runs as they are meant.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "ksh", "zsh"];

/// What somebody has handed in, ready to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedIn {
    /// The script.
    pub solution: Solution,
    /// What was set right in it.
    pub remarks: Vec<String>,
}

/// Why a submission can't be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It is nothing that can be graded: no points.
    Work(String),
    /// It could not be read here, which is not the student's fault: not
    /// measured.
    Machine(String),
}

impl Unfit {
    pub(super) fn work(reason: impl Into<String>) -> Self {
        Self::Work(reason.into())
    }

    /// Nobody but the machine's owner can help.
    pub(super) fn failed(what: &str, error: &io::Error) -> Self {
        Self::Machine(format!("failed to read {what}: {}", words(error)))
    }

    /// What tells it from another one, and from what can be run.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of([self.reason()])
    }

    /// The reason.
    pub fn reason(&self) -> &str {
        match self {
            Self::Work(reason) | Self::Machine(reason) => reason,
        }
    }
}

impl HandedIn {
    /// Reads a file that somebody else has made, and that was found at `path`.
    ///
    /// # Errors
    ///
    /// If it is no script that can be run, or can't be read.
    pub(super) fn read(found: &HeldFile, path: &Path) -> Result<Self, Unfit> {
        if !found.is_file() {
            return Err(Unfit::work(format!("the submission is {}, and no file", found.what())));
        }
        // It may grow while it is read.
        let too_long = |size: u64| {
            let (size, limit) = (size.max(LARGEST + 1).div_ceil(1 << 20), LARGEST >> 20);
            Unfit::work(format!("the submission is {size} MiB long: {limit} MiB is the most"))
        };
        if found.size() > LARGEST {
            return Err(too_long(found.size()));
        }
        let bytes = found.read(LARGEST).map_err(|error| Unfit::failed("the submission", &error))?;
        if bytes.len() as u64 > LARGEST { Err(too_long(LARGEST + 1)) } else { of_bytes(path, bytes) }
    }

    /// What tells it from another one.
    pub fn fingerprint(&self) -> Fingerprint {
        let language = match self.solution.language {
            Language::Shell => "sh",
            Language::Rhai => "rhai",
        };
        // What was set right in it is told with the grade.
        let remarks = self.remarks.iter().map(String::as_str);
        Fingerprint::of([language, &self.solution.text].into_iter().chain(remarks))
    }
}

/// A submission of what a file of this name contains.
pub(super) fn of_bytes(path: &Path, bytes: Vec<u8>) -> Result<HandedIn, Unfit> {
    let mut remarks = Vec::new();
    let text = text(bytes, &mut remarks)?;
    let language = language(path, &text)?;
    let solution = Solution { path: path.display().to_string(), text, language };
    Ok(HandedIn { solution, remarks })
}

/// The text of a submission, with the line ends and without the mark that
/// other systems write.
fn text(bytes: Vec<u8>, remarks: &mut Vec<String>) -> Result<String, Unfit> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Unfit::work("the submission is UTF-16 text: save it as UTF-8"));
    }
    if bytes.contains(&0) {
        return Err(Unfit::work("the submission is no text, but a binary file"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Unfit::work(format!("the submission is not UTF-8 text (line {line}): save it as UTF-8"))
    })?;
    let text = match text.strip_prefix('\u{feff}') {
        Some(text) => {
            remarks.push("a byte order mark at the beginning was left out".into());
            text.to_string()
        }
        None => text,
    };
    if text.trim().is_empty() {
        return Err(Unfit::work("the submission is empty"));
    }
    if !text.contains("\r\n") {
        return Ok(text);
    }
    remarks.push("Windows line ends were read as those of Linux".into());
    Ok(text.replace("\r\n", "\n"))
}

/// What a submission is written in. A script of another language is none,
/// whatever its file is called.
fn language(path: &Path, text: &str) -> Result<Language, Unfit> {
    let written_for = interpreter(text);
    let is_shell = written_for.is_some_and(|program| SHELLS.contains(&program));
    match (Language::of(path), written_for) {
        (Some(Language::Rhai), _) => Ok(Language::Rhai),
        (_, Some(_)) if is_shell => Ok(Language::Shell),
        (_, Some(program)) => {
            let program: String = program.chars().take(40).collect();
            Err(Unfit::work(format!(
                "the submission is a script of `{program}`: a shell script or a Rhai script is wanted"
            )))
        }
        (Some(Language::Shell), None) => Ok(Language::Shell),
        (None, None) => Err(Unfit::work(
            "the submission is neither a `.sh` file, a shell script, nor a `.rhai` file, a Rhai script",
        )),
    }
}

/// The program for which a script is written, by its first line.
fn interpreter(text: &str) -> Option<&str> {
    let line = text.lines().next()?.strip_prefix("#!")?;
    let mut words = line.split_whitespace();
    let base = |word: &'_ str| -> usize { word.rfind('/').map_or(0, |at| at + 1) };
    let program = words.next()?;
    let program = &program[base(program)..];
    if program != "env" {
        return Some(program);
    }
    let program = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    Some(&program[base(program)..])
}

/// The words of an I/O error, without the number.
pub(super) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.rfind(" (os error").map_or(text.as_str(), |at| &text[..at]).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8]) -> Result<(Language, String, Vec<String>), String> {
        let mut remarks = Vec::new();
        let text = text(bytes.to_vec(), &mut remarks);
        let read = text.and_then(|text| Ok((language(Path::new(name), &text)?, text)));
        read.map(|(language, text)| (language, text, remarks)).map_err(|unfit| unfit.reason().to_string())
    }

    #[test]
    fn a_script_is_what_its_name_or_its_first_line_says() {
        let language = |name, text: &str| read(name, text.as_bytes()).map(|(language, ..)| language);
        let no_script =
            "the submission is neither a `.sh` file, a shell script, nor a `.rhai` file, a Rhai script";
        let of = |program: &str| {
            Err(format!(
                "the submission is a script of `{program}`: a shell script or a Rhai script is wanted"
            ))
        };
        assert_eq!(language("a.sh", "ip link"), Ok(Language::Shell));
        assert_eq!(language("a.rhai", "netns(\"red\")"), Ok(Language::Rhai));
        assert_eq!(language("a", "#!/bin/bash -eu\nip link"), Ok(Language::Shell));
        assert_eq!(language("a.txt", "#! /usr/bin/env -S LANG=C bash -x\nip link"), Ok(Language::Shell));
        assert_eq!(language("a.sh", "#!/usr/bin/python\nimport os"), of("python"));
        assert_eq!(language("a.sh", "#!/usr/bin/env python3\nimport os"), of("python3"));
        assert_eq!(language("a.sh", "#!/usr/bin/fish\nls"), of("fish"));
        assert_eq!(language("a.py", "import os"), Err(no_script.into()));
        assert_eq!(language("a", "ip link"), Err(no_script.into()));
        assert_eq!(language("a.sh", "#!\nip link"), Ok(Language::Shell));
    }

    #[test]
    fn what_other_systems_write_is_set_right_and_said() {
        assert_eq!(
            read("a.sh", b"\xef\xbb\xbfip link\r\nip addr\r\n"),
            Ok((
                Language::Shell,
                "ip link\nip addr\n".into(),
                vec![
                    "a byte order mark at the beginning was left out".into(),
                    "Windows line ends were read as those of Linux".into()
                ]
            ))
        );
    }

    #[test]
    fn what_is_no_text_says_so() {
        let said = |bytes: &[u8]| read("a.sh", bytes).map(|_| ());
        assert_eq!(said(b""), Err("the submission is empty".into()));
        assert_eq!(said(b" \r\n\t\n"), Err("the submission is empty".into()));
        assert_eq!(said(b"\xef\xbb\xbf\n"), Err("the submission is empty".into()));
        assert_eq!(said(b"\x7fELF\0\0"), Err("the submission is no text, but a binary file".into()));
        assert_eq!(said(b"\xff\xfei\0p\0"), Err("the submission is UTF-16 text: save it as UTF-8".into()));
        assert_eq!(
            said(b"ip link\n# caf\xe9\n"),
            Err("the submission is not UTF-8 text (line 2): save it as UTF-8".into())
        );
    }
}
