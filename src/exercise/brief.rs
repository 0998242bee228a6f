//! What a student is shown of a long text: a program may print millions of
//! lines, and the marks of a whole class are kept.

/// Of more lines than this, the first and the last are kept.
const LINES: usize = 100;
/// Of a longer line, so many characters are kept.
const WIDTH: usize = 500;

/// The text, with what there is too much of left out, and said to be.
pub(super) fn brief(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let more = lines.len().saturating_sub(LINES);
    // The beginning says more than the end.
    let first = if more > 0 { LINES - LINES / 5 } else { lines.len() };
    let mut kept: Vec<String> = lines[..first].iter().map(|line| narrow(line)).collect();
    if more > 0 {
        kept.push(format!("[{more} more lines]"));
        kept.extend(lines[first + more..].iter().map(|line| narrow(line)));
    }
    kept.join("\n")
}

fn narrow(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        None => line.into(),
        Some((end, _)) => format!("{} [{} more characters]", &line[..end], line[end..].chars().count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_stays() {
        assert_eq!(brief(""), "");
        assert_eq!(brief("one\n\n  two\n"), "one\n\n  two");
        let hundred = vec!["x"; LINES].join("\n");
        assert_eq!(brief(&hundred), hundred);
    }

    #[test]
    fn of_what_is_long_the_ends_stay() {
        let lines: Vec<String> = (1..=1000).map(|n| n.to_string()).collect();
        let text = brief(&lines.join("\n"));
        assert_eq!(text.lines().count(), LINES + 1);
        assert!(text.starts_with("1\n2\n") && text.ends_with("\n999\n1000"));
        assert!(text.contains("\n80\n[900 more lines]\n981\n"), "{text}");
        assert_eq!(
            brief(&format!("{}é", "é".repeat(WIDTH + 1))),
            format!("{} [2 more characters]", "é".repeat(WIDTH))
        );
    }
}
