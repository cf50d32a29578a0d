//! The same load several times, to see how far numbers vary from run to run.

use super::value::not_negative;

/// The same load several times.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Repetition")]
pub struct MultiRunArgs {
    /// How often to run. From two on, the mean over runs is written with its confidence interval to aggregate/.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10))]
    pub num_profile_runs: u32,
    /// Seconds to wait between runs.
    #[arg(long, default_value_t = 0.0, value_parser = not_negative)]
    pub profile_run_cooldown_seconds: f64,
    /// The confidence of the intervals over runs.
    #[arg(long, default_value_t = 0.95, value_parser = share)]
    pub confidence_level: f64,
    /// Warm up before the first run only. [default]
    #[arg(long, overrides_with = "no_profile_run_disable_warmup_after_first")]
    pub profile_run_disable_warmup_after_first: bool,
    /// Warm up before every run.
    #[arg(long, overrides_with = "profile_run_disable_warmup_after_first")]
    pub no_profile_run_disable_warmup_after_first: bool,
    /// Take 42 where several runs have no --random-seed, so that all send the same. [default]
    #[arg(long, overrides_with = "no_set_consistent_seed")]
    pub set_consistent_seed: bool,
    /// Draw a seed for each run.
    #[arg(long, overrides_with = "set_consistent_seed")]
    pub no_set_consistent_seed: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().map_err(|_malformed| format!("`{text}` is not a number"))?;
    if number > 0.0 && number < 1.0 { Ok(number) } else { Err("must be between 0 and 1".to_owned()) }
}
