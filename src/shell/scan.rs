//! Finds the places of the commands in a shell text.
//!
//! Bash runs the text, and reports what it can't parse. This only finds the
//! places of the commands that bash reports, and the lines on which a new command
//! begins (bash can't judge pasted prompts). An error here costs a column, never
//! a command.

mod words;

use super::condition::{BEFORE, CLOSES, Conditions, HEADERS, OPENS};
use super::prompt::prompt;
use std::rc::Rc;

/// A simple command in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Simple {
    /// Its line, from 1.
    pub line: u32,
    /// The line of its end.
    pub last: u32,
    /// The position of its end in the text, in characters.
    end: usize,
    /// Its column in characters, from 1.
    pub column: u32,
    /// The text.
    pub text: String,
    /// The number of its pipeline, and the pipeline's whole text, if it has only
    /// simple commands.
    pub pipeline: usize,
    pub whole: Option<Rc<str>>,
    /// Whether it is in `$(…)` or the like, so that its output is not shown.
    pub captured: bool,
    /// Whether it is in `{ …; } &` or the like.
    pub background: bool,
    /// Whether its exit code is an answer, as in a condition.
    pub asks: bool,
}

/// The findings about a text.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub simples: Vec<Simple>,
    /// Whether a new command may begin on a line, from line 1 at index 0.
    pub fresh: Vec<bool>,
    /// The line of an unclosed quote or bracket.
    pub open: Option<u32>,
    /// The lines that begin with a pasted prompt, and its width in characters.
    pub prompts: Vec<(u32, usize)>,
}

impl Scan {
    pub fn of(text: &str) -> Self {
        let mut scanner = Scanner { text: text.chars().collect(), line: 1, column: 1, ..Scanner::default() };
        scanner.found.fresh = vec![false; text.lines().count() + 1];
        scanner.found.fresh[0] = true;
        scanner.prompt();
        while !scanner.at_end() {
            scanner.list(Until::End, false);
        }
        scanner.conditions.mark(&mut scanner.found.simples);
        scanner.found
    }
}

/// The end of a list of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    End,
    Paren,
    Backtick,
}

/// A here-document that begins on the next line.
#[derive(Debug)]
struct Here {
    delimiter: String,
    tabs: bool,
}

/// The deepest nesting of commands. Bash allows more, but deeper commands get no
/// place here.
const DEEPEST: usize = 50;

#[derive(Debug, Default)]
struct Scanner {
    text: Vec<char>,
    at: usize,
    line: u32,
    column: u32,
    pipelines: usize,
    /// The number of open lists, quotes and expansions.
    depth: usize,
    pending: Vec<Here>,
    conditions: Conditions,
    found: Scan,
}

/// The first word of a command.
enum Head {
    /// A simple command, by its number.
    Simple(usize),
    /// A keyword before another command.
    Before,
    /// The beginning of a compound command.
    Opens,
    /// The end of a compound command.
    Closes,
}

impl Scanner {
    fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    fn peek(&self, ahead: usize) -> char {
        self.text.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn starts(&self, with: &str) -> bool {
        with.chars().enumerate().all(|(n, c)| self.peek(n) == c && self.at + n < self.text.len())
    }

    fn bump(&mut self) {
        if self.at_end() {
            return;
        }
        if self.peek(0) == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        self.at += 1;
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.bump();
        }
    }

    /// Reads one level deeper; beyond the limit, nothing more is found.
    fn deeper(&mut self, read: impl FnOnce(&mut Self)) {
        if self.depth == DEEPEST {
            self.at = self.text.len();
            return;
        }
        self.depth += 1;
        read(self);
        self.depth -= 1;
    }

    /// Reads commands until their end.
    fn list(&mut self, until: Until, captured: bool) {
        self.deeper(|scanner| scanner.commands(until, captured));
    }

