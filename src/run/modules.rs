use std::fs;
use std::os::unix::fs::MetadataExt;

/// How many modules the kernel had at some time.
///
/// It loads them when somebody first asks for what they do, here or elsewhere on
/// the machine, and what happens meanwhile is not what happens ever after: nft's
/// command is begun again behind the scenes, and its rules get other handles
/// than in the next run; a first packet waits longer than anybody waits for it;
/// devices come into all namespaces. So a lab that fails while modules come is
/// run again.
#[derive(Debug, Clone, Copy)]
pub struct Modules(Option<u64>);

impl Modules {
    /// Looks how many there are now; that costs a microsecond.
    pub fn now() -> Self {
        // A folder for each, and those count as links to the one above.
        Self(fs::metadata("/sys/module").ok().map(|folder| folder.nlink()))
    }

    /// Tells whether some have come since. (Where the kernel does not say, none
    /// has.)
    pub fn have_come(self) -> bool {
        Self::now().0 > self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_comes_is_seen() {
        let now = Modules::now();
        assert!(!now.have_come());
        let before = Modules(now.0.map(|count| count - 1));
        assert_eq!(before.have_come(), now.0.is_some());
    }
}
