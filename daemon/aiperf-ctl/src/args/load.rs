//! When requests are sent.

use super::value::{grace, positive};

/// When requests are sent.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Most requests in flight. Without --request-rate one request is due as soon as another has ended. [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub concurrency: Option<u32>,
    /// Requests per second, sent when they are due whether others have ended or not (up to --concurrency).
    #[arg(long, value_parser = positive)]
    pub request_rate: Option<f64>,
    /// How due times are spread with --request-rate: constant or poisson. [default: poisson]
    #[arg(long, visible_alias = "request-rate-mode")]
    pub arrival_pattern: Option<String>,
    /// Requests to send. [default without --benchmark-duration: twice --concurrency, at least 10]
    #[arg(long, visible_alias = "num-requests", value_parser = clap::value_parser!(u64).range(1..))]
    pub request_count: Option<u64>,
    /// Seconds after which no request is sent any more.
    #[arg(long, value_parser = positive)]
    pub benchmark_duration: Option<f64>,
    /// Seconds to wait for requests in flight after --benchmark-duration. [default: 30]
    #[arg(long, value_parser = grace)]
    pub benchmark_grace_period: Option<f64>,
}