    fn commands(&mut self, until: Until, captured: bool) {
        // The commands of the current pipeline, and of the current and-or list.
        let (mut pipe_start, mut list_start) = (None, self.found.simples.len());
        let mut direct: Vec<usize> = Vec::new();
        let mut compound = false;
        let mut outer = Vec::new();
        loop {
            self.blanks();
            if self.at_end() {
                self.end_pipeline(&mut pipe_start, &mut direct, &mut compound);
                return;
            }
            match self.peek(0) {
                ')' if until == Until::Paren => {
                    self.end_pipeline(&mut pipe_start, &mut direct, &mut compound);
                    return;
                }
                '`' if until == Until::Backtick => {
                    self.end_pipeline(&mut pipe_start, &mut direct, &mut compound);
                    return;
                }
                '#' => self.comment(),
                '\n' => {
                    self.end_pipeline(&mut pipe_start, &mut direct, &mut compound);
                    list_start = self.found.simples.len();
                    self.newline(until == Until::End);
                }
                '|' if !self.starts("||") => {
                    self.skip(if self.starts("|&") { 2 } else { 1 });
                    // A pipeline continues on the next line.
                    while matches!(self.peek(0), ' ' | '\t' | '\n') && !self.at_end() {
                        if self.peek(0) == '\n' { self.newline(false) } else { self.bump() }
                    }
                }
                c @ ('&' | '|' | ';' | ')') => {
                    let (and_or, ground) =
                        (self.starts("&&") || self.starts("||"), c == '&' && !self.starts("&&"));
                    self.end_pipeline(&mut pipe_start, &mut direct, &mut compound);
                    if ground {
                        self.background();
                        let all = &mut self.found.simples[list_start..];
                        all.iter_mut().for_each(|simple| simple.background = true);
                    }
                    if self.starts("||") {
                        self.conditions.found.push(list_start..self.found.simples.len());
                    }
                    if !and_or {
                        list_start = self.found.simples.len();
                    }
                    self.skip(if and_or { 2 } else { 1 });
                }
                '(' if self.starts("((") => {
                    pipe_start.get_or_insert(self.at);
                    let simple = self.delimited("))", captured);
                    direct.push(simple);
                }
                '(' => {
                    pipe_start.get_or_insert(self.at);
                    compound = true;
                    let line = self.line;
                    self.bump();
                    self.list(Until::Paren, captured);
                    self.close(line);
                }
                _ => {
                    let start = self.at;
                    match self.command(until, captured) {
                        Head::Simple(simple) => {
                            pipe_start.get_or_insert(start);
                            direct.push(simple);
                            continue;
                        }
                        Head::Before => {}
                        Head::Opens => outer.push(list_start),
                        Head::Closes => list_start = outer.pop().unwrap_or(list_start),
                    }
                    compound = true;
                }
            }
        }
    }

    fn end_pipeline(&mut self, start: &mut Option<usize>, direct: &mut Vec<usize>, compound: &mut bool) {
        let number = self.pipelines;
        self.pipelines += 1;
        self.conditions.end_pipeline(self.found.simples.len());
        let whole = start.filter(|_| !*compound).map(|start| {
            let end = direct.last().map_or(self.at, |last| self.found.simples[*last].end);
            self.text[start..end].iter().collect::<String>().trim_end().to_string()
        });
        // The commands of a pipeline share its text, which is as long as all of
        // them.
        let whole: Option<Rc<str>> = whole.map(Into::into);
        for simple in direct.drain(..) {
            let simple = &mut self.found.simples[simple];
            simple.pipeline = number;
            simple.whole.clone_from(&whole);
        }
        (*start, *compound) = (None, false);
    }

    /// Adds the `&` to the text of the last pipeline, which runs in the
    /// background.
    fn background(&mut self) {
        let last = self.pipelines - 1;
        let mut simples =
            self.found.simples.iter_mut().rev().take_while(|simple| simple.pipeline == last).peekable();
        let whole = simples.peek().and_then(|simple| simple.whole.as_ref());
        let whole: Option<Rc<str>> = whole.map(|whole| format!("{whole} &").into());
        simples.for_each(|simple| simple.whole.clone_from(&whole));
    }

