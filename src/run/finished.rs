use crate::sandbox::Sandbox;
use std::sync::Mutex;

/// Sandboxes that are done with, and let go so many together. To take their
/// namespaces down keeps the kernel busy and stalls the labs at work: it is
/// best done for many at once. Each holds about a megabyte.
#[derive(Debug)]
pub struct Finished {
    sandboxes: Mutex<Vec<Sandbox>>,
    together: usize,
}

impl Finished {
    /// Lets so many go together.
    pub fn of(together: usize) -> Self {
        Self { sandboxes: Mutex::default(), together }
    }

    /// Lets a sandbox go, with some others.
    pub fn let_go(&self, sandbox: Sandbox) {
        let Ok(mut sandboxes) = self.sandboxes.lock() else { return };
        sandboxes.push(sandbox);
        if sandboxes.len() >= self.together {
            sandboxes.clear();
        }
    }
}
