//! When requests are sent, and when the run ends.

use super::value::{
    fraction, grace, not_negative, one_concurrency, one_count, one_positive, percent, positive,
};
use std::path::PathBuf;

/// When requests are sent, and when the run ends.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Most conversations under way. Without --request-rate one is due as soon as another has ended. [default: 1]
    #[arg(long, value_parser = one_concurrency)]
    pub concurrency: Option<u32>,
    /// Most requests that wait for their first token; more wait until one has it.
    #[arg(long, value_parser = one_concurrency)]
    pub prefill_concurrency: Option<u32>,
    /// Requests per second, sent when they are due whether others have ended or not (up to --concurrency).
    #[arg(long, value_parser = one_positive)]
    pub request_rate: Option<f64>,
    /// How due times are spread with --request-rate: constant, poisson or gamma; concurrency_burst without one.
    /// [default: poisson]
    #[arg(long, visible_alias = "request-rate-mode", value_parser = ["constant", "poisson", "gamma", "concurrency_burst"])]
    pub arrival_pattern: Option<String>,
    /// Shape of the gamma distribution: 1 is poisson, less is burstier, more is smoother. [default: 1]
    #[arg(long, visible_alias = "vllm-burstiness", value_parser = positive)]
    pub arrival_smoothness: Option<f64>,
    /// A JSON file with the rate over time, straight lines between its points:
    /// {"points": [{"time_s": 0, "qps": 1}, {"time_s": 60, "qps": 20}]}.
    #[arg(long, conflicts_with_all = ["request_rate", "request_rate_ramp_duration"])]
    pub request_rate_series: Option<PathBuf>,
    /// Requests to send. [default of made-up prompts, where nothing else ends the run: 10; of a file: as many as it has]
    #[arg(long, visible_alias = "num-requests", value_parser = one_count)]
    pub request_count: Option<u64>,
    /// Seconds after which no request is sent any more.
    #[arg(long, value_parser = one_positive)]
    pub benchmark_duration: Option<f64>,
    /// Seconds to wait for requests in flight after --benchmark-duration; `inf` waits for all. [default: 30]
    #[arg(long, value_parser = grace)]
    pub benchmark_grace_period: Option<f64>,
    /// Seconds in which --concurrency is reached, from 1.
    #[arg(long, value_parser = positive)]
    pub concurrency_ramp_duration: Option<f64>,
    /// Seconds in which --prefill-concurrency is reached, from 1.
    #[arg(long, value_parser = positive)]
    pub prefill_concurrency_ramp_duration: Option<f64>,
    /// Seconds in which --request-rate is reached.
    #[arg(long, value_parser = positive, requires = "request_rate")]
    pub request_rate_ramp_duration: Option<f64>,
    /// How the three grow. [default: linear]
    #[arg(long, value_parser = ["linear", "exponential", "poisson"])]
    pub ramp_strategy: Option<String>,
    /// Several phases instead of the flags of load and warm-up, as AIPerf's --config has them: a JSON list such as
    /// [{"name": "cold", "kind": "warmup", "requests": 8}, {"name": "steady", "type": "poisson", "rate": 20, "duration": 60}].
    #[arg(long, conflicts_with_all = [
        "concurrency", "prefill_concurrency", "request_rate", "request_rate_series", "request_count",
        "benchmark_duration", "warmup_request_count", "warmup_duration", "num_warmup_sessions",
        "user_centric_rate", "fixed_schedule", "conversation_num", "request_cancellation_rate",
    ])]
    pub phases: Option<String>,
    /// Stop when more than this share of requests has failed: 0.1 is every tenth.
    #[arg(long, value_parser = fraction)]
    pub failed_request_threshold: Option<f64>,
}

/// Requests at the times that a trace gives.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Fixed schedule")]
pub struct ScheduleArgs {
    /// Send at the timestamps of --input-file. [default: where the first row has one]
    #[arg(long)]
    pub fixed_schedule: bool,
    /// Do not, although the rows have timestamps.
    #[arg(long, conflicts_with = "fixed_schedule")]
    pub no_fixed_schedule: bool,
    /// Let the first timestamp be the run's begin.
    #[arg(long, conflicts_with = "fixed_schedule_start_offset")]
    pub fixed_schedule_auto_offset: bool,
    /// Leave out rows before this millisecond, and begin there.
    #[arg(long)]
    pub fixed_schedule_start_offset: Option<u64>,
    /// Leave out rows after this millisecond.
    #[arg(long)]
    pub fixed_schedule_end_offset: Option<u64>,
}

/// Requests before the measurement, which count for nothing.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Warmup")]
pub struct WarmupArgs {
    /// Requests to send first.
    #[arg(long, visible_alias = "num-warmup-requests", value_parser = one_count)]
    pub warmup_request_count: Option<u64>,
    /// Seconds to send first.
    #[arg(long, value_parser = positive)]
    pub warmup_duration: Option<f64>,
    /// Conversations to have first.
    #[arg(long, value_parser = one_count)]
    pub num_warmup_sessions: Option<u64>,
    /// As --concurrency, for the warmup. [default: the same]
    #[arg(long, value_parser = one_concurrency)]
    pub warmup_concurrency: Option<u32>,
    /// As --prefill-concurrency, for the warmup. [default: the same]
    #[arg(long, value_parser = one_concurrency)]
    pub warmup_prefill_concurrency: Option<u32>,
    /// As --request-rate, for the warmup. [default: the same]
    #[arg(long, value_parser = positive)]
    pub warmup_request_rate: Option<f64>,
    /// As --arrival-pattern, for the warmup. [default: the same]
    #[arg(long, value_parser = ["constant", "poisson", "gamma", "concurrency_burst"])]
    pub warmup_arrival_pattern: Option<String>,
    /// Seconds to wait for the warmup's requests in flight. [default: until they have ended]
    #[arg(long, value_parser = grace)]
    pub warmup_grace_period: Option<f64>,
    /// As --concurrency-ramp-duration, for the warmup. [default: the same]
    #[arg(long, value_parser = positive)]
    pub warmup_concurrency_ramp_duration: Option<f64>,
    /// As --prefill-concurrency-ramp-duration, for the warmup. [default: the same]
    #[arg(long, value_parser = positive)]
    pub warmup_prefill_concurrency_ramp_duration: Option<f64>,
    /// As --request-rate-ramp-duration, for the warmup. [default: the same]
    #[arg(long, value_parser = positive)]
    pub warmup_request_rate_ramp_duration: Option<f64>,
}

/// Users, each with a conversation at a time and a pause between its turns.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Users")]
pub struct UserArgs {
    /// Requests per second of all --num-users together; each user's turns are evenly spaced.
    #[arg(long, value_parser = positive, requires = "num_users", conflicts_with = "request_rate")]
    pub user_centric_rate: Option<f64>,
    /// Users.
    #[arg(long, value_parser = one_concurrency, requires = "user_centric_rate")]
    pub num_users: Option<u32>,
}

/// Requests that are given up on purpose.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Cancellation")]
pub struct CancellationArgs {
    /// Percent of requests to cancel.
    #[arg(long, value_parser = percent)]
    pub request_cancellation_rate: Option<f64>,
    /// Seconds from the end of a request's sending to its cancellation. [default: 0]
    #[arg(long, value_parser = not_negative, requires = "request_cancellation_rate")]
    pub request_cancellation_delay: Option<f64>,
}
