//! Mutants: one thing is broken in a network that works, or two, and `why`
//! has to find it and to cure it.
//!
//! A few are taken each time; `NSLAB_MUTANTS=5000` takes as many, and
//! `NSLAB_MUTANTS_SEED` others, from `NSLAB_MUTANTS_FIRST` on;
//! `NSLAB_MUTANTS_NETWORK=vxlan` takes one network alone. Who still answers is no
//! mutant. The labs of those that are not right are written into the folder
//! `NSLAB_MUTANTS_LABS`.

#[path = "../asked/mod.rs"]
mod asked;
mod dice;
mod faults;
mod mutant;
mod networks;
mod state;

use asked::is_asked_for;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use mutant::{Tried, Verdict, try_one};
use networks::{NETWORKS, Sound};
use nslab::event::{Cause, Explanation, Moment, Probe};
use nslab::lab::{Lab, LabName, Source};
use nslab::net::missing_tool;
use nslab::run::{self, Settings};
use nslab::sandbox::Launcher;
use nslab::script::Stage;
use nslab::shell;
use state::{State, left, states};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many are taken where nobody says it.
const SAMPLE: u64 = 40;

/// How many of hundred have to be proved, and named right.
const PASS: usize = 95;

/// What large packets carry, in bytes.
const LARGE: u16 = 1400;

/// The tests: of the networks themselves, and of what is broken in them.
const SOUND: &str = "networks_are_sound";
const CURED: &str = "mutants_are_cured";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // Before any thread.
    let prepared = run::prepare(&mut Stage::new());
    let asked = [SOUND, CURED].map(|name| is_asked_for(&arguments, name));
    let (sound, cured) = match &prepared {
        _ if asked == [false, false] => (Ok(Completion::Completed), Ok(Completion::Completed)),
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
                Ok(sound) if asked[1] => (Ok(Completion::Completed), mutants(launcher, &sound)),
                Ok(_) => (Ok(Completion::Completed), Ok(Completion::Completed)),
                Err(why) => (Err(why), Ok(Completion::ignored_with("what is not sound can't be broken"))),
            },
        },
    };
    let trials =
        vec![Trial::ignorable_test(SOUND, move || sound), Trial::ignorable_test(CURED, move || cured)];
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

/// A lab of these lines.
fn lab<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Lab, String> {
    // Where the machine is strict, a second fault would be in it.
    let lax = "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0";
    let text = [lax].into_iter().chain(lines).collect::<Vec<_>>().join("\n");
    let (name, path) = (LabName::of("mutant.sh".as_ref()), "mutant.sh".into());
    shell::read(Source { name, path, text }).map_err(|fault| fault.message)
}

/// Asks why, in a lab of these lines.
fn why(launcher: &Launcher, sound: &Sound, lines: &[String], large: bool) -> Result<Explanation, String> {
    let lab = lab(lines.iter().map(String::as_str))?;
    let probe =
        Probe { tcp: sound.tcp, size: large.then_some(LARGE), df: large, ..Probe::to(sound.from, sound.to) };
    let first = launcher.open().map_err(|error| error.to_string())?;
    run::why(&lab, launcher, first, &Settings::default(), &probe, &Moment::End)
        .map_err(|puzzle| puzzle.to_string())
}

/// A network that this kernel can have, and what its lab leaves.
struct Network {
    sound: &'static Sound,
    state: State,
}

/// Before anything is broken, everybody answers. Gives the networks that this
/// kernel can have.
fn networks(launcher: &Launcher) -> Result<Vec<Network>, Failed> {
    let mut all = Vec::new();
    let wanted = std::env::var("NSLAB_MUTANTS_NETWORK").unwrap_or_default();
    for sound in NETWORKS.iter().filter(|sound| sound.name.contains(&wanted)) {
        let lines: Vec<String> = lines(sound).into_iter().map(Into::into).collect();
        let explanation = why(launcher, sound, &lines, false)?;
        let unknown = |cause: &Cause| cause.text.contains("Unknown device type");
        let without_server = sound.tcp.is_some() && missing_tool("python3").is_some();
        if explanation.causes.iter().any(unknown) || without_server {
            println!("not measured: this machine has no {}", sound.name);
            continue;
        }
        let [state, same] = states(launcher, [&lines, &[]])?;
        if state != same {
            return Err(format!("{}: {:?}", sound.name, left(&state, &same, &same)).into());
        }
        all.push(Network { sound, state });
        for large in [false, true].into_iter().filter(|large| !large || sound.tcp.is_none()) {
            let explanation = why(launcher, sound, &lines, large)?;
            if !explanation.reached || !explanation.causes.is_empty() {
                return Err(format!("{}: {explanation:#?}", sound.name).into());
            }
        }
    }
    Ok(all)
}

fn mutants(launcher: &Launcher, networks: &[Network]) -> Result<Completion, Failed> {
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
            if let Ok(Tried { verdict, story, lab, .. }) = &result
                && !matches!(verdict, Verdict::NoMutant | Verdict::Right)
            {
                println!("{story}");
                if let Ok(folder) = std::env::var("NSLAB_MUTANTS_LABS") {
                    let _ = std::fs::write(format!("{folder}/{seed}-{number}.sh"), lab);
                }
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
    let mut scores: BTreeMap<String, [usize; 6]> = BTreeMap::new();
    for (number, result) in tried {
        let tried = result.map_err(|error| format!("mutant {number}: {error}"))?;
        for kind in [tried.kind, "all".into()] {
            scores.entry(kind).or_default()[tried.verdict as usize] += 1;
        }
    }
    println!("{count} tries of seed {seed}:");
    println!(
        "{:24}{:>8}{:>8}{:>8}{:>8}{:>10}{:>9}",
        "", "mutants", "right", "around", "aside", "unproved", "nothing"
    );
    let all_of = |score: &[usize; 6]| score[1..].iter().sum::<usize>();
    for (kind, score) in &scores {
        let [_, right, around, aside, unproved, nothing] = score;
        let all = all_of(score);
        println!("{kind:24}{all:8}{right:8}{around:8}{aside:8}{unproved:10}{nothing:9}");
    }
    let score = scores.get("all").copied().unwrap_or_default();
    let (all, right) = (all_of(&score), score[Verdict::Right as usize]);
    match all > 0 && right * 100 >= all * PASS {
        true => Ok(Completion::Completed),
        false => Err(format!("{right} of {all} mutants are cured and named right").into()),
    }
}
