//! Tokens of the input of failed requests.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("error_isl", "Error Input Sequence Length", value)
    .short("Error ISL")
    .unit(Unit::Tokens)
    .group(Group::Hidden)
    .flags(Flags::ERROR_ONLY.and(Flags::LARGER_IS_BETTER).and(Flags::TOKENIZES_INPUT_ONLY))
    .text("input_sequence_length of requests that failed.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.input_length().map(Value::count)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_counted_like_the_input() {
        check(&super::METRIC, |_| (), Some(20.0));
    }
}
