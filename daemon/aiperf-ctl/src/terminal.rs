//! Prints to the user: results to standard output, everything else to standard error. Control characters in foreign text are
//! escaped, so that the terminal does not execute them.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use store::visible_lines;

/// Prints a result. A closed pipe is not an error; any other failure is in [`unwritten`].
pub(crate) fn print_result(text: &str) {
    if hold_back(Output::Result, text) {
        return;
    }
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(visible_lines(text).as_bytes()).and_then(|()| out.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        // The first failure is kept.
        UNWRITTEN.set(error.to_string()).ok();
    }
}

/// Why results could not be written to standard output, if that failed.
pub(crate) fn unwritten() -> Option<&'static str> {
    UNWRITTEN.get().map(String::as_str)
}

/// Records the name by which the user called the program: its own, or `aiperf`.
pub(crate) fn called(word: &OsStr) {
    if Path::new(word).file_name() == Some(OsStr::new(ALIAS)) {
        // There is only one call.
        CALLED.set(ALIAS).ok();
    }
}

/// The program's name as the user typed it.
pub(crate) fn program() -> &'static str {
    CALLED.get().copied().unwrap_or(PROGRAM)
}

/// A text in which this program has the name that the user typed.
pub(crate) fn named(text: &str) -> String {
    renamed(text, program())
}

/// Replaces the program's name in commands of a text. Paths stay unchanged.
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

/// Prints a note.
pub(crate) fn print_note(text: &str) {
    hear(false, text);
    write_note(text);
}

/// Prints how far something is, which is no message.
pub(crate) fn print_progress(text: &str) {
    write_note(text);
}

fn write_note(text: &str) {
    if hold_back(Output::Note, text) {
        return;
    }
    let mut out = std::io::stderr().lock();
    writeln!(out, "{}", visible_lines(&named(text))).ok();
}

/// Prints an error.
pub(crate) fn print_error(text: &str) {
    let label = if std::io::stderr().is_terminal() { "\u{1b}[31merror:\u{1b}[0m" } else { "error:" };
    write_note(&format!("{label} {}", indented(text)));
}

/// From now on a warning is printed once, however many runs of the command it is true of.
pub(crate) fn warn_once() {
    WARNED.get_or_init(Mutex::default);
}

/// Prints a warning.
pub(crate) fn print_warning(text: &str) {
    if let Some(warned) = WARNED.get()
        && !warned.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned())
    {
        return;
    }
    hear(true, text);
    let label = if std::io::stderr().is_terminal() { "\u{1b}[33mwarning:\u{1b}[0m" } else { "warning:" };
    write_note(&format!("{label} {}", indented(text)));
}

/// Who hears the notes and warnings that are printed.
type Listener = Box<dyn Fn(bool, &str) + Send>;

/// From now on this receives every note (`false`) and warning (`true`) that is printed, those before first.
pub(crate) fn listen(listener: Option<Listener>) {
    if let Some(listener) = &listener {
        let earlier = std::mem::take(&mut *EARLIER.lock().unwrap_or_else(PoisonError::into_inner));
        earlier.iter().for_each(|(is_warning, text)| listener(*is_warning, text));
    }
    *LISTENER.lock().unwrap_or_else(PoisonError::into_inner) = listener;
}

fn hear(is_warning: bool, text: &str) {
    if let Some(listener) = &*LISTENER.lock().unwrap_or_else(PoisonError::into_inner) {
        listener(is_warning, &named(text));
        return;
    }
    let mut earlier = EARLIER.lock().unwrap_or_else(PoisonError::into_inner);
    if earlier.len() < EARLIER_MAX {
        earlier.push((is_warning, named(text)));
    }
}

/// The terminal belongs to a display until this is dropped; what is printed meanwhile is printed then.
#[derive(Debug)]
pub(crate) struct Held(());

/// Restores the terminal; waits for one that does not read, if something is printed on it anyway.
type Restore = Box<dyn FnOnce(bool) + Send>;

/// Holds back what is printed, because a display has the whole terminal; `restore` is called before it is printed.
pub(crate) fn hold(restore: Restore) -> Held {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    *held = Some(Holding { restore, texts: Vec::new() });
    Held(())
}

/// Whether a display has the terminal.
pub(crate) fn is_held() -> bool {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// Restores the terminal, if a display has it, and prints what was held back: before the process ends without dropping anything.
pub(crate) fn give_back() {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Holding { restore, texts }) = held else { return };
    restore(!texts.is_empty());
    for (output, text) in texts {
        match output {
            Output::Result => print_result(&text),
            Output::Note => write_note(&text),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        give_back();
    }
}

/// What is held back.
struct Holding {
    restore: Restore,
    texts: Vec<(Output, String)>,
}

/// Where a text goes.
#[derive(Clone, Copy, Debug)]
enum Output {
    Result,
    Note,
}

/// Whether a text is held back.
fn hold_back(output: Output, text: &str) -> bool {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(held) = held.as_mut() else { return false };
    held.texts.push((output, text.to_owned()));
    true
}

/// Indents every line but the first, so that none of them looks like a message of its own.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n  ")
}

/// The program's own name.
pub(crate) const PROGRAM: &str = "aiperf-ctl";
/// The alias by which the program may be called.
pub(crate) const ALIAS: &str = "aiperf";
static CALLED: OnceLock<&str> = OnceLock::new();
/// The warnings so far, if each is printed once.
static WARNED: OnceLock<Mutex<HashSet<String>>> = OnceLock::new();
/// What was printed before there was a listener.
static EARLIER: Mutex<Vec<(bool, String)>> = Mutex::new(Vec::new());
const EARLIER_MAX: usize = 100;
static LISTENER: Mutex<Option<Listener>> = Mutex::new(None);
static HELD: Mutex<Option<Holding>> = Mutex::new(None);
static UNWRITTEN: OnceLock<String> = OnceLock::new();
/// The program's own name at the start of a command.
const COMMAND: &str = "aiperf-ctl ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_lines_are_indented() {
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
            "at starts of lines"
        );
        assert_eq!(renamed("", "aiperf"), "", "nothing");
    }
}
