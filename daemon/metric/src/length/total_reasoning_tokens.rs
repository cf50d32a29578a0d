//! The sum of `reasoning_token_count` over requests.

use crate::metric::{Flags, Group, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::derived("total_reasoning_tokens", "Total Reasoning Tokens", value)
    .unit(Unit::Tokens)
    .group(Group::Hidden)
    .flags(Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER))
    .text("sum of reasoning_token_count.");

fn value(totals: &Totals) -> Option<Value> {
    totals.get("reasoning_token_count")
}

#[cfg(test)]
mod tests {
    use crate::testing::check_derived;

    #[test]
    fn it_is_the_sum() {
        check_derived(&super::METRIC, &[("reasoning_token_count", 12.0)], Some(12.0));
        check_derived(&super::METRIC, &[], None);
    }
}
