//! Shortens long texts for students: a program may print millions of lines, and
//! the marks of a whole class are kept.

/// The most lines; of a longer text, the first and the last ones are kept.
const LINES: usize = 100;
/// The most characters of a line.
const WIDTH: usize = 500;

/// Shortens a text to about this many bytes, and marks what it leaves out.
pub(super) fn brief(text: &str, bytes: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let most = LINES.min(lines.len());
    // The beginning usually says more than the end.
    let (first, last) = if lines.len() > LINES { (most - most / 5, most / 5) } else { (most, 0) };
    let mut left = bytes;
    let mut head = Vec::new();
    for line in &lines[..first] {
        let line = narrow(line);
        // The first line is kept, whatever its length.
        if line.len() > left && !head.is_empty() {
            break;
        }
        left = left.saturating_sub(line.len() + 1);
        head.push(line);
    }
    let mut tail = Vec::new();
    if head.len() == first {
        for line in lines[lines.len() - last..].iter().rev() {
            let line = narrow(line);
            if line.len() > left {
                break;
            }
            left = left.saturating_sub(line.len() + 1);
            tail.push(line);
        }
    }
    let more = lines.len() - head.len() - tail.len();
    if more > 0 {
        head.push(format!("[{more} more lines]"));
    }
    head.extend(tail.into_iter().rev());
    head.join("\n")
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

    const MUCH: usize = 1 << 20;

    #[test]
    fn what_is_short_stays() {
        assert_eq!(brief("", MUCH), "");
        assert_eq!(brief("one\n\n  two\n", MUCH), "one\n\n  two");
        let hundred = vec!["x"; LINES].join("\n");
        assert_eq!(brief(&hundred, MUCH), hundred);
    }

    #[test]
    fn of_what_is_long_the_ends_stay() {
        let lines: Vec<String> = (1..=1000).map(|n| n.to_string()).collect();
        let text = brief(&lines.join("\n"), MUCH);
        assert_eq!(text.lines().count(), LINES + 1);
        assert!(text.starts_with("1\n2\n") && text.ends_with("\n999\n1000"));
        assert!(text.contains("\n80\n[900 more lines]\n981\n"), "{text}");
        assert_eq!(
            brief(&format!("{}é", "é".repeat(WIDTH + 1)), MUCH),
            format!("{} [2 more characters]", "é".repeat(WIDTH))
        );
    }

    #[test]
    fn a_last_line_may_fit_just_so() {
        let lines: Vec<String> = (1..=1000).map(|n| n.to_string()).collect();
        let text = lines.join("\n");
        for size in 0..1000 {
            assert!(brief(&text, size).len() <= size + 40, "{size}");
        }
    }

    #[test]
    fn what_is_large_is_cut() {
        assert_eq!(brief("one\ntwo\nthree", 8), "one\ntwo\n[1 more lines]");
        assert_eq!(brief("one\ntwo\nthree", 1), "one\n[2 more lines]");
        for size in [0, 1, 10, 1000, 100_000] {
            let text = format!("{}\n", "가".repeat(300)).repeat(1000);
            assert!(brief(&text, size).len() <= size.max(900) + 40, "{size}");
        }
    }
}
