//! Flags of `report`.

use super::{ConsoleArg, ExportLevelArg, MetricArgs, MlflowUploadArgs, SOCKET};
use clap::ValueEnum;
use std::path::PathBuf;

/// Flags of `report`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReportArgs {
    /// The run: its artifact directory, an artifact directory of NVIDIA AIPerf, or the id of a run that the daemon stores.
    #[arg(required_unless_present = "input")]
    pub run: Option<String>,
    /// The run's artifact directory, given as a flag.
    #[arg(long, conflicts_with = "run")]
    pub input: Option<PathBuf>,
    /// Directory for the exports; without it, only the console report is printed.
    #[arg(long, visible_alias = "output-artifact-dir")]
    pub artifact_dir: Option<PathBuf>,
    /// Exports to write. Default: all that the run was configured with.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub format: Vec<FormatArg>,
    /// For a run of AIPerf, the tokenizer: a directory with tokenizer.json, or `builtin`. Default: the one the run used.
    #[arg(long)]
    pub tokenizer: Option<String>,
    /// Metrics; those not given are configured as in the run.
    #[command(flatten)]
    pub metrics: MetricArgs,
    /// Base name of the exported files.
    #[arg(long, visible_alias = "profile-export-file")]
    pub profile_export_prefix: Option<String>,
    /// Export level: summary, records (also one line per request) or raw (also every response, if the run stored them).
    #[arg(long, visible_alias = "profile-export-level", value_enum)]
    pub export_level: Option<ExportLevelArg>,
    /// Console report: summary (one screen) or full (every table).
    #[arg(long, value_enum, default_value_t = ConsoleArg::Summary)]
    pub console: ConsoleArg,
    /// What is uploaded to MLflow.
    #[command(flatten)]
    pub mlflow: MlflowUploadArgs,
    /// The daemon's control socket, for a run given by id.
    #[arg(long, default_value = SOCKET)]
    pub socket: PathBuf,
}

/// Values of --format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// The summary and the slices as JSON.
    Json,
    /// The summary and the slices as CSV.
    Csv,
    /// A line per request.
    Jsonl,
    /// The report as printed.
    Txt,
    /// The report as one page.
    Html,
    /// The records.
    Parquet,
}

impl FormatArg {
    /// The extension of its files.
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Txt => "txt",
            Self::Html => "html",
            Self::Parquet => "parquet",
        }
    }
}
