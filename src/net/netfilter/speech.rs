//! Translates a rule from the kernel into nft's words.
//!
//! The kernel has a rule as a list of expressions: one loads a field into a
//! register, the next compares it. nft's words are made from these. A condition
//! that only serves to locate a field (the protocol TCP, for a port) is left
//! out, as in nft. Counters are left out, too. An expression that is not
//! supported here appears by its name, in brackets.

use super::field;
use super::field::{Base, Field, Known};
use super::kind::{Kind, hexadecimal, native};
use super::part::RulePart;
use super::selected::Selected;
use super::set::Set;
use super::statement;
use super::xt;
use crate::net::kernel::link_names::LinkNames;
use crate::net::kernel::nfnetlink::{attributes, find, number, text};
use crate::net::notation::protocol::protocol_name;
use std::collections::BTreeMap;

/// The context of a rule.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// `NFPROTO_*`, which for IP are `AF_*`.
    pub family: u8,
    pub interfaces: &'a LinkNames,
    /// The sets of the rule's table, by name.
    pub sets: &'a BTreeMap<String, Set>,
}

/// The content of a register.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Selected(Selected),
    Constant(Vec<u8>),
    /// Any other content, in words.
    Words(String),
}

/// The translator of one rule.
pub(super) struct Speaker<'a> {
    pub context: &'a Context<'a>,
    parts: Vec<Option<RulePart>>,
    registers: BTreeMap<u64, Content>,
    known: Known,
    /// The indexes of words that only give the hardware type, the network
    /// protocol, and the transport protocol.
    link: Option<usize>,
    network: Option<usize>,
    transport: Option<usize>,
    /// The lower bound of a possible range: register and value.
    bound: Option<(u64, Vec<u8>)>,
    counted: bool,
    comment: Option<String>,
}

/// Translates the expressions of a rule (`NFTA_RULE_EXPRESSIONS`).
pub(super) fn speak(expressions: &[u8], comment: Option<String>, context: &Context) -> Vec<RulePart> {
    let ether = match i32::from(context.family) {
        libc::AF_INET => Some(0x0800),
        libc::AF_INET6 => Some(0x86dd),
        3 => Some(0x0806),
        _ => None,
    };
    let mut speaker = Speaker {
        context,
        parts: Vec::new(),
        registers: BTreeMap::new(),
        known: Known { ether, protocol: None },
        link: None,
        network: None,
        transport: None,
        bound: None,
        counted: false,
        comment,
    };
    for (_, element) in attributes(expressions) {
        let name = text(element, 1).unwrap_or_default();
        let data = find(element, 2).unwrap_or_default();
        let bound = speaker.bound.take();
        speaker.expression(&name, data, bound);
    }
    speaker.finish()
}

/// The index of a register, counted in four-byte registers: the old registers
/// are four times as large.
fn slot(register: u64) -> u64 {
    if register >= 8 { register - 8 } else { register.saturating_sub(1) * 4 }
}

