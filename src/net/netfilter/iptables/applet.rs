//! Carries out iptables commands where iptables is not installed.

use super::chains::is_table;
use super::{IptablesRule, built_in};
use crate::net::kernel::error::strerror;
use crate::net::kernel::nfnetlink::{APPEND, Attributes, CREATE, Message, REPLACE};
use crate::net::netfilter::ruleset;
use crate::net::netfilter::ruleset::{Chain, Spoken};
use crate::net::{Family, NetError, Netns, Network};

/// A command of iptables or ip6tables that changes the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::net) struct IptablesCommand {
    family: Family,
    table: String,
    chain: String,
    act: Act,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Act {
    /// `-A`
    Append(IptablesRule),
    /// `-I`, before the rule of this number.
    Insert(usize, IptablesRule),
    /// `-R`
    Replace(usize, IptablesRule),
    /// `-D`
    Delete(Which),
    /// `-P`
    Policy { accept: bool },
    /// `-N`
    New,
    /// `-F`
    Flush,
    /// `-X`
    Remove,
}

/// The rule that a command refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    Number(usize),
    Like(IptablesRule),
}

/// `NFT_MSG_*`, and `NFTA_TABLE_*`, `NFTA_CHAIN_*` and `NFTA_RULE_*` of the
/// kernel.
const NEW_TABLE: u16 = 0;
const NEW_CHAIN: u16 = 3;
const DELETE_CHAIN: u16 = 5;
const NEW_RULE: u16 = 6;
const DELETE_RULE: u16 = 8;
const TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_HANDLE: u16 = 3;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_KIND: u16 = 7;
const RULE_EXPRESSIONS: u16 = 4;
const RULE_COMPAT: u16 = 5;
const RULE_POSITION: u16 = 6;

impl IptablesCommand {
    /// Parses a command; `None` if it has an unknown word.
    pub fn parse(program: &str, words: &[String]) -> Option<Self> {
        let family = match program {
            "iptables" | "iptables-nft" => Family::Inet,
            "ip6tables" | "ip6tables-nft" => Family::Inet6,
            _ => return None,
        };
        let mut table = "filter".to_string();
        let mut verb = None;
        let mut spec: Vec<String> = Vec::new();
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-t" | "--table" => table = words.next()?.clone(),
                // Nothing else changes the rules, so there is nothing to wait
                // for.
                "-w" | "--wait" => drop(words.next_if(|word| word.bytes().all(|byte| byte.is_ascii_digit()))),
                "-A" | "--append" | "-I" | "--insert" | "-R" | "--replace" | "-D" | "--delete" | "-P"
                | "--policy" | "-N" | "--new-chain" | "-F" | "--flush" | "-X" | "--delete-chain" => {
                    let chain = words.next()?.clone();
                    let number = words.next_if(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
                    let number = number.map(|number| number.parse::<usize>()).transpose().ok()?;
                    verb.replace((word.as_str(), chain, number)).is_none().then_some(())?;
                }
                _ => spec.push(word.clone()),
            }
        }
        let (verb, chain, number) = verb?;
        (is_table(&table) && is_name(&chain) && number != Some(0)).then_some(())?;
        let rule = || {
            let rule = IptablesRule::parse(family, &spec)?;
            // iptables refuses an incoming interface where packets leave, and an
            // outgoing one where they arrive.
            let here = built_in(&table, &chain);
            let senseless = here.is_some_and(|here| {
                matches!(here.hook, "output" | "postrouting") && rule.looks_at_interface(true)
                    || matches!(here.hook, "prerouting" | "input") && rule.looks_at_interface(false)
            });
            (!senseless).then_some(rule)
        };
        let nothing = spec.is_empty() && number.is_none();
        let act = match (verb, number) {
            ("-A" | "--append", None) => Act::Append(rule()?),
            ("-I" | "--insert", number) => Act::Insert(number.unwrap_or(1), rule()?),
            ("-R" | "--replace", Some(number)) => Act::Replace(number, rule()?),
            ("-D" | "--delete", Some(number)) if spec.is_empty() => Act::Delete(Which::Number(number)),
            ("-D" | "--delete", None) => Act::Delete(Which::Like(rule()?)),
            ("-P" | "--policy", None) => match &spec[..] {
                [policy] if policy == "ACCEPT" => Act::Policy { accept: true },
                [policy] if policy == "DROP" => Act::Policy { accept: false },
                _ => return None,
            },
            ("-N" | "--new-chain", _) if nothing && built_in(&table, &chain).is_none() => Act::New,
            ("-F" | "--flush", _) if nothing => Act::Flush,
            ("-X" | "--delete-chain", _) if nothing => Act::Remove,
            _ => return None,
        };
        Some(Self { family, table, chain, act })
    }
}

/// Tells whether iptables accepts a chain name.
pub(super) fn is_name(chain: &str) -> bool {
    !chain.is_empty()
        && chain.len() < 29
        && !chain.starts_with(['-', '!'])
        && !chain.contains(|c: char| c.is_whitespace() || c.is_control())
}

