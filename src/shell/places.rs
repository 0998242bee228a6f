//! Finds the places of commands in the script.

use super::paste::{Script, Unparsable};
use super::prelude::PREFIX;
use super::scan::Simple;
use super::told::Told;
use crate::event::{CallSite, Order};
use crate::lab::Place;
use std::collections::BTreeMap;

/// The places of a script's commands.
pub(super) struct Places<'a> {
    script: &'a Script,
    order: &'a Order,
    /// How many commands have begun at each place of a file.
    begun: BTreeMap<(Option<String>, Place), u32>,
}

impl<'a> Places<'a> {
    pub fn new(script: &'a Script, order: &'a Order) -> Self {
        Self { script, order, begun: BTreeMap::new() }
    }

    /// Takes a command that begins.
    pub fn begin(&mut self, at: &CallSite) {
        self.begun.insert((at.helper.clone(), at.place), at.nth);
    }

    /// Returns the place of a command that is about to run.
    pub fn call_site(&self, told: &Told, simple: Option<usize>) -> CallSite {
        let at = (self.helper(told), self.place(told, simple));
        let before = self.begun.get(&at).copied().unwrap_or_default();
        let (helper, place) = at;
        CallSite { helper, place, nth: before + 1 }
    }

    /// Returns the file of a command if it is not the lab itself.
    fn helper(&self, told: &Told) -> Option<String> {
        // A file that came with the order is reported by its path here.
        let is_it = |import: &String| told.file.rsplit('/').next() == Some(import);
        let came = self.order.helpers.iter().find(|helper| is_it(&helper.import));
        let file = came.map_or(told.file.clone(), |helper| helper.path.clone());
        Some(file).filter(|file| *file != self.order.path && !file.is_empty())
    }

    fn place(&self, told: &Told, simple: Option<usize>) -> Place {
        match simple.filter(|_| self.unparsable(told).is_none()) {
            Some(at) => {
                let simple = &self.script.scan.simples[at];
                Place::new(simple.line, simple.column + self.hidden(simple.line))
            }
            None => self.beginning(told.line),
        }
    }

    /// Returns the line of a command if bash can't parse it.
    pub fn unparsable(&self, told: &Told) -> Option<&'a Unparsable> {
        self.script.unparsable.get(&told.line).filter(|_| told.file == self.order.path)
    }

    /// Finds a command in the text; of several equal ones, the next one after the last.
    pub fn find(&self, told: &Told, last: Option<usize>) -> Option<usize> {
        if told.file != self.order.path {
            return None;
        }
        // Bash prints `> f` for `>f`, and `1>&2` for `>&2`.
        let squeeze = |text: &str| {
            let text = text.replace([' ', '\t', '\n', '\\'], "").replace(PREFIX, "");
            text.replace("1>&", ">&").replace("0<&", "<&")
        };
        let wanted = squeeze(&told.command);
        let all = self.script.scan.simples.iter().enumerate();
        let on_line: Vec<(usize, &Simple)> =
            all.filter(|(_, simple)| (simple.line..=simple.last).contains(&told.line)).collect();
        let fits = |(_, simple): &&(usize, &Simple)| {
            let text = squeeze(&simple.text);
            wanted == text || (!text.is_empty() && wanted.starts_with(&text))
        };
        // Of several equal ones, the next one.
        let next = on_line.iter().filter(fits).find(|(at, _)| last.is_none_or(|last| *at > last));
        let alike = |(_, simple): &&(usize, &Simple)| first_word(&simple.text) == first_word(&told.command);
        let alike = || on_line.iter().filter(alike).find(|(at, _)| last.is_none_or(|last| *at > last));
        next.or_else(|| on_line.iter().find(fits)).or_else(alike).map(|(at, _)| *at)
    }

    /// Returns the number of a line's characters that bash does not see.
    fn hidden(&self, line: u32) -> u32 {
        self.script.widths.get(&line).map_or(0, |width| *width as u32)
    }

    /// Returns the beginning of a line's text.
    fn beginning(&self, line: u32) -> Place {
        let at = (line as usize).saturating_sub(1);
        let text = self.order.text.lines().nth(at).unwrap_or_default();
        let indent = text.chars().take_while(|c| c.is_whitespace()).count();
        let width = super::prompt::prompt_of(text).max(self.hidden(line) as usize);
        let blanks = text.chars().skip(width).take_while(|c| c.is_whitespace()).count();
        Place::new(line.max(1), if width > 0 { width + blanks } else { indent } as u32 + 1)
    }
}

/// Returns the first word of a command.
pub(super) fn first_word(command: &str) -> Option<&str> {
    command.split_whitespace().next()
}
