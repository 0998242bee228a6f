mod tried;

use super::Doctor;
use super::exit::Findings;
use crate::check::{Outcome, Shelf, Update, Verdict};
use crate::lab::{Lab, LabName, LabSource};
use crate::net;
use crate::run::{self, Settings};
use crate::sandbox::doctor::{Copied, Facts, Remedy};
use crate::sandbox::{For, Launcher, Sandbox, SandboxError, doctor};
use crate::script::{Compiler, Stage};
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;
use tried::{ABILITIES, Lack, TOOLS, Tried};

/// `nslab doctor`
pub(super) fn run(typed: &Doctor) -> ExitCode {
    let report = examine();
    if typed.json {
        println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        print!("{report}");
    }
    Findings { nothing_measured: !report.can_run_labs, ..Findings::default() }.into()
}

/// The results.
#[derive(Debug, Serialize)]
struct Report {
    can_run_labs: bool,
    kernel: String,
    abilities: Vec<Ability>,
}

/// A feature that labs may need, and whether this machine has it.
#[derive(Debug, Default, Serialize)]
struct Ability {
    name: String,
    ok: bool,
    /// The machine's error message.
    error: Option<String>,
    /// The consequence for labs if it is missing.
    cost: Option<String>,
    remedy: Option<String>,
    /// Texts of the remedy, to copy as they are.
    copied: Vec<Text>,
}

/// A text of a remedy, and its place.
#[derive(Debug, Serialize)]
struct Text {
    to: String,
    text: String,
}

impl Ability {
    fn there(name: String) -> Self {
        Self { name, ok: true, ..Self::default() }
    }

    fn missing(name: String, error: String, cost: &str, remedy: Option<Remedy>) -> Self {
        let remedy = remedy.unwrap_or_default();
        let copied = remedy.copied.into_iter().map(|Copied { to, text }| Text { to, text });
        Self {
            name,
            ok: false,
            error: Some(error),
            cost: Some(cost.into()),
            remedy: Some(remedy.line).filter(|line| !line.is_empty()),
            copied: copied.collect(),
        }
    }
}

fn examine() -> Report {
    let facts = Facts::of_this_machine();
    let kernel = facts.release.clone();
    let mut stage = Stage::new();
    let standing = run::prepare(For::Strangers, &mut stage).and_then(|(launcher, mut first)| {
        first.await_standing()?;
        doctor::try_thread()?;
        Ok((launcher, first))
    });
    let sandbox = "a sandbox: user, pid, mount, net, uts and ipc namespaces, without root".to_string();
    let (launcher, first) = match standing {
        Ok(standing) => standing,
        Err(error) => {
            let remedy = facts.remedy(&error);
            let missing = Ability::missing(sandbox, error.to_string(), "no lab can be measured", remedy);
            // Without a sandbox, nothing else can be tried, and nothing may be
            // reported as working.
            return Report { can_run_labs: false, kernel, abilities: vec![missing] };
        }
    };
    let bench = Bench { launcher, compiler: Compiler::new(stage), facts };
    let mut abilities = vec![Ability::there(sandbox)];
    abilities.extend(ABILITIES.iter().map(|tried| bench.ability(tried)));
    abilities.push(bench.own_user(&first));
    abilities.push(bench.own_cgroup());
    abilities.extend(TOOLS.iter().map(|(program, lack, lab)| bench.tool(program, lack, lab)));
    Report { can_run_labs: true, kernel, abilities }
}

/// The launcher and the compiler for all attempts.
struct Bench {
    launcher: Launcher,
    compiler: Compiler,
    facts: Facts,
}

/// The reason why something does not work: the machine's error message, and the
/// remedy, if the lab knew one.
struct Complaint {
    words: String,
    remedy: Option<String>,
}

impl Bench {
    fn ability(&self, tried: &Tried) -> Ability {
        match self.attempt(tried.lab) {
            None => Ability::there(tried.name.into()),
            Some(complaint) => {
                let remedy = self.remedy(&tried.remedy).or(complaint.remedy.map(Remedy::from));
                Ability::missing(tried.name.into(), complaint.words, tried.cost, remedy)
            }
        }
    }

    fn own_user(&self, sandbox: &Sandbox) -> Ability {
        let name = "a user for each submission".to_string();
        if sandbox.has_own_user() {
            return Ability::there(name);
        }
        let error = "all sandboxes are one user of this machine".into();
        let cost = "who uses up what the kernel counts by user has others run again, alone";
        Ability::missing(name, error, cost, self.facts.more_users())
    }

