//! When requests are sent and when the run ends.

use alloc::string::String;
use serde::{Deserialize, Serialize};

/// When requests are sent and when the run ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// A name among the shapes: `concurrency`, `constant`, `poisson`.
    pub shape: String,
    /// Requests per second, for the shapes that have a rate.
    pub request_rate: Option<f64>,
    /// Most requests in flight.
    pub concurrency: Option<u32>,
    /// Requests to send; without it the duration ends the run.
    pub request_count: Option<u64>,
    /// Seconds after which no request is sent any more.
    pub benchmark_duration_seconds: Option<f64>,
    /// Seconds to wait for requests in flight after the duration.
    pub grace_period_seconds: f64,
}
