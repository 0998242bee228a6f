//! How fast nslab is, beside others who do the same work.
//!
//! ```text
//! cargo bench                       all tables of medians and ratios, some three minutes
//! cargo bench -- w1                 the cable alone; w2 the NAT, w4 the many namespaces
//! cargo bench -- --rounds 100       with more rounds
//! cargo bench -- --stages           and where the floors spend their time
//! cargo bench -- --nslab FILE       another binary than the one just built
//! cargo bench -- traps              what does `nslab why` take beyond the lab?
//! cargo bench -- load               2,000 runs on a busy machine: what goes wrong?
//! cargo bench -- sustained          a minute of many labs: how many are kept up, and who suffers?
//! cargo bench -- verdicts           10,000 pings that fail at once, beside ping(8), which waits
//! cargo bench -- class              how fast is a class graded, beside bash alone?
//! cargo test --benches              does every variant work?
//! ```
//!
//! Every variant is measured as a whole process, from its start to its end,
//! and all of one workload in one run, one after the other: what counts are
//! the ratios, which another machine would give as well. No time makes this
//! program fail, only a variant that does not do its work.

mod class;
mod clock;
mod crowd;
mod floor;
mod large;
mod load;
mod quiet;
mod race;
mod setting;
mod stages;
mod sustained;
mod table;
mod traps;
mod variant;
mod verdicts;
mod w1;
mod w2;
mod w4;
mod workshop;

use crowd::Crowd;
use quiet::Quiet;
use race::Race;
use setting::Setting;
use std::env;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use table::Verdicts;
use workshop::Workshop;

/// The default number of runs under load.
const RUNS_UNDER_LOAD: usize = 2000;
/// The number of verdicts that are compared, by default and in a rehearsal.
const VERDICTS: usize = 10_000;
const FEW_VERDICTS: usize = 40;
/// The largest number of rounds of the large labs.
const LARGE_ROUNDS: usize = 3;
/// The default number of rounds of `why`.
const TRAP_ROUNDS: usize = 9;
/// The largest number of rounds of a crowd.
const CROWD_ROUNDS: usize = 5;
/// The duration of the sustained run.
const LASTING: Duration = Duration::from_secs(60);
/// The default number of students in a class.
const STUDENTS: usize = 500;
/// The number of labs of a crowd that only has to work.
const FEW_LABS: usize = 3;

const USAGE: &str = "\
usage: cargo bench --bench speed -- [w1] [w2] [w4] [traps] [load] [sustained] [verdicts] [class] [--rounds N] [--side-by-side N] [--stages] [--nslab FILE]

  w1            two namespaces and a cable
  w2            a bridge behind NAT
  w4            many namespaces on a bridge
  traps         why a ping fails, where the curriculum lets one fail
                (without a word: these four)
  load          run one lab again and again on a busy machine, and count what goes wrong
  sustained     run many labs for a minute, and one beside them
  verdicts      compare what is said at once with what ping(8) says in the end
  class         grade a class, beside what its commands take under plain bash
  --rounds N    rounds of each race (40, 32, 9 and 9), runs of `load` (2000),
                `verdicts` (10000), or students of the class (500)
  --side-by-side N
                how many labs of `verdicts` wait side by side (50); on a machine
                that is slow by itself, fewer
  --stages      tell where the floors spend their time
  --nslab FILE  measure this binary";

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    // This process may be the floor that is being measured, so this check comes first.
    match arguments.next().as_deref() {
        Some(floor::ARGUMENT) => return floor::run(arguments),
        Some(quiet::ARGUMENT) => return quiet::run(),
        _ => {}
    }
    let asked = match Asked::read(env::args().skip(1)) {
        Ok(Some(asked)) => asked,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&asked) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A part of the benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    W1,
    W2,
    W4,
    Traps,
    Load,
    Sustained,
    Verdicts,
    Class,
}

/// The command line.
struct Asked {
    parts: Vec<Part>,
    stages: bool,
    /// Whether to measure; otherwise this is only to show that all variants
    /// work.
    measure: bool,
    rounds: Option<usize>,
    side_by_side: Option<usize>,
    nslab: PathBuf,
}

impl Asked {
    /// Reads the arguments; `None` if there is nothing to do.
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let nslab = env!("CARGO_BIN_EXE_nslab").into();
        let (parts, rounds, side_by_side) = (Vec::new(), None, None);
        let mut asked = Self { parts, stages: false, measure: false, rounds, side_by_side, nslab };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("`{argument}` wants a value"));
            match argument.as_str() {
                "w1" => asked.parts.push(Part::W1),
                "w2" => asked.parts.push(Part::W2),
                "w4" => asked.parts.push(Part::W4),
                "traps" => asked.parts.push(Part::Traps),
                "load" => asked.parts.push(Part::Load),
                "verdicts" => asked.parts.push(Part::Verdicts),
                "class" => asked.parts.push(Part::Class),
                "sustained" => asked.parts.push(Part::Sustained),
                "--stages" => asked.stages = true,
                "--rounds" => {
                    let rounds = value()?.parse().ok().filter(|rounds| *rounds > 0);
                    asked.rounds = Some(rounds.ok_or("`--rounds` wants a number from 1")?);
                    asked.measure = true;
                }
                "--side-by-side" => {
                    let labs = value()?.parse().ok().filter(|labs| *labs > 0);
                    asked.side_by_side = Some(labs.ok_or("`--side-by-side` wants a number from 1")?);
                }
                "--nslab" => asked.nslab = value()?.into(),
                // `cargo bench` says it, `cargo test --benches` does not.
                "--bench" => asked.measure = true,
                "--help" | "-h" => {
                    println!("{USAGE}");
                    return Ok(None);
                }
                // A listing of tests finds none here.
                "--list" => return Ok(None),
                other => return Err(format!("`{other}` is not known")),
            }
        }
        if asked.parts.is_empty() {
            asked.parts = vec![Part::W1, Part::W2, Part::W4, Part::Traps];
        }
        Ok(Some(asked))
    }

    fn wants(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }
}

