//! Flags of plugins, and of the command that lists them.

use super::value::positive;
use clap::ValueEnum;
use std::ffi::OsString;
use std::path::PathBuf;

/// Flags of plugins.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Plugins")]
pub struct PluginArgs {
    /// Use this plugin: the name of a component, kind.name, a class, a package, or a program by its path; with a configuration as
    /// NAME={"key": "value"}. `aiperf-ctl plugins` lists them.
    #[arg(long = "plugin", value_name = "NAME[=JSON]")]
    pub plugins: Vec<String>,
    /// The interpreter that plugins in Python are installed for. [default: that of $VIRTUAL_ENV, else python3]
    #[arg(long, value_name = "PROGRAM")]
    pub plugin_python: Option<String>,
    /// Seconds that a call of a plugin may take. [default: 5, of a phase hook 1]
    #[arg(long, value_parser = positive)]
    pub plugin_timeout: Option<f64>,
    /// Give a plugin the variables of the environment whose names speak of secrets, as NAME=secrets.
    #[arg(long = "plugin-allow", value_name = "NAME=secrets")]
    pub plugin_allowed: Vec<String>,
}

/// Arguments of `plugins`.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct PluginsArgs {
    /// What to do instead of listing.
    #[command(subcommand)]
    pub command: Option<PluginsCommand>,
    /// A kind of components, such as phase_hook or endpoint.
    pub kind: Option<String>,
    /// The name of one of them, or its class.
    #[arg(requires = "kind")]
    pub name: Option<String>,
    /// List every kind with its components, also what is built in.
    #[arg(long, conflicts_with = "kind")]
    pub all: bool,
    /// Check every installed plugin's manifest, and that its classes exist, without importing any.
    #[arg(long, conflicts_with_all = ["kind", "all"])]
    pub validate: bool,
    /// The interpreter that plugins in Python are installed for. [default: that of $VIRTUAL_ENV, else python3]
    #[arg(long, value_name = "PROGRAM")]
    pub plugin_python: Option<String>,
}

/// Subcommands of `plugins`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum PluginsCommand {
    /// Writes a project with one component that works, and its test.
    New(NewPluginArgs),
}

/// Arguments of `plugins new`.
#[derive(Clone, Debug, clap::Args)]
pub struct NewPluginArgs {
    /// What it has: hook, processor, exporter, or stream_exporter.
    pub kind: String,
    /// Its name, and that of the new directory.
    pub name: String,
    /// The language.
    #[arg(long, value_enum, default_value_t = PluginLanguage::Python)]
    pub lang: PluginLanguage,
}

/// Values of --lang.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PluginLanguage {
    /// A package with classes.
    Python,
    /// A program.
    Rust,
}

/// Arguments of the process that supervises a plugin.
#[derive(Clone, Debug, clap::Args)]
pub struct SupervisePluginArgs {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}
