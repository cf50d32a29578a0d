//! How long the response took after its first token.

use crate::case::Case;
use crate::latency::{request_latency, time_to_first_token};
use crate::metric::{Flags, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("decode_duration", "Decode Duration", value)
    .latency()
    .order(350)
    .flags(
        Flags::STREAMING_ONLY
            .and(Flags::PRODUCES_TOKENS_ONLY)
            .and(Flags::PERCENTILE_INCLUDES_FAILED_REQUESTS),
    )
    .text("request_latency - time_to_first_token.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    let latency = request_latency::value(case)?.get();
    Value::new(latency - time_to_first_token::value(case)?.get())
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_the_rest_of_the_latency() {
        check(&super::METRIC, |_| (), Some(80e6));
    }
}
