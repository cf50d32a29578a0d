//! Time to the first event of any kind, by kernel timestamps.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::record("kernel_time_to_first_chunk", "Kernel Time to First Chunk", value)
        .short("Kernel TTFC")
        .latency()
        .ours(Group::Kernel)
        .order(3030)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
        .text("first_event_kernel - kernel_sent_last.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.since_sent(case.first_event_kernel_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn any_event_ends_it() {
        check(&super::METRIC, |_| (), Some(10e6));
    }
}
