//! Prompts and fences that people paste along with a command.

/// Returns the width of a line's prompt, or Markdown fence, in characters.
pub(super) fn prompt(line: &[char]) -> usize {
    let indent = line.iter().take_while(|c| c.is_whitespace()).count();
    let text = &line[indent..];
    let blank = |at: usize| text.get(at).is_none_or(|c| c.is_whitespace());
    if text.starts_with(&['`', '`', '`']) && text[3..].iter().all(|c| c.is_alphanumeric() || *c == '\r') {
        return indent + text.len();
    }
    let Some(first) = text.first() else { return 0 };
    // `$`, zsh's `%`, and the signs of themes; also a character that was garbled
    // on the way.
    let sign = matches!(first, '$' | '%') || (!first.is_ascii() && !first.is_alphanumeric());
    if sign && blank(1) {
        return indent + 1;
    }
    // `root@host:~#`, `[me@host ~]$`, `bash-5.2$`
    let word: String = text.iter().take_while(|c| !c.is_whitespace()).collect();
    let named = word.contains('@') || word.starts_with("bash-") || word.starts_with("sh-");
    let end = text.iter().position(|c| matches!(c, '$' | '#'));
    let plain = |c: &char| c.is_alphanumeric() || "@:~/[]-_. ()".contains(*c);
    match end {
        Some(end) if named && end > 0 && blank(end + 1) && text[end - 1] != ' ' => {
            let before = &text[..end];
            let sound = before.iter().all(plain) && before.iter().filter(|c| **c == ' ').count() <= 1;
            if sound { indent + end + 1 } else { 0 }
        }
        _ => 0,
    }
}

/// Returns the same for a text.
pub(super) fn prompt_of(line: &str) -> usize {
    let line: Vec<char> = line.lines().next().unwrap_or_default().chars().collect();
    prompt(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_known() {
        for (line, width) in [
            ("$ ip link", 1),
            ("  $ ip link", 3),
            ("❯ ip link", 1),
            ("\u{fffd} ip link", 1),
            ("% ip link", 1),
            ("root@host:~# ip link", 12),
            ("[me@host ~]$ ip link", 12),
            ("bash-5.2# ip link", 9),
            ("$", 1),
            ("```bash", 7),
            ("    ```", 7),
        ] {
            assert_eq!(prompt_of(line), width, "{line}");
        }
    }

    #[test]
    fn what_is_no_prompt_stays() {
        for line in [
            "$x a",
            "$(ip link)",
            "# ip link",
            "> file",
            "가 나",
            "",
            "git clone git@host:x # so",
            "mail me@host $ x",
            "me@host$x",
        ] {
            assert_eq!(prompt_of(line), 0, "{line}");
        }
    }
}
