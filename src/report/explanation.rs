use super::effects::Told;
use super::refused::refused;
use super::trail::drawing;
use crate::event::{Cause, Explanation, Stop, WorkedUntil};
use crate::lab::{Lab, Place, visible};

/// The width of an answer.
const WIDTH: usize = 80;

/// Whether to use colours. They only stress what the words say.
#[derive(Clone, Copy)]
pub(super) enum Ink {
    Plain,
    Coloured,
}

impl Ink {
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.into(),
            Self::Coloured => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// Formats an answer to a question of why for a person: the main sentence first,
/// then the path, the evidence, the cure, and whether it is proved.
pub fn explanation(lab: &Lab, why: &Explanation) -> String {
    told(lab, why, Ink::Plain)
}

/// Formats the same with terminal colours.
pub fn explanation_in_colour(lab: &Lab, why: &Explanation) -> String {
    told(lab, why, Ink::Coloured)
}

fn told(lab: &Lab, why: &Explanation, ink: Ink) -> String {
    let parts = [
        why.stopped.as_ref().map(|stop| stopped(lab, stop)).unwrap_or_default(),
        headline(why, ink),
        drawing(why, ink),
        refused(lab, why, ink),
        worked_until(lab, why, ink),
        commands("look at", &why.evidence, ink),
        cure(why, ink),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Formats the place at which the lab stopped.
fn stopped(lab: &Lab, stop: &Stop) -> String {
    let path = lab.source.path.display().to_string();
    let at = |path: &str, place: Place| match place.is_known() {
        true => format!("{path}:{place}"),
        false => path.to_string(),
    };
    let (at, said) = match stop {
        Stop::Fault(fault) => {
            (at(fault.helper.as_deref().unwrap_or(&path), fault.place), fault.message.clone())
        }
        Stop::NotMeasured(what) => (at(&path, what.place), format!("not measured: {}", what.reason)),
        Stop::Deadline { place, timeout_ms } => {
            (at(&path, *place), format!("not done after {} s (--timeout)", *timeout_ms as f64 / 1000.0))
        }
        Stop::Bug(said) => (path, said.clone()),
    };
    let first = format!("{at}: the lab stopped here: {}", visible(said.trim()));
    format!("{}\nThis is about the network as it was then.\n", paragraph(&first, "", ""))
}

/// The most causes that are told if none is proved.
const MOST_LIKELY: usize = 3;

/// The most changes of a command that are told.
const MOST_CHANGES: usize = 6;

/// Formats the main sentence.
fn headline(why: &Explanation, ink: Ink) -> String {
    let Explanation { from, to, symptom, .. } = why;
    let of = |cause: &Cause| visible(&cause.text);
    let mut text = String::new();
    let one = |cause: &Cause| format!("  ({})\n", ink.faint(&format!("nslab why --explain {}", cause.id)));
    let list = |text: &mut String, most: usize| {
        for (n, cause) in why.causes.iter().take(most).enumerate() {
            *text += &paragraph(&of(cause), &format!("  {}. ", n + 1), "     ");
            *text += &format!("\n     ({})\n", ink.faint(&format!("nslab why --explain {}", cause.id)));
        }
        if why.causes.len() > most {
            *text += &format!("  and {} less likely, which --json has too\n", why.causes.len() - most);
        }
    };
    match (&why.causes[..], why.reached, why.proved) {
        ([], true, _) => {
            // A service of UDP may be silent.
            let silent =
                symptom.strip_prefix("a program").map(|_| format!(": {symptom}")).unwrap_or_default();
            text += &format!("{}.\n", ink.good(&visible(&format!("{from} reaches {to}{silent}"))));
        }
        ([cause], true, _) => {
            let what = format!("{to} answers {from}, but for the wrong reason: {}", of(cause));
            text += &stressed(&what, ink, Ink::bold);
            text += &one(cause);
        }
        (_, true, _) => {
            text += &stressed(&format!("{to} answers {from}, but for the wrong reason:"), ink, Ink::bold);
            list(&mut text, usize::MAX);
        }
        ([], false, _) => {
            let what = format!(
                "{from} can't reach {to} ({}), and nothing is found that explains it",
                visible(symptom)
            );
            text += &stressed(&what, ink, Ink::bad);
        }
        // A cause without a fix command needs no proof.
        ([cause], false, proved) if proved || why.fix.is_empty() => {
            text += &stressed(&format!("{from} can't reach {to}: {}", of(cause)), ink, Ink::bad);
            text += &one(cause);
        }
        (causes, false, true) => {
            let what = format!(
                "{from} can't reach {to}, for {} reasons, and each of them alone stops it:",
                causes.len()
            );
            text += &stressed(&what, ink, Ink::bad);
            list(&mut text, usize::MAX);
        }
        (causes, false, false) => {
            let these =
                if causes.len() == 1 { "This is likely" } else { "These are likely, the first one most" };
            let what = format!("{from} can't reach {to} ({}). {these}, and not proved:", visible(symptom));
            text += &stressed(&what, ink, Ink::bad);
            list(&mut text, MOST_LIKELY);
        }
    }
    text
}

/// Formats the command after which the target was not reached any more, and what it changed.
fn worked_until(lab: &Lab, why: &Explanation, ink: Ink) -> String {
    let Some(WorkedUntil { line, commands, changes }) = &why.worked_until else { return String::new() };
    let path = lab.source.path.display().to_string();
    let mut text = format!("{}\n", ink.bold(&format!("it worked until {path}:{line}")));
    for command in commands {
        text += &format!("    {}\n", visible(command.trim().lines().next().unwrap_or_default()));
    }
    for change in changes.iter().take(MOST_CHANGES) {
        text += &format!("        {}\n", visible(change));
    }
    if changes.len() > MOST_CHANGES {
        text += &format!("        and {} more\n", changes.len() - MOST_CHANGES);
    }
    text
}

/// Formats the commands to type, and whether they are proved.
fn cure(why: &Explanation, ink: Ink) -> String {
    if why.reached {
        return String::new();
    }
    let to = &why.to;
    if why.proved {
        let with = if why.fix.len() == 1 { "this command" } else { "these commands" };
        let proof = format!("proved: a replay of the lab with {with} reaches {to}");
        let effects = Told::of(why);
        let proof = format!("{proof}{}", effects.nothing_else());
        let proof =
            paragraph(&proof, "", "").lines().map(|line| format!("{}\n", ink.good(line))).collect::<String>();
        return format!("{}{proof}{}", commands("cure", &why.fix, ink), effects.others(ink));
    }
    if why.fix.is_empty() {
        return String::new();
    }
    let said = match &why.lacking {
        Some(lack) => format!("not proved: {}; {}", lack.reason, lack.remedy),
        None => format!("not proved: no replay of the lab has reached {to}"),
    };
    format!("{}{}\n", commands("try", &why.fix, ink), visible(&said))
}

/// Formats commands below a label.
fn commands(label: &str, commands: &[String], ink: Ink) -> String {
    let lines = commands.iter().flat_map(|command| command.lines());
    let lines: String = lines.map(|line| format!("    {}\n", visible(line))).collect();
    if lines.is_empty() { lines } else { format!("{}\n{lines}", ink.bold(label)) }
}

fn stressed(text: &str, ink: Ink, paint: fn(Ink, &str) -> String) -> String {
    let lines = paragraph(text, "", "");
    lines.lines().map(|line| format!("{}\n", paint(ink, line))).collect()
}

/// Formats a paragraph in lines of at most [`WIDTH`].
pub(super) fn paragraph(text: &str, first: &str, others: &str) -> String {
    let mut lines = Vec::new();
    let mut line = first.to_string();
    let mut is_empty = true;
    for word in visible(text).split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, others.to_string()));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line += word;
        is_empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{explanation, explanation_in_colour};
    use crate::event::{Cause, Explanation, Fault, LabCommand, Passed, Stop, Trail, TrailEnd, TrailStep};
    use crate::lab::{Lab, LabName, LabSource, Language, Place};

    fn lab() -> Lab {
        let source =
            LabSource { name: LabName::of("x.sh".as_ref()), path: "x.sh".into(), text: String::new() };
        let (checks, helpers) = (Vec::new(), Vec::new());
        Lab { source, language: Language::Shell, tool: None, checks, helpers, draws: Vec::new(), gap: None }
    }

    /// Parses `red>eth0 r0>router router>r1`: out of red by eth0, and so on.
    fn trail(what: Passed, way: &str, end: TrailEnd) -> Trail {
        let about = matches!(what, Passed::ArpRequest | Passed::ArpReply).then(|| "10.0.2.2".to_string());
        Trail { what, about, steps: way.split_whitespace().map(step).collect(), end }
    }

    fn step(text: &str) -> TrailStep {
        match text.split_once('>') {
            Some((ns, dev)) => TrailStep { ns: ns.into(), dev: dev.into(), out: true },
            None => {
                let (dev, ns) = text.split_once('@').expect("dev@ns");
                TrailStep { ns: ns.into(), dev: dev.into(), out: false }
            }
        }
    }

    fn cause(id: &str, text: &str) -> Cause {
        Cause { id: id.into(), place: "router".into(), text: text.into() }
    }

    fn lost() -> Explanation {
        Explanation {
            from: "red".into(),
            to: "10.0.2.2".into(),
            symptom: "100% packet loss".into(),
            ..Explanation::default()
        }
    }

    const WAY: &str = "red>eth0 r0@router router>r1 eth0@blue";
    const BACK: &str = "blue>eth0 r1@router router>r0 eth0@red";

    #[test]
    fn a_closed_case_is_a_path_that_works() {
        let why = Explanation {
            reached: true,
            trails: vec![
                trail(Passed::Request, WAY, TrailEnd::Arrived),
                trail(Passed::Reply, BACK, TrailEnd::Arrived),
            ],
            ..lost()
        };
        assert_eq!(
            explanation(&lab(), &why),
            "\
red reaches 10.0.2.2.

  request  [red] eth0 ──▶ r0 [router] r1 ──▶ eth0 [blue]
  reply    [red] eth0 ◀── r0 [router] r1 ◀── eth0 [blue]
"
        );
        assert!(explanation_in_colour(&lab(), &why).starts_with("\x1b[32mred reaches 10.0.2.2\x1b[0m.\n"));
    }

    #[test]
    fn refused_commands_are_told_once() {
        let command = |line, command: &str, said: &str| LabCommand {
            place: Place::new(line, 1),
            command: command.into(),
            failed: Some(said.into()),
        };
        let why = Explanation {
            reached: true,
            causes: vec![cause("command-refused", "`ip link add a` was refused")],
            refused: vec![
                command(1, "ip link add a", "Error"),
                command(2, "ufw enable", "x.sh: line 2: ufw: command not found\n"),
                command(
                    3,
                    "iptables-restore <<E\n*filter",
                    "iptables-restore v1.8.9 (nf_tables): \nline 2 failed\n",
                ),
            ],
            ..lost()
        };
        let text = explanation(&lab(), &why);
        let told = text.split_once("\n\n").map_or("", |(_, rest)| rest);
        assert!(
            told.ends_with(
                "\
2 commands of the lab failed: the network is not as it was meant
    x.sh:2: ufw enable
        ufw: command not found
    x.sh:3: iptables-restore <<E
        iptables-restore v1.8.9 (nf_tables): line 2 failed
"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_proved_cause_comes_first() {
        let end = TrailEnd::Before(Some(TrailStep { ns: "router".into(), dev: "r0".into(), out: true }));
        let found = cause("firewall-rule", "a rule of router drops it");
        let why = Explanation {
            trails: vec![
                trail(Passed::Request, WAY, TrailEnd::Arrived),
                trail(Passed::Reply, "blue>eth0 r1@router", end),
            ],
            causes: vec![found],
            evidence: vec!["ip netns exec router iptables -S".into()],
            fix: vec!["ip netns exec router iptables -D FORWARD 1".into()],
            proved: true,
            ..lost()
        };
        assert_eq!(
            explanation(&lab(), &why),
            "\
red can't reach 10.0.2.2: a rule of router drops it
  (nslab why --explain firewall-rule)

  request  [red] eth0 ──▶ r0 [router] r1 ──▶ eth0 [blue]
  reply                 r0 ✗ [router] r1 ◀── eth0 [blue]
  the reply was last seen entering router by r1, and not at router's r0

look at
    ip netns exec router iptables -S

cure
    ip netns exec router iptables -D FORWARD 1
proved: a replay of the lab with this command reaches 10.0.2.2
"
        );
    }

    #[test]
    fn several_causes_are_numbered_and_a_question_without_answer_is_drawn() {
        let end = TrailEnd::Before(Some(TrailStep { ns: "blue".into(), dev: "eth0".into(), out: false }));
        let why = Explanation {
            trails: vec![
                trail(Passed::Request, "red>eth0 r0@router", TrailEnd::Waits),
                trail(Passed::ArpRequest, "router>r1", end),
            ],
            causes: vec![
                cause("link-down", "blue's eth0 is DOWN"),
                cause("forwarding-off", "router does not forward"),
            ],
            fix: vec![
                "ip -n blue link set eth0 up".into(),
                "ip netns exec router sysctl -qw net.ipv4.ip_forward=1".into(),
            ],
            proved: true,
            ..lost()
        };
        assert_eq!(
            explanation(&lab(), &why),
            "\
red can't reach 10.0.2.2, for 2 reasons, and each of them alone stops it:
  1. blue's eth0 is DOWN
     (nslab why --explain link-down)
  2. router does not forward
     (nslab why --explain forwarding-off)

  request   [red] eth0 ──▶ r0 [router] …
  who has?  [router] r1 ──✗ eth0 [blue]
  the question who has 10.0.2.2 was last seen leaving router by r1, and not at
  blue's eth0

cure
    ip -n blue link set eth0 up
    ip netns exec router sysctl -qw net.ipv4.ip_forward=1
proved: a replay of the lab with these commands reaches 10.0.2.2
"
        );
    }

    #[test]
    fn what_is_not_proved_is_called_likely_after_the_lab_s_own_stop() {
        let fault = Fault {
            helper: None,
            place: Place::new(3, 1),
            message: "Cannot find device \"eth9\" (exit code 1)".into(),
            command: None,
            hint: None,
        };
        let why = Explanation {
            trails: vec![trail(Passed::Request, "", TrailEnd::Within("red".into()))],
            causes: vec![cause("link-down", "a link is off"), cause("route-missing", "no route")],
            fix: vec!["ip -n red link set eth0 up".into()],
            stopped: Some(Stop::Fault(fault)),
            ..lost()
        };
        assert_eq!(
            explanation(&lab(), &why),
            "\
x.sh:3:1: the lab stopped here: Cannot find device \"eth9\" (exit code 1)
This is about the network as it was then.

red can't reach 10.0.2.2 (100% packet loss). These are likely, the first one
most, and not proved:
  1. a link is off
     (nslab why --explain link-down)
  2. no route
     (nslab why --explain route-missing)

  request  [red] ✗
  the request did not leave any interface of red

try
    ip -n red link set eth0 up
not proved: no replay of the lab has reached 10.0.2.2
"
        );
    }

    #[test]
    fn of_many_likely_causes_three_are_told() {
        let causes = ["a", "b", "c", "d", "e"].map(|text| cause("link-down", text)).to_vec();
        let why = Explanation { causes, fix: vec!["true".into()], ..lost() };
        let text = explanation(&lab(), &why);
        assert!(text.contains(
            "  3. c\n     (nslab why --explain link-down)\n  and 2 less likely, which --json has too\n"
        ));
        assert!(!text.contains("  4. d"), "{text}");
    }

    #[test]
    fn a_long_way_is_broken_and_what_a_lab_says_can_t_steer_a_terminal() {
        let way = "red>eth0 a-long-name0@one one>a-long-name1 a-long-name0@two two>a-long-name1 a-long-name0@three three>a-long-name1 eth0@blue";
        let why = Explanation {
            symptom: "\x1b[2J".into(),
            trails: vec![trail(Passed::Request, way, TrailEnd::Within("blue".into()))],
            ..lost()
        };
        let text = explanation(&lab(), &why);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(
            text,
            "\
red can't reach 10.0.2.2 (^[[2J), and nothing is found that explains it

  request  [red] eth0 ──▶ a-long-name0 [one] a-long-name1 ──▶
           a-long-name0 [two] a-long-name1 ──▶
           a-long-name0 [three] a-long-name1 ──▶ eth0 [blue] ✗
  the request was last seen entering blue by eth0, and goes no further
"
        );
    }
}
