//! A line on the terminal that tells what a long search is doing.

use crate::lab::visible_in_line;
use std::io::{IsTerminal, Write, stderr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The time after which a search shows its progress.
const SILENT: Duration = Duration::from_secs(1);

/// The most characters of the line, so that it does not wrap.
const WIDTH: usize = 78;

/// Shows the progress of a search on the terminal, if stderr is one. The line is erased at the
/// end.
pub(super) struct Progress(Option<(Sender<String>, JoinHandle<()>)>);

impl Progress {
    pub fn start() -> Self {
        Self(stderr().is_terminal().then(|| {
            let (tell, told) = channel();
            (tell, thread::spawn(move || show(&told)))
        }))
    }

    /// Tells what the search is doing now.
    pub fn tell(&self, what: &str) {
        if let Some((tell, _)) = &self.0 {
            let _ = tell.send(what.to_string());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((tell, shows)) = self.0.take() {
            drop(tell);
            let _ = shows.join();
        }
    }
}

fn show(told: &Receiver<String>) {
    let began = Instant::now();
    let (mut what, mut replays, mut is_shown) = (String::new(), 0, false);
    loop {
        match told.recv_timeout(Duration::from_millis(250)) {
            Ok(now) => (what, replays) = (now, replays + 1),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if began.elapsed() >= SILENT {
            let seconds = began.elapsed().as_secs();
            let line = visible_in_line(&format!("{seconds} s, replay {replays}: {what}"));
            let line: String = line.chars().take(WIDTH).collect();
            is_shown = write!(stderr(), "\r\x1b[K{line}").and_then(|()| stderr().flush()).is_ok();
        }
    }
    if is_shown {
        let _ = write!(stderr(), "\r\x1b[K");
    }
}
