//! Starts other programs, visibly: each is printed before it runs.

use crate::say::say;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// What a command prints, if it can be started and ends well; nothing of it is shown.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Where a program is, if it is installed: on `PATH`, where cargo installs, or where administration tools lie.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let folders = std::env::split_paths(&path).chain(cargo_bin()).chain(more);
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Where `cargo install` puts programs.
pub(crate) fn cargo_bin() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
    home.map(|home| home.join("bin"))
}

/// Whether this process may install packages.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command as one would type it.
fn shown(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(name, value)| {
        // A search path is too long to be read and says nothing.
        let value = if name == "PATH" { return None } else { value? };
        Some(format!("{}={}", name.to_string_lossy(), value.to_string_lossy()))
    });
    // A program is known by its name; where this machine keeps it says nothing.
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    set.chain(words.map(|word| quoted(&word.to_string_lossy()))).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    if word.contains([' ', '*', '"']) { format!("'{word}'") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_one_would_type_them() {
        let mut command = Command::new("x/a");
        command.args(["b", "c d"]).env("E", "f").env("PATH", "g").env_remove("H");
        assert_eq!(shown(&command), "E=f a b 'c d'", "set variables first, no search path");
    }
}
