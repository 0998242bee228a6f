//! One mutant: the fault in a network, and the answer of `why`.

use crate::dice::Dice;
use crate::faults::{Edit, Fault, faults};
use crate::state::{left, states};
use crate::{Network, answers, evidence_folder, why};
use nslab::event::Explanation;
use nslab::lab::LabName;
use nslab::run;
use nslab::sandbox::Launcher;
use std::collections::BTreeSet;
use std::fmt::Write;

/// One in this many mutants has two faults.
const PAIRS: u64 = 5;

/// The result of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It still answers.
    NoMutant,
    /// Cured, and named.
    Right,
    /// Cured and named, but what was broken is not as it was before.
    Around,
    /// Cured, but something else is named, or mended.
    Aside,
    /// Cured, but something else is not reached any more, or is reached that was not.
    Harmful,
    /// A cause was told, and not proved.
    Unproved,
    /// Nothing was told.
    Nothing,
}

/// A mutant and its result.
pub struct Tried {
    pub kind: String,
    pub verdict: Verdict,
    /// The fault, the answer and the remains, for a reader.
    pub story: String,
    pub lab: String,
}

/// Tells whether a cause names a fault, and the cure acts where it is.
fn is_named(fault: &Fault, explanation: &Explanation) -> bool {
    let told: String =
        explanation.causes.iter().map(|cause| format!("{}: {}\n", cause.place, cause.text)).collect();
    let acts = explanation.fix.iter().any(|line| match fault.ns.as_str() {
        "host" => !line.contains(" -n ") && !line.contains("netns exec"),
        ns => line.contains(&format!("-n {ns} ")) || line.contains(&format!("exec {ns} ")),
    });
    let says = |word: &String| told.contains(word.as_str()) || told.contains(&as_read(word));
    (acts || fault.is_mutual()) && fault.about.iter().any(says)
}

/// Returns an address as `ip` reads it: a part such as 01 is 1.
fn as_read(word: &str) -> String {
    let parts: Result<Vec<u32>, _> = word.split('.').map(str::parse).collect();
    let texts = |parts: Vec<u32>| parts.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
    parts.map_or_else(|_| word.to_string(), texts)
}

