//! Flags of sweeps: runs that differ in some values, each measured on its own.

use super::value::pause;
use clap::ValueEnum;

/// Flags of sweeps. A sweep itself is a list of values (`--concurrency 8,16,32`), `--variant`, or `sweep:` of a configuration.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Sweep")]
pub struct SweepArgs {
    /// How lists of values are combined: every combination (grid), or the first of each, then the second (zip).
    #[arg(long, value_enum, default_value_t = Combination::Grid)]
    pub sweep_type: Combination,
    /// One variation of a sweep, as `[name:] flag=value, flag=value`; give it at least twice.
    #[arg(long, visible_alias = "sweep-variant")]
    pub variant: Vec<String>,
    /// With --num-profile-runs: all variations once, then again (repeated), or all runs of a variation, then the next
    /// (independent).
    #[arg(long, value_enum, default_value_t = SweepOrder::Repeated)]
    pub parameter_sweep_mode: SweepOrder,
    /// Seconds to wait between two variations.
    #[arg(long, default_value_t = 0.0, value_parser = pause)]
    pub parameter_sweep_cooldown_seconds: f64,
    /// Send the same random requests in every variation: a server with a prefix cache then has them from the second on.
    #[arg(long, overrides_with = "no_parameter_sweep_same_seed")]
    pub parameter_sweep_same_seed: bool,
    /// Send other random requests in each variation. [default]
    #[arg(long, overrides_with = "parameter_sweep_same_seed")]
    pub no_parameter_sweep_same_seed: bool,
    /// Do not print a line for each run of a sweep.
    #[arg(long)]
    pub no_sweep_table: bool,
    /// Measure everything again, also what an earlier command has measured in the same directory.
    #[arg(long)]
    pub restart: bool,
}

/// Values of --sweep-type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Combination {
    /// Every combination of values.
    Grid,
    /// The first values together, then the second ones.
    Zip,
}

/// Values of --parameter-sweep-mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SweepOrder {
    /// All variations once, then again.
    Repeated,
    /// All runs of a variation, then the next.
    Independent,
}
