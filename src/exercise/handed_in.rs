use super::fingerprint::Fingerprint;
use crate::lab::{HeldFile, Language, Solution};
use std::io;
use std::path::Path;

/// The largest submission, in bytes.
pub const LARGEST: u64 = 1 << 20;

/// The shells whose scripts bash runs as intended.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "ksh", "zsh"];

/// A submission, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedIn {
    /// The script.
    pub solution: Solution,
    /// The corrections made to it.
    pub remarks: Vec<String>,
}

/// The reason why a submission can't be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It can't be graded: no points.
    Work(String),
    /// It could not be read here, which is not the student's fault: not measured.
    Machine(String),
}

impl Unfit {
    pub(super) fn work(reason: impl Into<String>) -> Self {
        Self::Work(reason.into())
    }

    /// Returns a failure that only the machine's owner can fix.
    pub(super) fn failed(what: &str, error: &io::Error) -> Self {
        Self::Machine(format!("failed to read {what}: {}", words(error)))
    }

    /// Returns a hash that tells it from others, and from runnable submissions.
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
    /// Reads a submission that was found at `path`.
    ///
    /// # Errors
    ///
    /// If it is no script that can be run, or can't be read.
    pub(super) fn read(found: &HeldFile, path: &Path) -> Result<Self, Unfit> {
        if !found.is_file() {
            return Err(Unfit::work(format!("the submission is {}, and no file", found.what())));
        }
        // The file may grow while it is read.
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

    /// Returns a hash that tells it from others.
    pub fn fingerprint(&self) -> Fingerprint {
        let language = match self.solution.language {
            Language::Shell => "sh",
            Language::Rhai => "rhai",
        };
        // The grade reports the corrections.
        let remarks = self.remarks.iter().map(String::as_str);
        Fingerprint::of([language, &self.solution.text].into_iter().chain(remarks))
    }
}

/// Returns the submission with the content of a file of this name.
pub(super) fn of_bytes(path: &Path, bytes: Vec<u8>) -> Result<HandedIn, Unfit> {
    let mut remarks = Vec::new();
    let text = text(bytes, &mut remarks)?;
    let language = language(path, &text)?;
    let solution = Solution { path: path.display().to_string(), text, language };
    Ok(HandedIn { solution, remarks })
}

/// Returns the text of a submission, with Linux line ends and without a byte
/// order mark.
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

/// Returns the language of a submission. A script with the shebang of another
/// language is refused, whatever its name.
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

/// Returns the program in the script's shebang line.
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

/// Returns the message of an I/O error, without the number.
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
