//! Tokens of the input.

use crate::case::Case;
use crate::metric::{Flags, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("input_sequence_length", "Input Sequence Length", value)
    .short("ISL")
    .unit(Unit::Tokens)
    .order(700)
    .flags(Flags::TOKENIZES_INPUT_ONLY.and(Flags::LARGER_IS_BETTER))
    .text(
        "Tokens of all input texts by the tokenizer; with --use-server-token-count, the server's prompt \
         tokens.",
    );

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.input_length().map(Value::count)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_counted() {
        check(&super::METRIC, |_| (), Some(20.0));
    }

    #[test]
    fn the_servers_count_can_be_used() {
        crate::testing::check_by_server(&super::METRIC, |_| (), Some(25.0));
    }
}
