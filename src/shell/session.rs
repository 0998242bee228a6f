//! Follows a script from its first command to the end of bash.

use super::output::Output;
use super::paste::{SYNTAX_ERROR, Script};
use super::places::{Places, first_word};
use super::prelude::{INTERRUPTED, PREFIX};
use super::questions::Questions;
use super::scan::Simple;
use super::told::{Talk, Told};
use crate::event::{CallSite, Event, Inquiry, Moment, Order, PendingWhy, Ran, Stop};
use crate::lab::Place;
use crate::net::{Exit, NetError, Network, Terminal};
use std::time::{Duration, Instant};

/// The time limit for an interrupted command, after which it is ended by force.
const AFTER_INTERRUPT: Duration = Duration::from_secs(1);

/// A running script.
pub(super) struct Session<'a> {
    network: &'a Network,
    terminal: Terminal,
    talk: Talk,
    script: &'a Script,
    order: &'a Order,
    deadline: Instant,
    tell: &'a dyn Fn(Event),
    acts: u32,
    current: Option<Current>,
    /// The last line whose comments were reported.
    noted: u32,
    /// The last line whose commands are to run, and whether it was passed.
    last_line: Option<u32>,
    beyond: bool,
    places: Places<'a>,
    questions: Questions<'a>,
    /// The function depth of the condition that is being evaluated.
    asking: Option<u32>,
    story: Story,
}

/// The facts about a script that has ended.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// Whether bash reached the end of the file.
    pub reached_end: bool,
    /// The last reported command, and the shell's options at that time.
    pub ran: Option<Ran>,
    /// The last one that failed.
    pub failed: Option<Ran>,
    pub options: String,
}

/// The running command.
struct Current {
    told: Told,
    call_site: CallSite,
    command: String,
    /// Its number in the scan, and its pipeline's.
    simple: Option<(usize, usize)>,
    /// Bash's message about an unparsable line.
    words: Option<String>,
    output: Output,
    /// Whether it has called a function, so that its status is unknown.
    called: bool,
    /// The processes that existed before it.
    before: Vec<(i32, i32)>,
    /// The time of its next interrupt, and the number of interrupts so far.
    until: Instant,
    interrupts: u32,
}

impl<'a> Session<'a> {
    pub fn new(
        network: &'a Network,
        terminal: Terminal,
        talk: Talk,
        script: &'a Script,
        order: &'a Order,
        deadline: Instant,
        tell: &'a dyn Fn(Event),
    ) -> Self {
        let story = Story::default();
        let step = match order.inquiry.as_ref().map(|inquiry| &inquiry.at) {
            Some(Moment::Step(line)) => Some(line),
            _ => order.live.as_ref().and_then(|live| live.at.as_ref()),
        };
        let last_line = step.and_then(|line| line.parse().ok());
        Self {
            network,
            terminal,
            talk,
            script,
            order,
            deadline,
            tell,
            acts: 0,
            current: None,
            noted: 0,
            last_line,
            beyond: false,
            places: Places::new(script, order),
            questions: Questions::new(order),
            asking: None,
            story,
        }
    }

    /// Returns the facts at the end, and the terminal, on which background
    /// programs still print.
    pub fn finish(self) -> (Story, Terminal) {
        (self.story, self.terminal)
    }

    /// Follows the script until bash has ended.
    pub fn follow(&mut self) -> Result<Exit, Stop> {
        loop {
            // A program may report endlessly.
            while Instant::now() < self.deadline
                && let Some(told) = self.talk.next()
            {
                self.hear(told)?;
                if self.beyond {
                    return Ok(Exit::Code(0));
                }
            }
            if let Some(exit) = self.network.exit_of_terminal(&self.terminal) {
                // The last reports may have come in between.
                while Instant::now() < self.deadline
                    && let Some(told) = self.talk.next()
                {
                    self.hear(told)?;
                }
                let code = match exit {
                    Exit::Code(code) => code,
                    Exit::Signal(signal) => 128 + signal,
                };
                self.close(Some(code))?;
                return Ok(exit);
            }
            self.listen();
            let now = Instant::now();
            if now >= self.deadline {
                let place = self.current.as_ref().map_or(Place::default(), |current| current.call_site.place);
                self.close(None)?;
                return Err(Stop::Deadline { place, timeout_ms: self.order.timeout_ms });
            }
            if self.current.as_ref().is_some_and(|current| now >= current.until) {
                self.interrupt();
            }
        }
    }