/// Does what was asked, and tells whether all was well.
fn run(asked: &Asked) -> io::Result<bool> {
    // The variants run in a folder of their own.
    let nslab = std::path::absolute(&asked.nslab)?;
    let setting = Setting { nslab, workshop: Workshop::open()?, quiet: Quiet::watch()? };
    let mut works = true;
    if asked.wants(Part::Load) {
        let usual = if asked.measure { RUNS_UNDER_LOAD } else { 1 };
        works &= load::run(&setting, asked.rounds.unwrap_or(usual))?;
    }
    if asked.wants(Part::Sustained) {
        let (lasting, labs) = if asked.measure { (LASTING, crowd::LABS) } else { (Duration::ZERO, FEW_LABS) };
        works &= sustained::run(&setting, lasting, labs)?;
    }
    if asked.wants(Part::Verdicts) {
        let usual = if asked.measure { VERDICTS } else { FEW_VERDICTS };
        works &= verdicts::run(&setting, asked.rounds.unwrap_or(usual), asked.side_by_side)?;
    }
    if asked.wants(Part::Class) {
        let usual = if asked.measure { STUDENTS } else { FEW_LABS };
        works &= class::run(&setting, asked.rounds.unwrap_or(usual))?;
    }
    let races = races(asked, &setting)?;
    if !races.is_empty() || asked.wants(Part::Traps) {
        works &=
            if asked.measure { measure(asked, &setting, races)? } else { rehearse(asked, &setting, races)? };
    }
    Ok(works)
}

fn races(asked: &Asked, setting: &Setting) -> io::Result<Vec<Race>> {
    let mut races = Vec::new();
    if asked.wants(Part::W1) {
        races.push(w1::race(setting)?);
    }
    if asked.wants(Part::W2) {
        races.push(w2::race(setting)?);
    }
    if asked.wants(Part::W4) {
        let namespaces = if asked.measure { w4::NAMESPACES } else { w4::FEW_NAMESPACES };
        races.push(w4::race(setting, namespaces)?);
    }
    Ok(races)
}

/// Returns the wanted crowds, each with this number of labs.
fn crowds(asked: &Asked, setting: &Setting, labs: usize) -> io::Result<Vec<Crowd>> {
    let mut crowds = Vec::new();
    if asked.wants(Part::W1) {
        crowds.push(Crowd::of_w1(setting, labs)?);
    }
    if asked.wants(Part::W2) {
        crowds.push(Crowd::of_w2(setting, labs)?);
    }
    Ok(crowds)
}

/// Does everything once, in small, and tells whether all of it works.
fn rehearse(asked: &Asked, setting: &Setting, mut races: Vec<Race>) -> io::Result<bool> {
    let mut works = true;
    for race in &mut races {
        race.rehearse(&setting.quiet)?;
        works &= race.works();
        println!("{}: {} of {} variants can be measured", race.title, race.able(), race.rows.len());
    }
    if asked.wants(Part::W4) {
        works &= large::run(setting, w4::FEW_NAMESPACES, Duration::ZERO, 1)?.failed == 0;
    }
    if asked.wants(Part::Traps) {
        traps::run(setting, 0)?;
    }
    for mut crowd in crowds(asked, setting, FEW_LABS)? {
        works &= well(crowd.run(setting, 1));
    }
    println!("`cargo bench` measures");
    Ok(works)
}

/// Measures, and tells whether everything did its work.
fn measure(asked: &Asked, setting: &Setting, mut races: Vec<Race>) -> io::Result<bool> {
    let mut works = true;
    let mut verdicts = Verdicts::none();
    for race in &mut races {
        race.rehearse(&setting.quiet)?;
        race.run(asked.rounds.unwrap_or(race.rounds), &setting.quiet)?;
        works &= race.works();
        table::race(race, &mut verdicts);
    }
    let at_most = |most: usize| asked.rounds.map_or(most, |rounds| rounds.min(most));
    if asked.wants(Part::W4) {
        let measured =
            large::SIZES.map(|(count, allowed)| large::run(setting, count, allowed, at_most(LARGE_ROUNDS)));
        let measured = measured.into_iter().collect::<io::Result<Vec<_>>>()?;
        works &= measured.iter().all(|large| large.failed == 0);
        table::large(&measured, &mut verdicts);
    }
    if asked.wants(Part::Traps) {
        table::traps(&traps::run(setting, asked.rounds.unwrap_or(TRAP_ROUNDS))?, &mut verdicts);
    }
    // Last, because what they leave behind keeps the kernel busy for a while.
    let mut crowds = crowds(asked, setting, crowd::LABS)?;
    for crowd in &mut crowds {
        works &= well(crowd.run(setting, at_most(CROWD_ROUNDS)));
    }
    if !crowds.is_empty() {
        table::crowds(&crowds, &mut verdicts);
    }
    verdicts.print();
    if asked.stages {
        for race in &races {
            println!();
            stages::print(race.work, asked.rounds.unwrap_or(race.rounds), &setting.quiet)?;
        }
    }
    Ok(works)
}

/// Reports an error, and tells whether there was none.
fn well(result: io::Result<()>) -> bool {
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    result.is_ok()
}
