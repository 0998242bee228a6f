use super::ask_why::ask_why;
use super::failure;
use super::failure::{not_measured, set_in};
use crate::check::{Outcome, Verdict};
use crate::event::{Event, Stop, Unanswered, Unmeasured};
use crate::lab::{Lab, Language, visible};
use std::fmt::Write;

/// The most lines of a text: enough for whole tables, but a program may print
/// millions.
const MOST: usize = 1000;

/// A lab told step by step: each command, its changes, its answer.
#[derive(Debug, Default)]
pub struct Narration {
    began: bool,
    /// The path of the lab.
    path: String,
    /// The commands of a shell lab that failed, with their places.
    failed: Vec<String>,
    unanswered: Unanswered,
    /// The place where a lab stopped, and the feature it lacked.
    ended: Option<Unmeasured>,
}

impl Narration {
    /// Returns the text before the first step.
    pub fn opening(&mut self, lab: &Lab) -> String {
        self.path = lab.source.path.display().to_string();
        let mut text = format!("{}\n", lab.source.name);
        let description = lab.task("");
        if !description.is_empty() {
            let _ = write!(text, "\n{description}\n");
        }
        visible(&text)
    }

    /// Returns the text of an event; `verdict` is that of an expectation.
    pub fn event(&mut self, event: &Event, verdict: Option<&Verdict>) -> String {
        self.unanswered.hear(event);
        let mut text = String::new();
        if !self.began && !matches!(event, Event::Title(_) | Event::Step { .. }) {
            text.push('\n');
        }
        self.began = true;
        match event {
            Event::Title(title) => {
                let _ = write!(text, "\n{title}\n");
            }
            Event::Step { text: step, .. } => {
                let _ = write!(text, "\n{step}\n");
            }
            Event::Note { text: note, .. } => set_in(&mut text, "  ", note, MOST),
            Event::Acted(action) => {
                let _ = writeln!(text, "  $ {}", action.command);
                if let Some(refused) = &action.refused {
                    set_in(&mut text, "      ", &refused.error, MOST);
                    if let Some(hint) = &refused.hint {
                        set_in(&mut text, "      ", &format!("hint: {hint}"), MOST);
                    }
                }
                for change in &action.changes {
                    set_in(&mut text, "      ", change, MOST);
                }
            }
            Event::Ran(ran) => {
                set_in(&mut text, "  ", &format!("$ {}", ran.command), MOST);
                // All lines: the reader of a shell lab wrote that command.
                for line in ran.output.lines() {
                    let _ = writeln!(text, "{}", format!("    {line}").trim_end());
                }
                if let Some(ended) = &ran.ended {
                    set_in(&mut text, "    ", ended, MOST);
                }
                for change in &ran.changes {
                    set_in(&mut text, "      ", change, MOST);
                }
                if let Some(code) = ran.code.filter(|code| *code != 0) {
                    let path = ran.helper.as_deref().unwrap_or(&self.path);
                    let _ = writeln!(text, "    {path}:{}: exit code {code}", ran.place);
                    if let Some(hint) = &ran.hint {
                        set_in(&mut text, "    ", &format!("hint: {hint}"), MOST);
                    }
                    // A command that nslab ended by a signal has not failed. A
                    // ping without an answer has failed by its own exit code.
                    let by_signal = ran.ended.is_some() && code > 128;
                    if !ran.asks && !is_question(&ran.command) && !by_signal {
                        self.failed.push(format!("{path}:{}: {}", ran.place, ran.command));
                    }
                }
            }
            Event::Asked(question) => {
                let _ = writeln!(text, "  $ {}", question.command);
                set_in(&mut text, "    ", &question.text, MOST);
                for change in &question.changes {
                    set_in(&mut text, "      ", change, MOST);
                }
            }
            Event::Expected(expectation) => {
                let name = &expectation.name;
                let _ = match verdict {
                    Some(Verdict::Passed) | None => writeln!(text, "  ✓ {name}"),
                    Some(Verdict::Failed(_)) => writeln!(text, "  ✗ {name}"),
                    Some(Verdict::Skipped(reason)) => writeln!(text, "  - {name}: skipped, {reason}"),
                    Some(Verdict::NotMeasured { reason, .. }) => {
                        writeln!(text, "  ? {name}: not measured, {reason}")
                    }
                };
            }
            Event::Lacked(what) => {
                let _ = writeln!(text, "    {}", not_measured(&what.reason, what.remedy.as_deref()));
            }
            Event::Withdrawn { command, .. } => {
                let _ =
                    writeln!(text, "  ✗ there was an answer to this, and is none any more\n  $ {command}");
            }
            Event::Submitting { path } => {
                let _ = write!(text, "\nthe gap: {path}\n");
            }
            Event::Submitted { trespasses, .. } => {
                for trespass in trespasses {
                    let _ = writeln!(text, "    changed what it must leave alone: {trespass}");
                }
            }
            Event::Captured(_)
            | Event::Probed { .. }
            | Event::Explained(_)
            | Event::Live(_)
            | Event::WhyAsked(_)
            | Event::Ended => {}
            Event::Stopped(stop) => {
                if let Stop::NotMeasured(what) = stop {
                    self.ended = Some(what.clone());
                }
            }
        }
        visible(&text)
    }

