//! Input and output tokens over the observed time.

use crate::metric::{Flags, Group, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::derived("total_token_throughput", "Total Token Throughput", value)
    .unit(Unit::TokensPerSecond)
    .group(Group::Hidden)
    .flags(Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER))
    .text("(total_isl + total_osl) / observed duration.");

fn value(totals: &Totals) -> Option<Value> {
    let tokens = totals.get("total_isl")?.get() + totals.get("total_osl")?.get();
    Value::ratio(Value::new(tokens)?, totals.observed_seconds()?)
}

#[cfg(test)]
mod tests {
    use crate::testing::check_derived;

    #[test]
    fn input_and_output_count() {
        let totals = [("total_isl", 12.0), ("total_osl", 8.0), ("benchmark_duration", 2e9)];
        check_derived(&super::METRIC, &totals, Some(10.0));
    }
}
