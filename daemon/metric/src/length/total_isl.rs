//! The sum of `input_sequence_length` over requests.

use crate::metric::{Flags, Group, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::derived("total_isl", "Total Input Sequence Length", value)
    .unit(Unit::Tokens)
    .group(Group::Hidden)
    .flags(Flags::TOKENIZES_INPUT_ONLY.and(Flags::LARGER_IS_BETTER))
    .text("sum of input_sequence_length.");

fn value(totals: &Totals) -> Option<Value> {
    totals.get("input_sequence_length")
}

#[cfg(test)]
mod tests {
    use crate::testing::check_derived;

    #[test]
    fn it_is_the_sum() {
        check_derived(&super::METRIC, &[("input_sequence_length", 12.0)], Some(12.0));
        check_derived(&super::METRIC, &[], None);
    }
}
