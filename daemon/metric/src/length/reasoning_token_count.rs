//! Tokens of the reasoning.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("reasoning_token_count", "Reasoning Token Count", value)
    .unit(Unit::Tokens)
    .group(Group::Hidden)
    .flags(Flags::PRODUCES_TOKENS_ONLY.and(Flags::SUPPORTS_REASONING).and(Flags::LARGER_IS_BETTER))
    .text(
        "Tokens of the concatenated reasoning text by the tokenizer; with --use-server-token-count, the \
         server's reasoning tokens.",
    );

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.reasoning_length().map(Value::count)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn zero_is_no_value() {
        check(&super::METRIC, |_| (), Some(3.0));
        check(&super::METRIC, |request| request.reasoning_tokens = Some(0), None);
    }
}
