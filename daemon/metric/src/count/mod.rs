//! How many requests there were, and over which time: AIPerf's aggregates.

pub(crate) mod benchmark_duration;
pub(crate) mod completed_request_count;
pub(crate) mod context_overflow_count;
pub(crate) mod error_request_count;
pub(crate) mod good_request_count;
pub(crate) mod good_request_fraction;
pub(crate) mod max_response_timestamp;
pub(crate) mod min_request_timestamp;
pub(crate) mod request_count;
pub(crate) mod request_error_rate;
