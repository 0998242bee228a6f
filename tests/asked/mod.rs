//! Which tests were asked for, where they run before libtest-mimic has any
//! threads.

use libtest_mimic::Arguments;

/// Tells whether a test is to be run, as libtest-mimic will decide it.
pub fn is_asked_for(arguments: &Arguments, name: &str) -> bool {
    let fits = |filter: &String| if arguments.exact { name == filter } else { name.contains(filter) };
    !arguments.list && arguments.filter.as_ref().is_none_or(fits) && !arguments.skip.iter().any(fits)
}