    fn own_cgroup(&self) -> Ability {
        let name = "a cgroup for each submission".to_string();
        match self.launcher.lacks_cgroups() {
            None => Ability::there(name),
            Some(error) => {
                let cost = "a submission that fills the kernel's own memory is not ended for it";
                Ability::missing(name, error.into(), cost, self.facts.divided_cgroup())
            }
        }
    }

    fn tool(&self, program: &str, lack: &Lack, lab: &str) -> Ability {
        let name = format!("the tool `{program}`");
        let cost = format!("what labs ask of `{program}` is not measured");
        if !net::is_installed(program) {
            let package = net::package_of(program).unwrap_or(program);
            let remedy = format!("install it: `sudo apt-get install {package}`");
            let error = "not installed where sandboxes look for programs".into();
            return Ability::missing(name, error, &cost, Some(remedy.into()));
        }
        match self.attempt(lab) {
            None => Ability::there(name),
            Some(complaint) => {
                let remedy = self.remedy(lack).or(complaint.remedy.map(Remedy::from));
                Ability::missing(name, complaint.words, &cost, remedy)
            }
        }
    }

    fn remedy(&self, lack: &Lack) -> Option<Remedy> {
        match lack {
            Lack::Modules(modules) => Some(self.facts.load(modules).into()),
            Lack::Uncovered => self.facts.uncover(),
            Lack::WritableSys => self.facts.writable_sys(),
            Lack::Said(said) => Some(said.to_string().into()),
            Lack::Unknown => None,
        }
    }

    /// Runs a lab. Returns the complaint, if there is one.
    fn attempt(&self, lab: &str) -> Option<Complaint> {
        let outcomes = self.launcher.open().and_then(|mut sandbox| self.outcomes(&mut sandbox, lab));
        match outcomes {
            Ok(outcomes) => outcomes.iter().find_map(Complaint::of),
            Err(error) => Some(Complaint { words: error.to_string(), remedy: None }),
        }
    }

    fn outcomes(&self, sandbox: &mut Sandbox, text: &str) -> Result<Vec<Outcome>, SandboxError> {
        let path = Path::new("doctor.rhai");
        let source = LabSource { name: LabName::of(path), path: path.into(), text: text.into() };
        let lab: Lab = self.compiler.read(source).expect("the doctor's own labs are sound");
        let shelf = Shelf::of(path, &lab.source.name, Update::Never);
        let settings = Settings { timeout_ms: 10_000, explains: false, ..Settings::default() };
        run::lab(&lab, &self.launcher, sandbox, &shelf, &settings, |_, _| {})
    }
}

impl Complaint {
    fn of(outcome: &Outcome) -> Option<Self> {
        match &outcome.verdict {
            Verdict::Passed => None,
            Verdict::Failed(failure) => {
                let seen = failure.seen.as_ref().or(failure.evidence.first().map(|question| &question.text));
                let mut lines = seen.map(|seen| seen.lines().rev()).into_iter().flatten();
                // The machine's own message. That a check failed is known
                // already.
                let says = |line: &&str| {
                    *line != "false" && !line.starts_with("exit code ") && !line.starts_with("hint: ")
                };
                let words = lines.clone().find(says).map_or_else(|| thrown(&failure.message), String::from);
                let remedy = lines.find_map(|line| Some(line.strip_prefix("hint: ")?.to_string()));
                Some(Self { words, remedy })
            }
            Verdict::Skipped(reason) => Some(Self { words: reason.clone(), remedy: None }),
            Verdict::NotMeasured { reason, remedy, .. } => {
                Some(Self { words: reason.clone(), remedy: remedy.clone() })
            }
        }
    }
}

/// Returns the last line of what a lab threw, or the whole message.
fn thrown(message: &str) -> String {
    let thrown =
        message.split_once("the script threw `").map(|(_, thrown)| thrown.trim_end().trim_end_matches('`'));
    thrown.and_then(|thrown| thrown.trim_end().lines().last()).unwrap_or(message).into()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let can = if self.can_run_labs { "can" } else { "can't" };
        writeln!(f, "this machine {can} run labs (Linux {})\n", self.kernel)?;
        for Ability { name, ok, error, cost, remedy, .. } in &self.abilities {
            writeln!(f, "  {}  {name}", if *ok { "ok     " } else { "missing" })?;
            let lines = [("it says", error), ("it costs", cost), ("remedy", remedy)];
            for (label, text) in lines {
                if let Some(text) = text {
                    writeln!(f, "           {label}: {text}")?;
                }
            }
        }
        // Unindented, so that they can be copied.
        for Text { to, text } in self.abilities.iter().flat_map(|ability| &ability.copied) {
            writeln!(f, "\n{to}:\n\n{text}")?;
        }
        Ok(())
    }
}
