//! Request latency from the scheduled send time: free of coordinated omission.

use crate::case::Case;
use crate::metric::{Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::record("request_latency_from_due", "Request Latency from Due", value)
        .latency()
        .ours(Group::Client)
        .order(4020)
        .text("last_token_reaped - due.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.since_due(case.last_token_reaped_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_starts_at_the_scheduled_time() {
        check(&super::METRIC, |_| (), Some(102e6));
    }
}
