//! The command line that asks why a lab's question got no answer.

use crate::event::{Asked, Moment, Probe};
use crate::lab::{Lab, Language, visible_in_line};

/// Returns the command line of `nslab why` for a lab's question, ready to copy.
pub fn ask_why(lab: &Lab, asked: &Asked) -> String {
    let path = lab.source.path.display().to_string();
    let line = asked.place().map(|place| place.line.to_string());
    let words = match (lab.language, line) {
        (Language::Shell, _) if !asked.is_followed => words(&path, &asked.pending_why.probe, &Moment::End),
        (Language::Shell, Some(line)) if asked.is_in_order => {
            words(&path, &asked.pending_why.probe, &Moment::Step(line))
        }
        // No line and no step tells that moment. Without more words, it is found by itself.
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
