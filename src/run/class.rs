//! A class: many submissions, graded side by side.

use super::{Finished, at_a_time};
use crate::sandbox::{Launcher, Sandbox, SandboxError};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// The number of finished sandboxes that are dropped together.
const TOGETHER: usize = 32;

/// The interval at which `stop` is checked.
const LOOK: Duration = Duration::from_millis(50);

/// A worker's source of sandboxes.
#[derive(Debug)]
pub struct Supply<'a> {
    launcher: &'a Launcher,
    ready: Option<Sandbox>,
    finished: &'a Finished,
}

impl Supply<'_> {
    /// Returns a fresh sandbox. The next one prepares itself meanwhile.
    ///
    /// # Errors
    ///
    /// If the launcher is gone.
    pub fn open(&mut self) -> Result<Sandbox, SandboxError> {
        let sandbox = self.ready.take().map_or_else(|| self.launcher.open(), Ok)?;
        self.ready = self.launcher.open().ok();
        Ok(sandbox)
    }

    /// Takes back a finished sandbox.
    pub fn done(&self, sandbox: Sandbox) {
        self.finished.let_go(sandbox);
    }
}

/// Runs `work` for each of the items, several at a time ([`at_a_time`]), and
/// hands over each result as it comes, with the number of its item. When `stop`
/// is set, all sandboxes end, and pending results are lost.
pub fn class<T: Sync, R: Send>(
    launcher: &Launcher,
    first: Sandbox,
    items: &[T],
    stop: &AtomicBool,
    work: impl Fn(&T, &mut Supply) -> R + Sync,
    mut hear: impl FnMut(usize, R),
) {
    let next = AtomicUsize::new(0);
    let finished = Finished::of(TOGETHER);
    let first = Mutex::new(Some(first));
    let threads = at_a_time().min(items.len());
    let (results, arrive) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let results = results.clone();
            let (next, finished, first, work) = (&next, &finished, &first, &work);
            scope.spawn(move || {
                let ready = first.lock().ok().and_then(|mut first| first.take());
                let mut supply = Supply { launcher, ready, finished };
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(number) else { return };
                    let result = work(item, &mut supply);
                    if results.send((number, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        loop {
            match arrive.recv_timeout(LOOK) {
                _ if stop.load(Ordering::Relaxed) => {
                    launcher.abandon();
                    return;
                }
                Ok((number, result)) => hear(number, result),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    });
}