impl Network {
    /// Carries out a command of iptables.
    ///
    /// # Errors
    ///
    /// If the kernel refuses, or the rule or chain does not exist.
    pub(in crate::net) fn iptables_applet(
        &self,
        netns: &Netns,
        command: &IptablesCommand,
    ) -> Result<(), NetError> {
        let kernel = self.act()?;
        let socket = kernel.netfilter(netns)?;
        let family = match command.family {
            Family::Inet => libc::AF_INET as u8,
            Family::Inet6 => libc::AF_INET6 as u8,
        };
        let there = ruleset::spoken(&socket, || kernel.interfaces(netns))?;
        let messages = command.messages(family, &there)?;
        socket
            .transact(messages)
            .map_err(|error| NetError::new(error.text.clone().unwrap_or_else(|| strerror(error.errno))))
    }
}

impl IptablesCommand {
    /// The netlink messages, if these chains exist.
    fn messages(&self, family: u8, there: &[(Chain, Vec<Spoken>)]) -> Result<Vec<Message>, NetError> {
        let chain = |name: &str| there.iter().find(|(chain, _)| chain.is(family, &self.table, name));
        let found = chain(&self.chain);
        let table = Attributes::default().text(TABLE, &self.table);
        let own = table.clone().text(RULE_CHAIN, &self.chain);
        let named = table.clone().text(CHAIN_NAME, &self.chain);
        let mut messages = vec![Message::tables(NEW_TABLE, family, CREATE, table)];
        let no_chain = || NetError::new("No chain/target/match by that name.");
        // The attributes of a built-in chain, which is created on first use.
        let made = |accept: Option<bool>| {
            let built_in = built_in(&self.table, &self.chain).ok_or_else(no_chain)?;
            let hook = Attributes::default().number(1, built_in.number).number(2, built_in.priority as u32);
            let chain = named.clone().nest(CHAIN_HOOK, hook).text(CHAIN_KIND, built_in.kind);
            Ok::<_, NetError>(match accept {
                Some(accept) => chain.number(CHAIN_POLICY, u32::from(accept)),
                None => chain,
            })
        };
        let rules = found.map(|(_, rules)| &rules[..]).unwrap_or_default();
        let at = |number: usize| {
            rules
                .get(number - 1)
                .map(|rule| rule.handle)
                .ok_or_else(|| NetError::new("Index of replacement too big."))
        };
        let written = |rule: &IptablesRule| {
            if let Some(to) = rule.leads_to()
                && chain(to).is_none_or(|(chain, _)| chain.base.is_some())
            {
                return Err(no_chain());
            }
            let written = own.clone().nest(RULE_EXPRESSIONS, rule.expressions());
            // Extensions need to know the packets' protocol
            // (`NFTA_RULE_COMPAT_PROTO`, `NFTA_RULE_COMPAT_FLAGS`).
            Ok(match rule.protocol() {
                Some(number) => {
                    let compat = Attributes::default().number(1, number.into()).number(2, 0);
                    written.nest(RULE_COMPAT, compat)
                }
                None => written,
            })
        };
        let make = |messages: &mut Vec<Message>| {
            if found.is_none() {
                messages.push(Message::tables(NEW_CHAIN, family, CREATE, made(None)?));
            }
            Ok::<_, NetError>(())
        };
        let (kind, flags, attributes) = match &self.act {
            Act::Append(rule) => {
                make(&mut messages)?;
                (NEW_RULE, CREATE | APPEND, written(rule)?)
            }
            Act::Insert(number, rule) if *number == rules.len() + 1 => {
                make(&mut messages)?;
                (NEW_RULE, CREATE | APPEND, written(rule)?)
            }
            Act::Insert(number, rule) => {
                (NEW_RULE, CREATE, written(rule)?.bytes(RULE_POSITION, &at(*number)?.to_be_bytes()))
            }
            Act::Replace(number, rule) => {
                (NEW_RULE, REPLACE, written(rule)?.bytes(RULE_HANDLE, &at(*number)?.to_be_bytes()))
            }
            Act::Delete(which) => {
                let handle = match which {
                    Which::Number(number) => at(*number)?,
                    Which::Like(wanted) => rules
                        .iter()
                        .find(|rule| {
                            IptablesRule::read(self.family, &rule.expressions).as_ref() == Some(wanted)
                        })
                        .map(|rule| rule.handle)
                        .ok_or_else(|| {
                            NetError::new("Bad rule (does a matching rule exist in that chain?).")
                        })?,
                };
                (DELETE_RULE, 0, own.clone().bytes(RULE_HANDLE, &handle.to_be_bytes()))
            }
            Act::Policy { accept } => (NEW_CHAIN, CREATE, made(Some(*accept))?),
            Act::New if found.is_some() => return Err(NetError::new("Chain already exists.")),
            Act::New => (NEW_CHAIN, CREATE, named.clone()),
            Act::Flush if found.is_none() => return Err(no_chain()),
            Act::Flush => (DELETE_RULE, 0, own.clone()),
            Act::Remove if found.is_none_or(|(chain, _)| chain.base.is_some()) => return Err(no_chain()),
            Act::Remove => (DELETE_CHAIN, 0, named.clone()),
        };
        messages.push(Message::tables(kind, family, flags, attributes));
        Ok(messages)
    }
}
