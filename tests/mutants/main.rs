//! Mutants: one thing is broken in a network that works, or two, and `why`
//! has to find it and to cure it.
//!
//! A few are taken each time; `NSLAB_MUTANTS=5000` takes as many, and
//! `NSLAB_MUTANTS_SEED` others. Who still answers is no mutant.

mod dice;
mod faults;
mod networks;

use dice::Dice;
use faults::{Edit, Fault, faults};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use networks::{NETWORKS, Sound};
use nslab::event::{Cause, Explanation, Moment, Probe};
use nslab::lab::{Lab, LabName, Source};
use nslab::net::missing_tool;
use nslab::run::{self, Settings};
use nslab::sandbox::Launcher;
use nslab::script::Stage;
use nslab::shell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many are taken where nobody says it.
const SAMPLE: u64 = 40;

/// Every so manieth has two faults.
const PAIRS: u64 = 5;

/// How many of hundred have to be proved, and named right.
const PASS: usize = 95;

/// What large packets carry, in bytes.
const LARGE: u16 = 1400;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // Before any thread.
    let prepared = run::prepare(&mut Stage::new());
    let trials = vec![
        Trial::ignorable_test("networks_are_sound", || Ok(Completion::Completed)),
        Trial::ignorable_test("mutants_are_cured", || Ok(Completion::Completed)),
    ];
    if arguments.list {
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    let (sound, cured) = match &prepared {
        Err(error) => {
            let ignored = || Ok(Completion::ignored_with(format!("not measured: {error}")));
            (ignored(), ignored())
        }
        Ok((launcher, _)) => match lacking() {
            Some(tool) => {
                let ignored =
                    || Ok(Completion::ignored_with(format!("not measured: {tool} is not installed")));
                (ignored(), ignored())
            }
            None => match networks(launcher) {
                Ok(sound) => (Ok(Completion::Completed), mutants(launcher, &sound)),
                Err(why) => (Err(why), Ok(Completion::ignored_with("what is not sound can't be broken"))),
            },
        },
    };
    let trials = vec![
        Trial::ignorable_test("networks_are_sound", move || sound),
        Trial::ignorable_test("mutants_are_cured", move || cured),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn lacking() -> Option<&'static str> {
    let tools = ["bash", "ip", "bridge", "tc", "sysctl", "iptables", "ip6tables", "nft"];
    tools.into_iter().find(|tool| missing_tool(tool).is_some())
}

/// A number that the environment gives.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

fn lines(sound: &Sound) -> Vec<&'static str> {
    sound.text.lines().filter(|line| !line.is_empty()).collect()
}

/// Asks why, in a lab of these lines.
fn why(launcher: &Launcher, sound: &Sound, lines: &[String], large: bool) -> Result<Explanation, String> {
    // Where the machine is strict, a second fault would be in it.
    let strict = "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0".to_string();
    let text = [&[strict], lines].concat().join("\n");
    let path = "mutant.sh".into();
    let lab: Lab = shell::read(Source { name: LabName::of("mutant.sh".as_ref()), path, text })
        .map_err(|fault| fault.message)?;
    let probe = Probe { size: large.then_some(LARGE), df: large, ..Probe::to(sound.from, sound.to) };
    let first = launcher.open().map_err(|error| error.to_string())?;
    run::why(&lab, launcher, first, &Settings::default(), &probe, &Moment::End)
        .map_err(|puzzle| puzzle.to_string())
}

/// Before anything is broken, everybody answers. Gives the networks that this
/// kernel can have.
fn networks(launcher: &Launcher) -> Result<Vec<&'static Sound>, Failed> {
    let mut all = Vec::new();
    for sound in &NETWORKS {
        let lines: Vec<String> = lines(sound).into_iter().map(Into::into).collect();
        let explanation = why(launcher, sound, &lines, false)?;
        let unknown = |cause: &Cause| cause.text.contains("Unknown device type");
        if explanation.causes.iter().any(unknown) {
            println!("not measured: this kernel has no {}", sound.name);
            continue;
        }
        all.push(sound);
        for large in [false, true] {
            let explanation = why(launcher, sound, &lines, large)?;
            if !explanation.reached || !explanation.causes.is_empty() {
                return Err(format!("{}: {explanation:#?}", sound.name).into());
            }
        }
    }
    Ok(all)
}

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It still answers.
    NoMutant,
    /// Cured, and named.
    Right,
    /// Cured, but something else is named, or mended.
    Aside,
    /// A cause was told, and not proved.
    Unproved,
    /// Nothing was told.
    Nothing,
}

/// Tells whether a cause names a fault, and the cure acts where it is.
fn is_named(fault: &Fault, explanation: &Explanation) -> bool {
    let told: String =
        explanation.causes.iter().map(|cause| format!("{}: {}\n", cause.place, cause.text)).collect();
    let acts = explanation.fix.iter().any(|line| match fault.ns.as_str() {
        "host" => !line.contains(" -n ") && !line.contains("netns exec"),
        ns => line.contains(&format!("-n {ns} ")) || line.contains(&format!("exec {ns} ")),
    });
    // Of two addresses that differ, either can be the one that was meant.
    let acts = acts || fault.kind == "address";
    acts && fault.about.iter().any(|word| told.contains(word.as_str()))
}

