//! Flags of `--install-completion` and `--show-completion`.

use clap::ValueEnum;
use std::path::PathBuf;

/// Flags of `--install-completion`.
#[derive(Clone, Debug, clap::Args)]
pub struct InstallCompletionArgs {
    /// The shell.
    #[command(flatten)]
    pub shell: ShellArgs,
    /// Write the script to this file instead of the shell's completion directory.
    #[arg(long, short)]
    pub output: Option<PathBuf>,
}

/// Which shell.
#[derive(Clone, Debug, clap::Args)]
pub struct ShellArgs {
    /// The shell. Default: the one in $SHELL.
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Option<ShellArg>,
    /// The shell, given as a flag.
    #[arg(long = "shell", id = "named_shell", value_enum, value_name = "SHELL", conflicts_with = "shell")]
    pub named: Option<ShellArg>,
}

/// Shells for which completion scripts exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShellArg {
    /// bash, with the package bash-completion.
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

impl ShellArgs {
    /// The shell that was given, as an argument or as a flag.
    #[must_use]
    pub fn chosen(&self) -> Option<ShellArg> {
        self.shell.or(self.named)
    }
}
