//! Time to the first token of the answer, without reasoning.

use crate::case::Case;
use crate::metric::{Flags, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record(
    "time_to_first_output_token",
    "Time to First Output Token",
    value,
)
.short("TTFO")
.latency()
.order(210)
.flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY).and(Flags::SUPPORTS_REASONING))
.text(
    "From the submission of the request to the read of the first event with answer text or a tool call: \
         first_answer_reaped - submitted.",
);

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.since_submitted(case.first_answer_reaped_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn reasoning_does_not_end_it() {
        check(&super::METRIC, |_| (), Some(32e6));
    }
}
