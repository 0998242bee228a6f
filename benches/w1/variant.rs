//! Who does W1, and by which command.

use crate::floor;
use crate::workshop::{CHECK_COUNT, SYSTEM_PATH, Workshop};
use std::env;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Floor,
    Test,
    Tutorial,
    Run,
    Batch,
    Shell,
}

/// One way to do W1.
pub struct Variant {
    pub who: Who,
    pub name: &'static str,
    /// It runs in every round of this many.
    pub every: usize,
    /// Whether it may fail now and then through no fault of ours: tools that
    /// send as soon as a link is up lose the first packet at times.
    pub may_fail: bool,
    program: OsString,
    arguments: Vec<OsString>,
    folder: OsString,
    tools: Vec<Tool>,
    /// What a run's output contains if the work was done.
    proof: Vec<String>,
}

/// A program of somebody else's, and the package that has it.
type Tool = (&'static str, &'static str);

const UNSHARE: Tool = ("unshare", "util-linux");
const IP: Tool = ("ip", "iproute2");
const PING: Tool = ("ping", "iputils-ping");

/// What the tables of both sides say at the end.
const TABLES: [&str; 4] = [
    "192.168.15.0/24 dev veth-red",
    "192.168.15.0/24 dev veth-blue",
    "192.168.15.2 dev veth-red lladdr",
    "192.168.15.1 dev veth-blue lladdr",
];

/// All variants, in the order of the table.
pub fn all(workshop: &Workshop, nslab: &Path) -> io::Result<Vec<Variant>> {
    let own = |who, name, program: &Path, arguments: Vec<OsString>, proof| Variant {
        who,
        name,
        every: 1,
        may_fail: false,
        program: program.into(),
        arguments,
        folder: workshop.folder().into(),
        tools: Vec::new(),
        proof,
    };
    let others = |who, name, shell: Tool, script: &Path| Variant {
        who,
        name,
        // They take many times as long, and are here for comparison only.
        every: 4,
        may_fail: true,
        program: "unshare".into(),
        arguments: vec!["-Urnm".into(), shell.0.into(), script.into()],
        folder: workshop.folder().into(),
        tools: vec![UNSHARE, shell, IP, PING],
        proof: TABLES.map(String::from).to_vec(),
    };
    let (direct, tutorial) = (workshop.direct_lab()?, workshop.tutorial_lab()?);
    let tested = vec![format!("{CHECK_COUNT} passed")];
    let told = TABLES.iter().map(|line| line.to_string()).chain(tested.clone()).collect();
    Ok(vec![
        own(Who::Floor, "floor: raw netlink", &env::current_exe()?, vec![floor::ARGUMENT.into()], Vec::new()),
        own(Who::Test, "nslab test", nslab, vec!["test".into(), (&direct).into()], tested.clone()),
        own(Who::Tutorial, "nslab test, tutorial order", nslab, vec!["test".into(), tutorial.into()], tested),
        own(Who::Run, "nslab run", nslab, vec!["run".into(), direct.into()], told),
        others(Who::Batch, "ip -batch", ("sh", "dash"), &workshop.batch()?),
        others(Who::Shell, "tutorial shell", ("bash", "bash"), &workshop.shell()?),
    ])
}

impl Variant {
    /// The command, ready to be started.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder);
        // What can't be measured must not be taken for a success.
        command.env("NSLAB_REQUIRE", "1");
        command
    }

    /// Why it can't be measured on this machine, if so.
    pub fn why_missing(&self) -> Option<String> {
        let mut path = env::var_os("PATH").unwrap_or_default();
        path.push(format!(":{SYSTEM_PATH}"));
        let missing = |(program, _): &&Tool| which::which_in(program, Some(&path), ".").is_err();
        let (program, package) = self.tools.iter().find(missing)?;
        Some(format!("`{program}` is not installed (package {package})"))
    }

    /// Runs once, with its output looked at: a thing that does not do the
    /// work has no time. What it said where that is so.
    ///
    /// # Errors
    ///
    /// Where the process can't be started.
    pub fn rehearse(&self) -> io::Result<Result<(), String>> {
        const TRIES: usize = 3;
        let tries = if self.may_fail { TRIES } else { 1 };
        let mut said = Ok(());
        for _ in 0..tries {
            said = self.judge(&self.command().stdin(Stdio::null()).output()?);
            if said.is_ok() {
                break;
            }
        }
        Ok(said)
    }

    fn judge(&self, output: &Output) -> Result<(), String> {
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        if !output.status.success() {
            return Err(format!("{}\n{said}", output.status));
        }
        match self.proof.iter().find(|line| !said.contains(line.as_str())) {
            Some(line) => Err(format!("it did not say `{line}`\n{said}")),
            None => Ok(()),
        }
    }
}