impl Speaker<'_> {
    pub fn say(&mut self, part: RulePart) {
        self.parts.push(Some(part));
    }

    /// Adds a condition that is no comparison of a field with a value.
    fn say_condition(&mut self, words: impl Into<String>) {
        self.say(RulePart::condition(words));
    }

    fn finish(self) -> Vec<RulePart> {
        let mut parts: Vec<RulePart> = self.parts.into_iter().flatten().collect();
        if parts.is_empty() && self.counted {
            parts.push(RulePart::statement("counter"));
        }
        if let Some(comment) = self.comment {
            parts.push(RulePart::statement(format!("comment \"{comment}\"")));
        }
        parts
    }

    /// Tells whether the rule matches IPv6 packets.
    pub fn is_ipv6(&self) -> bool {
        self.known.ether == Some(0x86dd)
    }

    /// The name of the transport protocol, if the rule has matched it.
    pub fn protocol(&self) -> Option<String> {
        self.known.protocol.map(protocol_name)
    }

    pub fn comment(&mut self, comment: String) {
        self.comment = Some(comment);
    }

    pub fn load(&mut self, register: u64, content: Content) {
        self.registers.insert(slot(register), content);
    }

    pub fn content(&self, register: u64) -> Content {
        let content = self.registers.get(&slot(register)).cloned();
        content.unwrap_or_else(|| Content::Words("[unknown]".into()))
    }

    /// Adds the name of an unsupported expression. The registers are cleared,
    /// because it may have changed them.
    pub fn unknown(&mut self, name: &str) {
        self.registers.clear();
        self.say_condition(format!("[{name}]"));
    }

    fn expression(&mut self, name: &str, data: &[u8], bound: Option<(u64, Vec<u8>)>) {
        match name {
            "payload" => self.payload(data),
            "meta" => self.meta(data),
            "ct" => self.ct(data),
            "fib" => self.fib(data),
            "rt" => self.route(data),
            "exthdr" => self.option(data),
            "bitwise" => self.bitwise(data),
            "byteorder" => self.turn(data),
            "cmp" => self.compare(data, bound),
            "range" => self.range(data),
            "lookup" => self.lookup(data),
            "immediate" => self.immediate(data),
            "counter" => self.counted = true,
            "match" | "target" => xt::speak(self, name, data),
            _ => statement::speak(self, name, data),
        }
    }

    fn payload(&mut self, data: &[u8]) {
        let attribute = |kind| number(data, kind).unwrap_or_default();
        // The kernel uses one or two bytes for each.
        let [offset, length] = [3, 4].map(|kind| attribute(kind).min(u16::MAX.into()) as usize);
        let base = match attribute(2) {
            0 => Base::Link,
            1 => Base::Network,
            2 => Base::Transport,
            _ => return self.say_condition("[payload]"),
        };
        self.imply(base);
        let fields = field::fields(base, offset, length, self.known)
            .unwrap_or_else(|| vec![field::raw(base, offset, length)]);
        match number(data, 5) {
            Some(source) => self.set(&fields[0].name, fields[0].kind, source),
            None => self.select(attribute(1), fields, length),
        }
    }

    /// Removes words that only served to locate a field of this header.
    pub fn imply(&mut self, base: Base) {
        let mut hide = |place: &mut Option<usize>| {
            if let Some(said) = place.take() {
                self.parts[said] = None;
            }
        };
        match base {
            Base::Link => hide(&mut self.link),
            Base::Network => hide(&mut self.network),
            Base::Transport => {
                let icmp = matches!(self.known.protocol, Some(1 | 58));
                if self.known.protocol.is_some() {
                    hide(&mut self.transport);
                }
                if icmp {
                    hide(&mut self.network);
                }
            }
        }
    }

    fn select(&mut self, register: u64, fields: Vec<Field>, length: usize) {
        let selected = Selected { fields, length, mask: None, more: String::new() };
        self.load(register, Content::Selected(selected));
    }

    fn one(&mut self, register: u64, name: &str, kind: Kind, length: usize) {
        self.select(register, vec![Field { name: name.into(), kind, length }], length);
    }

    fn meta(&mut self, data: &[u8]) {
        let key = number(data, 2).unwrap_or_default();
        let known = field::meta(key);
        let (name, kind, length) = known.unwrap_or(("", Kind::Bytes, 4));
        let name = if name.is_empty() { format!("meta [{key}]") } else { name.to_string() };
        match (number(data, 1), number(data, 3)) {
            (_, Some(source)) => self.set(&name, kind, source),
            (Some(register), _) => self.one(register, &name, kind, length),
            _ => self.say_condition("[meta]"),
        }
    }

    fn ct(&mut self, data: &[u8]) {
        let key = number(data, 2).unwrap_or_default();
        let known = field::ct(key, number(data, 3), self.known.ether);
        let (name, kind, length) = known.unwrap_or_else(|| (format!("ct [{key}]"), Kind::Bytes, 4));
        match (number(data, 1), number(data, 4)) {
            (_, Some(source)) => self.set(&name, kind, source),
            (Some(register), _) => self.one(register, &name, kind, length),
            _ => self.say_condition("[ct]"),
        }
    }

    fn fib(&mut self, data: &[u8]) {
        let flags = number(data, 3).unwrap_or_default();
        let names = [(1, "saddr"), (2, "daddr"), (4, "mark"), (8, "iif"), (16, "oif")];
        let parts: Vec<&str> =
            names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
        let (result, kind) = match number(data, 2) {
            Some(1) => ("oif", Kind::InterfaceIndex),
            Some(2) => ("oifname", Kind::InterfaceName),
            _ => ("type", Kind::AddressType),
        };
        let name = format!("fib {} {result}", parts.join(" . "));
        self.one(number(data, 1).unwrap_or_default(), &name, kind, 4);
    }

    fn route(&mut self, data: &[u8]) {
        let (name, kind, length) = match number(data, 2) {
            Some(0) => ("rt classid", Kind::HostNumber, 4),
            Some(1) => ("rt ip nexthop", Kind::Ipv4, 4),
            Some(2) => ("rt ip6 nexthop", Kind::Ipv6, 16),
            Some(3) => ("rt mtu", Kind::HostNumber, 2),
            _ => return self.unknown("rt"),
        };
        self.one(number(data, 1).unwrap_or_default(), name, kind, length);
    }

    /// Translates a header option; of these, only TCP's maximum segment size.
    fn option(&mut self, data: &[u8]) {
        let size = (number(data, 6), number(data, 2), number(data, 3), number(data, 4));
        let plain = number(data, 5).unwrap_or_default() == 0;
        if !plain || size != (Some(1), Some(2), Some(2), Some(2)) {
            return self.unknown("exthdr");
        }
        self.imply(Base::Transport);
        let name = "tcp option maxseg size";
        match (number(data, 1), number(data, 7)) {
            (_, Some(source)) => self.set(name, Kind::Number, source),
            (Some(register), _) => self.one(register, name, Kind::Number, 2),
            _ => self.unknown("exthdr"),
        }
    }

    /// Converts a number from host to network byte order.
    fn turn(&mut self, data: &[u8]) {
        match self.content(number(data, 1).unwrap_or_default()) {
            Content::Selected(mut selected) if selected.kind() == Kind::HostNumber => {
                selected.fields[0].kind = Kind::Number;
                self.load(number(data, 2).unwrap_or_default(), Content::Selected(selected));
            }
            _ => self.unknown("byteorder"),
        }
    }

    fn bitwise(&mut self, data: &[u8]) {
        let value = |kind| find(data, kind).and_then(|data| find(data, 1)).unwrap_or_default().to_vec();
        let (source, target) = (number(data, 1).unwrap_or_default(), number(data, 2).unwrap_or_default());
        let (mask, xor) = (value(4), value(5));
        let content = match (self.content(source), number(data, 6).unwrap_or_default()) {
            (Content::Selected(mut selected), 0) => {
                let kind = selected.kind();
                let format = |bytes: &[u8]| kind.format(bytes, self.context.interfaces);
                let turned = xor.iter().any(|byte| *byte != 0);
                let (whole, set) = (
                    mask.iter().all(|byte| *byte == 0xff),
                    mask.iter().zip(&xor).all(|(mask, xor)| *mask == !xor),
                );
                if turned && set {
                    selected.more += &format!(" | {}", format(&xor));
                } else if turned && whole {
                    selected.more += &format!(" ^ {}", format(&xor));
                } else if selected.mask.is_some() || turned {
                    selected.more += &format!(" & {} ^ {}", format(&mask), format(&xor));
                } else {
                    selected.mask = Some(mask);
                }
                Content::Selected(selected)
            }
            (Content::Selected(mut selected), shift) => {
                let by = native(&value(7));
                selected.more += &format!(" {} {by}", if shift == 1 { "<<" } else { ">>" });
                Content::Selected(selected)
            }
            (Content::Constant(bytes), 0) if bytes.len() == mask.len() => Content::Constant(
                bytes
                    .iter()
                    .zip(mask.iter().zip(&xor))
                    .map(|(byte, (mask, xor))| byte & mask ^ xor)
                    .collect(),
            ),
            (other, _) => Content::Words(format!("{} [bitwise]", self.value(&other, Kind::Bytes))),
        };
        self.load(target, content);
    }

    fn compare(&mut self, data: &[u8], bound: Option<(u64, Vec<u8>)>) {
        let register = number(data, 1).unwrap_or_default();
        let operator = number(data, 2).unwrap_or_default();
        let value = find(data, 3).and_then(|data| find(data, 1)).unwrap_or_default();
        let selected = match self.content(register) {
            Content::Selected(selected) => selected,
            other => {
                let words = self.value(&other, Kind::Bytes);
                let sign = ["==", "!=", "<", "<=", ">", ">="].get(operator as usize).unwrap_or(&"?");
                return self.say_condition(format!("{words} {sign} {}", hexadecimal(value)));
            }
        };
        // A lower bound, then an upper bound: a range.
        if operator == 3
            && let Some((_, from)) = bound.filter(|(of, _)| *of == register)
        {
            let range = selected.kind().range(&from, value, self.context.interfaces);
            self.parts.pop();
            return self.say(RulePart::equal(selected.name(self.context), false, range));
        }
        if operator == 5 && selected.mask.is_none() {
            self.bound = Some((register, value.to_vec()));
        }
        for (part, bytes) in selected.split(value) {
            self.say(part.compared(operator, bytes, self.context));
            if operator == 0 && part.mask.is_none() && part.more.is_empty() {
                self.learn(&part.fields[0].name.clone(), bytes);
            }
        }
    }

    /// Records the protocol of the packet, so that its fields have names.
    fn learn(&mut self, name: &str, bytes: &[u8]) {
        let said = Some(self.parts.len() - 1);
        match name {
            "meta l4proto" | "ip protocol" | "ip6 nexthdr" => {
                self.known.protocol = bytes.first().copied();
                self.transport = said;
            }
            "meta iiftype" | "meta oiftype" => self.link = said,
            "meta nfproto" => {
                self.known.ether = match bytes.first() {
                    Some(2) => Some(0x0800),
                    Some(10) => Some(0x86dd),
                    _ => None,
                };
                self.network = said;
            }
            "meta protocol" | "ether type" => {
                self.known.ether = Some(super::kind::big(bytes) as u16);
                self.network = said;
            }
            _ => {}
        }
    }

    fn range(&mut self, data: &[u8]) {
        let content = self.content(number(data, 1).unwrap_or_default());
        let value = |kind| find(data, kind).and_then(|data| find(data, 1)).unwrap_or_default();
        let not = number(data, 2) == Some(1);
        let (name, kind) = match &content {
            Content::Selected(selected) => (selected.name(self.context), selected.kind()),
            other => (self.value(other, Kind::Bytes), Kind::Bytes),
        };
        self.say(RulePart::equal(name, not, kind.range(value(3), value(4), self.context.interfaces)));
    }

    fn lookup(&mut self, data: &[u8]) {
        let name = text(data, 1).unwrap_or_default();
        let not = number(data, 5).is_some_and(|flags| flags & 1 != 0);
        let context = self.context;
        let Some(set) = context.sets.get(&name) else {
            return self.say_condition(format!("[lookup {name}]"));
        };
        // A key of several fields is in consecutive registers.
        let (mut names, mut kinds) = (Vec::new(), Vec::new());
        let (mut at, mut length) = (slot(number(data, 2).unwrap_or_default()), 0_usize);
        while length < set.key_length {
            let (name, kind, size) = match self.registers.get(&at) {
                Some(Content::Selected(selected)) => {
                    (selected.name(self.context), selected.kind(), selected.length)
                }
                Some(other) => (self.value(other, Kind::Bytes), Kind::Bytes, set.key_length - length),
                None => ("[unknown]".to_string(), Kind::Bytes, set.key_length - length),
            };
            let padded = size.max(1).next_multiple_of(4);
            names.push(name);
            kinds.push((kind, size));
            at = at.saturating_add(padded as u64 / 4);
            length += padded;
        }
        let key = names.join(" . ");
        let set = set.words(&kinds, self.context.interfaces);
        match number(data, 3) {
            None => self.say(RulePart::equal(key, not, set)),
            Some(0) => self.say_condition(format!("{key} vmap {set}")),
            Some(register) => self.load(register, Content::Words(format!("{key} map {set}"))),
        }
    }

    fn immediate(&mut self, data: &[u8]) {
        let register = number(data, 1).unwrap_or_default();
        let value = find(data, 2).unwrap_or_default();
        match find(value, 2) {
            Some(verdict) => self.say(RulePart::statement(statement::verdict(verdict))),
            None => self.load(register, Content::Constant(find(value, 1).unwrap_or_default().to_vec())),
        }
    }

    /// Formats the content of a register as a value of this type.
    pub fn value(&self, content: &Content, kind: Kind) -> String {
        match content {
            Content::Constant(bytes) => kind.format(bytes, self.context.interfaces),
            Content::Selected(selected) => selected.name(self.context),
            Content::Words(words) => words.clone(),
        }
    }

    fn set(&mut self, name: &str, kind: Kind, source: u64) {
        let value = self.value(&self.content(source), kind);
        self.say(RulePart::statement(format!("{name} set {value}")));
    }
}
