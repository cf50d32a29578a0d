//! How many output tokens an event with content carries.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("tokens_per_event", "Tokens per Event", value)
    .unit(Unit::Tokens)
    .ours(Group::Client)
    .order(4090)
    .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
    .text("output_sequence_length / content_events.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    Value::ratio(Value::count(case.output_length()?), Value::count(case.content_events))
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_a_mean() {
        check(&super::METRIC, |_| (), Some(11.0 / 9.0));
    }
}
