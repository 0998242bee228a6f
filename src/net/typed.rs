//! Commands as one would type them into a shell.

use std::borrow::Cow;

/// A word of a command, in quotes where a shell would take it apart: a name
/// may have spaces, quotes or dollars in it.
///
/// ```
/// use nslab::net::typed;
///
/// assert_eq!(typed("fd00::1%veth-red"), "fd00::1%veth-red");
/// assert_eq!(typed("빨강"), "빨강");
/// assert_eq!(typed("it's red"), r#"'it'\''s red'"#);
/// assert_eq!(typed(""), "''");
/// ```
pub fn typed(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "_-=/,.+:@%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")).into(),
    }
}

/// The words of a command, each [as it is typed](typed).
pub fn typed_words(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| typed(word)).collect();
    words.join(" ")
}
