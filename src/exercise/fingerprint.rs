use crate::lab::Lab;
use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::fmt;
use std::hash::Hasher;

/// A hash that tells one text from another: 128 bits that are the same on each
/// machine and with each version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// Returns the fingerprint of some texts in order.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hasher = SipHasher13::new();
        for text in texts {
            // The length, so that texts can't run into each other.
            hasher.write(&(text.len() as u64).to_le_bytes());
            hasher.write(text.as_bytes());
        }
        Self(hasher.finish128().as_u128())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = String;

    /// Accepts only the form of 32 digits: a file may contain anything.
    fn try_from(text: String) -> Result<Self, String> {
        let fingerprint = u128::from_str_radix(&text, 16).map(Self).ok();
        let as_written = fingerprint.filter(|fingerprint| fingerprint.to_string() == text);
        as_written.ok_or_else(|| "a fingerprint has 32 hexadecimal digits".into())
    }
}

/// Returns the fingerprint of an exercise's task: its text, its helpers' texts,
/// and the seed of its variants, if there is one for the whole class.
///
/// The reference solution earns nobody a point, and is left out.
pub fn of_exercise(lab: &Lab, seed: Option<&str>) -> Fingerprint {
    let own = [lab.source.text.as_str(), if seed.is_some() { "seed" } else { "" }, seed.unwrap_or_default()];
    let helpers = lab.helpers.iter().flat_map(|helper| [helper.import.as_str(), helper.text.as_str()]);
    Fingerprint::of(own.into_iter().chain(helpers))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next version must read the files of this one.
    #[test]
    fn a_fingerprint_stays() {
        assert_eq!(Fingerprint::of(["ip link"]).to_string(), "9199fbe1ee5d1f161ef52c13878049b0");
    }

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        let read = |text: &str| Fingerprint::try_from(text.to_string());
        let own = Fingerprint::of(["ip link"]);
        assert_eq!(read(&own.to_string()), Ok(own));
        for wrong in
            ["", "9199", "+199fbe1ee5d1f161ef52c13878049b0", "9199FBE1EE5D1F161EF52C13878049B0", "\u{7f}"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn texts_do_not_run_together() {
        assert_ne!(Fingerprint::of(["ab", "c"]), Fingerprint::of(["a", "bc"]));
        assert_ne!(Fingerprint::of(["", "a"]), Fingerprint::of(["a", ""]));
    }
}
