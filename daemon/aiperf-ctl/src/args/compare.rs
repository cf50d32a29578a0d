//! Flags of `compare`.

use super::ConsoleArg;
use clap::ValueEnum;
use std::path::PathBuf;

/// Flags of `compare`.
#[derive(Clone, Debug, clap::Args)]
pub struct CompareArgs {
    /// The runs, the first of which is the baseline: directories of ours or of AIPerf, AIPerf's
    /// profile_export_aiperf.json, the JSON of `vllm bench serve --save-result`, or GuideLLM's JSON.
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// Only these metrics, each a tag or tag.stat; several times, or with commas.
    #[arg(long = "metric", value_delimiter = ',')]
    pub metrics: Vec<String>,
    /// Exit with status 4 if this holds of a run: TAG.STAT OP LIMIT, such as 'time_to_first_token.p99 > 1.05x' (times
    /// the baseline) or 'request_latency.p99 > 250' (in the metric's unit). OP is one of > >= < <=.
    #[arg(long = "fail-if")]
    pub fail_if: Vec<String>,
    /// How the comparison is printed.
    #[arg(long, value_enum, default_value_t = CompareFormat::Table)]
    pub format: CompareFormat,
    /// How much of the table is printed: latencies, rates and failures, or everything that runs have in common.
    #[arg(long, value_enum, default_value_t = ConsoleArg::Summary)]
    pub console: ConsoleArg,
    /// For raw exports of AIPerf, what counts tokens: a directory with tokenizer.json, or `builtin`.
    #[arg(long)]
    pub tokenizer: Option<String>,
}

/// Values of --format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompareFormat {
    /// A table.
    Table,
    /// One JSON object.
    Json,
}
