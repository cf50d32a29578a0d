//! Time to first token from the scheduled send time: free of coordinated omission.

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
    fn it_starts_at_the_scheduled_time() {
        check(&super::METRIC, |_| (), Some(22e6));
    }
}
