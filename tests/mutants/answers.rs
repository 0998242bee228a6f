//! The questions that are answered in a large network: every address and every service
//! is asked from every namespace.

use crate::faults::Line;
use crate::networks::Sound;
use crate::state::told_after;
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
    let told = told_after(launcher, &script(sound), parts)?;
    Ok(told.map(|told| told.lines().map(Into::into).collect()))
}

/// A script that asks all at once, and prints those questions that got an answer.
fn script(sound: &Sound) -> String {
    let (mut spaces, mut addrs, mut services) = (vec!["host"], Vec::new(), BTreeSet::new());
    for (at, text) in sound.lines().into_iter().enumerate() {
        let line = Line::read(at, text);
        if line.is(&["ip", "netns", "add"]) {
            spaces.push(line.words[3]);
        } else if line.is(&["ip", "addr", "add"]) {
            addrs.push((line.ns, line.words[3].split('/').next().expect("an address")));
        } else if let Some(port) = line.after("-lk") {
            let own = addrs.iter().filter(|(ns, _)| *ns == line.ns);
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
