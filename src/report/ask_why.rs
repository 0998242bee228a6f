//! The command line that asks why a lab's question got no answer.

use crate::event::{Asked, Moment, Probe};
use crate::lab::{Lab, Language, Place, visible_in_line};

/// Returns the command line of `nslab why` for a lab's question, ready to copy.
pub fn ask_why(lab: &Lab, asked: &Asked) -> String {
    let path = lab.source.path.display().to_string();
    // `--at` runs the whole line.
    let is_whole = |place: &Place| {
        let line = lab.source.text.lines().nth((place.line as usize).saturating_sub(1));
        line.is_some_and(|line| line.trim_end().ends_with(asked.command.trim_end()))
    };
    let line = asked.place().filter(is_whole).map(|place| place.line.to_string());
    let words = match (lab.language, line) {
        (Language::Shell, _) if !asked.is_followed => words(&path, &asked.pending_why.probe, &Moment::End),
        (Language::Shell, Some(line)) if asked.is_in_order => {
            words(&path, &asked.pending_why.probe, &Moment::Step(line))
        }
        // No line and no step tells that moment: without more words, nslab finds it.
        _ => vec!["nslab".into(), "why".into(), path],
    };
    visible_in_line(&shell_words::join(words))
}

fn words(path: &str, probe: &Probe, at: &Moment) -> Vec<String> {
    let Probe { from, to, tcp, udp, size, df, interface, broadcast } = probe;
    let mut words: Vec<String> = ["nslab", "why", path, from, to].map(String::from).to_vec();
    let mut option = |name: &str, value: Option<String>| {
        words.extend(value.map(|value| [name.into(), value]).into_iter().flatten())
    };
    option("--tcp", tcp.map(|port| port.to_string()));
    option("--udp", udp.map(|port| port.to_string()));
    option("--size", size.map(|size| size.to_string()));
    option("--interface", interface.clone());
    if let Moment::Step(step) = at {
        option("--at", Some(step.clone()));
    }
    words.extend(df.then(|| "--df".into()));
    words.extend(broadcast.then(|| "--broadcast".into()));
    words
}
