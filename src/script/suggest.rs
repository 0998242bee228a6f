//! "Did you mean …?"

/// The longest name that is compared, in bytes.
const LONGEST: usize = 200;

/// Returns the name most similar to `word`, if any is similar.
pub(super) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may differ, as in rustc, but never all.
    let far = (word.chars().count() / 3).max(1);
    names
        .into_iter()
        .filter(|name| *name != word)
        // A comparison needs memory for the product of both lengths.
        .filter(|name| word.len().max(name.len()) <= LONGEST)
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(distance, name)| *distance <= far && *distance < word.len().max(name.len()))
        // `min` also decides between equally similar names: the first by name.
        .min()
        .map(|(_, name)| name)
}

/// Common names of fields and options, and the names that `ip` and nslab use.
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

/// Returns the field or option that was probably meant: by its meaning, or by
/// similar spelling.
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