/// A mutant, and what came of it.
struct Tried {
    kind: String,
    verdict: Verdict,
    story: String,
}

fn try_one(launcher: &Launcher, networks: &[&Sound], seed: u64, number: u64) -> Result<Tried, String> {
    let mut dice = Dice::of(seed, number);
    let sound = *dice.pick(networks);
    let lines = lines(sound);
    let all = faults(&lines, sound.to, &mut dice);
    let mut kinds: Vec<&str> = all.iter().map(|fault| fault.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut draw = || {
        let kind = *dice.pick(&kinds);
        let such: Vec<&Fault> = all.iter().filter(|fault| fault.kind == kind).collect();
        *dice.pick(&such)
    };
    let mut chosen = vec![draw()];
    if number % PAIRS == PAIRS - 1 {
        let second = draw();
        let same = |a: &Edit, b: &Edit| matches!((a, b), (Edit::Line(a, _), Edit::Line(b, _)) if a == b);
        if second.kind != chosen[0].kind && !same(&second.edit, &chosen[0].edit) {
            chosen.push(second);
        }
    }
    let edits: Vec<&Edit> = chosen.iter().map(|fault| &fault.edit).collect();
    let broken = Edit::apply(&edits, &lines);
    let large = chosen.iter().any(|fault| fault.large);
    let explanation = why(launcher, sound, &broken, large)?;
    let mut kind = chosen.iter().map(|fault| fault.kind).collect::<Vec<_>>().join(" + ");
    let mut unnamed: Vec<&Fault> =
        chosen.iter().copied().filter(|fault| !is_named(fault, &explanation)).collect();
    if chosen.len() > 1 {
        kind = "two at once".into();
        // A fault that breaks nothing alone is none.
        let mut breaking = Vec::new();
        for fault in &unnamed {
            if !why(launcher, sound, &Edit::apply(&[&fault.edit], &lines), large)?.reached {
                breaking.push(*fault);
            }
        }
        if breaking.len() < unnamed.len() {
            kind = "one beside a harmless".into();
        }
        unnamed = breaking;
    }
    let verdict = match &explanation {
        Explanation { reached: true, .. } => Verdict::NoMutant,
        Explanation { proved: true, .. } if unnamed.is_empty() => Verdict::Right,
        Explanation { proved: true, .. } => Verdict::Aside,
        Explanation { cause: Some(_), .. } => Verdict::Unproved,
        _ => Verdict::Nothing,
    };
    let mut story = format!("{verdict:?} {number}: {} {} -> {}", sound.name, sound.from, sound.to);
    let _ = write!(story, "{}", if large { " (large)" } else { "" });
    for fault in &chosen {
        let _ = match &fault.edit {
            Edit::Line(at, Some(line)) => write!(story, "\n    typed   {line}\n    not     {}", lines[*at]),
            Edit::Line(at, None) => write!(story, "\n    without {}", lines[*at]),
            Edit::Last(line) => write!(story, "\n    later   {line}"),
        };
    }
    for cause in &explanation.causes[..explanation.causes.len().min(3)] {
        let _ = write!(story, "\n    told    {} at {}: {}", cause.id, cause.place, cause.text);
    }
    for line in &explanation.fix {
        let _ = write!(story, "\n    cure    {line}");
    }
    Ok(Tried { kind, verdict, story })
}

fn mutants(launcher: &Launcher, networks: &[&Sound]) -> Result<Completion, Failed> {
    let (count, seed) = (number("NSLAB_MUTANTS", SAMPLE), number("NSLAB_MUTANTS_SEED", 4));
    let first = number("NSLAB_MUTANTS_FIRST", 0);
    let (next, tried) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= first + count {
                return;
            }
            let result = try_one(launcher, networks, seed, number);
            if let Ok(Tried { verdict, story, .. }) = &result
                && !matches!(verdict, Verdict::NoMutant | Verdict::Right)
            {
                println!("{story}");
            }
            tried.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut tried = tried.into_inner().unwrap_or_else(PoisonError::into_inner);
    tried.sort_by_key(|(number, _)| *number);
    let mut scores: BTreeMap<String, [usize; 5]> = BTreeMap::new();
    for (number, result) in tried {
        let tried = result.map_err(|error| format!("mutant {number}: {error}"))?;
        for kind in [tried.kind, "all".into()] {
            scores.entry(kind).or_default()[tried.verdict as usize] += 1;
        }
    }
    println!("{count} tries of seed {seed}:");
    println!("{:24}{:>8}{:>8}{:>8}{:>10}{:>9}", "", "mutants", "right", "aside", "unproved", "nothing");
    for (kind, [_, right, aside, unproved, nothing]) in &scores {
        let all = right + aside + unproved + nothing;
        println!("{kind:24}{all:8}{right:8}{aside:8}{unproved:10}{nothing:9}");
    }
    let [_, right, aside, unproved, nothing] = scores.get("all").copied().unwrap_or_default();
    let all = right + aside + unproved + nothing;
    match all > 0 && right * 100 >= all * PASS {
        true => Ok(Completion::Completed),
        false => Err(format!("{right} of {all} mutants are cured and named right").into()),
    }
}
