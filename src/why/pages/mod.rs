//! A page for each cause: what it is, how it shows, how to cure it.
//!
//! The ids are a promise: scripts and books rely on them.

mod addresses;
mod bridges;
mod commands;
mod firewalls;
mod ipsec;
mod links;
mod names;
mod neighbours;
mod rewriting;
mod routes;
mod services;
mod sizes;
mod tunnels;

use std::fmt;

/// What is to be known of one cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The `id` of the cause, as `nslab why` gives it.
    pub id: &'static str,
    /// What it is, in one line.
    pub title: &'static str,
    /// How it shows.
    pub symptom: &'static str,
    /// What happens.
    pub cause: &'static str,
    /// What to look at, with which command.
    pub evidence: &'static str,
    /// What mends it.
    pub cure: &'static str,
}

/// All pages, by subject.
pub const PAGES: &[(&str, &[Page])] = &[
    ("commands", commands::PAGES),
    ("links", links::PAGES),
    ("bridges", bridges::PAGES),
    ("tunnels and queues", tunnels::PAGES),
    ("addresses", addresses::PAGES),
    ("neighbours", neighbours::PAGES),
    ("routes", routes::PAGES),
    ("firewalls", firewalls::PAGES),
    ("NAT and marks", rewriting::PAGES),
    ("services", services::PAGES),
    ("names", names::PAGES),
    ("IPsec", ipsec::PAGES),
    ("sizes", sizes::PAGES),
];

/// How many names are proposed for a misspelt one.
const NEAREST: usize = 3;

/// How wide a page is.
const WIDTH: usize = 78;

/// The page of a cause.
pub fn page(id: &str) -> Option<&'static Page> {
    all().find(|page| page.id == id)
}

/// The ids that are most like one that there is not, the nearest first.
pub fn nearest(id: &str) -> Vec<&'static str> {
    let id = id.to_lowercase().replace(['_', ' '], "-");
    let far = (id.chars().count() / 3).max(2);
    let mut near: Vec<(usize, &str)> = all()
        .filter_map(|page| {
            let distance = strsim::damerau_levenshtein(&id, page.id);
            // Who types `mtu` wants what has to do with it.
            let part = !id.is_empty() && page.id.split('-').any(|word| word == id);
            (distance <= far || part).then_some((distance, page.id))
        })
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, id)| id).take(NEAREST).collect()
}

/// All ids with their titles, by subject.
pub fn contents() -> String {
    let widest = all().map(|page| page.id.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (subject, pages) in PAGES {
        text += &format!("{}{subject}\n", if text.is_empty() { "" } else { "\n" });
        for page in *pages {
            let title = wrap(page.title, &" ".repeat(widest + 4));
            text += &format!("  {:widest$}  {}\n", page.id, title.trim_start());
        }
    }
    text
}

fn all() -> impl Iterator<Item = &'static Page> {
    PAGES.iter().flat_map(|(_, pages)| pages.iter())
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, title, symptom, cause, evidence, cure } = self;
        writeln!(f, "{}", wrap(&format!("{id}: {title}"), ""))?;
        for (head, text) in
            [("Symptom", symptom), ("Cause", cause), ("What to look at", evidence), ("Cure", cure)]
        {
            writeln!(f, "\n{head}")?;
            for line in text.lines() {
                // A command is set in already.
                match line.starts_with(' ') {
                    true => writeln!(f, "  {line}")?,
                    false => writeln!(f, "{}", wrap(line, "  "))?,
                }
            }
        }
        Ok(())
    }
}

/// A paragraph in lines of at most [`WIDTH`], each after `indent`.
fn wrap(text: &str, indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                *line += " ";
                *line += word;
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{all, contents, nearest};
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// Words with a hyphen that finders use and that are no ids: those of the
    /// tools that they read and write.
    const NO_IDS: &[&str] = &[
        "destination-unreachable",
        "echo-reply",
        "echo-request",
        "ip6tables-legacy",
        "ip6tables-nft",
        "iptables-legacy",
        "iptables-nft",
        "ipv6-icmp",
        "nd-neighbor-advert",
        "nd-neighbor-solicit",
        "neighbor-advertisement",
        "neighbor-solicitation",
        "neighbour-advertisement",
        "neighbour-solicitation",
    ];

    /// What finders call the causes that they give, as it stands in their
    /// sources.
    fn given() -> BTreeSet<String> {
        let mut given = BTreeSet::new();
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/why/cause")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("the finders' folder").flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                let text = fs::read_to_string(entry.path()).expect("a source file");
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                given.extend(code.split('"').filter(|word| is_id(word)).map(String::from));
            }
        }
        given.retain(|word| !NO_IDS.contains(&word.as_str()));
        given
    }

    fn is_id(word: &str) -> bool {
        let part = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        let begins = word.starts_with(|c: char| c.is_ascii_lowercase());
        begins && word.contains('-') && word.split('-').all(part)
    }

    #[test]
    fn each_cause_has_a_page_and_each_page_a_cause() {
        let given = given();
        let pages: BTreeSet<String> = all().map(|page| page.id.to_string()).collect();
        let without: Vec<_> = given.difference(&pages).collect();
        assert!(
            without.is_empty(),
            "write pages in src/why/pages, or list what is no id in NO_IDS: {without:?}"
        );
        let unused: Vec<_> = pages.difference(&given).collect();
        assert!(unused.is_empty(), "no finder gives these: {unused:?}");
        assert!(pages.iter().all(|id| is_id(id)));
    }

    #[test]
    fn a_page_says_something_of_everything_in_80_columns() {
        assert_eq!(all().map(|page| page.id).collect::<BTreeSet<_>>().len(), all().count(), "twice");
        for page in all() {
            let parts = [page.title, page.symptom, page.cause, page.evidence, page.cure];
            assert!(parts.iter().all(|part| part.len() > 10), "{}", page.id);
            assert!(page.evidence.lines().any(|line| line.starts_with("  ")), "{} shows no command", page.id);
            assert!(page.cure.lines().any(|line| line.starts_with("  ")), "{} types no command", page.id);
            let wide = |line: &str| line.chars().count() > 80;
            assert!(!page.to_string().lines().any(wide), "{page}");
        }
        assert!(!contents().lines().any(|line| line.chars().count() > 80), "{}", contents());
    }

    #[test]
    fn the_nearest_names_are_found() {
        assert_eq!(nearest("forwarding_of"), ["forwarding-off"]);
        assert_eq!(nearest("RP-filter").first(), Some(&"rp-filter"));
        assert!(nearest("mtu").contains(&"mtu-too-small"));
        assert!(nearest("frobnicate").is_empty());
    }
}