    /// Waits until something happens.
    fn listen(&mut self) {
        use nix::poll::{PollFd, PollFlags, poll};
        let until = self.current.as_ref().map_or(self.deadline, |current| current.until.min(self.deadline));
        let timeout = self.network.until(until.saturating_duration_since(Instant::now()));
        let mut fds = [
            PollFd::new(self.talk.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.terminal.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.network.program_events(), PollFlags::POLLIN),
        ];
        let _ = poll(&mut fds, timeout);
        if let Some(current) = &mut self.current {
            self.terminal.read(|bytes| current.output.take(bytes));
        }
    }

    /// Takes the report of a command that is about to run, and lets it run.
    fn hear(&mut self, told: Told) -> Result<(), Stop> {
        let parents = self.network.parents();
        match self.what_is(&told, &parents) {
            What::PartOfCurrent => {
                let until = Instant::now() + self.patience();
                if let Some(current) = &mut self.current {
                    current.called |= told.depth > current.told.depth;
                    current.until = until;
                }
            }
            What::Next(simple) => {
                if let Some(current) = &mut self.current
                    && let (Some((known, _)), Some(simple)) = (&mut current.simple, simple)
                {
                    *known = simple;
                }
            }
            What::Background => {}
            What::End => {
                self.close(Some(told.status))?;
                self.notes(u32::MAX);
                self.story.reached_end = true;
            }
            What::Header => self.close(Some(told.status))?,
            What::New(simple) if self.is_beyond(&told, simple) => {
                self.close(Some(told.status).filter(|_| !self.has_called(&told)))?;
                self.story.reached_end = true;
                self.beyond = true;
                // Bash waits for its turn, which does not come. Programs that it
                // has started go on.
                self.network.signal(&[self.terminal.pid()], "KILL");
                let soon = Instant::now() + AFTER_INTERRUPT;
                while self.network.exit_of_terminal(&self.terminal).is_none() && Instant::now() < soon {
                    std::thread::sleep(Duration::from_micros(200));
                }
                return Ok(());
            }
            What::New(simple) => {
                self.close(Some(told.status).filter(|_| !self.has_called(&told)))?;
                if told.file == self.order.path && told.pid == self.terminal.pid() && told.depth <= 1 {
                    self.questions.watch(self.network, told.line, self.tell);
                }
                self.open(told, simple, parents);
            }
        }
        // If no shell waits any more, this may fail.
        let _ = self.talk.go();
        Ok(())
    }

    /// Tells whether a command is below the last line that is to run, or is the question at
    /// which the lab is to stop.
    fn is_beyond(&self, told: &Told, simple: Option<usize>) -> bool {
        if let Some(Inquiry { at: Moment::CallSite(asks), .. }) = &self.order.inquiry {
            return *asks == self.places.call_site(told, simple);
        }
        self.last_line.is_some_and(|last| told.line > last)
            && told.file == self.order.path
            && told.pid == self.terminal.pid()
            && told.depth <= 1
    }

