//! Rates per second: AIPerf's throughput metrics.

pub(crate) mod e2e_output_token_throughput;
pub(crate) mod goodput;
pub(crate) mod input_token_throughput;
pub(crate) mod output_token_throughput;
pub(crate) mod output_token_throughput_per_user;
pub(crate) mod prefill_throughput_per_user;
pub(crate) mod request_throughput;
pub(crate) mod total_token_throughput;
