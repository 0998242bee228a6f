//! Mutants: one thing is broken in a network that works, or two, and `why`
//! has to find it and to cure it.
//!
//! A few are taken each time; `NSLAB_MUTANTS=5000` takes as many, and
//! `NSLAB_MUTANTS_SEED` others, from `NSLAB_MUTANTS_FIRST` on;
//! `NSLAB_MUTANTS_NETWORK=vxlan` takes one network alone, `=world` the large ones.
//! A fault after which the target still answers is not counted. The labs of those that
//! are not right are written into the folder `NSLAB_MUTANTS_LABS`, and what was known of
//! each into `NSLAB_MUTANTS_EVIDENCE`.

mod answers;
mod dice;
mod faults;
#[path = "../measured/mod.rs"]
mod measured;
mod mutant;
mod networks;
mod state;

use answers::Answers;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use mutant::{Tried, Verdict, try_one};
use networks::{NETWORKS, Question, Sound};
use nslab::event::{Cause, Explanation, Moment, Probe};
use nslab::lab::{Lab, LabName, LabSource};
use nslab::run::{self, Record, Settings};
use nslab::sandbox::{For, Launcher, SandboxError};
use nslab::script::Stage;
use nslab::shell;
use state::{State, left, states};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The default number of mutants.
const SAMPLE: u64 = 40;

/// The percentage that has to be proved and named right.
const PASS: usize = 95;

/// The payload of large packets, in bytes.
const LARGE: u16 = 1400;

/// The tools that the networks, and what breaks them, are typed with.
const TOOLS: [&str; 8] = ["bash", "ip", "bridge", "tc", "sysctl", "iptables", "ip6tables", "nft"];

/// The tools that the large networks take beside those.
const TOOLS_OF_WORLDS: [&str; 3] = ["nc", "ping", "timeout"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // Before any thread.
    let launcher = run::prepare(For::Labs, &mut Stage::new()).map(|(launcher, _)| launcher);
    let bench = Arc::new(Bench { launcher, found: NETWORKS.iter().map(|_| OnceLock::new()).collect() });
    let mut trials = Vec::new();
    for at in wanted() {
        let bench = bench.clone();
        let name = format!("networks_are_sound::{}", NETWORKS[at].name.replace(' ', "_"));
        trials.push(Trial::ignorable_test(name, move || match bench.find(at) {
            Ok(SoundRun::Sound(..)) => Ok(Completion::Completed),
            Ok(SoundRun::Lacking(lack)) => measured::ignored(lack),
            Err(why) => Err(why.into()),
        }));
    }
    trials.push(Trial::ignorable_test("mutants_are_cured", move || bench.mutants()));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A number that the environment gives.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// A lab of these lines.
fn lab<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Lab, String> {
    // A strict rp_filter of the machine would be a second fault.
    let lax = "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0";
    let text = [lax].into_iter().chain(lines).collect::<Vec<_>>().join("\n");
    let (name, path) = (LabName::of("mutant.sh".as_ref()), "mutant.sh".into());
    shell::read(LabSource { name, path, text }).map_err(|fault| fault.message)
}

/// Asks why, in a lab of these lines.
fn why(launcher: &Launcher, asked: &Question, lines: &[String], large: bool) -> Result<Explanation, String> {
    let lab = lab(lines.iter().map(String::as_str))?;
    let probe =
        Probe { tcp: asked.tcp, size: large.then_some(LARGE), df: large, ..Probe::to(asked.from, asked.to) };
    let first = launcher.open().map_err(|error| error.to_string())?;
    let evidence = if evidence_folder().is_some() { Record::Kept } else { Record::Dropped };
    let settings = Settings { evidence, ..Settings::default() };
    run::why(&lab, launcher, first, &settings, &probe, &Moment::End, &|_| {})
        .map_err(|error| error.to_string())
}

/// Returns the folder for the facts of each mutant, if that is wanted.
fn evidence_folder() -> Option<PathBuf> {
    std::env::var_os("NSLAB_MUTANTS_EVIDENCE").map(PathBuf::from)
}

/// The networks that are asked for, by their places.
fn wanted() -> impl Iterator<Item = usize> {
    let wanted = std::env::var("NSLAB_MUTANTS_NETWORK").unwrap_or_default();
    (0..NETWORKS.len()).filter(move |at| NETWORKS[*at].name.contains(&wanted))
}

/// Runs a function in several threads.
fn side_by_side(work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..run::at_a_time() {
            scope.spawn(&work);
        }
    });
}

/// A network that works, and what its lab leaves.
struct Network {
    sound: &'static Sound,
    state: State,
    /// The questions that are answered in it; none of a small network.
    answers: Answers,
}