    /// Skips blanks and joined line ends.
    fn blanks(&mut self) {
        loop {
            match self.peek(0) {
                ' ' | '\t' | '\r' => self.bump(),
                '\\' if self.peek(1) == '\n' => self.skip(2),
                _ => return,
            }
        }
    }

    fn comment(&mut self) {
        while !self.at_end() && self.peek(0) != '\n' {
            self.bump();
        }
    }

    /// Skips the end of a line, and the here-documents below it.
    fn newline(&mut self, fresh: bool) {
        self.bump();
        for here in std::mem::take(&mut self.pending) {
            while !self.at_end() {
                let mut line = String::new();
                while !self.at_end() && self.peek(0) != '\n' {
                    line.push(self.peek(0));
                    self.bump();
                }
                self.bump();
                let line = if here.tabs { line.trim_start_matches('\t') } else { &line };
                if line == here.delimiter {
                    break;
                }
            }
        }
        if fresh {
            if let Some(line) = self.found.fresh.get_mut(self.line as usize - 1) {
                *line = true;
            }
            self.prompt();
        }
    }

    /// Skips a prompt.
    fn prompt(&mut self) {
        let rest = &self.text[self.at.min(self.text.len())..];
        let end = rest.iter().position(|c| *c == '\n').unwrap_or(rest.len());
        let width = prompt(&rest[..end]);
        if width > 0 {
            self.found.prompts.push((self.line, width));
            self.skip(width);
        }
    }

    /// Reads a simple command, or a keyword.
    fn command(&mut self, until: Until, captured: bool) -> Head {
        let (start, line, column) = (self.at, self.line, self.column);
        let first = self.word(until);
        self.conditions.word(&first, self.found.simples.len());
        match first.as_str() {
            word if BEFORE.contains(&word) => return Head::Before,
            word if OPENS.contains(&word) => return Head::Opens,
            word if CLOSES.contains(&word) => return Head::Closes,
            "[[" => {
                (self.at, self.line, self.column) = (start, line, column);
                return Head::Simple(self.delimited("]]", captured));
            }
            _ => {}
        }
        self.blanks();
        let header = HEADERS.contains(&first.as_str());
        if header || self.starts("()") {
            // A header. Commands follow below it.
            while !self.at_end() && !matches!(self.peek(0), '\n' | ';' | '{') {
                if self.starts("((") {
                    self.delimited("))", true);
                    self.found.simples.pop();
                    continue;
                }
                let before = self.at;
                let word = self.word(until);
                if word == "in" && first == "case" {
                    break;
                }
                if self.at == before {
                    self.bump();
                }
                self.blanks();
            }
            let opens = header && first != "function";
            return if opens { Head::Opens } else { Head::Before };
        }
        let mut end = self.at;
        while !self.at_end() {
            self.blanks();
            match self.peek(0) {
                '\n' | ';' | '|' | ')' => break,
                '`' if until == Until::Backtick => break,
                '&' if self.peek(1) == '>' => self.skip(2),
                '&' => break,
                '#' => break,
                '<' | '>' => self.redirection(until),
                _ => {
                    let before = self.at;
                    self.word(until);
                    if self.at == before {
                        // A misplaced bracket: bash will complain.
                        self.bump();
                    }
                }
            }
            end = self.at;
        }
        let text: String = self.text[start..end].iter().collect();
        Head::Simple(self.keep(line, column, text.trim_end(), captured))
    }

    fn keep(&mut self, line: u32, column: u32, text: &str, captured: bool) -> usize {
        let text = text.to_string();
        self.found.simples.push(Simple {
            line,
            last: self.line,
            end: self.at,
            column,
            text,
            pipeline: 0,
            whole: None,
            captured,
            background: false,
            asks: false,
        });
        self.found.simples.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(text: &str) -> Vec<String> {
        let scan = Scan::of(text);
        let show = |simple: &Simple| {
            let flags = [(simple.captured, "c"), (simple.background, "b"), (simple.asks, "?")];
            let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| *flag).collect();
            format!("{}:{}{flags} {}", simple.line, simple.column, simple.text)
        };
        scan.simples.iter().map(show).collect()
    }

