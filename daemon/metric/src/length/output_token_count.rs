//! Tokens of the answer, without reasoning.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("output_token_count", "Output Token Count", value)
    .unit(Unit::Tokens)
    .group(Group::Hidden)
    .flags(Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER))
    .text(
        "Tokens of the concatenated answer text and tool calls by the tokenizer; with --use-server-token- \
         count, completion - reasoning. No value if zero.",
    );

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.answer_length().map(Value::count)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn reasoning_does_not_count() {
        check(&super::METRIC, |_| (), Some(8.0));
        check(&super::METRIC, |request| request.output_tokens = Some(0), None);
    }

    #[test]
    fn the_servers_count_can_be_used() {
        crate::testing::check_by_server(&super::METRIC, |_| (), Some(8.0));
    }
}
