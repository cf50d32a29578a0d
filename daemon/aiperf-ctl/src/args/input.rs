//! What the requests say.

use super::value::{not_negative, positive};
use std::path::PathBuf;

/// What the requests say.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// JSONL file with a prompt a line: {"text": "...", "output_length": 64}. Without it, prompts are made up.
    #[arg(long)]
    pub input_file: Option<PathBuf>,
    /// What the rows of --input-file are: single_turn.
    #[arg(long)]
    pub custom_dataset_type: Option<String>,
    /// Counts tokens: a directory with tokenizer.json, `builtin` (o200k_base, no network), or `none` (server counts only).
    /// [default: builtin]
    #[arg(long)]
    pub tokenizer: Option<String>,
    /// Different prompts to make up; requests take them in turn.
    #[arg(long, visible_alias = "num-prompts", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub num_dataset_entries: Option<u32>,
    /// Mean input tokens of made-up prompts. [default: 550]
    #[arg(long, visible_aliases = ["isl", "prompt-input-tokens-mean"], value_parser = positive)]
    pub synthetic_input_tokens_mean: Option<f64>,
    /// Their standard deviation. [default: 0]
    #[arg(long, visible_aliases = ["isl-stddev", "prompt-input-tokens-stddev"], value_parser = not_negative)]
    pub synthetic_input_tokens_stddev: Option<f64>,
    /// Mean output tokens to ask for; without it the server decides.
    #[arg(long, visible_aliases = ["osl", "prompt-output-tokens-mean"], value_parser = positive)]
    pub output_tokens_mean: Option<f64>,
    /// Their standard deviation. [default: 0]
    #[arg(long, visible_aliases = ["osl-stddev", "prompt-output-tokens-stddev"], value_parser = not_negative)]
    pub output_tokens_stddev: Option<f64>,
    /// Seed of everything that is drawn: the same seed gives the same prompts and due times. Default: drawn, and stored.
    #[arg(long)]
    pub random_seed: Option<u64>,
}
