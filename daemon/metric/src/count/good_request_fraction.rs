//! The share of requests that met every threshold.

use crate::metric::{Flags, Group, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::derived("good_request_fraction", "GoodRequestFraction", value)
    .unit(Unit::Ratio)
    .group(Group::Hidden)
    .flags(Flags::GOODPUT.and(Flags::LARGER_IS_BETTER))
    .text("good_request_count / (request_count + error_request_count).");

fn value(totals: &Totals) -> Option<Value> {
    Value::ratio(totals.get("good_request_count")?, totals.get("completed_request_count")?)
}

#[cfg(test)]
mod tests {
    use crate::testing::check_derived;

    #[test]
    fn failures_count() {
        check_derived(
            &super::METRIC,
            &[("good_request_count", 1.0), ("completed_request_count", 4.0)],
            Some(0.25),
        );
    }
}
