//! Time to the first token of the answer without reasoning, by kernel timestamps.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::record("kernel_time_to_first_output_token", "Kernel Time to First Output Token", value)
        .short("Kernel TTFO")
        .latency()
        .ours(Group::Kernel)
        .order(3020)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY).and(Flags::SUPPORTS_REASONING))
        .text("first_answer_kernel - kernel_sent_last.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.since_sent(case.first_answer_kernel_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn reasoning_does_not_end_it() {
        check(&super::METRIC, |_| (), Some(28e6));
    }
}
