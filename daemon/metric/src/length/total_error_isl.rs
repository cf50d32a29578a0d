//! The sum of `error_isl` over requests.

use crate::metric::{Flags, Group, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::derived("total_error_isl", "Total Error Input Sequence Length", value)
        .unit(Unit::Tokens)
        .group(Group::Hidden)
        .flags(Flags::ERROR_ONLY.and(Flags::LARGER_IS_BETTER).and(Flags::TOKENIZES_INPUT_ONLY))
        .text("sum of error_isl.");

fn value(totals: &Totals) -> Option<Value> {
    totals.get("error_isl")
}

#[cfg(test)]
mod tests {
    use crate::testing::check_derived;

    #[test]
    fn it_is_the_sum() {
        check_derived(&super::METRIC, &[("error_isl", 12.0)], Some(12.0));
        check_derived(&super::METRIC, &[], None);
    }
}
