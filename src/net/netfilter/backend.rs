//! The backend that keeps a rule, and the tool for it.

use super::ruleset::Chain;
use super::saved;
use super::saved::Saved;
use crate::net::run::program::Limits;
use crate::net::run::tools::PATH;
use crate::net::{NetError, Netns, Network};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The backend that keeps a rule: nf_tables itself, or one of the older tools,
/// either on nf_tables (`-nft`) or on its own kernel interface (`-legacy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Backend {
    /// nf_tables, by `nft`.
    Nft,
    /// `iptables` and `ip6tables`, kept in nf_tables.
    IptablesNft,
    /// `iptables` and `ip6tables`, in their legacy tables.
    IptablesLegacy,
    /// `ebtables`, kept in nf_tables.
    EbtablesNft,
    /// `ebtables`, in its legacy tables.
    EbtablesLegacy,
    /// `arptables`, kept in nf_tables.
    ArptablesNft,
    /// `arptables`, in its legacy tables.
    ArptablesLegacy,
}

impl Backend {
    /// Tells whether it keeps its rules outside nf_tables.
    pub fn is_old(self) -> bool {
        matches!(self, Self::IptablesLegacy | Self::EbtablesLegacy | Self::ArptablesLegacy)
    }

    /// The families in which it keeps rules.
    pub(super) fn families(self) -> &'static [&'static str] {
        match self {
            Self::Nft => &["inet", "netdev"],
            Self::IptablesNft | Self::IptablesLegacy => &["ip", "ip6"],
            Self::EbtablesNft | Self::EbtablesLegacy => &["bridge"],
            Self::ArptablesNft | Self::ArptablesLegacy => &["arp"],
        }
    }

    /// Tells whether this tool can have made a chain: its chains have names in
    /// capitals.
    pub(super) fn has(self, chain: &Chain) -> bool {
        let tables: &[&str] = match self {
            Self::IptablesNft => &["filter", "nat", "mangle", "raw", "security"],
            Self::EbtablesNft => &["filter", "nat", "broute"],
            Self::ArptablesNft => &["filter"],
            _ => &[],
        };
        let capitals = |name: &str| name.chars().all(|c| c.is_ascii_uppercase());
        tables.contains(&chain.table.as_str()) && chain.base.is_some() && capitals(&chain.name)
    }

    /// The tool as one types it: without `-nft` or `-legacy` if the machine's
    /// plain tool uses the same backend. If no plain tool is installed, the
    /// plain name stands for nf_tables.
    pub fn tool(self, family: &str) -> String {
        let plain = self.plain(family);
        match variant(plain) {
            _ if self == Self::Nft => plain.into(),
            Some(old) if old == self.is_old() => plain.into(),
            None if !self.is_old() => plain.into(),
            _ => format!("{plain}-{}", self.ending()),
        }
    }

    fn plain(self, family: &str) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::IptablesNft | Self::IptablesLegacy if family == "ip6" => "ip6tables",
            Self::IptablesNft | Self::IptablesLegacy => "iptables",
            Self::EbtablesNft | Self::EbtablesLegacy => "ebtables",
            Self::ArptablesNft | Self::ArptablesLegacy => "arptables",
        }
    }

    fn ending(self) -> &'static str {
        if self.is_old() { "legacy" } else { "nft" }
    }

    /// The installed program for this backend, if there is one; `more` is
    /// `-save`, or empty.
    pub(super) fn program(self, family: &str, more: &str) -> Option<String> {
        let plain = self.plain(family);
        let sure = format!("{plain}-{}{more}", self.ending());
        let other = format!("{plain}{more}");
        match variant(&sure) {
            Some(_) => Some(sure),
            None => (variant(&other) == Some(self.is_old())).then_some(other),
        }
    }
}

/// Tells whether an installed program is the legacy variant, which the name of
/// the file behind its symbolic links shows. Returns `None` if it is not
/// installed.
fn variant(program: &str) -> Option<bool> {
    thread_local! {
        static KNOWN: RefCell<BTreeMap<String, Option<bool>>> = RefCell::default();
    }
    let look = || {
        let path = which::which_in(program, Some(PATH), "/").ok()?;
        let file = path.canonicalize().unwrap_or(path);
        Some(!file.file_name()?.to_string_lossy().contains("nft"))
    };
    KNOWN.with_borrow_mut(|known| *known.entry(program.into()).or_insert_with(look))
}

impl Network {
    /// Returns the rules that the backend's tool prints; none if no tool is
    /// installed.
    pub(super) fn saved(
        &self,
        netns: &Netns,
        backend: Backend,
        family: &str,
    ) -> Result<Vec<Saved>, NetError> {
        let Some(program) = backend.program(family, "-save") else { return Ok(Vec::new()) };
        let text = self.printed(netns, &[&program, "-c"])?;
        Ok(text.map(|text| saved::read(&text)).unwrap_or_default())
    }

    /// Runs a program and returns its output; `None` if it fails.
    pub(super) fn printed(&self, netns: &Netns, words: &[&str]) -> Result<Option<String>, NetError> {
        let argv = words.iter().map(|word| (*word).to_string()).collect();
        let answer = self.run(netns, &words.join(" "), argv, Limits::default())?;
        Ok(answer.ok().then_some(answer.stdout))
    }
}
