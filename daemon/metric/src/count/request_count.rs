//! Requests that succeeded.

use crate::case::Case;
use crate::metric::{Flags, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::sum("request_count", "Request Count", value)
    .unit(Unit::Requests)
    .order(1100)
    .flags(Flags::LARGER_IS_BETTER.and(Flags::NO_INDIVIDUAL_RECORDS))
    .text("Requests with a valid response.");

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
