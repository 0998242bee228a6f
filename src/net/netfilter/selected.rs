//! A field that a rule matches, and its comparison.

use super::field::Field;
use super::kind::{ECNS, Kind, hexadecimal, named, prefix_length};
use super::part::RulePart;
use super::speech::Context;

/// A field of the packet, with its mask.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    /// Several fields if they were loaded together.
    pub fields: Vec<Field>,
    pub length: usize,
    pub mask: Option<Vec<u8>>,
    /// Further operations on it, in words.
    pub more: String,
}

impl Selected {
    pub fn kind(&self) -> Kind {
        self.fields.first().map_or(Kind::Bytes, |field| field.kind)
    }

    /// The field's name, with its mask and further operations.
    pub fn name(&self, context: &Context) -> String {
        let mut name: String =
            self.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(" . ");
        if let Some(mask) = &self.mask {
            name += &format!(" & {}", self.kind().format(mask, context.interfaces));
        }
        format!("{name}{}", self.more)
    }

    /// Splits a value into the parts of the fields, if several were loaded
    /// together.
    pub fn split<'v>(&self, value: &'v [u8]) -> Vec<(Self, &'v [u8])> {
        if self.fields.len() < 2 || self.mask.is_some() || !self.more.is_empty() {
            return vec![(self.clone(), value)];
        }
        let mut rest = value;
        let mut parts = Vec::new();
        for field in &self.fields {
            let (bytes, after) = rest.split_at(field.length.min(rest.len()));
            rest = after;
            let part =
                Self { fields: vec![field.clone()], length: field.length, mask: None, more: String::new() };
            parts.push((part, bytes));
        }
        parts
    }

    /// Formats the comparison with a value, in nft's words.
    pub fn compared(&self, operator: u64, value: &[u8], context: &Context) -> RulePart {
        let kind = self.kind();
        let format = |bytes: &[u8]| kind.format(bytes, context.interfaces);
        let name = &self.fields[0].name;
        let sign = ["", "!=", "<", "<=", ">", ">="].get(operator as usize).copied().unwrap_or("?");
        let compare = |value: String| RulePart::compare(name, sign, value);
        let zero = value.iter().all(|byte| *byte == 0);
        let plain = self.more.is_empty();
        match &self.mask {
            // A prefix whose mask ends at a byte boundary.
            None if plain && self.length < self.fields[0].length => {
                let mut whole = value.to_vec();
                whole.resize(self.fields[0].length, 0);
                compare(format!("{}/{}", format(&whole), self.length * 8))
            }
            // The byte has a second field.
            None if plain && kind == Kind::Dscp && operator == 0 => {
                let ecn = named(&ECNS, value.first().copied().unwrap_or_default() & 3);
                RulePart::condition(format!("{name} {} ip ecn {ecn}", format(value)))
            }
            None if plain && kind == Kind::Dscp => RulePart::compare("@nh,8,8", sign, hexadecimal(value)),
            None if plain => compare(format(value)),
            Some(mask) if plain && matches!(kind, Kind::Ipv4 | Kind::Ipv6) && operator < 2 => {
                match prefix_length(mask) {
                    Some(length) => compare(format!("{}/{length}", format(value))),
                    None => {
                        RulePart::compare(format!("{name} & {}", format(mask)), equals(sign), format(value))
                    }
                }
            }
            Some(mask) if plain && kind == Kind::Dscp && mask[..] == [0xfc] => compare(format(value)),
            Some(mask) if plain && kind.is_flags() && operator < 2 => match (operator, zero) {
                (1, true) => RulePart::compare(name, "", format(mask)),
                (_, true) => RulePart::compare(name, "!", format(mask)),
                _ => compare(format!("{} / {}", format(value), format(mask))),
            },
            _ => RulePart::compare(self.name(context), equals(sign), format(value)),
        }
    }
}

/// The operator between a computed expression and a value.
fn equals(sign: &str) -> &str {
    if sign.is_empty() { "==" } else { sign }
}
