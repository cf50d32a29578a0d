//! How many events shared a segment: they have the same timestamp and cannot be separated.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("events_per_segment", "Events per Segment", value)
    .unit(Unit::Events)
    .ours(Group::Kernel)
    .order(3110)
    .flags(Flags::STREAMING_ONLY)
    .text("events / event_segments: segments that completed no event, such as that of the head alone, do not count.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    Value::ratio(
        Value::count(case.events),
        Value::count(case.event_segments.filter(|segments| *segments > 0)?),
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_a_mean() {
        check(&super::METRIC, |_| (), Some(2.0));
        check(&super::METRIC, |request| request.received_segments = Some(9), Some(2.0));
        check(&super::METRIC, |request| request.event_segments = Some(0), None);
    }
}
