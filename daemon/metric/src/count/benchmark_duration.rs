//! From the first request to the last token.

use crate::metric::{Group, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::derived("benchmark_duration", "Benchmark Duration", value)
    .shown(Unit::Nanoseconds, Unit::Seconds)
    .group(Group::Hidden)
    .text("max_response_timestamp - min_request_timestamp.");

fn value(totals: &Totals) -> Option<Value> {
    Value::new(totals.get("max_response_timestamp")?.get() - totals.get("min_request_timestamp")?.get())
}

#[cfg(test)]
mod tests {
    use crate::testing::check_derived;

    #[test]
    fn failures_count() {
        check_derived(
            &super::METRIC,
            &[("max_response_timestamp", 9.0), ("min_request_timestamp", 4.0)],
            Some(5.0),
        );
    }
}
