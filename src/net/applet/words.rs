//! The words of a command line.

/// Splits a line that is one command and uses no shell syntax but single quotes;
/// returns `None` otherwise.
pub(super) fn simple(line: &str) -> Option<Vec<String>> {
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            c if !quoted && "|&;<>()$`\\\"*?[]#~{}^".contains(c) => return None,
            _ => {}
        }
    }
    shell_words::split(line).ok()
}

/// Returns a line that is complete in itself, as far as its quotes and first
/// word tell; `None` if it may continue on the next line.
pub(super) fn whole(line: &str) -> Option<&str> {
    const BEGIN: [&str; 16] = [
        "if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac",
        "function", "{", "}", "(",
    ];
    let first = line.split_whitespace().next()?;
    let goes_on = line.ends_with(['\\', '|', '&', '{', '(']) || line.contains("<<") || first.ends_with("()");
    (shell_words::split(line).is_ok() && !BEGIN.contains(&first) && !goes_on).then_some(line)
}

/// The words of an iproute2 command, one after the other.
#[derive(Debug)]
pub(super) struct Words<'a> {
    words: &'a [String],
    /// Whether `-6` (true) or `-4` (false) was given.
    pub family: Option<bool>,
}

impl<'a> Words<'a> {
    pub fn new(words: &'a [String]) -> Self {
        Self { words, family: None }
    }

    pub fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    pub fn next_if(&mut self, is: impl FnOnce(&str) -> bool) -> Option<&'a str> {
        self.words.first().filter(|word| is(word))?;
        self.next()
    }

    /// Returns the next word if it is a number.
    pub fn number(&mut self) -> Option<u32> {
        self.next()?.parse().ok()
    }

    /// Returns the next word if it is `on` or `off`.
    pub fn switch(&mut self) -> Option<bool> {
        match self.next()? {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        }
    }

    /// Returns the next word, unless others follow it.
    pub fn last(&mut self) -> Option<&'a str> {
        let word = self.next()?;
        self.is_done().then_some(word)
    }

    pub fn is_done(&self) -> bool {
        self.words.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_simple_where_a_shell_has_nothing_to_do() {
        assert_eq!(simple("ip link set 'a b' up").unwrap()[3], "a b");
        for line in
            ["ip link | cat", "ip link set $a up", "a; b", "echo x > y", "ip link set \"a\" up", "(ip a)"]
        {
            assert_eq!(simple(line), None, "{line}");
        }
    }

    #[test]
    fn a_line_stands_for_itself_or_goes_on() {
        assert!(whole("echo 'nameserver 10.0.0.1' >> /etc/resolv.conf").is_some());
        for line in ["for x in a b; do", "cat << END", "ip link \\", "f() {", "echo 'a", "done"] {
            assert_eq!(whole(line), None, "{line}");
        }
    }
}
