//! Latencies measured by the client: AIPerf's latency metrics.

pub(crate) mod decode_duration;
pub(crate) mod inter_chunk_latency;
pub(crate) mod inter_token_latency;
pub(crate) mod request_latency;
pub(crate) mod time_to_first_output_token;
pub(crate) mod time_to_first_token;
pub(crate) mod time_to_second_token;
