//! Flags of the metrics that are computed in addition to the default ones.

use super::value::positive;

/// Flags of the metrics that are computed in addition to the default ones.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Metrics")]
pub struct MetricArgs {
    /// Service level objectives for goodput: limits by metric in its displayed unit, such as "time_to_first_token:200
    /// inter_token_latency:10".
    #[arg(long)]
    pub goodput: Option<String>,
    /// Length of a time slice, in seconds; metrics are also exported per slice.
    #[arg(long, value_parser = positive)]
    pub slice_duration: Option<f64>,
    /// Also report the steady state of the run, without ramp-up and drain.
    #[arg(long)]
    pub steady_state: bool,
    /// Also show the stages of the HTTP exchange on the console.
    #[arg(long)]
    pub show_trace_timing: bool,
}
