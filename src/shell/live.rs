//! A person at work in a lab: a shell on a terminal, and the questions asked in
//! it.
//!
//! Each typed line is recorded, so that all of them can run again as a script.
//! Grading and `why` work on that script.

use super::prelude::FOLDER;
use crate::event::{Live, LiveAsk, Order, Stop};
use crate::net::{NetError, Network, Placed};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// The pipe of the questions.
const ASK: &str = "/run/nslab/live/ask";
/// The file of the typed lines.
const TYPED: &str = "/run/nslab/live/typed";
/// The startup file of the person's shell. zsh reads the first name, fish the
/// second one.
const FIRST: &str = "/run/nslab/live/.zshrc";
const FIRST_OF_FISH: &str = "/run/nslab/live/fish/config.fish";
/// The script that records typed lines.
const NOTE: &str = "/run/nslab/live/note";
/// The folder of the commands `check`, `why` and `submit`.
const COMMANDS: &str = "/run/nslab/live/bin";

/// Sends a question to nslab outside, and returns the answer.
pub type Desk<'a> = &'a dyn Fn(LiveAsk) -> Option<String>;

/// Lets a person work in the network of a lab, until the shell ends.
///
/// # Errors
///
/// If the shell can't be started.
pub fn live(network: &Network, order: &Order, terminal: Option<OwnedFd>, desk: Desk) -> Result<(), Stop> {
    match (&order.live, terminal) {
        (Some(live), Some(terminal)) => work(network, live, &terminal, desk).map_err(super::run::fault),
        // There is no person.
        _ => Ok(()),
    }
}

fn work(network: &Network, live: &Live, terminal: &OwnedFd, desk: Desk) -> Result<(), NetError> {
    network.place(&furniture(live))?;
    let ask = network.open(Path::new(ASK), OFlag::O_RDWR | OFlag::O_NONBLOCK)?;
    let shell = network.on_this_terminal(argv(live), live.netns.as_deref(), terminal.as_fd())?;
    let mut waiting = Vec::new();
    while network.exit_of_started(shell).is_none() {
        listen(&[ask.as_fd(), network.program_events()]);
        while let Some(words) = question(&ask, &mut waiting) {
            answer(network, &words, desk);
        }
    }
    Ok(())
}

fn listen(fds: &[BorrowedFd]) {
    let mut fds: Vec<PollFd> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    let _ = poll(&mut fds, PollTimeout::NONE);
}

/// Returns the words of the next question: the pipe for the answer, the command,
/// and its arguments.
fn question(ask: &OwnedFd, waiting: &mut Vec<u8>) -> Option<Vec<String>> {
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = nix::unistd::read(ask, &mut chunk) {
        waiting.extend_from_slice(&chunk[..length]);
    }
    // The first field is the number of words.
    let mut fields =
        waiting.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
    let count: usize = fields.next()?.parse().ok()?;
    let words: Vec<String> = fields.take(count + 1).collect();
    // The last field is the part after the last zero byte.
    if words.len() <= count {
        return None;
    }
    let ends = waiting.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(at, _)| at);
    let end = ends.take(count + 1).last()?;
    waiting.drain(..=end);
    Some(words.into_iter().take(count).collect())
}

