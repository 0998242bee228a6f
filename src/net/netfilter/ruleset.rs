//! Reads the rules of a namespace.

use super::part::{self, RulePart};
use super::set::Set;
use super::speech::{Context, speak};
use crate::net::kernel::Kernel;
use crate::net::kernel::error::strerror;
use crate::net::kernel::link_names::LinkNames;
use crate::net::kernel::nfnetlink::{Answer, Attributes, Message, Netfilter, attributes, find, number, text};
use crate::net::{NetError, Netns, Network};
use crate::table::FirewallRow;
use std::collections::BTreeMap;
use std::rc::Rc;

/// `NFT_MSG_GET*` of the kernel.
const GET_CHAIN: u16 = 4;
const GET_RULE: u16 = 7;
const GET_SET: u16 = 10;
const GET_ELEMENTS: u16 = 13;

/// The families of nf_tables (`NFPROTO_*`), in the order in which they are
/// listed.
const FAMILIES: [(u8, &str); 6] =
    [(2, "ip"), (10, "ip6"), (1, "inet"), (3, "arp"), (7, "bridge"), (5, "netdev")];

/// A chain, with the attributes that are shown.
#[derive(Debug)]
pub(super) struct Chain {
    pub family: u8,
    pub table: String,
    pub name: String,
    /// The hook and the priority of a base chain.
    pub base: Option<Base>,
}

#[derive(Debug)]
pub(super) struct Base {
    pub kind: String,
    pub hook: u32,
    pub priority: i32,
    pub policy: String,
    device: Option<String>,
    /// The interfaces, if the chain is bound to some.
    pub devices: Vec<String>,
    /// The packets and bytes that reached the policy, if they are counted.
    pub counted: Option<(u64, u64)>,
}

/// A rule, with the attributes that are shown.
#[derive(Debug)]
pub(super) struct Spoken {
    /// Its handle within the table.
    pub handle: u64,
    /// The rule in nft's words, part by part.
    pub parts: Vec<RulePart>,
    pub expressions: Vec<u8>,
    /// Whether it implements the policy of a user-defined chain of ebtables.
    pub is_policy: bool,
    /// Whether no tool has stored userdata with it.
    pub plain: bool,
}

impl Spoken {
    /// The rule in nft's words.
    pub fn words(&self) -> String {
        part::words(&self.parts)
    }
}

impl Network {
    /// The rules of a namespace, by table and chain: one row for each chain, and
    /// one for each of its rules.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted, or the kernel has no nf_tables.
    pub fn firewall(&self, netns: &Netns) -> Result<Vec<FirewallRow>, NetError> {
        let kernel = self.look()?;
        let interfaces = kernel.interfaces(netns)?;
        let socket = kernel.netfilter(netns)?;
        rules_of(&socket, &interfaces)
    }
}

impl Kernel<'_> {
    /// The netfilter socket of a namespace.
    pub(super) fn netfilter(&self, netns: &Netns) -> Result<Rc<Netfilter>, NetError> {
        if let Some(socket) = netns.netfilter() {
            return Ok(socket);
        }
        self.enter(netns)?;
        let socket = Rc::new(Netfilter::open()?);
        netns.keep_netfilter(&socket);
        Ok(socket)
    }

    pub(super) fn interfaces(&self, netns: &Netns) -> Result<LinkNames, NetError> {
        Ok(LinkNames::of(&self.dump_links(netns)?))
    }
}

/// The rules of the socket's namespace.
pub(super) fn rules_of(socket: &Netfilter, interfaces: &LinkNames) -> Result<Vec<FirewallRow>, NetError> {
    let mut rows = Vec::new();
    for (chain, rules) in spoken(socket, || Ok(interfaces.clone()))? {
        rows.push(chain.row(None));
        rows.extend(rules.into_iter().map(|rule| chain.row(Some(rule.words()))));
    }
    Ok(rows)
}

