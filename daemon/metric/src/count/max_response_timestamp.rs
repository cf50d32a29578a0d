//! When the last successful request received its last token.

use crate::case::Case;
use crate::metric::{Flags, Group, Kind, Metric, Unit};
use crate::value::{Value, float};

/// The metric.
pub(crate) const METRIC: Metric = Metric::sum("max_response_timestamp", "Maximum Response Timestamp", value)
    .kind(Kind::Maximum(value))
    .unit(Unit::Nanoseconds)
    .group(Group::Hidden)
    .flags(Flags::INTERNAL.and(Flags::NO_INDIVIDUAL_RECORDS))
    .text("The greatest date of last_token_reaped.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    Value::new(float(case.date(case.last_token()?).0))
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_a_date() {
        check(&super::METRIC, |_| (), Some(202e6));
    }
}
