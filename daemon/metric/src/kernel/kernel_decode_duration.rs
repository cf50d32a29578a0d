//! How long the response took after its first token, by kernel timestamps.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("kernel_decode_duration", "Kernel Decode Duration", value)
    .latency()
    .ours(Group::Kernel)
    .order(3050)
    .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
    .text("last_token_kernel - first_token_kernel.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    Value::span(case.first_token_kernel_ns?, case.last_token_kernel_ns?)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_runs_from_arrival_to_arrival() {
        check(&super::METRIC, |_| (), Some(80e6));
    }
}
