//! How late the client submitted the request to the kernel, compared with the schedule.

use crate::case::Case;
use crate::metric::{Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("schedule_lag", "Schedule Lag", value)
    .short("Schedule Lag")
    .latency()
    .ours(Group::Client)
    .order(4050)
    .text("submitted - due.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.since_due(case.submitted_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn due_to_submitted() {
        check(&super::METRIC, |_| (), Some(1e6));
    }
}
