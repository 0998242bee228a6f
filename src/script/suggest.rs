//! "Did you mean …?"

/// The longest name that is like another one, in bytes.
const LONGEST: usize = 200;

/// The name that is most like `word`, if one is like it at all.
pub(super) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third, as rustc takes it; and never all of a word.
    let far = (word.chars().count() / 3).max(1);
    names
        .into_iter()
        .filter(|name| *name != word)
        // To compare two takes as much memory as one is long times the other.
        .filter(|name| word.len().max(name.len()) <= LONGEST)
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(distance, name)| *distance <= far && *distance < word.len().max(name.len()))
        // Of two that are as near, the first by name, so that it is always
        // the same one.
        .min()
        .map(|(_, name)| name)
}

/// What others call a field or an option, and what `ip` and we do.
const OTHER_NAMES: [(&str, &str); 15] = [
    ("address", "addr"),
    ("cmd", "command"),
    ("destination", "dst"),
    ("ether", "mac"),
    ("gateway", "via"),
    ("gw", "via"),
    ("iface", "dev"),
    ("ifname", "name"),
    ("interface", "dev"),
    ("lladdr", "mac"),
    ("order", "pref"),
    ("prio", "pref"),
    ("priority", "pref"),
    ("source", "src"),
    ("status", "state"),
];

/// The field or option of these that was probably meant: by what it means, or
/// by how it is written.
pub(super) fn meant<'a>(word: &str, names: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let other = OTHER_NAMES.iter().filter(|(other, _)| *other == word).map(|(_, name)| *name);
    let known = other.filter_map(|name| names.clone().into_iter().find(|known| *known == name)).next();
    known.or_else(|| nearest(word, names))
}

#[cfg(test)]
mod tests {
    use super::{meant, nearest};

    #[test]
    fn what_others_call_a_field_is_known() {
        assert_eq!(meant("prio", ["pref", "from"]), Some("pref"));
        assert_eq!(meant("prio", ["via", "proto"]), None);
        assert_eq!(meant("vai", ["via", "proto"]), Some("via"));
    }

    #[test]
    fn names_that_nobody_types_are_like_none() {
        let long = "a".repeat(1 << 20);
        assert_eq!(nearest(&long, [format!("{long}b").as_str(), "a"]), None);
        assert_eq!(nearest("aa", [long.as_str()]), None);
    }

    #[test]
    fn a_slip_is_seen_and_another_word_is_not() {
        assert_eq!(nearest("pnig", ["ping", "netns"]), Some("ping"));
        assert_eq!(nearest("adr_add", ["addr_add", "addr_del"]), Some("addr_add"));
        assert_eq!(nearest("frobnicate", ["ping", "truncate"]), None);
        assert_eq!(nearest("a", ["E", "up"]), None);
        assert_eq!(nearest("upp", ["up", "ping"]), Some("up"));
    }
}
