//! The questions that are answered in a large network: every address and every service
//! is asked from every namespace.

use crate::networks::Sound;
use nslab::event::Event;
use nslab::run::{self, Settings};
use nslab::sandbox::Launcher;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

/// The questions that got an answer, as `from address` and `from address port`.
pub type Answers = BTreeSet<String>;

/// The answers after each of these parts of a lab.
pub fn of<const N: usize>(
    launcher: &Launcher,
    sound: &Sound,
    parts: [&[String]; N],
) -> Result<[Answers; N], String> {
    let ask = format!("bash -c {}", shell_words::quote(&script(sound)));
    let lines = parts.iter().flat_map(|part| part.iter().map(String::as_str).chain([ask.as_str()]));
    let lab = crate::lab(lines)?;
    let mut sandbox = launcher.open().map_err(|error| error.to_string())?;
    let mut told: Vec<Answers> = Vec::new();
    let hear = |event| {
        if let Event::Ran(ran) = event
            && ran.command.starts_with("bash -c")
        {
            told.push(ran.output.lines().map(Into::into).collect());
        }
    };
    let settings = Settings { patience_ms: 30_000, ..Settings::default() };
    sandbox.run(&run::order(&lab, &settings), hear).map_err(|error| error.to_string())?;
    told.try_into().map_err(|told: Vec<Answers>| format!("{} of {N} were asked", told.len()))
}

/// A script that asks all at once, and prints those questions that got an answer.
fn script(sound: &Sound) -> String {
    let lines = sound.lines();
    let words_of = |line: &'static str| line.split_whitespace().collect::<Vec<_>>();
    let space = |words: &[&'static str]| match words {
        ["ip", "-n", ns, ..] | ["ip", "netns", "exec", ns, ..] => *ns,
        _ => "host",
    };
    let (mut spaces, mut addrs, mut services) = (vec!["host"], Vec::new(), BTreeSet::new());
    for words in lines.iter().map(|line| words_of(line)) {
        let after = |word: &str| {
            let at = words.iter().position(|known| *known == word)?;
            words.get(at + 1).copied()
        };
        if words.starts_with(&["ip", "netns", "add"]) {
            spaces.push(words[3]);
        } else if words.contains(&"addr") {
            let ip = after("add").and_then(|cidr| cidr.split('/').next()).expect("an address");
            addrs.push((space(&words), ip));
        } else if let Some(port) = after("-lk") {
            let own = addrs.iter().filter(|(ns, _)| *ns == space(&words));
            services.extend(own.map(|(_, ip)| (*ip, port.parse::<u16>().expect("a port"))));
        }
    }
    services.extend(sound.questions.iter().filter_map(|asked| Some((asked.to, asked.tcp?))));
    let mut script = String::new();
    for (at, ns) in spaces.iter().enumerate() {
        let mut asks = String::new();
        for (_, ip) in &addrs {
            let _ = writeln!(asks, "(ping -qc1 -W1 {ip} && echo {ns} {ip} >&3) &");
        }
        for (nth, (ip, port)) in services.iter().enumerate() {
            // A listening nc has room for two: one question after another.
            let late = Duration::from_millis(15) * (nth * spaces.len() + at) as u32;
            let late = late.as_secs_f32();
            let knock = format!("nc -zw1 {ip} {port}");
            let _ = writeln!(
                asks,
                "(sleep {late}; {{ {knock} || {{ sleep {late}; {knock}; }}; }} && echo {ns} {ip} {port} >&3) &"
            );
        }
        let asks = format!("bash -c {}", shell_words::quote(&format!("{asks}wait")));
        let inside = if *ns == "host" { String::new() } else { format!("ip netns exec {ns} ") };
        let _ = writeln!(script, "{inside}{asks} 3>&1 > /dev/null 2>&1 &");
    }
    script + "wait"
}
