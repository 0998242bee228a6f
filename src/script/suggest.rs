//! "Did you mean …?"

/// The name that is most like `word`, if one is like it at all.
pub(super) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third, as rustc takes it; and never all of a word.
    let far = (word.chars().count() / 3).max(1);
    names
        .into_iter()
        .filter(|name| *name != word)
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(distance, name)| *distance <= far && *distance < word.len().max(name.len()))
        // Of two that are as near, the first by name, so that it is always
        // the same one.
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_seen_and_another_word_is_not() {
        assert_eq!(nearest("pnig", ["ping", "netns"]), Some("ping"));
        assert_eq!(nearest("adr_add", ["addr_add", "addr_del"]), Some("addr_add"));
        assert_eq!(nearest("frobnicate", ["ping", "truncate"]), None);
        assert_eq!(nearest("a", ["E", "up"]), None);
        assert_eq!(nearest("upp", ["up", "ping"]), Some("up"));
    }
}