/// Breaks one thing, or two.
fn draw(all: &[Fault], pair: bool, dice: &mut Dice) -> Vec<Fault> {
    let mut kinds: Vec<&str> = all.iter().map(|fault| fault.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut one = || {
        let kind = *dice.pick(&kinds);
        let such: Vec<&Fault> = all.iter().filter(|fault| fault.kind == kind).collect();
        (*dice.pick(&such)).clone()
    };
    let mut chosen = vec![one()];
    if pair {
        let second = one();
        let same = |a: &Edit, b: &Edit| a.line().is_some() && a.line() == b.line();
        if second.kind != chosen[0].kind && !same(&second.edit, &chosen[0].edit) {
            chosen.push(second);
        }
    }
    chosen
}

/// Breaks something, and has `why` find it.
pub fn try_one(launcher: &Launcher, networks: &[Network], seed: u64, number: u64) -> Result<Tried, String> {
    let mut dice = Dice::of(seed, number);
    let Network { sound, state, answers } = dice.pick(networks);
    let lines = sound.lines();
    let asked = dice.pick(&sound.questions);
    let chosen = draw(&faults(&lines, asked, &mut dice), number % PAIRS == PAIRS - 1, &mut dice);
    let large = asked.tcp.is_none() && chosen.iter().any(|fault| fault.large);
    let with = |faults: &[&Fault]| {
        let edits: Vec<&Edit> = faults.iter().map(|fault| &fault.edit).collect();
        Edit::apply(&edits, &lines)
    };
    let broken = with(&chosen.iter().collect::<Vec<_>>());
    let explanation = why(launcher, asked, &broken, large)?;
    if let Some(folder) = evidence_folder().filter(|_| !explanation.reached) {
        let name = LabName::of(format!("{}-{seed}-{number}.sh", sound.name.replace(' ', "-")).as_ref());
        run::write_evidence(&folder.join(format!("{name}.json")), &name, &explanation)
            .map_err(|error| error.to_string())?;
    }
    let mut kind = if chosen.len() > 1 { "two at once" } else { chosen[0].kind };
    let (mut unnamed, mut not_restored, mut harm) = (0, Vec::new(), BTreeSet::new());
    if explanation.proved {
        let named = |fault: &Fault| is_named(fault, &explanation);
        unnamed = chosen.iter().filter(|fault| !named(fault)).count();
        let [was, cured] = states(launcher, [&broken, &explanation.fix])?;
        not_restored = left(state, &was, &cured);
        if sound.is_world {
            let harm_now = || -> Result<BTreeSet<String>, String> {
                let [was, cured] = answers::of(launcher, sound, [&broken, &explanation.fix])?;
                let lost = answers.intersection(&was).filter(|asked| !cured.contains(*asked));
                let opened = cured.iter().filter(|asked| !was.contains(*asked) && !answers.contains(*asked));
                let opened = opened.map(|asked| format!("opened  {asked}"));
                Ok(lost.map(|asked| format!("lost    {asked}")).chain(opened).collect())
            };
            harm = harm_now()?;
            // On a busy machine an answer may come late: harm is seen twice.
            if !harm.is_empty() {
                harm = &harm & &harm_now()?;
            }
            // A fault that breaks nothing may have opened what its pair has shut.
            for fault in chosen.iter().filter(|_| chosen.len() > 1) {
                if harm.is_empty() {
                    break;
                }
                let [alone] = answers::of(launcher, sound, [&with(&[fault])])?;
                harm.retain(|one| one.strip_prefix("opened  ").is_none_or(|asked| !alone.contains(asked)));
            }
        }
        // One of two faults may break nothing, or nothing more.
        if chosen.len() > 1 && not_restored.is_empty() {
            unnamed = 0;
        } else if chosen.len() > 1 {
            let breaks = |fault: &&Fault| {
                why(launcher, asked, &with(&[*fault]), large).is_ok_and(|alone| !alone.reached)
            };
            let (breaking, harmless): (Vec<&Fault>, Vec<&Fault>) = chosen.iter().partition(breaks);
            if !harmless.is_empty() {
                kind = "one beside a harmless";
                unnamed = breaking.iter().filter(|fault| !named(fault)).count();
                let [beside] = states(launcher, [&with(&harmless)])?;
                not_restored = left(&beside, &was, &cured);
            }
        }
    }
    if sound.is_world || chosen.iter().any(Fault::is_mutual) {
        not_restored.clear();
    }
    let verdict = match &explanation {
        Explanation { reached: true, .. } => Verdict::NoMutant,
        Explanation { proved: true, .. } if !harm.is_empty() => Verdict::Harmful,
        Explanation { proved: true, .. } if unnamed > 0 => Verdict::Aside,
        Explanation { proved: true, .. } if !not_restored.is_empty() => Verdict::Around,
        Explanation { proved: true, .. } => Verdict::Right,
        Explanation { cause: Some(_), .. } => Verdict::Unproved,
        _ => Verdict::Nothing,
    };
    let mut story = format!("{verdict:?} {number}: {} {} -> {}", sound.name, asked.from, asked.to);
    let _ = write!(story, "{}", if large { " (large)" } else { "" });
    for fault in &chosen {
        let _ = match &fault.edit {
            Edit::Line(at, Some(line)) => write!(story, "\n    typed   {line}\n    not     {}", lines[*at]),
            Edit::Line(at, None) => write!(story, "\n    without {}", lines[*at]),
            Edit::Late(at) => write!(story, "\n    late    {}", lines[*at]),
            Edit::Last(line) => write!(story, "\n    later   {line}"),
        };
    }
    for cause in &explanation.causes[..explanation.causes.len().min(3)] {
        let _ = write!(story, "\n    told    {} at {}: {}", cause.id, cause.place, cause.text);
    }
    for line in &explanation.fix {
        let _ = write!(story, "\n    cure    {line}");
    }
    for line in not_restored.iter().chain(&harm) {
        let _ = write!(story, "\n    {line}");
    }
    let lab = format!(
        "# why {} {}{}{}\n{}\n",
        asked.from,
        asked.to,
        asked.tcp.map_or(String::new(), |port| format!(" --tcp {port}")),
        if large { " large" } else { "" },
        broken.join("\n")
    );
    Ok(Tried { kind: kind.into(), verdict, story, lab })
}
