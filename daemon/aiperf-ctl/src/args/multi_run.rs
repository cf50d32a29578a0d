//! Flags of repeated runs of the same load, which show how far metrics vary from run to run.

use super::value::pause;
use clap::ValueEnum;

/// Flags of repeated runs of the same load.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Repetition")]
pub struct MultiRunArgs {
    /// Number of runs. With two or more, the mean over runs and its confidence interval are written to aggregate/.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10))]
    pub num_profile_runs: u32,
    /// Seconds to wait between runs.
    #[arg(long, default_value_t = 0.0, value_parser = pause)]
    pub profile_run_cooldown_seconds: f64,
    /// Confidence level of the intervals over runs.
    #[arg(long, default_value_t = 0.95, value_parser = share)]
    pub confidence_level: f64,
    /// Stop early when the runs have converged on this metric; tested from the third run on.
    #[arg(long)]
    pub convergence_metric: Option<String>,
    /// The statistic of --convergence-metric that is tested.
    #[arg(long, value_enum, default_value_t = ConvergenceStat::Avg)]
    pub convergence_stat: ConvergenceStat,
    /// How convergence is tested.
    #[arg(long, value_enum, default_value_t = ConvergenceMode::CiWidth)]
    pub convergence_mode: ConvergenceMode,
    /// Convergence threshold. Default: 0.1 for ci_width, 0.05 otherwise.
    #[arg(long, value_parser = share)]
    pub convergence_threshold: Option<f64>,
    /// Warm up before the first run only. [default]
    #[arg(long, overrides_with = "no_profile_run_disable_warmup_after_first")]
    pub profile_run_disable_warmup_after_first: bool,
    /// Warm up before every run.
    #[arg(long, overrides_with = "profile_run_disable_warmup_after_first")]
    pub no_profile_run_disable_warmup_after_first: bool,
    /// Use seed 42 for all of several runs when --random-seed is not given, so that they send the same requests. [default]
    #[arg(long, overrides_with = "no_set_consistent_seed")]
    pub set_consistent_seed: bool,
    /// Use a different random seed for each run.
    #[arg(long, overrides_with = "set_consistent_seed")]
    pub no_set_consistent_seed: bool,
}

/// Values of --convergence-stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConvergenceStat {
    Avg,
    P50,
    P90,
    P95,
    P99,
    Min,
    Max,
}

/// Values of --convergence-mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ConvergenceMode {
    /// The width of the mean's confidence interval over runs, relative to the mean, is below the threshold.
    CiWidth,
    /// The standard deviation over runs, relative to the mean, is below the threshold.
    Cv,
    /// The last run's requests follow the same distribution as all earlier ones: the Kolmogorov-Smirnov test's p is above the
    /// threshold.
    Distribution,
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().map_err(|_malformed| format!("`{text}` is not a number"))?;
    if number > 0.0 && number < 1.0 { Ok(number) } else { Err("must be between 0 and 1".to_owned()) }
}
