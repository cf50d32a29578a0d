//! Requests that ended, successfully or not.

use crate::metric::{Flags, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::derived("completed_request_count", "Completed Requests (Success + Error)", value)
        .unit(Unit::Requests)
        .order(1075)
        .flags(Flags::NO_INDIVIDUAL_RECORDS)
        .text("request_count + error_request_count.");

fn value(totals: &Totals) -> Option<Value> {
    let failed = totals.get("error_request_count").map_or(0.0, Value::get);
    Value::new(totals.get("request_count").map_or(0.0, Value::get) + failed).filter(|all| all.get() > 0.0)
}

#[cfg(test)]
mod tests {
    use crate::testing::check_derived;

    #[test]
    fn failures_count() {
        check_derived(&super::METRIC, &[("request_count", 3.0), ("error_request_count", 1.0)], Some(4.0));
        check_derived(&super::METRIC, &[], None);
    }
}
