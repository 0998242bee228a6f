/// Tells whether a character affects the text around it, or is invisible: it
/// moves a terminal's cursor, changes the direction of a line (marks of the
/// bidirectional algorithm), breaks it, or hides between two letters (Unicode's
/// default-ignorable characters).
///
/// Line breaks and tabs are included. Characters that choose a variant of the
/// character before them, such as text or emoji (`\u{fe0e}`, `\u{fe0f}`), are
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

/// Returns a text for display within a line: line breaks and tabs are escaped,
/// too.
///
/// ```
/// assert_eq!(nslab::lab::visible_in_line("a\nb"), "a^Jb");
/// ```
pub fn visible_in_line(text: &str) -> String {
    visible(text).replace('\n', "^J").replace('\t', "^I")
}

/// Returns a text for display to a person: with the characters that [`steers`]
/// names escaped, except line breaks and tabs. Control characters get the
/// notation of `cat -v`, others that of `\u{202e}`.
///
/// All texts of unknown origin, from a file, a name or a program, pass through
/// this before a person sees them.
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
