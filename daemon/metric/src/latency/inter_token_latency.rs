//! The mean time per token after the first: what vLLM calls TPOT.

use crate::case::Case;
use crate::latency::decode_duration;
use crate::metric::{Flags, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("inter_token_latency", "Inter Token Latency", value)
    .short("ITL")
    .latency()
    .order(400)
    .flags(
        Flags::STREAMING_ONLY
            .and(Flags::PRODUCES_TOKENS_ONLY)
            .and(Flags::PERCENTILE_INCLUDES_FAILED_REQUESTS),
    )
    .text("(request_latency - time_to_first_token) / (output_sequence_length - 1); needs two tokens.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    let gaps = case.output_length()?.checked_sub(1).filter(|gaps| *gaps > 0)?;
    Value::ratio(decode_duration::value(case)?, Value::count(gaps))
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_a_mean_over_the_gaps() {
        check(&super::METRIC, |_| (), Some(8e6));
        check(
            &super::METRIC,
            |request| (request.output_tokens, request.reasoning_tokens) = (Some(1), None),
            None,
        );
    }
}
