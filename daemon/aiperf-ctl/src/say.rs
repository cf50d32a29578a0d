//! Where words for the user go: results to standard output, everything else to standard error. Whatever others named in
//! them, nothing of it is obeyed by a terminal.

use export::visible_lines;
use std::ffi::OsStr;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::OnceLock;

/// A result. A reader that has gone wants no more; that another one could not be written is in [`unwritten`].
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(visible_lines(text).as_bytes()).and_then(|()| out.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        // The first failure counts.
        UNWRITTEN.set(error.to_string()).ok();
    }
}

/// Why results could not be written to standard output, if so.
pub(crate) fn unwritten() -> Option<&'static str> {
    UNWRITTEN.get().map(String::as_str)
}

/// Takes note of how the user called the program: by its name, or as `aiperf`.
pub(crate) fn called(word: &OsStr) {
    if Path::new(word).file_name() == Some(OsStr::new(ALIAS)) {
        // The first call counts; there is only one.
        CALLED.set(ALIAS).ok();
    }
}

/// The program's name as the user typed it.
pub(crate) fn program() -> &'static str {
    CALLED.get().copied().unwrap_or(PROGRAM)
}

/// A text of ours with the program's name as the user typed it.
pub(crate) fn named(text: &str) -> String {
    renamed(text, program())
}

/// A text in which commands of ours begin with another name. Paths stay as they are.
fn renamed(text: &str, name: &str) -> String {
    let mut parts = text.split(COMMAND);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_path = whole.ends_with(|one: char| one == '/' || one == '-' || one.is_alphanumeric());
        whole.push_str(if is_path { PROGRAM } else { name });
        whole.push(' ');
        whole.push_str(part);
    }
    whole
}

/// Something that the user should know.
pub(crate) fn say_aside(text: &str) {
    let mut out = std::io::stderr().lock();
    writeln!(out, "{}", visible_lines(&named(text))).ok();
}

/// Why it did not work.
pub(crate) fn say_error(text: &str) {
    let label = if std::io::stderr().is_terminal() { "\u{1b}[31merror:\u{1b}[0m" } else { "error:" };
    say_aside(&format!("{label} {}", indented(text)));
}

/// Something that the user should weigh.
pub(crate) fn say_warning(text: &str) {
    let label = if std::io::stderr().is_terminal() { "\u{1b}[33mwarning:\u{1b}[0m" } else { "warning:" };
    say_aside(&format!("{label} {}", indented(text)));
}

/// A text of which every line but the first is indented, so that none of them passes for a line of ours.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n  ")
}

/// The program's own name.
pub(crate) const PROGRAM: &str = "aiperf-ctl";
/// What else it may be called.
pub(crate) const ALIAS: &str = "aiperf";
static CALLED: OnceLock<&str> = OnceLock::new();
static UNWRITTEN: OnceLock<String> = OnceLock::new();
/// The program's own name where it begins a command.
const COMMAND: &str = "aiperf-ctl ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_others_is_none_of_ours() {
        assert_eq!(indented("failed\nwarning: all is well\n"), "failed\n  warning: all is well", "indented");
    }

    #[test]
    fn commands_are_named_as_the_user_types_them() {
        let text = "run `aiperf-ctl runs list`; /usr/bin/aiperf-ctl is aiperf-ctl";
        assert_eq!(
            renamed(text, "aiperf"),
            "run `aiperf runs list`; /usr/bin/aiperf-ctl is aiperf-ctl",
            "commands"
        );
        assert_eq!(
            renamed("aiperf-ctl x\n  aiperf-ctl y", "aiperf"),
            "aiperf x\n  aiperf y",
            "at begins of lines"
        );
        assert_eq!(renamed("", "aiperf"), "", "nothing");
    }
}
