//! The rate at which a user's input is processed.

use crate::case::Case;
use crate::latency::time_to_first_token;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::record("prefill_throughput_per_user", "Prefill Throughput Per User", value)
        .unit(Unit::TokensPerSecondPerUser)
        .group(Group::Hidden)
        .flags(
            Flags::STREAMING_ONLY
                .and(Flags::PRODUCES_TOKENS_ONLY)
                .and(Flags::LARGER_IS_BETTER)
                .and(Flags::TOKENIZES_INPUT_ONLY),
        )
        .text("input_sequence_length / time_to_first_token in seconds.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    let seconds = time_to_first_token::value(case)?.get() * 1e-9;
    Value::new(f64::from(case.input_length()?) / seconds)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_uses_the_time_to_first_token() {
        check(&super::METRIC, |_| (), Some(20.0 / 0.021));
    }
}
