//! From the first request to the last token, without the time between measured phases.

use crate::metric::{Group, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::derived("benchmark_duration", "Benchmark Duration", value)
    .shown(Unit::Nanoseconds, Unit::Seconds)
    .group(Group::Hidden)
    .text("max_response_timestamp - min_request_timestamp; of several measured phases the sum of their windows.");

fn value(totals: &Totals) -> Option<Value> {
    let span = totals.get("max_response_timestamp")?.get() - totals.get("min_request_timestamp")?.get();
    totals.windows().or_else(|| Value::new(span))
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
