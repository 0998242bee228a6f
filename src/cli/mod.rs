//! The command line: what was typed, and one file per command.

mod captures;
mod doctor;
mod exit;
mod export;
mod grade;
mod grader;
mod one;
mod progress;
mod run;
mod self_test;
mod sheet;
mod shell;
mod test;
mod turns;
mod why;

use crate::exercise::Shard;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Labs for Linux networking: a script builds a network out of namespaces,
/// asks it questions, and says what the answers must be.
///
/// Each lab runs in a fresh sandbox: no root, no daemon, nothing left behind.
#[derive(Debug, Parser)]
#[command(name = "nslab", version, propagate_version = true, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0   all passed
  1   a check failed, or a lab stopped half-way
  2   wrong usage
  3   a lab is invalid
  4   nothing could be measured: this machine gives no sandbox
  70  a fault of nslab

Begin with `nslab doctor`, which tells what this machine can do.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every check of every lab, as test cases
    #[command(after_help = TEST_EXAMPLES)]
    Test(Test),
    /// Run one lab, told step by step: each command, what it changed, what was seen
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
    /// Tell why one can't reach another: where the packet died, what killed it, and what mends it
    #[command(after_help = WHY_EXAMPLES)]
    Why(Why),
    /// Print one lab as a shell script of `ip` commands
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Export),
    /// Grade what was handed in for an exercise
    #[command(after_help = GRADE_EXAMPLES)]
    Grade(Grade),
    /// Work in a lab with your own shell; in an exercise, at its gap
    #[command(after_help = SHELL_EXAMPLES)]
    Shell(Shell),
    /// Tell whether this machine can run labs, what is missing, and the remedy
    Doctor(Doctor),
}

const TEST_EXAMPLES: &str = "\
Examples:
  nslab test                          every lab below labs/
  nslab test labs/cable               those of one subject
  nslab test -- 'cable/mask::'        the checks of one lab
  nslab test -- --list                the names of all checks
  nslab test --accept                 take what the snapshots show as right

What this machine can't measure is ignored, with the reason;
NSLAB_REQUIRE=1 makes it a failure.";

const RUN_EXAMPLES: &str = "\
Examples:
  nslab run labs/cable/plug.rhai
  nslab run labs/bridge/capture.rhai --captures /tmp/seen
  nslab run tutorial.sh               commands of a shell, as they were pasted";

const WHY_EXAMPLES: &str = "\
Examples:
  nslab why labs/cable/switch-on.rhai red 192.168.15.2 --at 1
  nslab why what-i-typed.sh host 10.0.0.2      a file of commands, as they were pasted
  nslab why what-i-typed.sh                    why its last ping, curl or nc got no answer
  nslab why lab.sh red 10.0.0.2 --tcp 80       as curl would ask
  nslab why lab.sh red 10.0.0.2 --only red,r1  with a cure in red or r1, and nowhere else
  nslab why lab.sh red 10.0.0.2 --size 1450 --df
  nslab why --explain forwarding-off           what this cause is, how it shows, how to cure it

Exit codes: 0 it is reached, 1 it is not.";

const EXPORT_EXAMPLES: &str = "\
Example:
  nslab export labs/cable/plug.rhai > lab.sh

The script says how it is run without changing anything of this machine. The lab is run for that, in a sandbox. Where it stops half-way, the script goes
as far as it did, and the exit code is 1.";

const SHELL_EXAMPLES: &str = "\
Examples:
  nslab shell labs/exercises/cable.rhai         at the gap; `check` there tells how far you are
  nslab shell labs/cable/switch-on.rhai --at 1 --in red

In the shell:
  check           run again, in a sandbox of its own, what was typed, and tell points and hints
  why FROM TO     tell why one can't reach another
  submit FILE     write what was typed as a submission
  exit            end it all; nothing is left behind";

const GRADE_EXAMPLES: &str = "\
Examples:
  nslab grade labs/exercises/cable.rhai alice.sh          one student
  nslab grade labs/exercises/cable.rhai submissions/      each entry of a folder is a student
  nslab grade EXERCISE submissions/ --format csv --resume results.jsonl
  nslab grade EXERCISE --sheet alice bob                  their tasks, and the answer key
  nslab grade EXERCISE --self-test                        is it solvable, do its checks see what is wrong?
  nslab grade --merge part1.json part2.jsonl --format csv

