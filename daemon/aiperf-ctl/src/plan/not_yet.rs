//! Flags that are understood but do nothing yet: a run with one is refused, so that none is silently ignored.

use super::Refusal;
use std::collections::BTreeSet;

/// Whether a flag, by its first long name, is understood but does nothing yet.
pub(crate) fn is_not_yet(flag: &str) -> bool {
    NOT_YET.iter().any(|(_, flags)| flags.contains(&flag))
}

/// Names those of the given flags that do nothing yet.
pub(crate) fn check(given: &BTreeSet<String>) -> Result<(), Refusal> {
    let not_yet =
        given.iter().filter(|flag| is_not_yet(flag)).map(|flag| format!("--{flag}")).collect::<Vec<_>>();
    if not_yet.is_empty() {
        return Ok(());
    }
    Err(Refusal(format!("{}: not offered yet; leave it out", not_yet.join(", "))))
}

/// By subject.
const NOT_YET: &[(&str, &[&str])] = &[("programs", &["log-level", "verbose", "extra-verbose"])];
