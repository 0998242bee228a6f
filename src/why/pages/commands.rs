//! Commands that did not do what they were typed for.

use super::Page;
use crate::why::Cause;

pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::CommandRefused,
    title: "a command of the lab was refused, and what it was for is missing",
    symptom: "Whatever is missing: an address, a route, a rule. An error was printed when the lab was built, above what came after, or was sent to /dev/null.",
    cause: "A name is misspelt, an address is none, a prefix is too long, a gateway is not on the link, a rule stands for a table that has no such chain, an option is known only after another, or the command came too early.",
    evidence: "Type it again, and read what it says:\n  ip -n NS addr add ADDR/LEN dev DEV\n  echo $?",
    cure: "Type it as it was meant; in a script, let the first failure end it:\n  set -e",
}];