Exit codes: 0 all have full marks, 1 somebody has not, 130 it was interrupted.";

/// What was typed for `nslab test`.
#[derive(Debug, clap::Args)]
struct Test {
    /// Labs, and folders of labs
    #[arg(value_name = "PATH", default_value = "labs")]
    paths: Vec<PathBuf>,
    /// Take each new text of a snapshot as the right one, and delete snapshots that no check asserts
    #[arg(long)]
    accept: bool,
    /// Write a file below this folder for each diagnosis of a ping that failed, as `nslab why --evidence` does
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,
    #[command(flatten)]
    deadline: Deadline,
    #[command(flatten)]
    patience: Patience,
    /// Flags of `cargo test`, such as a filter, --list, --exact, --skip or --test-threads
    #[arg(last = true, value_name = "LIBTEST FLAGS")]
    libtest: Vec<String>,
}

/// What was typed for `nslab run`.
#[derive(Debug, clap::Args)]
struct Run {
    /// The lab, a `.rhai` or `.sh` file
    #[arg(value_name = "LAB")]
    lab: PathBuf,
    /// Write what is captured into this folder, for tcpdump and tshark
    #[arg(long, value_name = "DIR")]
    captures: Option<PathBuf>,
    #[command(flatten)]
    deadline: Deadline,
    #[command(flatten)]
    patience: Patience,
}

/// What was typed for `nslab why`.
#[derive(Debug, clap::Args)]
struct Why {
    /// The lab, a `.rhai` or `.sh` file
    #[arg(value_name = "LAB", required_unless_present = "explain")]
    lab: Option<PathBuf>,
    /// The namespace that asks; `host` is the sandbox's own
    #[arg(value_name = "FROM", requires = "to")]
    from: Option<String>,
    /// The address or the name that it can't reach. Without FROM and TO, the lab's own last ping, curl, nc or
    /// other question that got no answer is explained
    #[arg(value_name = "TO")]
    to: Option<String>,
    /// Ask when this step is done, by its number or how its text begins; of a `.sh` lab, when the lines up
    /// to this one have run
    #[arg(long, value_name = "STEP", requires = "from")]
    at: Option<String>,
    /// Ask a TCP port, in place of an echo request
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), requires = "from", conflicts_with_all = ["udp", "df", "broadcast"])]
    tcp: Option<u16>,
    /// Send a datagram to a UDP port, in place of an echo request. It is reached if a program there answers, or
    /// gets it and sends nothing
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), requires = "from", conflicts_with_all = ["size", "df", "broadcast"])]
    udp: Option<u16>,
    /// The payload of the request, in bytes, as `ping -s`; with --tcp, what is sent when the connection is made
    #[arg(long, value_name = "BYTES", requires = "from", value_parser = clap::value_parser!(u16).range(..=65_507))]
    size: Option<u16>,
    /// Forbid fragments, as `ping -M do`
    #[arg(long, requires = "from")]
    df: bool,
    /// Send from this interface or address, as `ping -I`
    #[arg(long, value_name = "DEV|ADDR", requires = "from")]
    interface: Option<String>,
    /// Ask a broadcast address, as `ping -b`
    #[arg(long, requires = "from")]
    broadcast: bool,
    /// Let a cure act in these namespaces only
    #[arg(long, value_name = "NS", value_delimiter = ',')]
    only: Option<Vec<String>>,
    /// The namespace that plays the world outside: it has the address if nobody else has it, and no cure acts there
    #[arg(long, value_name = "NS")]
    outside: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write all that was known when suspects were looked for, as JSON: the state of the network, the packets
    /// that were seen, what was typed, and what was asked beside. A report of a wrong answer needs it
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// Tell what a cause is, how it shows and how to cure it; without a name, list them all
    #[arg(long, value_name = "CAUSE", num_args = 0..=1, exclusive = true)]
    explain: Option<Option<String>>,
    #[command(flatten)]
    deadline: Deadline,
    #[command(flatten)]
    patience: Patience,
}

/// What was typed for `nslab export`.
#[derive(Debug, clap::Args)]
struct Export {
    /// The lab, a `.rhai` file; a `.sh` file is printed as it is
    #[arg(value_name = "LAB")]
    lab: PathBuf,
    #[command(flatten)]
    deadline: Deadline,
}

