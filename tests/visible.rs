//! Characters that control a terminal, reverse a line or hide in it are shown escaped, in
//! every report: whoever has written them, and wherever.

use crate::measured::skip;
use crate::support::{Scratch, forget_others, output, sandbox_lack};
use nslab::lab::steers;
use std::process::Command;

/// Turns the line round; hides; a control of one byte and of two; a line of its
/// own; a letter that is none.
const ODD: &str = "a\u{202e}b\u{200b}c\u{7f}d\u{9b}31me\u{2028}f\u{e0041}g\u{2066}h";
const SHOWN: &str = "a\\u{202e}b\\u{200b}c^?d\\u{9b}31me\\u{2028}f\\u{e0041}g\\u{2066}h";

/// All that `nslab` prints, which has the odd text in it, and escaped.
#[track_caller]
fn printed(scratch: &Scratch, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.args(arguments).current_dir(scratch.path());
    forget_others(&mut command);
    let output = output(command);
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat();
    let found = text.chars().find(|c| steers(*c) && !matches!(c, '\n' | '\t'));
    assert_eq!(found, None, "{arguments:?}: {}", text.escape_debug());
    // JSON has the escape's own backslash escaped.
    let text = text.replace("\\\\u{", "\\u{");
    assert!(text.contains("\\u{202e}"), "{arguments:?} shows nothing of it: {text}");
    text
}

fn odd(scratch: &Scratch) {
    // The name of a check may have no control.
    let name = ODD.replace(['\u{7f}', '\u{9b}'], "");
    let lab = format!(
        "//! {ODD}\nlet red = netns(\"red\");\nnote(\"{ODD}\");\n\
         check(\"{name}\", red.exec(\"printf '%s\\\\n' '{ODD}' >&2; false\"), #{{hint: \"{ODD}\"}});\n"
    );
    scratch.write("labs/x/lab.rhai", lab);
    scratch.write(
        "labs/x/exercise.rhai",
        format!(
            "//! {ODD}\nlet red = netns(\"red\");\nsubmission(\"solutions/a.sh\");\ncheck(\"{name}\", red.exec(\"cat /etc/hosts; false\"), #{{hint: \"{ODD}\"}});\n"
        ),
    );
    scratch.write("labs/x/solutions/a.sh", format!("echo '{ODD}'\n"));
    scratch.write(
        &format!("labs/y/{}.rhai", name.replace('\u{2028}', "")),
        format!("// {ODD}\nhots(\"{ODD}\");\n"),
    );
    scratch.write(
        &format!("subs/{name}.sh"),
        format!("echo '{ODD}'; echo '1.1.1.1 {ODD}' > /etc/hosts; false '{ODD}'\n"),
    );
}

#[test]
fn labs_and_what_they_print() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    let scratch = Scratch::new();
    odd(&scratch);
    let ran = printed(&scratch, &["run", "labs/x/lab.rhai"]);
    assert!(ran.contains(SHOWN), "{ran}");
    let tested = printed(&scratch, &["test", "labs"]);
    assert!(tested.contains(SHOWN), "{tested}");
    printed(&scratch, &["test", "labs", "--", "--list"]);
    printed(&scratch, &["export", "labs/x/lab.rhai"]);
}

#[test]
fn grades_in_each_format() {
    if let Some(lack) = sandbox_lack() {
        return skip(lack);
    }
    let scratch = Scratch::new();
    odd(&scratch);
    let exercise = "labs/x/exercise.rhai";
    for format in ["text", "json", "junit", "csv", "gradescope"] {
        printed(&scratch, &["grade", exercise, "subs", "--format", format]);
    }
    printed(&scratch, &["grade", exercise, "--self-test"]);
    printed(&scratch, &["grade", exercise, "subs", "--sheet"]);
    // A results file is somebody's, too.
    let line = format!(
        "{{\"results\":{{\"format\":1,\"exercise\":\"{}\",\"fingerprint\":\"90ea4a535d3139312af216d7c5ef94db\"}}}}\n",
        "a\u{202e}b"
    );
    scratch.write("a.jsonl", &line);
    scratch.write("b.jsonl", line.replace("\u{202e}", "\u{202e}c"));
    printed(&scratch, &["grade", "--merge", "a.jsonl", "b.jsonl"]);
}