/// The chains of the socket's namespace, each with its rules. The interfaces are
/// requested only if there is a chain.
pub(super) fn spoken(
    socket: &Netfilter,
    interfaces: impl FnOnce() -> Result<LinkNames, NetError>,
) -> Result<Vec<(Chain, Vec<Spoken>)>, NetError> {
    let mut chains = chains(socket)?;
    if chains.is_empty() {
        return Ok(Vec::new());
    }
    chains.sort_by_key(Chain::order);
    let interfaces = interfaces()?;
    let rules = list(socket, GET_RULE, 0, Attributes::default())?;
    let sets = sets(socket, |set| set.anonymous)?;
    let none = BTreeMap::new();
    let speak_of = |chain: &Chain, rule: &Answer| {
        let context = Context {
            family: chain.family,
            interfaces: &interfaces,
            sets: sets.get(&(chain.family, chain.table.clone())).unwrap_or(&none),
        };
        let expressions = find(&rule.bytes, 4).unwrap_or_default();
        Spoken {
            handle: number(&rule.bytes, 3).unwrap_or_default(),
            parts: speak(expressions, userdata(&rule.bytes, COMMENT), &context),
            expressions: expressions.into(),
            plain: find(&rule.bytes, 7).is_none(),
            is_policy: chain.family == BRIDGE && userdata(&rule.bytes, EBTABLES_POLICY).is_some(),
        }
    };
    // Both lists may have ten thousand entries.
    let mut rules_of: BTreeMap<(u8, String, String), Vec<&Answer>> = BTreeMap::new();
    for rule in &rules {
        let of = |kind| text(&rule.bytes, kind).unwrap_or_default();
        rules_of.entry((rule.family, of(1), of(2))).or_default().push(rule);
    }
    let with_rules = |chain: Chain| {
        let rules = rules_of.get(&(chain.family, chain.table.clone(), chain.name.clone()));
        let rules = rules.into_iter().flatten().map(|rule| speak_of(&chain, rule)).collect();
        (chain, rules)
    };
    Ok(chains.into_iter().map(with_rules).collect())
}

fn list(socket: &Netfilter, kind: u16, family: u8, attributes: Attributes) -> Result<Vec<Answer>, NetError> {
    socket.dump(&Message::tables(kind, family, 0, attributes)).map_err(|error| {
        let words = error.text.clone().unwrap_or_else(|| strerror(error.errno));
        NetError::new(format!("failed to list the rules: {words}"))
            .unmeasured("load the kernel's module nf_tables")
    })
}

/// All chains.
pub(super) fn chains(socket: &Netfilter) -> Result<Vec<Chain>, NetError> {
    Ok(list(socket, GET_CHAIN, 0, Attributes::default())?.iter().filter_map(Chain::read).collect())
}

type Sets = BTreeMap<(u8, String), BTreeMap<String, Set>>;

/// All named sets, with their elements.
pub(super) fn named_sets(socket: &Netfilter) -> Result<Vec<Set>, NetError> {
    let all = sets(socket, |set| !set.anonymous)?;
    Ok(all.into_values().flat_map(BTreeMap::into_values).filter(|set| !set.anonymous).collect())
}

/// The sets of each table; `with_elements` selects those that are read with
/// their elements.
fn sets(socket: &Netfilter, with_elements: impl Fn(&Set) -> bool) -> Result<Sets, NetError> {
    let mut sets = Sets::new();
    for answer in list(socket, GET_SET, 0, Attributes::default())? {
        let table = text(&answer.bytes, 1).unwrap_or_default();
        let mut set = Set::read(&answer.bytes);
        if with_elements(&set) {
            let which = Attributes::default().text(1, &table).text(2, &set.name);
            for part in list(socket, GET_ELEMENTS, answer.family, which)? {
                set.take(find(&part.bytes, 3).unwrap_or_default());
            }
        }
        sets.entry((answer.family, table)).or_default().insert(set.name.clone(), set);
    }
    Ok(sets)
}

/// Types of a rule's userdata (`enum nftnl_udata_rule_types`): its comment, and
/// whether it is a policy of ebtables.
const COMMENT: u8 = 0;
const EBTABLES_POLICY: u8 = 1;

/// `NFPROTO_BRIDGE`.
const BRIDGE: u8 = 7;

/// The data that a tool has stored with a rule (`NFTA_RULE_USERDATA`).
pub(super) fn userdata(rule: &[u8], wanted: u8) -> Option<String> {
    let mut data = find(rule, 7)?;
    while let [kind, length, rest @ ..] = data {
        let value = rest.get(..usize::from(*length))?;
        if *kind == wanted {
            let text = value.strip_suffix(&[0]).unwrap_or(value);
            return Some(String::from_utf8_lossy(text).into_owned());
        }
        data = &rest[usize::from(*length)..];
    }
    None
}

/// The name of a family, as in nft.
pub(super) fn family_name(number: u8) -> String {
    let family = FAMILIES.iter().find(|(known, _)| *known == number);
    family.map_or_else(|| number.to_string(), |(_, name)| (*name).into())
}

/// The packets and bytes of a counter.
pub(super) fn counted(counter: &[u8]) -> Option<(u64, u64)> {
    Some((number(counter, 2)?, number(counter, 1)?))
}

