//! The words of a command: quotes, expansions, redirections.

use super::{Here, Scanner, Until};

impl Scanner {
    /// Reads a command that ends with `end`, as `[[ … ]]`.
    pub(super) fn delimited(&mut self, end: &str, captured: bool) -> usize {
        let (start, line, column) = (self.at, self.line, self.column);
        while !self.at_end() && !self.starts(end) && self.peek(0) != '\n' {
            match self.peek(0) {
                '\'' | '"' | '$' | '`' | '\\' => self.piece(Until::End),
                _ => self.bump(),
            }
        }
        if self.starts(end) {
            self.skip(end.len());
        }
        let text: String = self.text[start..self.at].iter().collect();
        self.keep(line, column, &text, captured)
    }

    pub(super) fn redirection(&mut self, until: Until) {
        if (self.starts("<(") || self.starts(">(")) && !self.starts("<((") {
            let line = self.line;
            self.skip(2);
            self.list(Until::Paren, true);
            self.close(line);
        } else if self.starts("<<") && !self.starts("<<<") {
            let tabs = self.starts("<<-");
            self.skip(if tabs { 3 } else { 2 });
            self.blanks();
            let delimiter = self.word(until).replace(['\'', '"', '\\'], "");
            self.pending.push(Here { delimiter, tabs });
        } else {
            while matches!(self.peek(0), '<' | '>' | '&' | '|') {
                self.bump();
            }
        }
    }

    /// Reads a word, and returns its text.
    pub(super) fn word(&mut self, until: Until) -> String {
        let start = self.at;
        while !self.at_end() {
            match self.peek(0) {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '<' | '>' | ')' => break,
                '`' if until == Until::Backtick => break,
                '(' if self.at > start && self.text[self.at - 1] == '=' => {
                    let line = self.line;
                    self.bump();
                    while !self.at_end() && self.peek(0) != ')' {
                        self.piece(until);
                    }
                    self.close(line);
                }
                '(' => break,
                _ => self.piece(until),
            }
        }
        self.text[start..self.at].iter().collect()
    }

    /// Reads a character, or a whole quote or expansion.
    fn piece(&mut self, until: Until) {
        match self.peek(0) {
            '"' | '$' | '`' => self.deeper(|scanner| scanner.expansion(until)),
            _ => self.expansion(until),
        }
    }

    fn expansion(&mut self, until: Until) {
        let line = self.line;
        match self.peek(0) {
            '\\' => self.skip(if self.peek(1) == '\0' { 1 } else { 2 }),
            '\'' => {
                self.bump();
                while !self.at_end() && self.peek(0) != '\'' {
                    self.bump();
                }
                self.close(line);
            }
            '"' => {
                self.bump();
                while !self.at_end() && self.peek(0) != '"' {
                    if matches!(self.peek(0), '$' | '`' | '\\') { self.piece(until) } else { self.bump() }
                }
                self.close(line);
            }
            '$' if self.peek(1) == '\'' => {
                self.skip(2);
                while !self.at_end() && self.peek(0) != '\'' {
                    self.skip(if self.peek(0) == '\\' { 2 } else { 1 });
                }
                self.close(line);
            }
            '$' if self.starts("$((") => {
                self.skip(3);
                while !self.at_end() && !self.starts("))") {
                    self.bump();
                }
                self.bump();
                self.close(line);
            }
            '$' if self.starts("$(") => {
                self.skip(2);
                self.list(Until::Paren, true);
                self.close(line);
            }
            '$' if self.starts("${") => {
                self.skip(2);
                while !self.at_end() && self.peek(0) != '}' {
                    self.piece(until);
                }
                self.close(line);
            }
            '`' if until != Until::Backtick => {
                self.bump();
                self.list(Until::Backtick, true);
                self.close(line);
            }
            _ => self.bump(),
        }
    }

    /// Skips the character that closes what was opened on `line`.
    pub(super) fn close(&mut self, line: u32) {
        if self.at_end() {
            self.found.open.get_or_insert(line);
        }
        self.bump();
    }
}
