//! Flags of when requests are sent, and when the run ends.

use super::value::{
    fraction, grace, not_negative, one_concurrency, one_count, one_positive, percent, positive,
};
use std::path::PathBuf;

/// Flags of when requests are sent, and when the run ends.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Maximum number of concurrent conversations. Without --request-rate, each one that ends is replaced by the next.
    /// [default: 1]
    #[arg(long, value_parser = one_concurrency)]
    pub concurrency: Option<u32>,
    /// Maximum number of requests waiting for their first token; further requests are held back.
    #[arg(long, value_parser = one_concurrency)]
    pub prefill_concurrency: Option<u32>,
    /// Request rate per second. Requests are sent when due, whether or not earlier ones have completed (up to --concurrency).
    #[arg(long, value_parser = one_positive)]
    pub request_rate: Option<f64>,
    /// Arrival pattern of --request-rate: constant, poisson or gamma; without a rate, concurrency_burst. [default: poisson]
    #[arg(long, visible_alias = "request-rate-mode", value_parser = ["constant", "poisson", "gamma", "concurrency_burst"])]
    pub arrival_pattern: Option<String>,
    /// Shape of the gamma distribution: 1 is poisson, less is burstier, more is smoother. [default: 1]
    #[arg(long, visible_alias = "vllm-burstiness", value_parser = positive)]
    pub arrival_smoothness: Option<f64>,
    /// A JSON file with the request rate over time, interpolated linearly between its points: {"points": [{"time_s": 0, "qps":
    /// 1}, {"time_s": 60, "qps": 20}]}.
    #[arg(long, conflicts_with_all = ["request_rate", "request_rate_ramp_duration"])]
    pub request_rate_series: Option<PathBuf>,
    /// Number of requests to send. [default: 10 for generated prompts without another stop condition; for a file, as many as it
    /// has]
    #[arg(long, visible_alias = "num-requests", value_parser = one_count)]
    pub request_count: Option<u64>,
    /// Duration of sending, in seconds; no request is sent afterwards.
    #[arg(long, value_parser = one_positive)]
    pub benchmark_duration: Option<f64>,
    /// Seconds to wait for requests in flight after --benchmark-duration; `inf` waits for all. [default: 30]
    #[arg(long, value_parser = grace)]
    pub benchmark_grace_period: Option<f64>,
    /// Seconds over which concurrency is ramped from 1 up to --concurrency.
    #[arg(long, value_parser = positive)]
    pub concurrency_ramp_duration: Option<f64>,
    /// Seconds over which it is ramped from 1 up to --prefill-concurrency.
    #[arg(long, value_parser = positive)]
    pub prefill_concurrency_ramp_duration: Option<f64>,
    /// Seconds over which the rate is ramped up to --request-rate.
    #[arg(long, value_parser = positive, requires = "request_rate")]
    pub request_rate_ramp_duration: Option<f64>,
    /// Shape of the three ramps. [default: linear]
    #[arg(long, value_parser = ["linear", "exponential", "poisson"])]
    pub ramp_strategy: Option<String>,
    /// Several phases instead of the load and warm-up flags, in the form of AIPerf's --config: a JSON list such as [{"name":
    /// "cold", "kind": "warmup", "requests": 8}, {"name": "steady", "type": "poisson", "rate": 20, "duration": 60}].
    #[arg(long, conflicts_with_all = [
        "concurrency", "prefill_concurrency", "request_rate", "request_rate_series", "request_count",
        "benchmark_duration", "warmup_request_count", "warmup_duration", "num_warmup_sessions",
        "user_centric_rate", "fixed_schedule", "conversation_num", "request_cancellation_rate",
    ])]
    pub phases: Option<String>,
    /// The phases of a configuration file as JSON, which flags change.
    #[arg(skip)]
    pub base_phases: Option<String>,
    /// Stop the run when more than this fraction of requests has failed: 0.1 is every tenth.
    #[arg(long, value_parser = fraction)]
    pub failed_request_threshold: Option<f64>,
}

