//! Every word of the vocabulary is documented with an example that runs.

use crate::measured::skip;
use nslab::script::vocabulary;
use std::fs;
use std::process::Command;

#[test]
fn every_example_runs() {
    let folder = std::env::temp_dir().join(format!("nslab-test-{}-words", std::process::id()));
    let labs = folder.join("labs");
    fs::create_dir_all(labs.join("solutions")).expect("a folder for the labs");
    let solution = "addr_add(\"lo\", \"10.0.0.1/32\");";
    fs::write(labs.join("solutions/address.rhai"), solution).expect("a solution is written");
    for word in vocabulary() {
        // Twice: the example as it stands, and that it uses its word.
        assert!(word.example.contains(&format!("{}(", word.name)), "{}", word.name);
        assert!(word.form.contains(&format!("`{}(", word.name)), "{}", word.name);
        assert!(word.about.ends_with('.'), "{}", word.name);
        fs::write(labs.join(format!("{}.rhai", word.name)), word.example).expect("the lab is written");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_nslab"))
        .args(["test", "--accept"])
        .arg(&labs)
        .env_remove("NEXTEST")
        .env_remove("NSLAB_REQUIRE")
        .output()
        .expect("nslab starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    fs::remove_dir_all(&folder).expect("the folder is removed");
    // Nothing at all is an end of its own, and no failure.
    let ended = output.status.success() || output.status.code() == Some(4);
    assert!(ended, "{text}{}", String::from_utf8_lossy(&output.stderr));
    let lacks: Vec<&str> = text.lines().filter(|line| line.contains("not measured")).collect();
    if !lacks.is_empty() {
        return skip(lacks.join("\n"));
    }
    assert!(!text.contains("ignored, "), "{text}");
}

#[test]
fn a_word_stands_once() {
    let mut names: Vec<&str> = vocabulary().map(|word| word.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
