use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, Instant};

/// The state of the machine that others can change while a lab runs:
///
/// - **Kernel modules**, which the kernel loads when their features are first used,
///   here or elsewhere on the machine. A run during which modules are loaded differs
///   from the next one: the kernel restarts nft's transaction, and its rules get
///   other handles; a first packet takes longer than any timeout; devices appear in
///   all namespaces.
/// - **The neighbour tables**, which all namespaces share: when one is full, others
///   are refused with `No buffer space available`.
///
/// So a lab that fails during such a change is run again.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    modules: Option<u64>,
    refused: Option<u64>,
}

/// The kernel's statistics of neighbours in all namespaces: a line of names,
/// then a line of hexadecimal numbers for each processor.
const NEIGHBOURS: [&str; 2] = ["/proc/net/stat/arp_cache", "/proc/net/stat/ndisc_cache"];

/// Up to this many entries, of the usual 1,024, a table has room for any lab.
const ROOM: u64 = 512;

/// The longest time until the kernel has removed the namespaces that filled a
/// table, and the interval of the checks.
const TAKEN_DOWN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

impl Machine {
    /// Waits until the tables have room, within a time limit: others than nslab
    /// may fill them.
    pub fn await_room() {
        let until = Instant::now() + TAKEN_DOWN;
        let is_full = |path: &&str| {
            let table = fs::read_to_string(path).unwrap_or_default();
            // Each processor's line has the same number: that of the whole
            // table.
            let entries = counts(&table, "entries").and_then(|mut counts| counts.next().flatten());
            entries.is_some_and(|entries| entries > ROOM)
        };
        while NEIGHBOURS.iter().any(is_full) && Instant::now() < until {
            thread::sleep(LOOK);
        }
    }

    /// Reads the current state; that costs some twenty microseconds.
    pub fn now() -> Self {
        let tables = NEIGHBOURS.iter().filter_map(|path| fs::read_to_string(path).ok());
        Self {
            // Each module has a folder there, which adds a link to
            // `/sys/module`.
            modules: fs::metadata("/sys/module").ok().map(|folder| folder.nlink()),
            refused: tables.map(|table| refused(&table)).sum(),
        }
    }

    /// Tells whether modules were loaded since. (`false` if the kernel does not
    /// say.)
    pub fn has_new_modules(self) -> bool {
        Self::now().modules > self.modules
    }

    /// Tells whether a neighbour table was full since.
    pub fn has_refused(self) -> bool {
        Self::now().refused > self.refused
    }

    /// Tells whether either has happened since.
    pub fn has_changed(self) -> bool {
        let now = Self::now();
        now.modules > self.modules || now.refused > self.refused
    }
}

/// Returns how often a table was full, on all processors.
fn refused(table: &str) -> Option<u64> {
    counts(table, "table_fulls")?.sum()
}

/// Returns the counter of a name, a number for each processor.
fn counts<'a>(table: &'a str, name: &str) -> Option<impl Iterator<Item = Option<u64>> + 'a> {
    let mut lines = table.lines();
    let column = lines.next()?.split_whitespace().position(|other| other == name)?;
    Some(lines.map(move |line| u64::from_str_radix(line.split_whitespace().nth(column)?, 16).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_comes_is_seen() {
        let now = Machine::now();
        assert!(!now.has_new_modules());
        let before = Machine { modules: now.modules.map(|count| count - 1), ..now };
        assert_eq!(before.has_new_modules(), now.modules.is_some());
    }

    #[test]
    fn a_full_table_is_counted_on_each_processor() {
        let table = "entries  allocs   table_fulls\n00000003 000e0fb6 000002c3\n00000003 000c411e 0000028f\n";
        assert_eq!(refused(table), Some(0x2c3 + 0x28f));
        // Before Linux 4.12 this column did not exist.
        assert_eq!(refused("entries  allocs\n00000003 000e0fb6\n"), None);
    }
}
