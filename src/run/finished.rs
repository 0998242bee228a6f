use crate::sandbox::Sandbox;
use std::sync::Mutex;

/// Finished sandboxes, which are dropped in groups. Removing their namespaces
/// keeps the kernel busy and stalls the running labs, so it is best done for
/// many at once. Each sandbox holds about a megabyte.
#[derive(Debug)]
pub struct Finished {
    sandboxes: Mutex<Vec<Sandbox>>,
    together: usize,
}

impl Finished {
    /// Creates a store that drops this many sandboxes together.
    pub fn of(together: usize) -> Self {
        Self { sandboxes: Mutex::default(), together }
    }

    /// Takes a finished sandbox, and drops all when there are enough.
    pub fn let_go(&self, sandbox: Sandbox) {
        let Ok(mut sandboxes) = self.sandboxes.lock() else { return };
        sandboxes.push(sandbox);
        if sandboxes.len() >= self.together {
            sandboxes.clear();
        }
    }
}
