/// Tells whether a character does something to the text around it, or is not
/// seen at all: it moves a terminal's cursor, turns the direction of a line
/// (the bidirectional algorithm's marks), breaks it, or hides between two
/// letters (what Unicode calls default-ignorable).
///
/// A line break and a tab are among them. What chooses between two forms of
/// the sign before it, as between text and emoji (`\u{fe0e}`, `\u{fe0f}`), is
/// not.
///
/// ```
/// assert!(nslab::lab::steers('\u{202e}') && nslab::lab::steers('\u{200b}') && nslab::lab::steers('\x1b'));
/// assert!(!nslab::lab::steers('é') && !nslab::lab::steers('한') && !nslab::lab::steers(' '));
/// ```
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A text as it is shown within a line: without line breaks and tabs as well.
///
/// ```
/// assert_eq!(nslab::lab::visible_in_line("a\nb"), "a^Jb");
/// ```
pub fn visible_in_line(text: &str) -> String {
    visible(text).replace('\n', "^J").replace('\t', "^I")
}

/// A text as it is shown to a person: without what [steers] it, but for line
/// breaks and tabs. Controls are in the notation of `cat -v`, all else as
/// `\u{202e}`.
///
/// Whatever a stranger has written, in a file, a name or by a program, comes
/// to a person through this.
///
/// ```
/// assert_eq!(nslab::lab::visible("a\x1b[2J\tb\u{202e}c"), "a^[[2J\tb\\u{202e}c");
/// ```
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' | '\n' => shown.push(c),
            '\0'..='\x1f' => shown.extend(['^', char::from(c as u8 + b'@')]),
            '\x7f' => shown.push_str("^?"),
            c if steers(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}
