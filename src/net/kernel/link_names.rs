use super::links::LinkBrief;
use rtnetlink::packet_route::link::LinkMessage;
use std::collections::BTreeMap;

/// The names of a namespace's links, by index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::net) struct LinkNames(BTreeMap<u32, String>);

impl LinkNames {
    /// The names of these links.
    pub(in crate::net) fn of(links: &[LinkMessage]) -> Self {
        links.iter().map(|link| (link.header.index, LinkBrief::read(link).name)).collect()
    }

    /// The name of a link.
    pub(in crate::net) fn get(&self, index: u32) -> Option<&str> {
        self.0.get(&index).map(String::as_str)
    }

    /// The name of a link; for an unknown one `if` and its index, as `ip` prints it.
    pub(in crate::net) fn name_of(&self, index: u32) -> String {
        self.get(index).map_or_else(|| format!("if{index}"), String::from)
    }

    /// The index of the link of this name.
    pub(in crate::net) fn index_of(&self, name: &str) -> Option<u32> {
        self.0.iter().find(|(_, known)| *known == name).map(|(index, _)| *index)
    }

    /// Adds a link.
    pub(in crate::net) fn insert(&mut self, index: u32, name: &str) {
        self.0.insert(index, name.into());
    }
}

impl FromIterator<(u32, String)> for LinkNames {
    fn from_iter<I: IntoIterator<Item = (u32, String)>>(links: I) -> Self {
        Self(links.into_iter().collect())
    }
}
