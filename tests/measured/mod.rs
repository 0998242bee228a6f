//! Things that this machine can't measure are reported; with `NSLAB_REQUIRE=1` they fail.
//! Every test reports them by these functions.

#![allow(dead_code, reason = "each test target uses its own part")]

use libtest_mimic::{Completion, Failed};
use std::fmt::Display;
use std::io::Write;

/// The first of these programs that this machine lacks, in words.
pub fn lacking(tools: &[&str]) -> Option<String> {
    let tool = tools.iter().find(|tool| !nslab::net::is_installed(tool))?;
    Some(format!("`{tool}` is not installed"))
}

/// The same for the programs that a script names, in whatever place.
pub fn lacking_in(script: &str) -> Option<String> {
    let commands = script.lines().filter(|line| !line.trim_start().starts_with('#'));
    let is_word = |c: char| c.is_alphanumeric() || "-_".contains(c);
    let words = commands.flat_map(|line| line.split(|c| !is_word(c)));
    let mut tools = words.filter(|word| *word == "perl" || nslab::net::package_of(word).is_some());
    tools.find_map(|tool| lacking(&[tool]))
}

/// How many times slower than others this machine may be: a kernel that is emulated
/// has more time.
pub fn slowness() -> u32 {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    match () {
        () if ["QEMU TCG", "User Mode Linux"].iter().any(|slow| processors.contains(slow)) => 16,
        () => 1,
    }
}

/// For a test of libtest: it can't be measured for lack of this.
#[track_caller]
pub fn skip(lack: impl Display) {
    if let Err(told) = without(lack) {
        panic!("{told}");
    }
}

/// For a test of libtest-mimic: it can't be measured for lack of this.
pub fn ignored(lack: impl Display) -> Result<Completion, Failed> {
    Ok(Completion::ignored_with(allowed(lack)?))
}

/// For a part of a test: the rest goes on without it.
pub fn without(lack: impl Display) -> Result<(), String> {
    let told = allowed(lack)?;
    let thread = std::thread::current();
    let test = thread.name().filter(|name| *name != "main").unwrap_or("a test");
    // Past the capture of libtest, which shows a test that passes to nobody.
    let _ = std::io::stderr().write_all(format!("{test}: {told}\n").as_bytes());
    Ok(())
}

/// Returns the report of a lack, if a lack is allowed.
fn allowed(lack: impl Display) -> Result<String, String> {
    let told = format!("not measured: {lack}");
    match std::env::var_os("NSLAB_REQUIRE").is_some_and(|value| value == "1") {
        true => Err(format!("{told}\nNSLAB_REQUIRE=1 makes that a failure")),
        false => Ok(told),
    }
}
