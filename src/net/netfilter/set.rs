//! Sets and maps of a table, which rules refer to.

use super::kind::Kind;
use super::statement::verdict;
use crate::net::kernel::link_names::LinkNames;
use crate::net::kernel::nfnetlink::{attributes, find, number, text};

/// A set, or a map.
#[derive(Debug, Clone, Default)]
pub(super) struct Set {
    pub name: String,
    /// Whether it is written within the rule, and nowhere else.
    pub anonymous: bool,
    /// Whether it has ranges, each as its first value and the first value after
    /// it.
    pub intervals: bool,
    pub key_length: usize,
    /// The type of a map's values, as nft's number.
    pub data_type: u64,
    pub elements: Vec<Element>,
}

/// An element of a set.
#[derive(Debug, Clone, Default)]
pub(super) struct Element {
    key: Vec<u8>,
    /// The end of a range, if the element has it.
    key_end: Option<Vec<u8>>,
    /// Whether it is the first value after the range before it.
    is_end: bool,
    /// Whether it matches any value that no other element matches.
    catchall: bool,
    data: Option<Data>,
}

#[derive(Debug, Clone)]
enum Data {
    Verdict(String),
    Value(Vec<u8>),
}

/// The maximum length of a key in the kernel (`NFT_DATA_VALUE_MAXLEN`), in
/// bytes.
const LONGEST_KEY: u64 = 64;

impl Set {
    /// Parses the attributes of a set (`NFTA_SET_*`).
    pub fn read(bytes: &[u8]) -> Self {
        let flags = number(bytes, 3).unwrap_or_default();
        Self {
            name: text(bytes, 2).unwrap_or_default(),
            anonymous: flags & 0x1 != 0,
            intervals: flags & 0x4 != 0,
            key_length: number(bytes, 5).unwrap_or_default().min(LONGEST_KEY) as usize,
            data_type: number(bytes, 6).unwrap_or_default(),
            elements: Vec::new(),
        }
    }

    /// Adds elements (`NFTA_SET_ELEM_LIST_ELEMENTS`).
    pub fn take(&mut self, bytes: &[u8]) {
        for (_, element) in attributes(bytes) {
            let flags = number(element, 3).unwrap_or_default();
            let value = |kind| find(element, kind).and_then(|data| find(data, 1)).map(<[u8]>::to_vec);
            let data = find(element, 2).and_then(|data| match find(data, 2) {
                Some(word) => Some(Data::Verdict(verdict(word))),
                None => find(data, 1).map(|value| Data::Value(value.to_vec())),
            });
            self.elements.push(Element {
                key: value(1).unwrap_or_default(),
                key_end: value(10),
                is_end: flags & 1 != 0,
                catchall: flags & 2 != 0,
                data,
            });
        }
        self.elements.sort_by(|a, b| (a.catchall, &a.key, !a.is_end).cmp(&(b.catchall, &b.key, !b.is_end)));
    }

    /// The elements, each as its first and last value.
    pub fn spans(&self) -> Vec<(&[u8], Vec<u8>)> {
        let mut found = Vec::new();
        let mut elements = self.elements.iter().filter(|element| !element.catchall).peekable();
        while let Some(element) = elements.next() {
            let last = match (&element.key_end, elements.peek()) {
                (Some(end), _) => end.clone(),
                (None, Some(next)) if self.intervals => before(&next.key),
                (None, None) if self.intervals => vec![0xff; element.key.len()],
                (None, _) => element.key.clone(),
            };
            if !element.is_end {
                found.push((&element.key[..], last));
            }
        }
        found
    }

    /// Formats the set as a rule shows it: by name, or with its elements.
    pub fn words(&self, kinds: &[(Kind, usize)], interfaces: &LinkNames) -> String {
        if !self.anonymous {
            return format!("@{}", self.name);
        }
        let mut found: Vec<(Vec<u64>, String)> = Vec::new();
        let mut elements = self.elements.iter().peekable();
        while let Some(element) = elements.next() {
            if element.is_end {
                continue;
            }
            let words = if element.catchall {
                "*".to_string()
            } else if let (true, [(kind, _)]) = (self.intervals, kinds) {
                let last = match elements.peek() {
                    Some(next) if next.is_end || self.data_type == 0 => before(&next.key),
                    Some(next) => before(&next.key),
                    None => vec![0xff; element.key.len()],
                };
                kind.range(&element.key, &last, interfaces)
            } else {
                key_words(element, kinds, interfaces)
            };
            let order = sort_key(element, kinds);
            let words = match &element.data {
                None => words,
                Some(Data::Verdict(verdict)) => format!("{words} : {verdict}"),
                Some(Data::Value(value)) => {
                    format!("{words} : {}", data_kind(self.data_type).format(value, interfaces))
                }
            };
            found.push((order, words));
        }
        found.sort();
        let words: Vec<String> = found.into_iter().map(|(_, words)| words).collect();
        format!("{{ {} }}", words.join(", "))
    }
}

/// The value before this one.
fn before(value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    for byte in value.iter_mut().rev() {
        *byte = byte.wrapping_sub(1);
        if *byte != 0xff {
            break;
        }
    }
    value
}

/// The sort key by which nft orders elements.
fn sort_key(element: &Element, kinds: &[(Kind, usize)]) -> Vec<u64> {
    let mut key = vec![u64::from(element.catchall)];
    let mut rest = &element.key[..];
    for (kind, size) in kinds {
        let (value, after) = rest.split_at((*size).min(rest.len()));
        rest = after.get(size.next_multiple_of(4) - size..).unwrap_or_default();
        // An IPv6 address is two numbers.
        key.extend(value.chunks(8).map(|chunk| kind.number(chunk)));
    }
    key
}

fn key_words(element: &Element, kinds: &[(Kind, usize)], interfaces: &LinkNames) -> String {
    let mut words = Vec::new();
    let mut at = 0;
    for (kind, size) in kinds {
        let part = |bytes: &[u8]| bytes.get(at..(at + size).min(bytes.len())).unwrap_or_default().to_vec();
        let from = part(&element.key);
        words.push(match &element.key_end {
            Some(end) => kind.range(&from, &part(end), interfaces),
            None => kind.format(&from, interfaces),
        });
        at += size.next_multiple_of(4);
    }
    words.join(" . ")
}

/// The data type of a map's values: `enum datatypes` of nft.
fn data_kind(number: u64) -> Kind {
    match number {
        10 => Kind::EtherType,
        7 => Kind::Ipv4,
        8 => Kind::Ipv6,
        9 => Kind::Ether,
        12 => Kind::Protocol,
        13 => Kind::Number,
        19 => Kind::Mark,
        _ => Kind::Bytes,
    }
}
