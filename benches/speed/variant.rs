//! One way to do a workload: a command, and how to see that it did the work.

use crate::floor::{self, Work};
use crate::setting::Setting;
use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The folders of `ip`, which an ordinary user's PATH may leave out.
const SYSTEM_PATH: &str = "/usr/sbin:/sbin";

/// The program or style of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Floor,
    Test,
    Tutorial,
    Run,
    Batch,
    Shell,
}

impl Who {
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor: raw netlink",
            Self::Test => "nslab test",
            Self::Tutorial => "nslab test, tutorial order",
            Self::Run => "nslab run",
            Self::Batch => "ip -batch",
            Self::Shell => "tutorial shell",
        }
    }
}

/// One way to do a workload.
pub struct Variant {
    pub who: Who,
    /// It runs in one of this many rounds.
    pub every: usize,
    /// Whether it may fail now and then through no fault of ours: tools that
    /// send as soon as a link is up lose the first packet at times.
    pub may_fail: bool,
    program: OsString,
    arguments: Vec<OsString>,
    folder: PathBuf,
    tools: Vec<Tool>,
    /// The texts that a run's output contains if the work was done.
    proof: Vec<String>,
}

/// A program of somebody else's, and the package that has it.
pub type Tool = (&'static str, &'static str);

const BASH: Tool = ("bash", "bash");
pub const BRIDGE: Tool = ("bridge", "iproute2");
pub const IP: Tool = ("ip", "iproute2");
pub const IPTABLES: Tool = ("iptables", "iptables");
pub const PING: Tool = ("ping", "iputils-ping");
pub const SEQ: Tool = ("seq", "coreutils");
const SH: Tool = ("sh", "dash");
pub const SYSCTL: Tool = ("sysctl", "procps");
const UNSHARE: Tool = ("unshare", "util-linux");

impl Variant {
    /// This program, as the floor; it fails where the work was not done.
    pub fn floor(setting: &Setting, work: Work) -> io::Result<Self> {
        let arguments = vec![floor::ARGUMENT.into(), work.argument().into()];
        Ok(Self::own(setting, Who::Floor, &env::current_exe()?, arguments, Vec::new()))
    }

    /// `nslab test` of a lab with so many checks.
    pub fn test(setting: &Setting, who: Who, lab: &Path, checks: usize) -> Self {
        let proof = vec![format!(" {checks} passed")];
        Self::own(setting, who, &setting.nslab, vec!["test".into(), lab.into()], proof)
    }

    /// `nslab run`.
    pub fn run(setting: &Setting, lab: &Path, proof: Vec<String>) -> Self {
        Self::own(setting, Who::Run, &setting.nslab, vec!["run".into(), lab.into()], proof)
    }

    fn own(
        setting: &Setting,
        who: Who,
        program: &Path,
        arguments: Vec<OsString>,
        proof: Vec<String>,
    ) -> Self {
        let folder = setting.workshop.folder().into();
        Self {
            who,
            every: 1,
            may_fail: false,
            program: program.into(),
            arguments,
            folder,
            tools: vec![],
            proof,
        }
    }

    /// A script in a folder of its own, in namespaces that `unshare` makes,
    /// with a private `/run`.
    pub fn script(
        setting: &Setting,
        who: Who,
        folder: &str,
        text: &str,
        tools: &[Tool],
        proof: Vec<String>,
    ) -> io::Result<Self> {
        // Batches need only what every system has.
        let (shell, file) = if who == Who::Batch { (SH, "batch.sh") } else { (BASH, "shell.sh") };
        let head = format!("set -e\nPATH=$PATH:{SYSTEM_PATH}\nmount -t tmpfs run /run\n");
        setting.workshop.write(&format!("{folder}/{file}"), &[&head, text])?;
        Ok(Self {
            who,
            // These variants take many times as long, and are here for comparison only.
            every: 4,
            may_fail: true,
            program: UNSHARE.0.into(),
            arguments: ["-Urnm", shell.0, file].map(OsString::from).to_vec(),
            folder: setting.workshop.folder().join(folder),
            tools: [&[UNSHARE, shell][..], tools].concat(),
            proof,
        })
    }

    /// The command, ready to be started.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder);
        // A lab that can't be measured must not count as a success.
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

    /// Runs once, and checks the output: a variant that does not do the work has no time.
    /// Returns its output in that case.
    ///
    /// # Errors
    ///
    /// If the process can't be started.
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
