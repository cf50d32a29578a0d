//! Flags of `report`.

use super::{ConsoleArg, ExportLevelArg, MetricArgs, SOCKET};
use clap::ValueEnum;
use std::path::PathBuf;

/// Flags of `report`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReportArgs {
    /// The run: its artifact directory, an artifact directory of NVIDIA AIPerf, or the id of a run that the daemon keeps.
    #[arg(required_unless_present = "input")]
    pub run: Option<String>,
    /// The same as a flag: the directory of a run of ours or of NVIDIA AIPerf.
    #[arg(long, conflicts_with = "run")]
    pub input: Option<PathBuf>,
    /// Where to write the exports; without it only the console report is printed.
    #[arg(long, visible_alias = "output-artifact-dir")]
    pub artifact_dir: Option<PathBuf>,
    /// Which exports to write. Default: all that the run wants.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub format: Vec<FormatArg>,
    /// For a run of AIPerf, what counts tokens: a directory with tokenizer.json, or `builtin`. Default: what it used.
    #[arg(long)]
    pub tokenizer: Option<String>,
    /// Metrics; what is not given is as the run had it.
    #[command(flatten)]
    pub metrics: MetricArgs,
    /// A base name for the exported files.
    #[arg(long, visible_alias = "profile-export-file")]
    pub profile_export_prefix: Option<String>,
    /// How much is exported: summary, records (a line per request too) or raw (every response too, if the run has them).
    #[arg(long, visible_alias = "profile-export-level", value_enum)]
    pub export_level: Option<ExportLevelArg>,
    /// How much of the report is printed: one screen, or every table.
    #[arg(long, value_enum, default_value_t = ConsoleArg::Summary)]
    pub console: ConsoleArg,
    /// Upload the directory's files, plots too, to the run in MLflow that its `mlflow_export.json` names.
    #[arg(long)]
    pub mlflow_upload: bool,
    /// Another MLflow server than it names.
    #[arg(long, requires = "mlflow_upload")]
    pub mlflow_tracking_uri: Option<String>,
    /// Another run in MLflow than it names.
    #[arg(long, requires = "mlflow_upload")]
    pub mlflow_run_id: Option<String>,
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
    /// The records.
    Parquet,
}

impl FormatArg {
    /// How the names of its files end.
    pub(crate) const fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Txt => "txt",
            Self::Parquet => "parquet",
        }
    }
}
