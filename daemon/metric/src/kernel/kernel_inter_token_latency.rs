//! The mean time per token after the first, by kernel timestamps.

use crate::case::Case;
use crate::kernel::kernel_decode_duration;
use crate::metric::{Flags, Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::record("kernel_inter_token_latency", "Kernel Inter Token Latency", value)
        .short("Kernel ITL")
        .latency()
        .ours(Group::Kernel)
        .order(3060)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
        .text("kernel_decode_duration / (output_sequence_length - 1); needs two tokens, and two events.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    if case.is_single_event() {
        return None;
    }
    let gaps = case.output_length()?.checked_sub(1).filter(|gaps| *gaps > 0)?;
    Value::ratio(kernel_decode_duration::value(case)?, Value::count(gaps))
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_a_mean_over_the_gaps() {
        check(&super::METRIC, |_| (), Some(8e6));
        check(
            &super::METRIC,
            |request| (request.event_stream, request.content_events) = (Some(true), 1),
            None,
        );
    }
}