/// What was typed for `nslab grade`.
#[derive(Debug, clap::Args)]
struct Grade {
    /// The exercise, a `.rhai` file with a gap: `submission(…)`
    #[arg(value_name = "EXERCISE", required_unless_present = "merge")]
    exercise: Option<PathBuf>,
    /// What was handed in: scripts of bash or of this vocabulary, or a folder of them, a student each
    #[arg(value_name = "SUBMISSION", required_unless_present_any = ["merge", "self_test", "sheet"])]
    submissions: Vec<PathBuf>,
    /// How the grades are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Grade a part of the class: the K-th of N parts, which have nobody in common and leave nobody out
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Join gradebooks (of `--format json`) and results files (of `--resume`) to one
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["exercise", "submissions", "shard", "resume"])]
    merge: Vec<PathBuf>,
    /// Keep in this file what is graded, and don't grade it again
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// What the variant is drawn by, for everybody; the student's name where it is not given
    #[arg(long, value_name = "S")]
    seed: Option<String>,
    /// What is drawn while a submission is judged (`any_of`) depends on it, and is the same again by the
    /// same one; a random one where it is not given
    #[arg(long, value_name = "S", conflicts_with_all = ["merge", "sheet", "self_test"])]
    judging_seed: Option<String>,
    /// Print the task of each student, and then the answer key; a SUBMISSION may be a mere name
    #[arg(long, conflicts_with_all = ["merge", "shard", "resume", "format", "self_test"])]
    sheet: bool,
    /// Test the exercise itself: that the reference solves it, that the checks see whatever is wrong in it, that
    /// each other solution (`solutions/EXERCISE/right-*`) has full marks, and that each counter-example (`wrong-*`)
    /// has the points that it says it deserves
    #[arg(long, conflicts_with_all = ["submissions", "merge", "shard", "resume", "format", "seed"])]
    self_test: bool,
    #[command(flatten)]
    deadline: SubmissionDeadline,
    #[command(flatten)]
    patience: Patience,
}

/// How grades are printed.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For a person
    Text,
    /// One JSON object
    Json,
    /// JUnit XML: a suite for each student
    Junit,
    /// A spreadsheet: a row for each student
    Csv,
    /// The results.json of Gradescope, for one student
    Gradescope,
}

/// How long a submission may take.
#[derive(Debug, clap::Args)]
struct SubmissionDeadline {
    /// Seconds that a submission may take
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    timeout: u64,
}

/// What was typed for `nslab shell`.
#[derive(Debug, clap::Args)]
struct Shell {
    /// The lab, a `.rhai` or `.sh` file
    #[arg(value_name = "LAB")]
    lab: PathBuf,
    /// Begin when this step is done, by its number or how its text begins; of a `.sh` lab, when the lines up
    /// to this one have run
    #[arg(long, value_name = "STEP")]
    at: Option<String>,
    /// Begin in this namespace
    #[arg(long, value_name = "NS")]
    r#in: Option<String>,
    /// What the exercise's variant is drawn by: your name
    #[arg(long, value_name = "S")]
    seed: Option<String>,
}

/// What was typed for `nslab doctor`.
#[derive(Debug, clap::Args)]
struct Doctor {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// How long a lab may take.
#[derive(Debug, clap::Args)]
struct Deadline {
    /// Seconds that a lab may take
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds)]
    timeout: u64,
}

/// How long a command may take.
#[derive(Debug, clap::Args)]
struct Patience {
    /// Seconds that a command of a shell script may take before it gets a Ctrl-C
    #[arg(long, value_name = "S", default_value = "3", value_parser = seconds)]
    patience: u64,
}

/// Reads seconds, with a fraction if need be, as milliseconds.
fn seconds(text: &str) -> Result<u64, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is wanted".to_string())?;
    let sound = seconds.is_finite() && seconds > 0.0 && seconds <= 86_400.0;
    if sound { Ok((seconds * 1000.0).ceil() as u64) } else { Err("from 0.001 to 86400 seconds".into()) }
}

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    crate::harness::die_with_a_closed_pipe();
    match Arguments::parse().command {
        Command::Test(typed) => test::run(typed),
        Command::Run(typed) => run::run(&typed),
        Command::Why(typed) => why::run(&typed),
        Command::Export(typed) => export::run(&typed),
        Command::Grade(typed) => grade::run(&typed),
        Command::Shell(typed) => shell::run(&typed),
        Command::Doctor(typed) => doctor::run(&typed),
    }
}
