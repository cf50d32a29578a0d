//! Time to the first event of any kind: the TTFT of vLLM's chat benchmark.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("time_to_first_chunk", "Time to First Chunk", value)
    .short("TTFC")
    .latency()
    .ours(Group::Client)
    .order(4000)
    .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
    .text("first_event_reaped - submitted.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.since_submitted(case.first_event_reaped_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn any_event_ends_it() {
        check(&super::METRIC, |_| (), Some(12e6));
    }
}
