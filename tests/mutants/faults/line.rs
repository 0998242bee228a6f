//! A line of a lab, read.

use super::Edit;

/// A line of a lab, read.
pub struct Line<'a> {
    pub at: usize,
    pub text: &'a str,
    pub ns: &'a str,
    pub words: Vec<&'a str>,
}

impl<'a> Line<'a> {
    pub fn read(at: usize, text: &'a str) -> Self {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let mut ns = "host";
        if words.contains(&"macvlan") {
            ns = words[words.iter().position(|word| *word == "netns").expect("it goes somewhere") + 1];
        }
        if words[0] == "ip" && words[1] == "-n" {
            ns = words[2];
            words.drain(1..3);
        } else if words[1..].starts_with(&["netns", "exec"]) {
            ns = words[3];
            words.drain(..4);
        }
        Self { at, text, ns, words }
    }

    pub fn is(&self, words: &[&str]) -> bool {
        self.words.starts_with(words)
    }

    pub fn after(&self, word: &str) -> Option<&'a str> {
        let at = self.words.iter().position(|known| *known == word)?;
        self.words.get(at + 1).copied()
    }

    /// The link that it is about.
    pub fn dev(&self) -> &'a str {
        self.after("dev").expect("it is about a link")
    }

    pub fn instead(&self, old: &str, new: &str) -> Edit {
        Edit::Line(self.at, Some(self.text.replacen(old, new, 1)))
    }
}
