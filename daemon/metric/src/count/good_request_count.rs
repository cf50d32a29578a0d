//! Requests that met every threshold.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::sum("good_request_count", "Good Request Count", value)
    .unit(Unit::Requests)
    .group(Group::Hidden)
    .flags(Flags::GOODPUT)
    .text("Requests with every --goodput metric present and within its threshold.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    let good = case.settings.goodput.iter().all(|threshold| threshold.is_met(case));
    Some(if good { Value::ONE } else { Value::ZERO })
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn without_thresholds_all_are_good() {
        check(&super::METRIC, |_| (), Some(1.0));
    }
}