    fn has_called(&self, told: &Told) -> bool {
        // These commands run others that report before they have ended.
        let runs = |command: &str| matches!(first_word(command), Some("eval" | "source" | "."));
        let called = |current: &Current| {
            current.called || told.depth > current.told.depth || runs(&current.told.command)
        };
        self.current.as_ref().is_some_and(called)
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.order.patience_ms)
    }

    /// Tells what a command means for the reader.
    fn what_is(&self, told: &Told, parents: &[(i32, i32)]) -> What {
        let main = self.terminal.pid();
        if told.command == INTERRUPTED {
            return What::PartOfCurrent;
        }
        let own = told.file == self.order.path;
        if own && told.line == self.script.end && told.command == "exit" && told.pid == main {
            return What::End;
        }
        let last = self.current.as_ref().and_then(|current| current.simple).map(|(at, _)| at);
        let simple = self.places.find(told, last);
        let found = simple.map(|at| &self.script.scan.simples[at]);
        if found.is_some_and(|simple| simple.background) && told.pid != main {
            return What::Background;
        }
        if let Some(current) = &self.current {
            // For a trap, bash reports the command that triggered it.
            let same = (&told.command, told.pid) == (&current.told.command, current.told.pid);
            let at = current.simple.map(|(at, _)| at);
            if same && (simple.is_none() || simple == at) {
                return What::PartOfCurrent;
            }
            let there = current.before.iter().any(|(pid, _)| *pid == told.pid);
            if there && !is_above(told.pid, current.told.pid, &current.before) {
                return What::Background;
            }
            // A function begins: bash reports its call again.
            if told.depth > current.told.depth && told.command == current.told.command {
                return What::PartOfCurrent;
            }
            let captures = ["$(", "`", "<(", ">("].iter().any(|sign| current.command.contains(sign));
            let below = told.pid != current.told.pid && is_above(current.told.pid, told.pid, parents);
            if below
                && captures
                && (found.is_none_or(|simple| simple.captured) || told.depth > current.told.depth)
            {
                return What::PartOfCurrent;
            }
            if let (Some(at), Some((known, pipeline))) = (simple, current.simple)
                && at > known
                && self.script.scan.simples[at].pipeline == pipeline
                && told.pid == current.told.pid
                && self.script.scan.simples[at].whole.is_some()
            {
                return What::Next(simple);
            }
        }
        if found.is_some_and(|simple| simple.captured) && self.current.is_some() {
            return What::PartOfCurrent;
        }
        if self.story.reached_end && simple.is_none() {
            return What::New(self.exit_trap());
        }
        let header = ["for ", "case ", "select "].iter().any(|word| told.command.starts_with(word));
        if header && simple.is_none() { What::Header } else { What::New(simple) }
    }

    fn open(&mut self, told: Told, simple: Option<usize>, before: Vec<(i32, i32)>) {
        let own = told.file == self.order.path;
        let call_site = self.places.call_site(&told, simple);
        let unparsable = self.places.unparsable(&told);
        let found = simple.map(|at| (at, &self.script.scan.simples[at]));
        let command = match (unparsable, found) {
            (Some(unparsable), _) => unparsable.text.clone(),
            (None, Some((_, simple))) => simple.whole.as_deref().unwrap_or(&simple.text).to_string(),
            (None, None) => told.command.trim_end().replace(PREFIX, ""),
        };
        if own && told.pid == self.terminal.pid() && told.depth <= 1 {
            self.notes(told.line);
        }
        self.story.options.clone_from(&told.options);
        // Commands that a condition calls are conditions, too.
        self.asking = self.asking.filter(|depth| told.depth > *depth);
        if self.asking.is_none() && found.is_some_and(|(_, simple)| simple.asks) {
            self.asking = Some(told.depth);
        }
        self.places.begin(&call_site);
        self.current = Some(Current {
            call_site,
            command,
            simple: found.map(|(at, simple)| (at, simple.pipeline)),
            words: unparsable.map(|unparsable| unparsable.words.clone()),
            output: Output::default(),
            called: false,
            before,
            until: Instant::now() + self.patience(),
            interrupts: 0,
            told,
        });
    }

    /// Finds the command that has set the EXIT trap.
    fn exit_trap(&self) -> Option<usize> {
        let sets = |simple: &Simple| {
            let mut words = simple.text.split_whitespace();
            words.next() == Some("trap") && words.any(|word| matches!(word, "EXIT" | "0"))
        };
        self.script.scan.simples.iter().rposition(sets)
    }

    /// Reports the comments above a line, and the omitted lines there.
    fn notes(&mut self, line: u32) {
        let lines: Vec<&str> = self.order.text.lines().collect();
        let last = line.min(lines.len() as u32 + 1);
        for at in self.noted + 1..last {
            let text = lines[at as usize - 1].trim();
            let fresh = self.script.scan.fresh.get(at as usize - 1) == Some(&true);
            let place = Place::new(at, 1);
            if let Some(unparsable) = self.script.unparsable.get(&at).filter(|what| what.left_out) {
                let (command, output) = (unparsable.text.clone(), unparsable.words.clone());
                let code = Some(SYNTAX_ERROR);
                self.report(Ran { place, command, output, code, ..Ran::default() });
            } else if fresh && text.starts_with('#') && !text.starts_with("#!") {
                (self.tell)(Event::Note { place, text: text.into() });
            }
        }
        self.noted = self.noted.max(last.saturating_sub(1));
    }

    /// Reports the finished command, and its changes.
    fn close(&mut self, code: Option<i32>) -> Result<(), Stop> {
        let stop = |error: NetError| super::run::fault(error);
        let Some(mut current) = self.current.take() else {
            self.terminal.read_all(|_| {});
            return Ok(());
        };
        self.terminal.read_all(|bytes| current.output.take(bytes));
        self.network.namespaces().map_err(stop)?;
        if self.order.inquiry.is_some() {
            self.network.hasten_addresses();
        }
        let changes = self.network.changes().map_err(stop)?;
        let ended = match current.interrupts {
            0 => None,
            1 => Some("interrupted, as with Ctrl-C"),
            _ => Some("killed, as it took no notice of Ctrl-C"),
        };
        let seconds = self.order.patience_ms as f64 / 1000.0;
        let ended = ended.map(|how| format!("{how}, after {seconds} s; `--patience` gives it longer"));
        let (output, code) = match current.words {
            Some(words) => (words, Some(SYNTAX_ERROR)),
            None => (current.output.text(), code),
        };
        // A missing program has answered nothing.
        let asks = self.asking.is_some() && !matches!(code, Some(126 | 127));
        let (call_site, command) = (current.call_site, current.command);
        let (helper, place) = (call_site.helper.clone(), call_site.place);
        let ran = Ran { helper, place, command, output, code, asks, ended, changes, ..Ran::default() };
        let pending_why = self.questions.asked(&ran).map(|probe| Box::new(PendingWhy { probe, call_site }));
        self.report(Ran { pending_why, ..ran });
        Ok(())
    }

    fn report(&mut self, ran: Ran) {
        self.acts += 1;
        let failed = ran.code.is_some_and(|code| code != 0);
        let hint = failed.then(|| self.network.hint_on_tun(&ran.command, &ran.output)).flatten();
        let ran = Ran { n: self.acts, hint, ..ran };
        if failed && !ran.asks {
            self.story.failed = Some(ran.clone());
        }
        self.story.ran = Some(ran.clone());
        (self.tell)(Event::Ran(ran));
    }

    /// Sends Ctrl-C, and stronger signals if that does not help.
    fn interrupt(&mut self) {
        let parents = self.network.parents();
        let Some(current) = &mut self.current else { return };
        let new = |pid: i32| !current.before.iter().any(|(known, _)| *known == pid);
        let children = parents.iter().filter(|(pid, parent)| *parent == current.told.pid && new(*pid));
        let children: Vec<i32> = children.map(|(pid, _)| *pid).collect();
        let mut pids: Vec<i32> = parents.iter().map(|(pid, _)| *pid).collect();
        pids.retain(|pid| children.iter().any(|child| is_above(*child, *pid, &parents)));
        let word = current.told.command.split_whitespace().next();
        if pids.is_empty() && matches!(word, Some("wait" | "exec")) {
            pids.push(current.told.pid);
        }
        let signal = match current.interrupts {
            0 => "INT",
            1 => "TERM",
            _ => "KILL",
        };
        current.until = Instant::now() + AFTER_INTERRUPT;
        if !pids.is_empty() {
            current.interrupts += 1;
            self.network.signal(&pids, signal);
        }
    }
}

/// The meaning of a command for the reader.
enum What {
    /// A new command, with its number if it was found.
    New(Option<usize>),
    /// The next command of the running pipeline.
    Next(Option<usize>),
    /// A step of the running command.
    PartOfCurrent,
    /// A command that runs in the background.
    Background,
    /// The beginning of a loop's round, which has no effect itself.
    Header,
    /// The end of the script.
    End,
}

/// Tells whether a process is the same as another, or an ancestor of it.
fn is_above(pid: i32, mut below: i32, parents: &[(i32, i32)]) -> bool {
    for _ in 0..=parents.len() {
        if below == pid {
            return true;
        }
        match parents.iter().find(|(known, _)| *known == below) {
            Some((_, parent)) => below = *parent,
            None => return false,
        }
    }
    false
}
