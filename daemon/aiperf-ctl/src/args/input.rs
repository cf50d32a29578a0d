//! Flags of what requests contain: prompts read from a file, or generated.

use super::value::fraction_above_zero;
use spec::Length;
use std::path::PathBuf;

/// Flags of what requests contain: prompts read from a file, or generated.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// A file with one request or conversation per line, such as {"text": "...", "output_length": 64}. Without it, prompts are
    /// generated.
    #[arg(long)]
    pub input_file: Option<PathBuf>,
    /// Format of --input-file, such as single_turn, multi_turn or mooncake_trace. [default: detected from the rows]
    #[arg(long)]
    pub custom_dataset_type: Option<String>,
    /// Name of a public dataset, such as sharegpt. It is read from --dataset-path; nothing is downloaded.
    #[arg(long, conflicts_with_all = ["input_file", "custom_dataset_type"])]
    pub public_dataset: Option<String>,
    /// Path of the local copy of --public-dataset. [default: <name>.jsonl or .json in the working directory]
    #[arg(long, requires = "public_dataset")]
    pub dataset_path: Option<PathBuf>,
    /// Use only rows whose field has this value: field=value; with several, all must match.
    #[arg(long = "dataset-filter")]
    pub dataset_filters: Vec<String>,
    /// Order in which conversations are sent. [default: shuffle for random_pool, else sequential]
    #[arg(long, value_parser = ["sequential", "random", "shuffle"])]
    pub dataset_sampling_strategy: Option<String>,
    /// Ignore the timestamps and delays of a trace.
    #[arg(long)]
    pub ignore_trace_delays: bool,
    /// baseten_trace: use this fraction of the sessions, each complete.
    #[arg(long, value_parser = fraction_above_zero)]
    pub trace_session_sample_ratio: Option<f64>,
    /// Random seed: the same seed gives the same prompts and due times. Default: drawn at random, and stored.
    #[arg(long)]
    pub random_seed: Option<u64>,
    /// A configuration file in AIPerf's format (YAML or JSON), or the run.json of an earlier run, which is repeated; flags on the
    /// command line override it.
    #[arg(long, short = 'f')]
    pub config: Option<PathBuf>,
    /// Distributions of a configuration file that are not normal, by the flag of their mean.
    #[arg(skip)]
    pub distributions: Vec<(String, Length)>,
    /// The rows of a configuration file as JSON, in place of --input-file.
    #[arg(skip)]
    pub records: Option<String>,
    /// The files that a configuration file has written into the artifact directory, as JSON.
    #[arg(skip)]
    pub user_files: Option<String>,
}

impl InputArgs {
    /// Whether prompts are synthetic.
    pub(crate) const fn is_synthetic(&self) -> bool {
        !self.has_file() && self.public_dataset.is_none()
    }

    /// Whether the user's own rows are sent: of a file, or of the configuration file itself.
    pub(crate) const fn has_file(&self) -> bool {
        self.input_file.is_some() || self.records.is_some()
    }
}
