//! Input Token Throughput over the observed time.

use crate::metric::{Flags, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::derived("input_token_throughput", "Input Token Throughput", value)
    .short("Input TPS")
    .unit(Unit::TokensPerSecond)
    .order(805)
    .flags(Flags::LARGER_IS_BETTER)
    .text("total_isl / observed duration: the phase's window, or else benchmark_duration.");

fn value(totals: &Totals) -> Option<Value> {
    totals.per_second("total_isl")
}

#[cfg(test)]
mod tests {
    use crate::testing::check_derived;

    #[test]
    fn it_is_a_rate() {
        check_derived(&super::METRIC, &[("total_isl", 12.0), ("benchmark_duration", 2e9)], Some(6.0));
        check_derived(&super::METRIC, &[("total_isl", 12.0)], None);
    }
}
