//! W1, by everybody: two namespaces, one cable, addresses, one ping, and then
//! the routes and neighbours of both are read.
//!
//! ```text
//! cargo bench                              the table of medians and ratios
//! cargo bench -- --rounds 100              with more rounds
//! cargo bench -- --stages                  and where the floor spends its time
//! cargo bench -- --nslab FILE              another binary than the one just built
//! cargo bench -- load                      2,000 runs on a busy machine: what goes wrong?
//! cargo bench -- load --rounds 100         fewer of them
//! cargo test --benches                     does every variant work?
//! ```
//!
//! Every variant is measured as a whole process, from its start to its end,
//! and all in one run, one after the other: what counts are the ratios, which
//! another machine would give as well. No time makes this program fail, only
//! a variant that does not do its work.

mod clock;
mod crowd;
mod floor;
mod load;
mod netlink;
mod rounds;
mod stages;
mod table;
mod variant;
mod workshop;

use crowd::Crowd;
use std::env;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use workshop::Workshop;

/// How many rounds, where nobody says it.
const ROUNDS: usize = 40;
/// How many runs under load, where nobody says it.
const RUNS_UNDER_LOAD: usize = 2000;
/// How often many labs are run at once, at most.
const CROWDS: usize = 5;

const USAGE: &str = "\
usage: cargo bench --bench w1 -- [load] [--rounds N] [--stages] [--nslab FILE]

  load          run one lab again and again on a busy machine, and count what goes wrong
  --rounds N    rounds of the race (40), or runs of `load` (2000)
  --stages      tell where the floor spends its time
  --nslab FILE  measure this binary";

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    // First of all: this may be the floor, which is being measured.
    if arguments.next().as_deref() == Some(floor::ARGUMENT) {
        return floor::run(arguments.next().as_deref() == Some(floor::STAGES));
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

/// What was typed.
struct Asked {
    load: bool,
    stages: bool,
    /// How often; nothing where this is only to show that all variants work.
    rounds: Option<usize>,
    nslab: PathBuf,
}

impl Asked {
    /// Reads the arguments; `None` where nothing is to be done.
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let nslab = env!("CARGO_BIN_EXE_nslab").into();
        let mut asked = Self { load: false, stages: false, rounds: None, nslab };
        let mut measure = false;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("`{argument}` wants a value"));
            match argument.as_str() {
                "load" => asked.load = true,
                "--stages" => asked.stages = true,
                "--rounds" => {
                    let rounds = value()?.parse().ok().filter(|rounds| *rounds > 0);
                    asked.rounds = Some(rounds.ok_or("`--rounds` wants a number from 1")?);
                }
                "--nslab" => asked.nslab = value()?.into(),
                // `cargo bench` says it, `cargo test --benches` does not.
                "--bench" => measure = true,
                "--help" | "-h" => {
                    println!("{USAGE}");
                    return Ok(None);
                }
                // Whoever lists tests finds none here.
                "--list" => return Ok(None),
                other => return Err(format!("`{other}` is not known")),
            }
        }
        let usual = if asked.load { RUNS_UNDER_LOAD } else { ROUNDS };
        asked.rounds = asked.rounds.or(measure.then_some(usual));
        Ok(Some(asked))
    }
}

/// Does what was asked, and tells whether all was well.
fn run(asked: &Asked) -> io::Result<bool> {
    let workshop = Workshop::open()?;
    // The variants run in a folder of their own.
    let nslab = std::path::absolute(&asked.nslab)?;
    if asked.load {
        return load::run(&workshop, &nslab, asked.rounds.unwrap_or(1));
    }
    let (variants, mut rows) = rounds::rehearse(variant::all(&workshop, &nslab)?)?;
    let Some(rounds) = asked.rounds else {
        let works = rows.iter().all(|row| row.works);
        println!("{} of {} variants can be measured; `cargo bench` does", variants.len(), rows.len());
        return Ok(works);
    };
    rounds::run(&variants, &mut rows, rounds)?;
    // Last, because what it leaves behind keeps the kernel busy for a while.
    let crowd = crowd::run(&workshop, &nslab, rounds.min(CROWDS));
    let works = crowd.is_ok() && rows.iter().all(|row| row.works);
    let crowd = crowd.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        Crowd::default()
    });
    table::print(&rows, &crowd);
    if asked.stages {
        println!();
        stages::print(rounds)?;
    }
    Ok(works)
}