    /// Returns the text after the last step: the failures, and the counts.
    pub fn closing(&mut self, lab: &Lab, outcomes: &[Outcome]) -> String {
        let mut text = String::new();
        for outcome in outcomes {
            if let Verdict::Failed(_) = outcome.verdict {
                let _ = write!(text, "\n{}\n", failure(lab, outcome));
            }
        }
        if !self.failed.is_empty() {
            let _ = writeln!(text, "\nwhat did not work");
            for failed in &self.failed {
                set_in(&mut text, "  ", failed, MOST);
            }
        }
        // A failed check has its answer, or this line, already.
        let command = self.unanswered.last().map(|asked| ask_why(lab, asked));
        if let (Language::Shell, Some(command)) = (lab.language, command)
            && !text.contains(&command)
        {
            let _ = writeln!(text, "\nto find out why there was no answer\n  {command}");
        }
        let count = |is: fn(&Verdict) -> bool| outcomes.iter().filter(|outcome| is(&outcome.verdict)).count();
        let counts = [
            (count(Verdict::is_passed), "passed"),
            (count(|verdict| matches!(verdict, Verdict::Failed(_))), "failed"),
            (count(|verdict| matches!(verdict, Verdict::Skipped(_))), "skipped"),
            (count(|verdict| matches!(verdict, Verdict::NotMeasured { .. })), "not measured"),
        ];
        let counts: Vec<String> = counts
            .iter()
            .filter(|(count, word)| *count > 0 || *word == "passed")
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let _ = writeln!(text, "\n{}", counts.join(", "));
        for outcome in outcomes {
            if let Verdict::NotMeasured { reason, remedy: Some(remedy) } = &outcome.verdict {
                let name = outcome.name.as_deref().unwrap_or("the lab");
                let _ = writeln!(text, "not measured: {name}: {reason}\nhint: {remedy}");
            }
        }
        // An unmeasured check reports it; there may be none.
        let told = outcomes.iter().any(|outcome| matches!(outcome.verdict, Verdict::NotMeasured { .. }));
        if let Some(Unmeasured { place, reason, remedy }) = self.ended.take().filter(|_| !told) {
            let path = &self.path;
            let _ =
                writeln!(text, "{path}:{place}: from here on: {}", not_measured(&reason, remedy.as_deref()));
        }
        text
    }
}

/// Tells whether a shell command may be false without a fault.
fn is_question(command: &str) -> bool {
    // The last command of a pipeline sets the exit code.
    let last = command.rsplit(" | ").next().unwrap_or_default();
    let word = last.split_whitespace().next().unwrap_or_default();
    ["[", "[[", "test", "let", "read", "true", "false", "return", "grep"].contains(&word)
        || word.starts_with("((")
}