/// Answers a question, if somebody waits for the answer.
fn answer(network: &Network, words: &[String], desk: Desk) {
    let [to, command, words @ ..] = words else { return };
    let typed = read(network, TYPED);
    let words = words.to_vec();
    let asked = match command.as_str() {
        "check" => LiveAsk::Check { typed },
        "why" => LiveAsk::Why { typed, words },
        _ => LiveAsk::Submit { typed, words },
    };
    let said = desk(asked).unwrap_or_else(|| "nslab does not answer\n".into());
    // After an interrupt, nobody waits any more.
    let until = Instant::now() + Duration::from_secs(1);
    while Instant::now() < until {
        match network.open(Path::new(to), OFlag::O_WRONLY | OFlag::O_NONBLOCK) {
            Ok(pipe) => return write(&pipe, said.as_bytes()),
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn write(pipe: &OwnedFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match nix::unistd::write(pipe, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(nix::Error::EAGAIN) => {
                let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)];
                let _ = poll(&mut fds, PollTimeout::from(1000_u16));
                if fds[0].revents().is_none_or(|events| !events.contains(PollFlags::POLLOUT)) {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

fn read(network: &Network, path: &str) -> String {
    let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
    if let Ok(file) = network.open(Path::new(path), OFlag::O_RDONLY) {
        while let Ok(length @ 1..) = nix::unistd::read(&file, &mut chunk) {
            text.extend_from_slice(&chunk[..length]);
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Returns the command line of the shell. The terminal is its controlling
/// terminal, so Ctrl-C reaches its programs.
fn argv(live: &Live) -> Vec<String> {
    let name = live.shell.rsplit('/').next().unwrap_or_default();
    let run = match name {
        "bash" => format!("exec setsid -c -w \"$0\" --rcfile {FIRST} -i"),
        "zsh" => format!("ZDOTDIR={} exec setsid -c -w \"$0\" -i", folder()),
        "fish" => format!("XDG_CONFIG_HOME={} exec setsid -c -w \"$0\" -i", folder()),
        _ => "exec setsid -c -w \"$0\" -i".to_string(),
    };
    let script = format!(
        "exec <&1; export TERM=\"$1\" NSLAB_LAB=\"$2\" SHELL=\"$0\" HISTFILE=/tmp/.history ENV={FIRST}; {run}"
    );
    ["sh", "-c", &script, &live.shell, &live.term, &live.lab].map(String::from).to_vec()
}

fn folder() -> &'static str {
    FIRST.rsplit_once('/').map_or("/", |(folder, _)| folder)
}

/// Returns the files for the shell and the person.
fn furniture(live: &Live) -> Vec<Placed> {
    let file = |path: String, text: String, mode| Placed { path, text: Some(text), mode };
    let name = live.shell.rsplit('/').next().unwrap_or_default();
    let first = match name {
        "zsh" => format!("{COMMON}{ZSH}"),
        "bash" => format!("{COMMON}{BASH}"),
        _ => format!("{COMMON}PS1='$NSLAB_LAB:$(__nslab_here)$ '\n"),
    };
    let mut files = vec![
        Placed { path: ASK.into(), text: None, mode: 0o600 },
        file(TYPED.into(), String::new(), 0o644),
        file(NOTE.into(), TAKE_NOTE.into(), 0o755),
        file(FIRST.into(), first.clone(), 0o644),
        file(FIRST_OF_FISH.into(), FISH.into(), 0o644),
        // For a shell in a namespace, which gets no option for its startup file.
        file("/tmp/.bashrc".into(), first, 0o644),
        file(format!("{FOLDER}/bin/sudo"), super::prelude::SUDO.into(), 0o755),
    ];
    files.extend(
        ["check", "why", "submit"].map(|name| file(format!("{COMMANDS}/{name}"), COMMAND.into(), 0o755)),
    );
    files
}

/// Asks, and prints the answer. Each question has its own pipe for that.
const COMMAND: &str = r#"#!/bin/sh
answer=/run/nslab/live/answer.$$
mkfifo "$answer" || exit 70
trap 'rm -f "$answer"' EXIT
{ printf '%s\0' $(($# + 2)) "$answer" "${0##*/}" "$@"; } > /run/nslab/live/ask
cat "$answer"
"#;

/// Records a command line of bash, with the namespace in which it was typed.
const TAKE_NOTE: &str = r#"#!/bin/sh
case $1 in
    check|'check '*|why|'why '*|submit|'submit '*|exit|'exit '*|logout|history*|'') exit ;;
    *'netns exec '*' bash'|*'netns exec '*' sh'|*'netns exec '*' zsh'|*'netns exec '*' fish') exit ;;
esac
here=$(ip netns identify 2> /dev/null)
if [ -z "$here" ]; then
    printf '%s\n' "$1"
else
    printf "ip netns exec %s bash -c '%s'\n" "$here" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
fi >> /run/nslab/live/typed
"#;

/// The common part of the startup files, except fish's.
const COMMON: &str = r#"
PATH=/run/nslab/live/bin:/run/nslab/shell/bin:$PATH
__nslab_here() { ip netns identify 2> /dev/null | grep . || echo host; }
"#;

const BASH: &str = r#"
HISTCONTROL= HISTIGNORE=
shopt -s cmdhist lithist checkwinsize
__nslab_last=$(HISTTIMEFORMAT= history 1)
__nslab_prompt() {
    local last=$(HISTTIMEFORMAT= history 1)
    if [[ $last != "$__nslab_last" ]]; then
        __nslab_last=$last
        [[ $last =~ ^\ *[0-9]+\*?\ \ (.*)$ ]] && /run/nslab/live/note "${last#*[0-9]  }"
    fi
}
PROMPT_COMMAND=__nslab_prompt
PS1='$NSLAB_LAB:$(__nslab_here)\$ '
"#;

const ZSH: &str = r#"
setopt prompt_subst
preexec() { /run/nslab/live/note "$1" }
PROMPT='$NSLAB_LAB:$(__nslab_here)%# '
"#;

const FISH: &str = r#"
set -gx PATH /run/nslab/live/bin /run/nslab/shell/bin $PATH
set fish_greeting
function __nslab_typed --on-event fish_preexec
    /run/nslab/live/note $argv[1]
end
function fish_prompt
    set -l here (ip netns identify 2> /dev/null)
    test -n "$here"; or set here host
    printf '%s:%s# ' $NSLAB_LAB $here
end
"#;
