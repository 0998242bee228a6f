//! Option maps: `#{count: 3}`.

use super::super::suggest::meant;
use super::super::value::type_of;
use super::super::world::{Call, Fallible};
use crate::net::Family;
use rhai::{Array, Dynamic, INT, Map};

/// Reads the options of one call; each is removed when it is read.
pub(super) struct Options<'a> {
    call: &'a Call<'a>,
    map: Map,
}

impl<'a> Options<'a> {
    /// Starts to read; an option that is not in `known` is a misuse.
    pub fn new(call: &'a Call<'a>, word: &str, map: Map, known: &[&str]) -> Fallible<Self> {
        if let Some(wrong) = map.keys().find(|key| !known.contains(&key.as_str())) {
            let hint = match meant(wrong, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its options are {}", known.join(", ")),
            };
            return Err(call.misuse(format!("`{word}` has no option `{wrong}`"), hint));
        }
        Ok(Self { call, map })
    }

    fn take<T>(
        &mut self,
        key: &str,
        wanted: &str,
        read: impl Fn(&Dynamic) -> Option<T>,
    ) -> Fallible<Option<T>> {
        let Some(value) = self.map.remove(key).filter(|value| !value.is_unit()) else {
            return Ok(None);
        };
        match read(&value) {
            Some(read) => Ok(Some(read)),
            None => {
                let found = type_of(&value);
                Err(self.call.misuse(format!("the option `{key}` takes {wanted}, not {found}"), ""))
            }
        }
    }

    /// Returns a value as it is; `()` if there is none.
    pub fn any(&mut self, key: &str) -> Dynamic {
        self.map.remove(key).unwrap_or_default()
    }

    pub fn text(&mut self, key: &str) -> Fallible<Option<String>> {
        self.take(key, "a string", |value| value.clone().into_string().ok())
    }

    /// Reads a text, or a number as text.
    pub fn word(&mut self, key: &str) -> Fallible<Option<String>> {
        self.take(key, "a string or an int", |value| match value.as_int() {
            Ok(number) => Some(number.to_string()),
            Err(_) => value.clone().into_string().ok(),
        })
    }

    /// Reads the address family, if given.
    pub fn family(&mut self) -> Fallible<Option<Family>> {
        match self.text("family")?.as_deref() {
            None => Ok(None),
            Some("inet") => Ok(Some(Family::Inet)),
            Some("inet6") => Ok(Some(Family::Inet6)),
            Some(other) => {
                Err(self.call.misuse(format!("there is no family `{other}`"), "choose `inet` or `inet6`"))
            }
        }
    }

    pub fn flag(&mut self, key: &str) -> Fallible<Option<bool>> {
        self.take(key, "a bool", |value| value.as_bool().ok())
    }

    pub fn number<T: TryFrom<INT>>(&mut self, key: &str, range: &str) -> Fallible<Option<T>> {
        match self.take(key, "an int", |value| value.as_int().ok())? {
            None => Ok(None),
            Some(number) => match T::try_from(number) {
                Ok(number) => Ok(Some(number)),
                Err(_) => {
                    Err(self.call.misuse(format!("the option `{key}` takes {range}, not {number}"), ""))
                }
            },
        }
    }

    /// Reads a value of one of nslab's types.
    pub fn value<T: Clone + 'static>(&mut self, key: &str, wanted: &str) -> Fallible<Option<T>> {
        self.take(key, wanted, |value| value.clone().try_cast::<T>())
    }

    /// Reads one text, or several.
    pub fn texts(&mut self, key: &str) -> Fallible<Vec<String>> {
        let read = |value: &Dynamic| match value.clone().into_string() {
            Ok(text) => Some(vec![text]),
            Err(_) => value.clone().into_typed_array::<String>().ok(),
        };
        let texts = self.take(key, "a string or an array of strings", read)?;
        self.some(key, texts)
    }

    /// Reads one text or number, or several.
    pub fn words(&mut self, key: &str) -> Fallible<Vec<String>> {
        let word = |value: &Dynamic| match value.as_int() {
            Ok(number) => Some(number.to_string()),
            Err(_) => value.clone().into_string().ok(),
        };
        let read = |value: &Dynamic| match value.read_lock::<Array>() {
            Some(values) => values.iter().map(word).collect::<Option<Vec<_>>>(),
            None => word(value).map(|word| vec![word]),
        };
        let words = self.take(key, "a string, an int or an array of them", read)?;
        self.some(key, words)
    }

    /// Refuses an empty list, which differs from a missing option: a rule about
    /// no address must not become a rule about all.
    fn some(&self, key: &str, values: Option<Vec<String>>) -> Fallible<Vec<String>> {
        match values {
            Some(values) if values.is_empty() => {
                let hint = format!("leave `{key}` out where it does not matter");
                Err(self.call.misuse(format!("the option `{key}` is an array of nothing"), hint))
            }
            values => Ok(values.unwrap_or_default()),
        }
    }
}
