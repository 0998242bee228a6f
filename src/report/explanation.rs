use crate::event::{Explanation, Passed};
use crate::lab::Lab;
use std::fmt::Write;

/// Why one can't reach another, for a person: the sentence that matters
/// first, then the path, the evidence and the cure.
pub fn explanation(_lab: &Lab, why: &Explanation) -> String {
    let mut text = String::new();
    let Explanation { from, to, symptom, .. } = why;
    let _ = match why.reached {
        true => writeln!(text, "{from} reaches {to}."),
        false => writeln!(text, "{from} can't reach {to}: {symptom}"),
    };
    for cause in &why.causes {
        let _ = writeln!(text, "{}: {} ({})", cause.place, cause.text, cause.id);
    }
    for point in &why.path {
        let seen: Vec<&str> = point.seen.iter().map(|passed| words(*passed)).collect();
        let _ = writeln!(text, "  {} {}: {}", point.ns, point.dev, seen.join(", "));
    }
    for line in &why.fix {
        let _ = writeln!(text, "  {line}");
    }
    text
}

fn words(passed: Passed) -> &'static str {
    match passed {
        Passed::Request => "request",
        Passed::ArpRequest => "who has?",
        Passed::ArpReply => "is at",
        Passed::Reply => "reply",
        Passed::Error => "error",
    }
}