/// Flags of requests that are sent at a trace's timestamps.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Fixed schedule")]
pub struct ScheduleArgs {
    /// Send requests at the timestamps of --input-file. [default: when the first row has one]
    #[arg(long)]
    pub fixed_schedule: bool,
    /// Ignore the timestamps of --input-file.
    #[arg(long, conflicts_with = "fixed_schedule")]
    pub no_fixed_schedule: bool,
    /// Shift the schedule so that the first timestamp is the start of the run.
    #[arg(long, conflicts_with = "fixed_schedule_start_offset")]
    pub fixed_schedule_auto_offset: bool,
    /// Start the schedule at this millisecond; earlier rows are left out.
    #[arg(long)]
    pub fixed_schedule_start_offset: Option<u64>,
    /// Leave out rows after this millisecond.
    #[arg(long)]
    pub fixed_schedule_end_offset: Option<u64>,
}

/// Flags of the warmup: requests before the measurement, which no metric includes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Warmup")]
pub struct WarmupArgs {
    /// Number of warmup requests.
    #[arg(long, visible_alias = "num-warmup-requests", value_parser = one_count)]
    pub warmup_request_count: Option<u64>,
    /// Duration of the warmup, in seconds.
    #[arg(long, value_parser = positive)]
    pub warmup_duration: Option<f64>,
    /// Number of warmup conversations.
    #[arg(long, value_parser = one_count)]
    pub num_warmup_sessions: Option<u64>,
    /// --concurrency of the warmup. [default: that of the run]
    #[arg(long, value_parser = one_concurrency)]
    pub warmup_concurrency: Option<u32>,
    /// --prefill-concurrency of the warmup. [default: that of the run]
    #[arg(long, value_parser = one_concurrency)]
    pub warmup_prefill_concurrency: Option<u32>,
    /// --request-rate of the warmup. [default: that of the run]
    #[arg(long, value_parser = positive)]
    pub warmup_request_rate: Option<f64>,
    /// --arrival-pattern of the warmup. [default: that of the run]
    #[arg(long, value_parser = ["constant", "poisson", "gamma", "concurrency_burst"])]
    pub warmup_arrival_pattern: Option<String>,
    /// Seconds to wait for warmup requests in flight. [default: until all have completed]
    #[arg(long, value_parser = grace)]
    pub warmup_grace_period: Option<f64>,
    /// --concurrency-ramp-duration of the warmup. [default: that of the run]
    #[arg(long, value_parser = positive)]
    pub warmup_concurrency_ramp_duration: Option<f64>,
    /// --prefill-concurrency-ramp-duration of the warmup. [default: that of the run]
    #[arg(long, value_parser = positive)]
    pub warmup_prefill_concurrency_ramp_duration: Option<f64>,
    /// --request-rate-ramp-duration of the warmup. [default: that of the run]
    #[arg(long, value_parser = positive)]
    pub warmup_request_rate_ramp_duration: Option<f64>,
}

/// Flags of simulated users, each with one conversation at a time and a pause between its turns.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Users")]
pub struct UserArgs {
    /// Total request rate per second of all --num-users; each user's turns are evenly spaced.
    #[arg(long, value_parser = positive, requires = "num_users", conflicts_with = "request_rate")]
    pub user_centric_rate: Option<f64>,
    /// Number of simulated users.
    #[arg(long, value_parser = one_concurrency, requires = "user_centric_rate")]
    pub num_users: Option<u32>,
}

/// Flags of requests that are cancelled on purpose.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Cancellation")]
pub struct CancellationArgs {
    /// Percentage of requests to cancel.
    #[arg(long, value_parser = percent)]
    pub request_cancellation_rate: Option<f64>,
    /// Seconds from the end of a request's sending to its cancellation. [default: 0]
    #[arg(long, value_parser = not_negative, requires = "request_cancellation_rate")]
    pub request_cancellation_delay: Option<f64>,
}
