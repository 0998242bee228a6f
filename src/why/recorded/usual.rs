//! The usual values of recorded facts, which the files of cases leave out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The name of a namespace's field with its sysctls.
const SYSCTLS: &str = "sysctls";

/// The usual value at one place of the facts, and at the places below it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Place {
    /// The most frequent value, in a list of at most one, since null is a value too; empty
    /// if no value is frequent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    usual: Vec<Value>,
    /// Whether all objects at this place have the same keys.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    fixed: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, Place>,
    /// The items of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    items: Option<Box<Place>>,
}

/// The usual values of everything that is recorded.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Usual {
    round: Place,
    /// Sysctls by name; `*` stands for each link of the namespace but `lo`.
    sysctls: BTreeMap<String, Value>,
}

impl Usual {
    /// Reads the file with the usual values.
    pub fn read(value: Value) -> Self {
        serde_json::from_value(value).expect("the usual values")
    }

    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("plain data")
    }

    /// Returns the usual values of these rounds.
    pub fn of<'a>(rounds: impl Iterator<Item = &'a Value>) -> Self {
        let (mut count, mut switches) = (Count::default(), BTreeMap::<String, Count>::new());
        for round in rounds {
            count.add(round);
            each_space(round, &mut |space, sysctls| {
                let links = links(space);
                for (key, value) in sysctls {
                    switches.entry(pattern(key, &links)).or_default().add(value);
                }
            });
        }
        let usual = |count: Count| count.place().usual.pop();
        let sysctls = switches.into_iter().filter_map(|(key, count)| Some((key, usual(count)?))).collect();
        Self { round: count.place(), sysctls }
    }

    /// Returns a round without its usual values.
    pub fn pack(&self, round: &Value) -> Value {
        self.round.pack(round, self)
    }

    /// Returns the whole round.
    pub fn unpack(&self, round: Value) -> Value {
        self.round.unpack(round, self)
    }

    /// Returns the sysctls of a namespace with these links if all are as usual.
    fn sysctls(&self, links: &[&str]) -> Map<String, Value> {
        let mut sysctls = Map::new();
        for (pattern, value) in &self.sysctls {
            match pattern.contains('*') {
                true => {
                    sysctls.extend(links.iter().map(|link| (pattern.replacen('*', link, 1), value.clone())));
                }
                false => {
                    sysctls.insert(pattern.clone(), value.clone());
                }
            }
        }
        sysctls
    }

    /// Returns the sysctls that differ from the usual ones, with null for a missing one.
    fn pack_sysctls(&self, space: &Map<String, Value>, sysctls: &Map<String, Value>) -> Value {
        let usual = self.sysctls(&links(space));
        let mut packed = sysctls.clone();
        packed.retain(|key, value| usual.get(key) != Some(value));
        packed.extend(
            usual
                .into_iter()
                .filter(|(key, _)| !sysctls.contains_key(key))
                .map(|(key, _)| (key, Value::Null)),
        );
        Value::Object(packed)
    }

    fn unpack_sysctls(&self, space: &mut Map<String, Value>) {
        let Some(Value::Object(packed)) = space.get_mut(SYSCTLS).map(Value::take) else { return };
        let mut sysctls = self.sysctls(&links(space));
        sysctls.extend(packed);
        sysctls.retain(|_, value| !value.is_null());
        space.insert(SYSCTLS.into(), Value::Object(sysctls));
    }
}

