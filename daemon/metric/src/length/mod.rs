//! Numbers of input and output tokens: AIPerf's count and length metrics.

pub(crate) mod error_isl;
pub(crate) mod input_sequence_length;
pub(crate) mod osl_mismatch_count;
pub(crate) mod osl_mismatch_diff_pct;
pub(crate) mod output_sequence_length;
pub(crate) mod output_token_count;
pub(crate) mod reasoning_token_count;
pub(crate) mod requested_osl;
pub(crate) mod total_error_isl;
pub(crate) mod total_isl;
pub(crate) mod total_osl;
pub(crate) mod total_output_tokens;
pub(crate) mod total_reasoning_tokens;
