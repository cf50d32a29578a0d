//! A user's token rate after the first token.

use crate::case::Case;
use crate::latency::inter_token_latency;
use crate::metric::{Flags, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::record("output_token_throughput_per_user", "Output Token Throughput Per User", value)
        .short("Output TPS/User")
        .unit(Unit::TokensPerSecondPerUser)
        .order(500)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY).and(Flags::LARGER_IS_BETTER))
        .text("1 / inter_token_latency in seconds.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    Value::new(1.0 / (inter_token_latency::value(case)?.get() * 1e-9))
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_the_inverse_of_the_latency() {
        check(&super::METRIC, |_| (), Some(125.0));
    }
}
