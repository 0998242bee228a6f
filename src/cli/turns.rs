//! A lock for work in parallel with other work, and for work alone.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Lets several workers run at a time, or one alone. A worker that wants to be
/// alone waits until no other one runs. New ones may start meanwhile: if they
/// waited until the slowest has ended, the whole class would take longer.
#[derive(Debug, Default)]
pub(super) struct Turns {
    at_work: Mutex<usize>,
    nobody: Condvar,
}

/// The guard of one of several workers.
pub(super) struct Beside<'a>(&'a Turns);

/// The guard of the only worker.
pub(super) struct Alone<'a>(#[expect(dead_code, reason = "held until it is dropped")] MutexGuard<'a, usize>);

impl Turns {
    /// Waits while a worker runs alone, if one does.
    pub fn beside_others(&self) -> Beside<'_> {
        *self.at_work.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Beside(self)
    }

    /// Waits until no worker runs.
    pub fn alone(&self) -> Alone<'_> {
        let at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        let at_work = self.nobody.wait_while(at_work, |at_work| *at_work > 0);
        Alone(at_work.unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        let mut at_work = self.0.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        *at_work -= 1;
        if *at_work == 0 {
            // Several that want to be alone run one after another.
            self.0.nobody.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    #[test]
    fn who_is_alone_has_nobody_beside_it() {
        let (turns, at_work) = (Turns::default(), AtomicUsize::new(0));
        let enter = || at_work.fetch_add(1, Ordering::SeqCst);
        let leave = || at_work.fetch_sub(1, Ordering::SeqCst);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..200 {
                        let beside = turns.beside_others();
                        enter();
                        thread::yield_now();
                        leave();
                        drop(beside);
                        if round % 4 == 0 {
                            let alone = turns.alone();
                            assert_eq!(enter(), 0);
                            thread::yield_now();
                            assert_eq!(leave(), 1);
                            drop(alone);
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn who_waits_to_be_alone_keeps_nobody_waiting() {
        let turns = Turns::default();
        let first = turns.beside_others();
        thread::scope(|scope| {
            let waits = scope.spawn(|| drop(turns.alone()));
            // A lock that prefers waiting workers would deadlock here.
            for _ in 0..100 {
                drop(turns.beside_others());
                thread::yield_now();
            }
            assert!(!waits.is_finished());
            drop(first);
        });
    }
}