impl Place {
    fn pack(&self, value: &Value, all: &Usual) -> Value {
        let packed = |place: Option<&Self>, value: &Value| match place {
            Some(place) => place.pack(value, all),
            None => value.clone(),
        };
        match value {
            Value::Object(fields) => {
                let mut left = Map::new();
                for (key, value) in fields {
                    let place = self.fields.get(key);
                    match value {
                        Value::Object(sysctls) if key == SYSCTLS => {
                            left.insert(key.clone(), all.pack_sysctls(fields, sysctls));
                        }
                        _ if self.fixed && place.is_some_and(|place| place.usual.contains(value)) => {}
                        _ => {
                            left.insert(key.clone(), packed(place, value));
                        }
                    }
                }
                Value::Object(left)
            }
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| packed(self.items.as_deref(), item)).collect())
            }
            _ => value.clone(),
        }
    }

    fn unpack(&self, value: Value, all: &Usual) -> Value {
        match value {
            Value::Object(mut fields) => {
                for (key, place) in &self.fields {
                    let value = match fields.get_mut(key) {
                        Some(value) => place.unpack(value.take(), all),
                        None if self.fixed && !place.usual.is_empty() => place.usual[0].clone(),
                        None => continue,
                    };
                    fields.insert(key.clone(), value);
                }
                all.unpack_sysctls(&mut fields);
                Value::Object(fields)
            }
            Value::Array(items) => {
                let whole = |item| match &self.items {
                    Some(place) => place.unpack(item, all),
                    None => item,
                };
                Value::Array(items.into_iter().map(whole).collect())
            }
            _ => value,
        }
    }
}

/// The values that were seen at one place.
#[derive(Default)]
struct Count {
    values: BTreeMap<String, usize>,
    keys: Option<Vec<String>>,
    varies: bool,
    fields: BTreeMap<String, Count>,
    items: Option<Box<Count>>,
}

impl Count {
    /// A value is frequent if at least one in this many cases has it.
    const FREQUENT: usize = 10;

    fn add(&mut self, value: &Value) {
        *self.values.entry(value.to_string()).or_default() += 1;
        match value {
            Value::Object(fields) => {
                let keys: Vec<String> = fields.keys().cloned().collect();
                self.varies |= *self.keys.get_or_insert_with(|| keys.clone()) != keys;
                for (key, value) in fields.iter().filter(|(key, _)| *key != SYSCTLS) {
                    self.fields.entry(key.clone()).or_default().add(value);
                }
            }
            Value::Array(items) => {
                let all = self.items.get_or_insert_default();
                items.iter().for_each(|item| all.add(item));
            }
            _ => {}
        }
    }

    fn place(self) -> Place {
        let total: usize = self.values.values().sum();
        let most = self.values.into_iter().max_by(|(a, n), (b, m)| n.cmp(m).then(b.cmp(a)));
        let frequent = most.filter(|(_, n)| n * Self::FREQUENT >= total && *n > 1);
        Place {
            usual: frequent.and_then(|(text, _)| serde_json::from_str(&text).ok()).into_iter().collect(),
            fixed: !self.varies && self.keys.is_some(),
            fields: self.fields.into_iter().map(|(key, count)| (key, count.place())).collect(),
            items: self.items.map(|count| Box::new(count.place())),
        }
    }
}

/// Visits each namespace in the facts, with its sysctls.
fn each_space(value: &Value, visit: &mut dyn FnMut(&Map<String, Value>, &Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Object(sysctls)) = fields.get(SYSCTLS) {
                visit(fields, sysctls);
            }
            fields.values().for_each(|value| each_space(value, visit));
        }
        Value::Array(items) => items.iter().for_each(|value| each_space(value, visit)),
        _ => {}
    }
}

/// Returns the names of a namespace's links except `lo`.
fn links(space: &Map<String, Value>) -> Vec<&str> {
    let links = space.get("links").and_then(Value::as_array).into_iter().flatten();
    links.filter_map(|link| link["name"].as_str()).filter(|name| *name != "lo").collect()
}

/// Returns a sysctl's name with `*` in place of a link.
fn pattern(key: &str, links: &[&str]) -> String {
    if let [net, family, kind @ ("conf" | "neigh"), rest] = key.splitn(4, '.').collect::<Vec<_>>()[..] {
        let after = |link: &&&str| rest.strip_prefix(**link).is_some_and(|rest| rest.starts_with('.'));
        if let Some(link) = links.iter().find(after) {
            return format!("{net}.{family}.{kind}.*{}", &rest[link.len()..]);
        }
    }
    key.into()
}
