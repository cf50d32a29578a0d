//! Flags of `compare`.

use super::ConsoleArg;
use clap::ValueEnum;
use std::path::PathBuf;

/// Flags of `compare`.
#[derive(Clone, Debug, clap::Args)]
pub struct CompareArgs {
    /// The sides to compare; the first is the baseline. Each is an artifact directory of aiperf-ctl or of AIPerf, AIPerf's
    /// profile_export_aiperf.json, the JSON of `vllm bench serve --save-result`, or GuideLLM's JSON. A directory that
    /// --num-profile-runs made is one side with several runs. Sweeps are compared variation by variation, and as curves.
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// Compare only these metrics, each given as a tag or tag.stat; repeat the flag or separate them by commas.
    #[arg(long = "metric", value_delimiter = ',')]
    pub metrics: Vec<String>,
    /// Exit with status 4 if this condition holds for a run: TAG.STAT OP LIMIT, such as 'time_to_first_token.p99 > 1.05x' (1.05
    /// times the baseline) or 'request_latency.p99 > 250' (in the metric's unit). OP is one of > >= < <=. It holds if it does
    /// at both ends of the 95 % confidence interval. For sweeps, if it does for any variation.
    #[arg(long = "fail-if")]
    pub fail_if: Vec<String>,
    /// What a condition of --fail-if does that holds at one end of the interval only, or of a number without interval.
    #[arg(long, value_enum, default_value_t = Unsure::Status)]
    pub fail_if_unsure: Unsure,
    /// The least shift that matters, in percent: a comparison that would not have seen it can't tell.
    #[arg(long, default_value_t = 5.0, value_parser = percent)]
    pub relevant_shift: f64,
    /// The standard deviation over runs of one load that is allowed for where each side has one run, in percent; 0 asks whether
    /// these runs differ, whatever the reason.
    #[arg(long, default_value_t = 100.0 * statistics::RUN_VARIATION, value_parser = percent)]
    pub run_variation: f64,
    /// The output format.
    #[arg(long, value_enum, default_value_t = CompareFormat::Table)]
    pub format: CompareFormat,
    /// Write it to this file, not to standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How much of the table is printed: latencies, rates and failures, or every metric that the runs have in common.
    #[arg(long, value_enum, default_value_t = ConsoleArg::Summary)]
    pub console: ConsoleArg,
    /// The tokenizer that counts the tokens of AIPerf's raw exports: a directory with tokenizer.json, or `builtin`.
    #[arg(long)]
    pub tokenizer: Option<String>,
}

/// Values of --fail-if-unsure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Unsure {
    /// Exit with status 5.
    Status,
    /// Pass.
    Pass,
    /// Fail, with status 4.
    Fail,
    /// Judge the number alone, as if it were certain.
    Value,
}

/// A number of percent that is not negative.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').trim().parse::<f64>().ok();
    number
        .filter(|number| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| "expected a number of percent, 0 or greater".to_owned())
}

/// Values of --format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompareFormat {
    /// A table.
    Table,
    /// One JSON object.
    Json,
    /// A page with verdicts, the table, and the distributions of up to eight runs.
    Html,
}
