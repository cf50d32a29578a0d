//! A user's token rate, including the wait for the first token.

use crate::case::Case;
use crate::latency::request_latency;
use crate::metric::{Flags, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::record("e2e_output_token_throughput", "E2E Output Token Throughput", value)
        .short("E2E Output TPS")
        .unit(Unit::TokensPerSecondPerUser)
        .order(510)
        .flags(Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER))
        .text("output_sequence_length / request_latency in seconds.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    let seconds = request_latency::value(case)?.get() * 1e-9;
    Value::new(f64::from(case.output_length()?) / seconds)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_uses_the_whole_latency() {
        check(&super::METRIC, |_| (), Some(11.0 / 0.101));
    }
}
