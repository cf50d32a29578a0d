//! Flags of `compare`.

use super::ConsoleArg;
use clap::ValueEnum;
use std::path::PathBuf;

/// Flags of `compare`.
#[derive(Clone, Debug, clap::Args)]
pub struct CompareArgs {
    /// The runs to compare; the first is the baseline. Each is an artifact directory of aiperf-ctl or of AIPerf, AIPerf's
    /// profile_export_aiperf.json, the JSON of `vllm bench serve --save-result`, or GuideLLM's JSON.
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// Compare only these metrics, each given as a tag or tag.stat; repeat the flag or separate them by commas.
    #[arg(long = "metric", value_delimiter = ',')]
    pub metrics: Vec<String>,
    /// Exit with status 4 if this condition holds for a run: TAG.STAT OP LIMIT, such as 'time_to_first_token.p99 > 1.05x' (1.05
    /// times the baseline) or 'request_latency.p99 > 250' (in the metric's unit). OP is one of > >= < <=.
    #[arg(long = "fail-if")]
    pub fail_if: Vec<String>,
    /// The output format.
    #[arg(long, value_enum, default_value_t = CompareFormat::Table)]
    pub format: CompareFormat,
    /// How much of the table is printed: latencies, rates and failures, or every metric that the runs have in common.
    #[arg(long, value_enum, default_value_t = ConsoleArg::Summary)]
    pub console: ConsoleArg,
    /// The tokenizer that counts the tokens of AIPerf's raw exports: a directory with tokenizer.json, or `builtin`.
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
