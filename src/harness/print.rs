//! Prints the results of test cases, and handles a full disk.

use libtest_mimic::{Arguments, Conclusion, Trial};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs the test cases and prints each. If the output can't be written (a full
/// disk), the library panics with an unhelpful message.
pub(super) fn run(arguments: &Arguments, trials: Vec<Trial>) -> Result<Conclusion, String> {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let printer = panic.location().is_some_and(|place| place.file().ends_with("printer.rs"));
        if !printer || panic.payload().downcast_ref::<String>().and_then(|said| lost(said)).is_none() {
            before(panic);
        }
    }));
    catch_unwind(AssertUnwindSafe(|| libtest_mimic::run(arguments, trials))).or_else(|panic| {
        let said = panic.downcast_ref::<String>().and_then(|said| lost(said));
        said.map_or_else(
            || resume_unwind(panic),
            |words| Err(format!("failed to print the results: {words}")),
        )
    })
}

/// Returns the system's message, if a panic is about a system error.
fn lost(panic: &str) -> Option<String> {
    let (_, words) = panic.split_once("Os { code: ")?.1.split_once("message: \"")?;
    Some(words.split('"').next()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words_are_found() {
        let panic = "called `Result::unwrap()` on an `Err` value: \
                     Os { code: 28, kind: StorageFull, message: \"No space left on device\" }";
        assert_eq!(lost(panic).as_deref(), Some("No space left on device"));
        assert_eq!(lost("index out of bounds"), None);
    }
}
