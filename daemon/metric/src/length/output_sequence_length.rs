//! Tokens of the whole output.

use crate::case::Case;
use crate::metric::{Flags, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("output_sequence_length", "Output Sequence Length", value)
    .short("OSL")
    .unit(Unit::Tokens)
    .order(600)
    .flags(Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER))
    .text("output_token_count + reasoning_token_count.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.output_length().map(Value::count)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn reasoning_counts() {
        check(&super::METRIC, |_| (), Some(11.0));
        check(&super::METRIC, |request| request.reasoning_tokens = None, Some(8.0));
    }
}
