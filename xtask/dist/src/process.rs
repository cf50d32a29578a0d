//! Starts other programs, visibly, and says what is done.

use anyhow::{Context, Result, bail};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A line for the user. A reader that has gone wants no more.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).ok();
}

/// A line beside the results.
pub(crate) fn aside(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}

/// Runs a command with its output on ours; a status other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    say(&format!("+ {}", shown(command)));
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("failed to start `{name}`"))?;
    if !status.success() {
        bail!("`{name}` ended with {status}");
    }
    Ok(())
}

/// What a command prints; what it complains of is part of the error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = shown(command);
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("failed to start `{name}`"))?;
    if !output.status.success() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        bail!("`{name}` ended with {}: {}\n{}", output.status, text(&output.stderr), text(&output.stdout));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Where a program is, on `PATH` or where administration tools lie.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// A command as one would type it, without search paths and flags in the environment.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
