//! When the first successful request started.

use crate::case::Case;
use crate::metric::{Flags, Group, Kind, Metric, Unit};
use crate::value::{Value, float};

/// The metric.
pub(crate) const METRIC: Metric = Metric::sum("min_request_timestamp", "Minimum Request Timestamp", value)
    .kind(Kind::Minimum(value))
    .unit(Unit::Nanoseconds)
    .group(Group::Hidden)
    .flags(Flags::INTERNAL.and(Flags::NO_INDIVIDUAL_RECORDS))
    .text("The least date of submitted.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    Value::new(float(case.date(case.started()).0))
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_a_date() {
        check(&super::METRIC, |_| (), Some(101e6));
    }
}
