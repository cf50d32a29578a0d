//! Which metrics there are beyond those that every run has.

use super::value::positive;

/// Which metrics there are beyond those that every run has.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Metrics")]
pub struct MetricArgs {
    /// What makes a request a good one: limits by metric in its shown unit, such as
    /// "time_to_first_token:200 inter_token_latency:10".
    #[arg(long)]
    pub goodput: Option<String>,
    /// Seconds of a time slice: the metrics of each slice are exported too.
    #[arg(long, value_parser = positive)]
    pub slice_duration: Option<f64>,
    /// Take the results of the steady part of the run too, without start-up and drain.
    #[arg(long)]
    pub steady_state: bool,
    /// Show the stages of the HTTP exchange on the console too.
    #[arg(long)]
    pub show_trace_timing: bool,
}
