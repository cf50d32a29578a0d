//! What is written.

use clap::ValueEnum;
use std::path::PathBuf;

/// What is written.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Where results go. Default: artifacts/<model>-openai-<endpoint>-<load>.
    #[arg(long, visible_alias = "output-artifact-dir")]
    pub artifact_dir: Option<PathBuf>,
    /// A base name for the exported files: a name, not a path, and not that of another file such as `run`.
    #[arg(long, visible_alias = "profile-export-file")]
    pub profile_export_prefix: Option<String>,
    /// How much is exported: summary, records (a line per request too) or raw (every response too).
    #[arg(long, visible_alias = "profile-export-level", value_enum, default_value_t = ExportLevelArg::Records)]
    pub export_level: ExportLevelArg,
    /// Write the texts of the answers to outputs.json.
    #[arg(long)]
    pub export_outputs_json: bool,
    /// Write the stages of each request's HTTP exchange to its line in profile_export.jsonl.
    #[arg(long)]
    pub export_http_trace: bool,
    /// Progress: simple (a bar on a terminal, plain lines elsewhere) or none.
    #[arg(long, visible_alias = "ui-type", value_enum, default_value_t = Ui::Simple)]
    pub ui: Ui,
    /// How much of the report is printed: one screen, or every table. The file has every table.
    #[arg(long, value_enum, default_value_t = ConsoleArg::Summary)]
    pub console: ConsoleArg,
    /// Check everything but the server: read the files, print the plan as JSON with every default, and end. Nothing is
    /// written, and no socket or network is touched.
    #[arg(long)]
    pub dry_run: bool,
}

/// Values of --export-level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportLevelArg {
    /// Only the summaries.
    Summary,
    /// A line per request too.
    Records,
    /// Every response too.
    Raw,
}

/// Values of --ui.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ui {
    /// A bar on a terminal, plain lines elsewhere.
    Simple,
    /// Not there yet: shown as `simple`, with a warning.
    #[value(hide = true)]
    Dashboard,
    /// Nothing.
    None,
}

/// Values of --console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConsoleArg {
    /// One screen that ends with the verdict.
    Summary,
    /// Every table.
    Full,
}
