//! What the requests say: from a file, or made up.

use super::value::fraction_above_zero;
use std::path::PathBuf;

/// What the requests say: from a file, or made up.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// A file with a request or a conversation a line, such as {"text": "...", "output_length": 64}. Without it,
    /// prompts are made up.
    #[arg(long)]
    pub input_file: Option<PathBuf>,
    /// What the rows of --input-file are, such as single_turn, multi_turn or mooncake_trace. [default: seen from the rows]
    #[arg(long)]
    pub custom_dataset_type: Option<String>,
    /// A public dataset by its name, such as sharegpt, read from --dataset-path: nothing is downloaded.
    #[arg(long, conflicts_with_all = ["input_file", "custom_dataset_type"])]
    pub public_dataset: Option<String>,
    /// Where the copy of --public-dataset is. [default: <name>.jsonl or .json in the working directory]
    #[arg(long, requires = "public_dataset")]
    pub dataset_path: Option<PathBuf>,
    /// Take only rows whose field has this value: field=value; several must all hold.
    #[arg(long = "dataset-filter")]
    pub dataset_filters: Vec<String>,
    /// The order in which conversations are taken. [default: shuffle for random_pool, else sequential]
    #[arg(long, value_parser = ["sequential", "random", "shuffle"])]
    pub dataset_sampling_strategy: Option<String>,
    /// Leave out the timestamps and delays of a trace.
    #[arg(long)]
    pub ignore_trace_delays: bool,
    /// Take this share of the sessions of a baseten_trace, whole ones.
    #[arg(long, value_parser = fraction_above_zero)]
    pub trace_session_sample_ratio: Option<f64>,
    /// Seed of everything that is drawn: the same seed gives the same prompts and due times. Default: drawn, and stored.
    #[arg(long)]
    pub random_seed: Option<u64>,
    /// A YAML file in AIPerf's form; flags given here count more than what it says.
    #[arg(long, short = 'f')]
    pub config: Option<PathBuf>,
}

impl InputArgs {
    /// Whether the user brings no prompts.
    pub(crate) const fn is_made_up(&self) -> bool {
        self.input_file.is_none() && self.public_dataset.is_none()
    }
}
