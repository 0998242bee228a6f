use super::ending;
use super::paste::{Complaint, Parsed, Script};
use super::prelude::{FOLDER, GO, PRELUDE, SUDO, TOLD, TOOLS, prelude};
use super::session::Session;
use super::told::Talk;
use crate::event::{Event, Fault, LabCommand, Order, Ran, Stop, Submission, Unmeasured};
use crate::lab::{Language, Place};
use crate::net::{Lacking, Limits, NetError, Network, PATH, Placed, Rooms, is_installed, package_of};
use crate::why;
use nix::fcntl::OFlag;
use std::cell::RefCell;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

/// Runs a shell lab in a sandbox, and reports events until it ends or stops.
/// Afterwards `live` lets a person work in it, if the order says so.
pub fn run(
    order: &Order,
    rooms: Box<dyn Rooms>,
    tell: impl Fn(Event),
    live: impl Fn(&Network) -> Result<(), Stop>,
) {
    let network = match begin(order, rooms) {
        Ok(network) => network,
        Err(stop) => return tell(Event::Stopped(stop)),
    };
    if order.inquiry.is_some() {
        network.keep_hands_off();
        network.hasten_addresses();
        // The target is watched for while programs of the lab run.
        network.let_programs_rest();
    }
    let lab_commands = RefCell::new(Vec::new());
    let told = |event: Event| {
        if order.inquiry.is_some() {
            lab_commands.borrow_mut().extend(LabCommand::of(&event));
        }
        tell(event);
    };
    let mut ran = try_run(order, &network, &told);
    if order.live.is_some() {
        // Wherever it has stopped: the person wants to look at that.
        ran = live(&network);
    }
    let ending = ran.map_or_else(Event::Stopped, |()| Event::Ended);
    if let Some(inquiry) = &order.inquiry {
        tell(Event::Explained(Box::new(why::round(&network, &lab_commands.borrow(), inquiry))));
    }
    tell(ending);
}

/// Runs a shell script in the gap of an exercise, in the network given there.
///
/// # Errors
///
/// If bash does not reach the end of the script.
pub fn fill(
    network: &Network,
    order: &Order,
    submission: &Submission,
    tell: &dyn Fn(Event),
) -> Result<(), Stop> {
    look_for_bash()?;
    // Programs inside must not see where the file is.
    let name = Path::new(&submission.path).file_name().unwrap_or(OsStr::new("solution.sh"));
    let order = Order {
        path: name.to_string_lossy().into_owned(),
        text: submission.text.strip_prefix('\u{feff}').unwrap_or(&submission.text).into(),
        helpers: Vec::new(),
        timeout_ms: submission.timeout_ms,
        language: Language::Shell,
        inquiry: None,
        submission: None,
        seed: String::new(),
        secret: String::new(),
        ..order.clone()
    };
    let in_its_file = |event| match event {
        Event::Ran(ran) => tell(Event::Ran(Ran { helper: Some(submission.path.clone()), ..ran })),
        // Its comments are for its author.
        Event::Note { .. } => {}
        event => tell(event),
    };
    try_run(&order, network, &in_its_file).map_err(|stop| stop.in_file(&submission.path))
}

fn look_for_bash() -> Result<(), Stop> {
    if is_installed("bash") {
        return Ok(());
    }
    let remedy = Some(format!("install it: `apt-get install {}`", package_of("bash").unwrap_or("bash")));
    let reason = "exec of \"bash\" failed: No such file or directory".into();
    Err(Stop::NotMeasured(Unmeasured { place: Place::new(1, 1), reason, remedy }))
}

fn begin(order: &Order, rooms: Box<dyn Rooms>) -> Result<Network, Stop> {
    look_for_bash()?;
    Network::with_kernel_defaults(rooms, order.watched).map_err(fault)
}

fn try_run(order: &Order, network: &Network, tell: &dyn Fn(Event)) -> Result<(), Stop> {
    let deadline = Instant::now() + Duration::from_millis(order.timeout_ms);
    network.place(&furniture()).map_err(fault)?;
    let script = Script::of(&order.text, |text| match Instant::now() < deadline {
        true => parse(network, order, text).map_err(fault),
        false => Err(Stop::Deadline { place: Place::default(), timeout_ms: order.timeout_ms }),
    })?;
    let home = Home::of(Path::new(&order.path));
    network.place(&home.files(order, &script)).map_err(fault)?;
    network.begin_in(&home.folder.display().to_string());
    let open = |path| network.open(Path::new(path), OFlag::O_RDWR | OFlag::O_NONBLOCK).map_err(fault);
    let talk = Talk::new(open(TOLD)?, open(GO)?);
    let enter =
        format!("cd {} && PATH={TOOLS}:{PATH} BASH_ENV={PRELUDE} exec bash -- \"$0\"", home.folder.display());
    let argv = ["sh", "-c", &enter, &order.path].map(String::from).to_vec();
    let terminal = network.on_terminal(argv).map_err(fault)?;
    let tell_lacks = |event: Event| {
        let lacked = match &event {
            Event::Ran(ran) => lacked(network, ran),
            _ => None,
        };
        tell(event);
        if let Some(what) = lacked {
            tell(Event::Lacked(what));
        }
    };
    let mut session = Session::new(network, terminal, talk, &script, order, deadline, &tell_lacks);
    let exit = session.follow();
    let (story, terminal) = session.finish();
    network.leave(terminal);
    ending::judge(&story, exit?)
}

