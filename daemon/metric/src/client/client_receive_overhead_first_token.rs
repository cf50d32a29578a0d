//! How long the first token was in the kernel before the client read it.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::record("client_receive_overhead_first_token", "Client Receive Overhead (First Token)", value)
        .latency()
        .ours(Group::Client)
        .order(4070)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
        .text("first_token_reaped - first_token_kernel.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    Value::span(case.first_token_kernel_ns?, case.first_token_reaped_ns?)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn arrival_to_read() {
        check(&super::METRIC, |_| (), Some(2e6));
    }
}
