use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, Instant};

/// The state of the machine, at some time, that others can change while a lab
/// runs:
///
/// - **Modules** of the kernel, which loads them when somebody first asks for
///   what they do, here or elsewhere on the machine. A run during which modules
///   come differs from the next one: nft's command is begun again behind the
///   scenes, and its rules get other handles; a first packet waits longer than
///   anybody waits for it; devices come into all namespaces.
/// - **The tables of neighbours**, which all namespaces share: where somebody has
///   filled one, others are refused with `No buffer space available`.
///
/// So a lab that fails while that happens is run again.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    modules: Option<u64>,
    refused: Option<u64>,
}

/// Where the kernel counts what it does with the neighbours of all namespaces:
/// a line of names, then a line of hexadecimal numbers for each processor.
const NEIGHBOURS: [&str; 2] = ["/proc/net/stat/arp_cache", "/proc/net/stat/ndisc_cache"];

/// With so many entries of the usual 1,024 a table has room for any lab.
const ROOM: u64 = 512;

/// How long it may take until the kernel has taken down the namespaces of those
/// who have filled a table, and how often it is looked.
const TAKEN_DOWN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

impl Machine {
    /// Waits until the tables have room, but not for ever: what fills them may be
    /// none of ours.
    pub fn await_room() {
        let until = Instant::now() + TAKEN_DOWN;
        let is_full = |path: &&str| {
            let table = fs::read_to_string(path).unwrap_or_default();
            // The same number for each processor: that of the whole table.
            let entries = counts(&table, "entries").and_then(|mut counts| counts.next().flatten());
            entries.is_some_and(|entries| entries > ROOM)
        };
        while NEIGHBOURS.iter().any(is_full) && Instant::now() < until {
            thread::sleep(LOOK);
        }
    }

    /// Looks how it is now; that costs some twenty microseconds.
    pub fn now() -> Self {
        let tables = NEIGHBOURS.iter().filter_map(|path| fs::read_to_string(path).ok());
        Self {
            // A folder for each, and those count as links to the one above.
            modules: fs::metadata("/sys/module").ok().map(|folder| folder.nlink()),
            refused: tables.map(|table| refused(&table)).sum(),
        }
    }

    /// Tells whether modules have come since. (Where the kernel does not say,
    /// none has.)
    pub fn has_new_modules(self) -> bool {
        Self::now().modules > self.modules
    }

    /// Tells whether somebody has found a table of neighbours full since.
    pub fn has_refused(self) -> bool {
        Self::now().refused > self.refused
    }

    /// Tells whether one of these has happened since.
    pub fn has_changed(self) -> bool {
        let now = Self::now();
        now.modules > self.modules || now.refused > self.refused
    }
}

/// How often a table was full, on all processors.
fn refused(table: &str) -> Option<u64> {
    counts(table, "table_fulls")?.sum()
}

/// What is counted under a name, a number for each processor.
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
        // Before Linux 4.12 there was no such column.
        assert_eq!(refused("entries  allocs\n00000003 000e0fb6\n"), None);
    }
}
