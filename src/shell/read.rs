use super::scan::Scan;
use crate::event::Fault;
use crate::lab::{Helper, Lab, LabSource, Language, Place, ToolUse, read_beside};
use crate::net::is_installed;
use std::fs;
use std::path::Path;

/// Reads a shell lab. A line that bash can't parse fails when it is reached.
///
/// # Errors
///
/// If it has no command.
pub fn read(mut source: LabSource) -> Result<Lab, Fault> {
    if let Some(text) = source.text.strip_prefix('\u{feff}') {
        source.text = text.to_string();
    }
    let text: String = source.text.lines().flat_map(|line| [line, "\n"]).collect();
    if Scan::of(&text).simples.is_empty() {
        let hint = "a lab has at least one command, as `ip netns add red`".to_string();
        let place = Place::new(1, 1);
        let message = "the lab is empty".into();
        return Err(Fault { helper: None, place, message, command: None, hint: Some(hint) });
    }
    let bash = ToolUse { program: "bash".into(), place: Place::new(1, 1) };
    Ok(Lab {
        language: Language::Shell,
        tool: Some(bash).filter(|bash| !is_installed(&bash.program)),
        checks: Vec::new(),
        helpers: beside(&source),
        draws: Vec::new(),
        gap: None,
        source,
    })
}

/// Returns the files beside the lab that it names, which it may `source`.
fn beside(source: &LabSource) -> Vec<Helper> {
    let folder = source.path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return Vec::new() };
    let mut helpers: Vec<Helper> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let named = source.text.contains(&name) && Some(name.as_ref()) != source.path.file_name();
            // Large files, and links that lead outside, are left out.
            let bytes = if named { read_beside(&entry.path()).ok()? } else { return None };
            let text = String::from_utf8(bytes).ok()?;
            Some(Helper { path: source.path.with_file_name(&name).display().to_string(), import: name, text })
        })
        .collect();
    helpers.sort_by(|a, b| a.path.cmp(&b.path));
    helpers
}
