use super::Place;
use siphasher::sip::SipHasher24;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hasher;

/// A draw of an exercise for each student: `pick("lan", ["10.0.1", "10.0.2"])`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// The name, which texts use as `{lan}`.
    pub key: String,
    /// The possible values.
    pub items: Items,
    /// The place of the call.
    pub place: Place,
}

/// The possible values of a draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Items {
    /// A list.
    Listed(Vec<Item>),
    /// A range of numbers, both ends included.
    Range(i64, i64),
}

/// A possible value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl Items {
    /// Returns the number of values.
    pub fn len(&self) -> u64 {
        match self {
            Self::Listed(items) => items.len() as u64,
            Self::Range(first, last) if last < first => 0,
            Self::Range(first, last) => last.abs_diff(*first).saturating_add(1),
        }
    }

    /// Tells whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the value drawn for a key with a seed. It is the same on every
    /// machine and in every version, as `chosen` is.
    pub fn draw(&self, seed: &str, key: &str) -> Option<Item> {
        let n = (!self.is_empty()).then(|| chosen(seed, key, self.len()))?;
        match self {
            Self::Listed(items) => items.get(usize::try_from(n).ok()?).cloned(),
            Self::Range(first, _) => Some(Item::Number(first.wrapping_add_unsigned(n))),
        }
    }
}

/// Returns a number below `count`: the SipHash-2-4, with a key of zeros, of the
/// seed, a zero byte and the key, scaled down. The empty seed gives 0, the first.
pub fn chosen(seed: &str, key: &str, count: u64) -> u64 {
    if seed.is_empty() {
        return 0;
    }
    let mut hasher = SipHasher24::new_with_keys(0, 0);
    hasher.write(seed.as_bytes());
    hasher.write(&[0]);
    hasher.write(key.as_bytes());
    ((u128::from(hasher.finish()) * u128::from(count)) >> 64) as u64
}

/// The values drawn with a seed, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picks(BTreeMap<String, String>);

impl Picks {
    /// Draws the values.
    pub fn of(draws: &[Draw], seed: &str) -> Self {
        let picks = draws.iter().filter_map(|draw| {
            let item = draw.items.draw(seed, &draw.key)?;
            Some((draw.key.clone(), item.to_string()))
        });
        Self(picks.collect())
    }

    /// Returns each value with its key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, pick)| (key.as_str(), pick.as_str()))
    }

    /// Replaces each `{key}` by its drawn value.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut from = 0;
        for (at, key) in blanks(text) {
            if let Some(pick) = self.0.get(key) {
                filled += &text[from..at];
                filled += pick;
                from = at + key.len() + 2;
            }
        }
        filled + &text[from..]
    }
}

/// Returns each `{key}` of a text with its position, but not `${key}`, which is a
/// variable of the script.
pub fn blanks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('{').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        // Does not search for the next bracket, which may be far away for each of
        // many.
        let key = &rest[..rest.find(|c| !is_of_key(c)).unwrap_or(rest.len())];
        let closes = rest[key.len()..].starts_with('}');
        let is_variable = text[..at].ends_with(['$', '#']);
        (closes && is_key(key) && !is_variable).then_some((at, key))
    })
}

/// Tells whether a text can be the key of a draw.
pub fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_of_key)
}

fn is_of_key(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(key: &str, items: Items) -> Draw {
        Draw { key: key.into(), items, place: Place::default() }
    }

    fn letters() -> Items {
        Items::Listed(["a", "b", "c", "d"].map(|letter| Item::Text(letter.into())).to_vec())
    }

    /// A change of these values would change every student's exercise.
    #[test]
    fn a_seed_draws_the_same_for_ever() {
        let drawn = |seed: &str| {
            let picks = Picks::of(&[draw("lan", letters()), draw("host", Items::Range(1, 254))], seed);
            picks.fill("{lan} {host}")
        };
        assert_eq!(drawn(""), "a 1");
        assert_eq!(drawn("ann"), "a 170");
        assert_eq!(drawn("bob"), "a 195");
        assert_eq!(drawn("지수"), "b 130");
    }

    #[test]
    fn draws_are_spread() {
        let mut counts = [0; 4];
        for student in 0..4000 {
            let item = letters().draw(&format!("student-{student}"), "lan").unwrap().to_string();
            counts[usize::from(item.as_bytes()[0] - b'a')] += 1;
        }
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
        let ends: std::collections::BTreeSet<_> =
            (0..200).map(|n| Items::Range(-1, 1).draw(&n.to_string(), "x").unwrap().to_string()).collect();
        assert_eq!(ends.into_iter().collect::<Vec<_>>(), ["-1", "0", "1"]);
        assert!(Items::Range(i64::MIN, i64::MAX).draw("ann", "x").is_some());
        assert_eq!(Items::Range(2, 1).draw("ann", "x"), None);
        assert_eq!(Items::Listed(Vec::new()).draw("", "x"), None);
    }

    #[test]
    fn two_keys_of_one_student_have_nothing_to_do_with_each_other() {
        let pairs: std::collections::BTreeSet<_> = (0..100)
            .map(|n| {
                let seed = n.to_string();
                (
                    letters().draw(&seed, "a").unwrap().to_string(),
                    letters().draw(&seed, "b").unwrap().to_string(),
                )
            })
            .collect();
        assert_eq!(pairs.len(), 16);
    }

    #[test]
    fn blanks_are_filled_and_nothing_else() {
        let picks = Picks::of(&[draw("lan", letters()), draw("lan_2", Items::Range(7, 9))], "");
        assert_eq!(picks.fill("{lan}.1/24, {lan_2}{lan}"), "a.1/24, 7a");
        assert_eq!(
            picks.fill("${lan} #{lan} {lna} {LAN} { lan } {} {lan"),
            "${lan} #{lan} {lna} {LAN} { lan } {} {lan"
        );
        assert_eq!(picks.fill("한{lan}글"), "한a글");
        assert_eq!(picks.fill("{{lan}}"), "{a}");
    }
}
