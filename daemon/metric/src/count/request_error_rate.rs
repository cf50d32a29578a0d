//! The share of requests that failed.

use crate::metric::{Flags, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::derived("request_error_rate", "Request Error Rate", value)
    .short("Err %")
    .unit(Unit::Percent)
    .order(1080)
    .flags(Flags::NO_INDIVIDUAL_RECORDS)
    .text("100 * error_request_count / completed_request_count.");

fn value(totals: &Totals) -> Option<Value> {
    let failed = totals.get("error_request_count").map_or(0.0, Value::get);
    Value::new(100.0 * failed / totals.get("completed_request_count")?.get())
}

#[cfg(test)]
mod tests {
    use crate::testing::check_derived;

    #[test]
    fn failures_count() {
        check_derived(
            &super::METRIC,
            &[("completed_request_count", 4.0), ("error_request_count", 1.0)],
            Some(25.0),
        );
    }
}
