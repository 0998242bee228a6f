use std::fmt;
use std::path::Path;

/// The name of a lab: `<subject>/<lab>`, its path below the nearest folder
/// named `labs` without the extension, or just `<lab>` elsewhere.
///
/// ```
/// use nslab::lab::LabName;
/// use std::path::Path;
///
/// assert_eq!(LabName::of(Path::new("labs/cable/mask.rhai")).to_string(), "cable/mask");
/// assert_eq!(LabName::of(Path::new("/home/me/try.rhai")).to_string(), "try");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabName(String);

impl LabName {
    /// Returns the name of the lab at `path`.
    pub fn of(path: &Path) -> Self {
        let stem = path.with_extension("");
        let parts: Vec<_> =
            stem.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        let folders = &parts[..parts.len().saturating_sub(1)];
        let from = match folders.iter().rposition(|part| part == "labs") {
            Some(labs) => labs + 1,
            None => parts.len().saturating_sub(1),
        };
        Self(parts[from..].join("/"))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Turns the name of a check into the name of a file.
///
/// Letters (of any language) and digits stay, in lower case; an apostrophe
/// vanishes; every other run of characters becomes one `-`.
///
/// ```
/// assert_eq!(nslab::lab::slug("red's neighbours"), "reds-neighbours");
/// assert_eq!(nslab::lab::slug("ping -> 192.168.15.2"), "ping-192-168-15-2");
/// ```
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    let mut gap = false;
    for letter in name.chars() {
        if letter.is_alphanumeric() {
            if gap && !slug.is_empty() {
                slug.push('-');
            }
            gap = false;
            slug.extend(letter.to_lowercase());
        } else if !matches!(letter, '\'' | '\u{2019}') {
            gap = true;
        }
    }
    if slug.is_empty() { "unnamed".into() } else { slug }
}
