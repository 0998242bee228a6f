use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use std::fmt;
use std::hash::Hasher;
use std::str::FromStr;

/// The most parts of a class.
const MOST: u32 = 100_000;

/// One of several parts of a class, such as `2/5`.
///
/// A student's part depends on nothing but the student's name. So the parts don't
/// overlap and are complete, whoever lists them, and a new student moves nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Shard {
    /// The number of parts.
    pub parts: u32,
    /// The number of this part, from 1.
    pub part: u32,
}

impl Shard {
    /// Tells whether a student is in this part.
    pub fn holds(self, student: &str) -> bool {
        let mut hasher = SipHasher13::new();
        hasher.write(student.as_bytes());
        hasher.finish() % u64::from(self.parts) == u64::from(self.part) - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u32>().ok().filter(|_| digits)
        };
        let read = text.split_once('/').and_then(|(part, parts)| Some((number(part)?, number(parts)?)));
        let Some((part, parts)) = read else { return Err("a part is K/N, as 2/5".into()) };
        match (part, parts) {
            (_, 0) => Err("there is at least one part".into()),
            (_, parts) if parts > MOST => Err(format!("there are at most {MOST} parts")),
            (0, _) => Err("parts count from 1".into()),
            (part, parts) if part > parts => Err(format!("there is no part {part} of {parts}")),
            _ => Ok(Self { parts, part }),
        }
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(count: u32) -> impl Iterator<Item = Shard> {
        (1..=count).map(move |part| Shard { parts: count, part })
    }

    #[test]
    fn each_student_is_in_one_part() {
        for count in [1, 2, 3, 7, 100] {
            for n in 0..500 {
                let student = format!("student{n}");
                assert_eq!(parts(count).filter(|shard| shard.holds(&student)).count(), 1, "{student}");
            }
        }
    }

    #[test]
    fn parts_are_of_one_size_nearly() {
        for (prefix, digits) in [("student", 3), ("s", 1), ("", 6), ("김", 4)] {
            for shard in parts(5) {
                let held = (0..1000).filter(|n| shard.holds(&format!("{prefix}{n:0digits$}"))).count();
                assert!((140..=260).contains(&held), "{shard} of {prefix}: {held}");
            }
        }
    }

    /// Parts are graded on several machines, perhaps with different versions.
    #[test]
    fn a_part_stays() {
        let of = |student: &str| parts(10).find(|shard| shard.holds(student)).map(|shard| shard.part);
        let found: Vec<_> = ["alice", "bob", "김철수", ""].map(of).into_iter().flatten().collect();
        assert_eq!(found, [4, 3, 2, 1]);
    }

    #[test]
    fn what_is_typed_is_a_part_or_says_why_not() {
        let said = |text: &str| text.parse::<Shard>().map(|shard| shard.to_string());
        assert_eq!(said("2/5").as_deref(), Ok("2/5"));
        assert_eq!(said("1/1").as_deref(), Ok("1/1"));
        assert_eq!(said("002/05").as_deref(), Ok("2/5"));
        for (text, error) in [
            ("", "a part is K/N, as 2/5"),
            ("3", "a part is K/N, as 2/5"),
            ("a/b", "a part is K/N, as 2/5"),
            ("+1/2", "a part is K/N, as 2/5"),
            ("-1/2", "a part is K/N, as 2/5"),
            ("1/2/3", "a part is K/N, as 2/5"),
            ("1 / 2", "a part is K/N, as 2/5"),
            ("1/99999999999", "a part is K/N, as 2/5"),
            ("1/0", "there is at least one part"),
            ("0/3", "parts count from 1"),
            ("4/3", "there is no part 4 of 3"),
            ("1/100001", "there are at most 100000 parts"),
        ] {
            assert_eq!(said(text), Err(error.to_string()), "{text}");
        }
    }
}
