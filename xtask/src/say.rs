//! Where words go: what a command does and finds to standard output, why it failed to standard error.

use std::io::Write;

/// A line for the user. A reader that has gone wants no more.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).ok();
}

/// A line beside the results.
pub(crate) fn aside(text: &str) {
    let mut out = std::io::stderr().lock();
    writeln!(out, "{text}").ok();
}