/// The result of a look at a network.
enum SoundRun {
    Sound(State, Answers),
    /// This machine can't have it, for lack of this.
    Lacking(String),
}

/// The networks, each looked at once, and then broken.
struct Bench {
    launcher: Result<Launcher, SandboxError>,
    found: Vec<OnceLock<Result<SoundRun, String>>>,
}

impl Bench {
    fn find(&self, at: usize) -> &Result<SoundRun, String> {
        self.found[at].get_or_init(|| match &self.launcher {
            Err(error) => Ok(SoundRun::Lacking(error.to_string())),
            Ok(launcher) => look(launcher, &NETWORKS[at]),
        })
    }

    /// Breaks those that this machine can have.
    fn mutants(&self) -> Result<Completion, Failed> {
        let (next, all) = (AtomicUsize::new(0), wanted().collect::<Vec<_>>());
        side_by_side(|| {
            while let Some(at) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                let _ = self.find(*at);
            }
        });
        let mut networks = Vec::new();
        let mut lacks = Vec::new();
        for at in all {
            match self.find(at) {
                Ok(SoundRun::Sound(state, answers)) => {
                    let (state, answers) = (state.clone(), answers.clone());
                    networks.push(Network { sound: &NETWORKS[at], state, answers });
                }
                Ok(SoundRun::Lacking(lack)) => lacks.push(lack.as_str()),
                Err(_) => {
                    return Err(format!("{} is not sound, and can't be broken", NETWORKS[at].name).into());
                }
            }
        }
        match &self.launcher {
            Ok(launcher) if !networks.is_empty() => mutants(launcher, &networks),
            _ => measured::ignored(lacks.first().unwrap_or(&"no network was asked for")),
        }
    }
}

/// Checks that the targets answer before anything is broken.
fn look(launcher: &Launcher, sound: &Sound) -> Result<SoundRun, String> {
    let server: &[&str] = if sound.text.contains("python3") { &["python3"] } else { &[] };
    let more: &[&str] = if sound.is_world { &TOOLS_OF_WORLDS } else { &[] };
    if let Some(lack) = measured::lacking(&[&TOOLS, server, more].concat()) {
        return Ok(SoundRun::Lacking(lack));
    }
    let lines: Vec<String> = sound.lines().into_iter().map(Into::into).collect();
    for (at, asked) in sound.questions.iter().enumerate() {
        for large in [false, true].into_iter().filter(|large| !large || asked.tcp.is_none()) {
            let explanation = why(launcher, asked, &lines, large)?;
            let unknown = |cause: &&Cause| cause.text.contains("Unknown device type");
            if let Some(cause) = explanation.causes.iter().find(unknown) {
                return Ok(SoundRun::Lacking(cause.text.clone()));
            }
            if !explanation.reached || !explanation.causes.is_empty() {
                return Err(format!("question {at}: {explanation:#?}"));
            }
        }
    }
    let [state, same] = states(launcher, [&lines, &[]])?;
    if state != same {
        return Err(format!("{:?}", left(&state, &same, &same)));
    }
    let answers =
        if sound.is_world { answers::of(launcher, sound, [&lines])?[0].clone() } else { Answers::new() };
    Ok(SoundRun::Sound(state, answers))
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
    side_by_side(work);
    let mut tried = tried.into_inner().unwrap_or_else(PoisonError::into_inner);
    tried.sort_by_key(|(number, _)| *number);
    let mut scores: BTreeMap<String, [usize; 7]> = BTreeMap::new();
    for (number, result) in tried {
        let tried = result.map_err(|error| format!("mutant {number}: {error}"))?;
        for kind in [tried.kind, "all".into()] {
            scores.entry(kind).or_default()[tried.verdict as usize] += 1;
        }
    }
    println!("{count} tries of seed {seed}:");
    println!(
        "{:24}{:>8}{:>8}{:>8}{:>8}{:>9}{:>10}{:>9}",
        "", "mutants", "right", "around", "aside", "harmful", "unproved", "nothing"
    );
    let all_of = |score: &[usize; 7]| score[1..].iter().sum::<usize>();
    for (kind, score) in &scores {
        let [_, right, around, aside, harmful, unproved, nothing] = score;
        let all = all_of(score);
        println!("{kind:24}{all:8}{right:8}{around:8}{aside:8}{harmful:9}{unproved:10}{nothing:9}");
    }
    let score = scores.get("all").copied().unwrap_or_default();
    let (all, right) = (all_of(&score), score[Verdict::Right as usize]);
    match all > 0 && right * 100 >= all * PASS {
        true => Ok(Completion::Completed),
        false => Err(format!("{right} of {all} mutants are cured and named right").into()),
    }
}
