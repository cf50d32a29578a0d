//! Requests that failed.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::sum("error_request_count", "Error Request Count", value)
    .unit(Unit::Requests)
    .group(Group::Hidden)
    .flags(Flags::ERROR_ONLY.and(Flags::NO_INDIVIDUAL_RECORDS))
    .text("Requests without a valid response.");

const fn value(_: &Case<'_>) -> Option<Value> {
    Some(Value::ONE)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn each_counts() {
        check(&super::METRIC, |_| (), Some(1.0));
    }
}
