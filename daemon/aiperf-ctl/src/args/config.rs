//! Arguments of `config`: configuration files are made, checked and expanded without a run.

use clap::ValueEnum;
use std::path::PathBuf;

/// Makes, checks and expands configuration files for `profile --config`.
#[derive(Clone, Debug, clap::Args)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// The commands of `config`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum ConfigCommand {
    /// Prints a template, or writes it to a file; without a template, lists them.
    Init(InitArgs),
    /// Checks a file, and each variation of its sweep, as `profile` does. Exit status 2 if it is not valid.
    Validate {
        /// The file.
        file: PathBuf,
    },
    /// Prints the variations of a file's sweep.
    Expand(ExpandArgs),
}

/// Arguments of `config init`.
#[derive(Clone, Debug, clap::Args)]
pub struct InitArgs {
    /// The template.
    #[arg(short, long)]
    pub template: Option<String>,
    /// List the templates.
    #[arg(short, long)]
    pub list: bool,
    /// List the templates that contain this word.
    #[arg(short, long)]
    pub search: Option<String>,
    /// The model's name in the template.
    #[arg(short, long, default_value = "my-model")]
    pub model: String,
    /// The server's URL in the template.
    #[arg(short, long, default_value = "http://localhost:8000")]
    pub url: String,
    /// Write to this file, which must not exist yet.
    #[arg(short, long)]
    pub output: Option<PathBuf>,
}

/// Arguments of `config expand`.
#[derive(Clone, Debug, clap::Args)]
pub struct ExpandArgs {
    /// The file.
    pub file: PathBuf,
    /// Print the configuration of each variation too.
    #[arg(short = 'F', long)]
    pub full: bool,
    /// Print only this variation, counted from 0, with its configuration.
    #[arg(short, long)]
    pub index: Option<usize>,
    /// The form.
    #[arg(short, long, value_enum, default_value_t = ExpandFormat::Text)]
    pub format: ExpandFormat,
}

/// Values of `config expand --format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExpandFormat {
    /// A line for each variation.
    Text,
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}
