//! The pages of all causes, for a reader. Each stands in the file of its finder.

pub use super::cause::Page;
use super::cause::{Cause, PAGES};
use std::fmt;

/// The number of names that are proposed for a misspelt one.
const NEAREST: usize = 3;

/// The width of a page, in columns.
const WIDTH: usize = 78;

/// Returns the page of a cause.
pub fn page(id: &str) -> Option<&'static Page> {
    let cause = Cause::of(id)?;
    all().find(|page| page.id == cause)
}

/// Returns the known ids that are most similar to an unknown one, the nearest first.
pub fn nearest(id: &str) -> Vec<&'static str> {
    let id = id.to_lowercase().replace(['_', ' '], "-");
    let far = (id.chars().count() / 3).max(2);
    let mut near: Vec<(usize, &str)> = all()
        .filter_map(|page| {
            let known = page.id.id();
            let distance = strsim::damerau_levenshtein(&id, known);
            // One word of an id, such as `mtu`, stands for all ids that contain it.
            let part = !id.is_empty() && known.split('-').any(|word| word == id);
            (distance <= far || part).then_some((distance, known))
        })
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, id)| id).take(NEAREST).collect()
}

/// Returns all ids with their titles, by subject.
pub fn contents() -> String {
    let widest = all().map(|page| page.id.id().len()).max().unwrap_or_default();
    let mut text = String::new();
    for (subject, causes) in Cause::SUBJECTS {
        text += &format!("{}{subject}\n", if text.is_empty() { "" } else { "\n" });
        for page in causes.iter().filter_map(|cause| all().find(|page| page.id == *cause)) {
            let title = wrap(page.title, &" ".repeat(widest + 4));
            text += &format!("  {:widest$}  {}\n", page.id, title.trim_start());
        }
    }
    text
}

fn all() -> impl Iterator<Item = &'static Page> {
    PAGES.iter().copied().flatten()
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
                // Commands are indented already.
                match line.starts_with(' ') {
                    true => writeln!(f, "  {line}")?,
                    false => writeln!(f, "{}", wrap(line, "  "))?,
                }
            }
        }
        Ok(())
    }
}

/// Wraps a paragraph to lines of at most [`WIDTH`] columns, each after `indent`.
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
    use crate::why::Cause;

    #[test]
    fn each_cause_has_a_page() {
        let mut pages: Vec<Cause> = all().map(|page| page.id).collect();
        pages.sort_unstable();
        assert_eq!(pages, Cause::ALL, "each cause of cause/id.rs has one page, in the file of its finder");
    }

    #[test]
    fn ids_are_words_with_hyphens() {
        for cause in Cause::ALL {
            let id = cause.id();
            let is_word = |word: &str| {
                !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            };
            assert!(id.starts_with(|c: char| c.is_ascii_lowercase()) && id.split('-').all(is_word), "{id}");
            assert_eq!(Cause::of(id), Some(*cause));
        }
    }

    #[test]
    fn a_page_says_something_of_everything_in_80_columns() {
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
