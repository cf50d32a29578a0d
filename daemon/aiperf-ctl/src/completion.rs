//! Prints shell completion scripts, or installs them where the shell finds them.

use crate::args::{InstallCompletionArgs, ShellArg, ShellArgs, command, without_hidden};
use crate::plan::Refusal;
use crate::terminal::{print_result, program};
use anyhow::{Context, Result};
use clap_complete::{Shell, generate};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Runs `--show-completion`.
pub(crate) fn show(args: &ShellArgs) -> Result<u8> {
    print_result(&script(chosen(args)?.into(), &command(), program()));
    Ok(0)
}

/// Runs `--install-completion`.
pub(crate) fn install(args: &InstallCompletionArgs) -> Result<u8> {
    let shell = chosen(&args.shell)?;
    let path = match &args.output {
        Some(path) => path.clone(),
        None => Folders::of_user(|name| env::var_os(name))?.file(shell, program()),
    };
    let script = script(shell.into(), &command(), program());
    if store::source::read(&path, SCRIPT_BYTES_MAX).is_ok_and(|found| found == script.as_bytes()) {
        print_result(&format!("The completion script is already installed: {}\n", path.display()));
        return Ok(0);
    }
    let written =
        path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, script));
    written.with_context(|| format!("failed to write `{}`", path.display()))?;
    print_result(&format!("Installed the completion script: {}\n{}\n", path.display(), hint(shell, &path)));
    Ok(0)
}

/// The shell given by the user, or the user's login shell.
fn chosen(args: &ShellArgs) -> Result<ShellArg> {
    if let Some(shell) = args.chosen() {
        return Ok(shell);
    }
    let users = env::var_os("SHELL").unwrap_or_default();
    match Path::new(&users).file_name().and_then(|name| name.to_str()) {
        Some("bash") => Ok(ShellArg::Bash),
        Some("zsh") => Ok(ShellArg::Zsh),
        Some("fish") => Ok(ShellArg::Fish),
        _ => Err(Refusal("give the shell, bash, zsh or fish: $SHELL is none of them".to_owned()).into()),
    }
}

/// The completion script of a shell, for a program of this name.
///
/// # Panics
/// When the script is not text, which no shell could read.
#[must_use]
pub fn script(shell: Shell, whole: &clap::Command, name: &'static str) -> String {
    let mut script = Vec::new();
    generate(shell, &mut without_hidden(whole, name), name, &mut script);
    let script = String::from_utf8(script).expect("scripts are text");
    // clap_complete 4.6 registers a subcommand of `a-b` as `a__b__subcmd__c` but looks it up as `a__subcmd__b__subcmd__c`.
    script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
}

impl From<ShellArg> for Shell {
    fn from(shell: ShellArg) -> Self {
        match shell {
            ShellArg::Bash => Self::Bash,
            ShellArg::Zsh => Self::Zsh,
            ShellArg::Fish => Self::Fish,
        }
    }
}

/// What else a user may have to do.
fn hint(shell: ShellArg, path: &Path) -> String {
    let folder = path.parent().unwrap_or(path).display().to_string();
    match shell {
        ShellArg::Bash => format!(
            "New shells load it if the package bash-completion is installed; else add to ~/.bashrc: . {}",
            path.display()
        ),
        ShellArg::Zsh => {
            format!("New shells load it if ~/.zshrc contains, before `compinit`: fpath=({folder} $fpath)")
        }
        ShellArg::Fish => "New shells load it.".to_owned(),
    }
}

/// The directories where the user's shells look for completion scripts.
#[derive(Debug)]
struct Folders {
    bash: PathBuf,
    zsh: PathBuf,
    fish: PathBuf,
}

impl Folders {
    /// Found by the variables that the shells themselves use.
    fn of_user(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = folder("HOME").context("$HOME is not set: give a file by --output")?;
        let data = folder("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
        let bash = folder("BASH_COMPLETION_USER_DIR").unwrap_or_else(|| data.join("bash-completion"));
        let config = folder("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        // As in AIPerf: Oh My Zsh has a directory of its own.
        let zsh = folder("ZSH_CUSTOM").or_else(|| folder("ZSH").map(|zsh| zsh.join("custom")));
        Ok(Self {
            bash: bash.join("completions"),
            zsh: zsh
                .filter(|folder| folder.is_dir())
                .unwrap_or_else(|| home.join(".zsh"))
                .join("completions"),
            fish: config.join("fish/completions"),
        })
    }

    /// The script file for a program of this name.
    fn file(&self, shell: ShellArg, name: &str) -> PathBuf {
        match shell {
            ShellArg::Bash => self.bash.join(name),
            ShellArg::Zsh => self.zsh.join(format!("_{name}")),
            ShellArg::Fish => self.fish.join(format!("{name}.fish")),
        }
    }
}

/// A limit that no script reaches.
const SCRIPT_BYTES_MAX: u64 = 16 << 20;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_have_directories() {
        let folders = |pairs: &'static [(&str, &str)]| {
            Folders::of_user(move |name| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
            })
        };
        let plain = folders(&[("HOME", "/h")]).unwrap();
        assert_eq!(
            plain.file(ShellArg::Bash, "aiperf"),
            Path::new("/h/.local/share/bash-completion/completions/aiperf")
        );
        assert_eq!(plain.file(ShellArg::Zsh, "aiperf"), Path::new("/h/.zsh/completions/_aiperf"));
        assert_eq!(
            plain.file(ShellArg::Fish, "aiperf"),
            Path::new("/h/.config/fish/completions/aiperf.fish")
        );
        let moved = folders(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d"), ("XDG_CONFIG_HOME", "")]).unwrap();
        assert_eq!(moved.file(ShellArg::Bash, "x"), Path::new("/d/bash-completion/completions/x"));
        assert_eq!(moved.file(ShellArg::Fish, "x"), Path::new("/h/.config/fish/completions/x.fish"));
        assert!(folders(&[]).is_err(), "no home");
    }

    #[test]
    fn scripts_complete_the_name_that_is_typed() {
        for shell in [ShellArg::Bash, ShellArg::Zsh, ShellArg::Fish] {
            let script = script(shell.into(), &command(), "aiperf");
            assert!(script.contains("aiperf") && script.contains("--request-rate"), "flags of {shell:?}");
            assert!(!script.contains("join-run"), "no internal subcommands: {shell:?}");
        }
    }
}