    #[test]
    fn each_simple_command_has_its_place() {
        assert_eq!(
            commands("ip link; ip addr\n  ip route # all\n"),
            ["1:1 ip link", "1:10 ip addr", "2:3 ip route"]
        );
        assert_eq!(commands("if a; then b; else c; fi"), ["1:4? a", "1:12 b", "1:20 c"]);
        assert_eq!(commands("for n in red blue; do ip netns add $n; done"), ["1:23 ip netns add $n"]);
        assert_eq!(commands("f() {\n  a\n}\nf 'x;y'"), ["2:3 a", "4:1 f 'x;y'"]);
        assert_eq!(
            commands("[[ a && b ]] || c > /dev/null 2>&1"),
            ["1:1? [[ a && b ]]", "1:17 c > /dev/null 2>&1"]
        );
        assert_eq!(commands("echo a \\\n  b"), ["1:1 echo a \\\n  b"]);
        assert_eq!(commands("x=(1 2)\necho ${x[0]}"), ["1:1 x=(1 2)", "2:1 echo ${x[0]}"]);
    }

    #[test]
    fn what_is_captured_and_what_is_in_the_background_is_known() {
        assert_eq!(commands("x=$(a; b)"), ["1:5c a", "1:8c b", "1:1 x=$(a; b)"]);
        assert_eq!(commands("echo `a` \"$(b)\""), ["1:7c a", "1:13c b", "1:1 echo `a` \"$(b)\""]);
        assert_eq!(commands("{ a; b; } &\nc"), ["1:3b a", "1:6b b", "2:1 c"]);
        assert_eq!(commands("for x in 1; do (a) done & c"), ["1:17b a", "1:27 c"]);
        assert_eq!(commands("a & b"), ["1:1b a", "1:5 b"]);
    }

    #[test]
    fn what_only_asks_is_known() {
        assert_eq!(commands("a || b || c; d"), ["1:1? a", "1:6? b", "1:11 c", "1:14 d"]);
        assert_eq!(commands("a && b\n! c | d; e"), ["1:1 a", "1:6 b", "2:3? c", "2:7? d", "2:10 e"]);
        assert_eq!(commands("{ a; b; } || c"), ["1:3? a", "1:6? b", "1:14 c"]);
        assert_eq!(
            commands("if a; then b; elif c; then\n until d; do e; done; fi; f"),
            ["1:4? a", "1:12 b", "1:20? c", "2:8? d", "2:14 e", "2:27 f"]
        );
        assert_eq!(commands("for x in 1; do a; done; b"), ["1:16 a", "1:25 b"]);
        assert_eq!(commands("f() {\n a\n}\nwhile f; do b; done"), ["2:2 a", "4:7? f", "4:13 b"]);
    }

    #[test]
    fn a_pipeline_is_one() {
        let scan = Scan::of("a x | b |\n c\nd");
        let whole: Vec<_> = scan.simples.iter().map(|simple| simple.whole.as_deref().unwrap()).collect();
        assert_eq!(whole, ["a x | b |\n c", "a x | b |\n c", "a x | b |\n c", "d"]);
        assert_eq!(Scan::of("a | while read l; do b; done").simples[0].whole, None);
    }

    #[test]
    fn commands_begin_on_lines_that_are_in_no_quote() {
        assert_eq!(Scan::of("a 'b\nc'\nd").fresh, [true, false, true, false]);
        assert_eq!(Scan::of("cat <<E\n$ x\nE\nd").fresh, [true, false, false, true, false]);
        assert_eq!(Scan::of("cat <<< x\nd").fresh, [true, true, false]);
        assert_eq!(Scan::of("a \"$(b\n c)\"\nd").fresh, [true, false, true, false]);
        assert_eq!(Scan::of("a\nb 'c\nd").open, Some(2));
        assert_eq!(Scan::of("a\nb $(c\nd").open, Some(2));
    }
}
