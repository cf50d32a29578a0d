//! Time to first token from the moment at which the schedule wanted the request sent: free of coordinated omission.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::record("time_to_first_token_from_due", "Time to First Token from Due", value)
        .short("TTFT from Due")
        .latency()
        .ours(Group::Client)
        .order(4010)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
        .text("first_token_reaped - due.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.since_due(case.first_token_reaped_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn the_schedule_begins_it() {
        check(&super::METRIC, |_| (), Some(22e6));
    }
}