/// The interfaces of a hook, one (`NFTA_HOOK_DEV`) or several.
fn devices(place: &[u8]) -> Vec<String> {
    let several = attributes(find(place, 4).unwrap_or_default());
    let names = several.map(|(_, name)| {
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        String::from_utf8_lossy(&name[..end]).into_owned()
    });
    let names: Vec<String> = names.collect();
    if names.is_empty() { text(place, 3).into_iter().collect() } else { names }
}

impl Chain {
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        let bytes = &answer.bytes;
        let base = find(bytes, 4).map(|place| Base {
            kind: text(bytes, 7).unwrap_or_default(),
            hook: number(place, 1).unwrap_or_default() as u32,
            priority: number(place, 2).unwrap_or_default() as i32,
            policy: if number(bytes, 5) == Some(0) { "drop" } else { "accept" }.into(),
            device: text(place, 3),
            devices: devices(place),
            counted: find(bytes, 8).and_then(counted),
        });
        Some(Self { family: answer.family, table: text(bytes, 1)?, name: text(bytes, 3)?, base })
    }

    /// Tells whether it is a base chain for NAT.
    pub fn is_nat(&self) -> bool {
        self.base.as_ref().is_some_and(|base| base.kind == "nat")
    }

    /// Tells whether it is the chain of this name.
    pub fn is(&self, family: u8, table: &str, name: &str) -> bool {
        self.family == family && self.table == table && self.name == name
    }

    /// The hook and the priority of a base chain.
    pub fn hook(&self) -> Option<(u32, i32)> {
        self.base.as_ref().map(|base| (base.hook, base.priority))
    }

    /// The policy of a base chain.
    pub fn policy(&self) -> Option<&String> {
        self.base.as_ref().map(|base| &base.policy)
    }

    /// The sort key: base chains are listed in the order in which packets pass
    /// them.
    fn order(&self) -> (usize, String, bool, u32, i32, String) {
        let family = FAMILIES.iter().position(|(number, _)| *number == self.family);
        let (hook, priority) = self.base.as_ref().map_or((0, 0), |base| (base.hook, base.priority));
        let family = family.unwrap_or(FAMILIES.len());
        (family, self.table.clone(), self.base.is_none(), hook, priority, self.name.clone())
    }

    pub(super) fn row(&self, rule: Option<String>) -> FirewallRow {
        let hook = self.base.as_ref().filter(|_| rule.is_none()).map(|base| base.words(self.family));
        FirewallRow {
            family: family_name(self.family),
            table: self.table.clone(),
            chain: self.name.clone(),
            rule,
            policy: self.base.as_ref().map(|base| base.policy.clone()),
            hook,
        }
    }
}

impl Base {
    /// The hook's name.
    pub fn hook_name(&self, family: u8) -> &'static str {
        let hooks = match family {
            3 => ["input", "output", "forward", "", "", ""],
            5 => ["ingress", "egress", "", "", "", ""],
            _ => ["prerouting", "input", "forward", "output", "postrouting", "ingress"],
        };
        hooks.get(self.hook as usize).copied().unwrap_or_default()
    }

    /// Formats the declaration as nft does.
    fn words(&self, family: u8) -> String {
        let hook = self.hook_name(family);
        let device = self.device.as_ref().map(|device| format!(" device \"{device}\"")).unwrap_or_default();
        let (kind, priority) = (&self.kind, priority(self.priority, family, hook));
        format!("type {kind} hook {hook}{device} priority {priority}")
    }
}

/// A priority by its name, or relative to a name at most ten away.
fn priority(number: i32, family: u8, hook: &str) -> String {
    let names: &[(i32, &str)] = match (family, hook) {
        (7, "prerouting") => &[(-300, "dstnat"), (-200, "filter")],
        (7, "output") => &[(-200, "filter"), (100, "out")],
        (7, "postrouting") => &[(-200, "filter"), (300, "srcnat")],
        (7, _) => &[(-200, "filter")],
        (3 | 5, _) => &[(0, "filter")],
        (_, "prerouting") => {
            &[(-300, "raw"), (-150, "mangle"), (-100, "dstnat"), (0, "filter"), (50, "security")]
        }
        (_, "postrouting") => {
            &[(-300, "raw"), (-150, "mangle"), (0, "filter"), (50, "security"), (100, "srcnat")]
        }
        _ => &[(-300, "raw"), (-150, "mangle"), (0, "filter"), (50, "security")],
    };
    for (known, name) in names {
        // The difference of two 32-bit numbers needs 64 bits.
        match i64::from(number) - i64::from(*known) {
            0 => return (*name).into(),
            more @ 1..=10 => return format!("{name} + {more}"),
            less @ -10..=-1 => return format!("{name} - {}", -less),
            _ => {}
        }
    }
    number.to_string()
}
