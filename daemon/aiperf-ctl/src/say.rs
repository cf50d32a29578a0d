//! Where words for the user go: results to standard output, everything else to standard error.

use std::io::{IsTerminal, Write};

/// A result. A reader that has gone wants no more.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// Something that the user should know.
pub(crate) fn say_aside(text: &str) {
    let mut out = std::io::stderr().lock();
    writeln!(out, "{text}").ok();
}

/// Why it did not work.
pub(crate) fn say_error(text: &str) {
    let label = if std::io::stderr().is_terminal() { "\u{1b}[31merror:\u{1b}[0m" } else { "error:" };
    say_aside(&format!("{label} {text}"));
}

/// Something that the user should weigh.
pub(crate) fn say_warning(text: &str) {
    let label = if std::io::stderr().is_terminal() { "\u{1b}[33mwarning:\u{1b}[0m" } else { "warning:" };
    say_aside(&format!("{label} {text}"));
}
