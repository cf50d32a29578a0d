//! The mean time per token after the first: vLLM's TPOT.

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
    .text(
        "(request_latency - time_to_first_token) / (output_sequence_length - 1); needs two tokens, and two events. With --per-chunk-usage \
         the tokens of the first chunk are taken off instead of one.",
    );

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    if case.is_single_event() {
        return None;
    }
    let tokens = case.output_length()?;
    let after = |first: u32| tokens.checked_sub(first).filter(|rest| *rest > 0);
    let bundled = case.first_chunk_tokens.filter(|first| *first > 0 && case.settings.use_server_token_count);
    let gaps = bundled.filter(|_| tokens >= 2).and_then(after).or_else(|| after(1))?;
    Value::ratio(decode_duration::value(case)?, Value::count(gaps))
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_by_server};

    #[test]
    fn the_tokens_of_a_first_chunk_are_subtracted() {
        // The server counts ten tokens.
        check_by_server(&super::METRIC, |_| (), Some(80e6 / 9.0));
        check_by_server(&super::METRIC, |request| request.first_chunk_tokens = Some(2), Some(10e6));
        check_by_server(&super::METRIC, |request| request.first_chunk_tokens = Some(0), Some(80e6 / 9.0));
        check_by_server(&super::METRIC, |request| request.first_chunk_tokens = Some(10), Some(80e6 / 9.0));
        check(&super::METRIC, |request| request.first_chunk_tokens = Some(2), Some(8e6));
    }

    #[test]
    fn it_is_a_mean_over_the_gaps() {
        check(&super::METRIC, |_| (), Some(8e6));
        check(
            &super::METRIC,
            |request| (request.event_stream, request.content_events) = (Some(true), 1),
            None,
        );
        check(
            &super::METRIC,
            |request| (request.output_tokens, request.reasoning_tokens) = (Some(1), None),
            None,
        );
    }
}
