//! The gap between the first two events with content.

use crate::case::Case;
use crate::metric::{Flags, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("time_to_second_token", "Time to Second Token", value)
    .short("TTST")
    .latency()
    .order(200)
    .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
    .text(
        "From the read of the first event with content to the read of the second: second_token_reaped - \
         first_token_reaped.",
    );

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    Value::span(case.first_token_reaped_ns?, case.second_token_reaped_ns?)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_a_gap() {
        check(&super::METRIC, |_| (), Some(11e6));
        check(&super::METRIC, |request| request.second_token_reaped_ns = None, None);
    }
}