/// Returns what the machine lacks, if a command has failed for that reason. For a
/// condition, the failure is an answer.
fn lacked(network: &Network, ran: &Ran) -> Option<Unmeasured> {
    if ran.asks || ran.ended.is_some() || ran.code.is_none_or(|code| code == 0) {
        return None;
    }
    let Lacking { reason, remedy } = network.lack_behind(&ran.command, &ran.output)?;
    Some(Unmeasured { place: ran.place, reason, remedy: Some(remedy) })
}

/// Returns the files that every sandbox of a script needs.
fn furniture() -> Vec<Placed> {
    let file = |path: String, text: String, mode| Placed { path, text: Some(text), mode };
    let pipe = |path: &str| Placed { path: path.into(), text: None, mode: 0o600 };
    vec![
        pipe(TOLD),
        pipe(GO),
        file(PRELUDE.into(), prelude(), 0o644),
        file(format!("{TOOLS}/sudo"), SUDO.into(), 0o755),
    ]
}

/// The paths of the script in the sandbox.
struct Home {
    /// The folder in which it begins, private and writable.
    folder: PathBuf,
    /// The path under which bash finds it by its own name.
    script: PathBuf,
}

impl Home {
    fn of(path: &Path) -> Self {
        // Deep enough for the `..` parts of the path.
        let ups = path.components().filter(|part| *part == Component::ParentDir).count();
        let folder = (0..=ups).fold(PathBuf::from("/tmp"), |folder, _| folder.join("lab"));
        let mut script = folder.clone();
        for part in path.components() {
            match part {
                Component::ParentDir => {
                    script.pop();
                }
                Component::CurDir => {}
                part => script.push(part),
            }
        }
        Self { folder, script }
    }

    /// Returns the script, and the files beside it.
    fn files(&self, order: &Order, script: &Script) -> Vec<Placed> {
        let file = |path: &Path, text: &str| {
            let text = Some(text.to_string());
            Placed { path: path.display().to_string(), text, mode: 0o755 }
        };
        let mut files = vec![file(&self.folder.join(".keep"), "")];
        files.push(file(&self.script, &script.text));
        files.extend(
            order
                .helpers
                .iter()
                .map(|helper| file(&self.script.with_file_name(&helper.import), &helper.text)),
        );
        files
    }
}

/// Asks bash whether it can parse a text.
fn parse(network: &Network, order: &Order, text: &str) -> Result<Parsed, NetError> {
    let path = format!("{FOLDER}/text");
    network.place(&[Placed { path: path.clone(), text: Some(text.into()), mode: 0o644 }])?;
    // With `-n`, bash does not set the script's options.
    let extended = if text.contains("extglob") { "-O extglob " } else { "" };
    let answer = network.exec(&network.host(), &format!("bash {extended}-n {path}"), Limits::default())?;
    if let Some(complaint) = open_here(&answer.stderr, &path, order, text, answer.code) {
        return Ok(Parsed::Wrong(complaint));
    }
    if answer.code == 0 {
        return Ok(Parsed::Sound);
    }
    let begin = format!("{path}: line ");
    let said: Vec<(u32, &str)> = answer
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix(&begin)?.split_once(": "))
        .filter_map(|(line, words)| Some((line.parse().ok()?, words)))
        .filter(|(_, words)| !words.starts_with("warning: "))
        .collect();
    let Some((line, first)) = said.first() else {
        return Err(NetError::new(format!("bash could not read the script: {}", answer.text())));
    };
    let words = said.iter().map(|(line, words)| format!("{}: line {line}: {words}", order.path));
    let at_end = first.contains("unexpected EOF") || first.contains("unexpected end of file");
    let shown = |words: &str| Some(words.strip_prefix('`')?.strip_suffix('\'')?.to_string());
    let text = said.get(1).and_then(|(_, words)| shown(words));
    let words = words.collect::<Vec<_>>().join("\n");
    Ok(Parsed::Wrong(Complaint { line: *line, text, words, at_end, here: None }))
}

/// Finds a here-document that is not closed before the end of the text. Bash only
/// warns about it.
fn open_here(said: &str, path: &str, order: &Order, text: &str, code: i32) -> Option<Complaint> {
    let begin = format!("{path}: line ");
    let warnings = said.lines().filter_map(|line| line.strip_prefix(&begin)?.split_once(": warning: "));
    for (line, words) in warnings {
        let Some((at, rest)) = words
            .strip_prefix("here-document at line ")
            .and_then(|words| words.split_once(" delimited by end-of-file (wanted `"))
        else {
            continue;
        };
        // In `$(…)`, the bracket may close it.
        let at_end = code != 0 || line.parse().is_ok_and(|line: usize| line >= text.lines().count());
        if let (true, Ok(at), Some(delimiter)) = (at_end, at.parse(), rest.strip_suffix("')")) {
            let words = format!("{}: line {line}: warning: {words}", order.path);
            let here = Some(delimiter.to_string());
            return Some(Complaint { line: at, text: None, words, at_end: true, here });
        }
    }
    None
}

pub(super) fn fault(error: NetError) -> Stop {
    let (place, helper) = (Place::default(), None);
    Stop::Fault(Fault { helper, place, message: error.error, command: None, hint: error.hint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_found_under_its_own_path() {
        let home = |path: &str| {
            let home = Home::of(Path::new(path));
            (home.folder.display().to_string(), home.script.display().to_string())
        };
        let pair = |folder: &str, script: &str| (folder.to_string(), script.to_string());
        assert_eq!(home("labs/a.sh"), pair("/tmp/lab", "/tmp/lab/labs/a.sh"));
        assert_eq!(home("/home/me/a.sh"), pair("/tmp/lab", "/home/me/a.sh"));
        assert_eq!(home("../x/a.sh"), pair("/tmp/lab/lab", "/tmp/lab/x/a.sh"));
    }
}
