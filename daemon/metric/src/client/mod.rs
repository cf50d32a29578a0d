//! Metrics of the client's view and overhead, including definitions of other tools.

pub(crate) mod client_added;
pub(crate) mod client_overhead_share;
pub(crate) mod client_receive_overhead;
pub(crate) mod client_receive_overhead_first_token;
pub(crate) mod client_send_overhead;
pub(crate) mod connect_latency;
pub(crate) mod request_latency_from_due;
pub(crate) mod schedule_lag;
pub(crate) mod time_per_output_token_including_first;
pub(crate) mod time_to_first_chunk;
pub(crate) mod time_to_first_token_from_due;
pub(crate) mod tokens_per_event;
