//! Goodput over the observed time.

use crate::metric::{Flags, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::derived("goodput", "Goodput", value)
    .unit(Unit::RequestsPerSecond)
    .order(1000)
    .flags(Flags::GOODPUT)
    .text("good_request_count / observed duration: the phase's window, or else benchmark_duration.");

fn value(totals: &Totals) -> Option<Value> {
    totals.per_second("good_request_count")
}

#[cfg(test)]
mod tests {
    use crate::testing::check_derived;

    #[test]
    fn it_is_a_rate() {
        check_derived(
            &super::METRIC,
            &[("good_request_count", 12.0), ("benchmark_duration", 2e9)],
            Some(6.0),
        );
        check_derived(&super::METRIC, &[("good_request_count", 12.0)], None);
    }
}
