//! Requested output tokens.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("requested_osl", "Requested OSL", value)
    .unit(Unit::Tokens)
    .group(Group::Hidden)
    .flags(Flags::PRODUCES_TOKENS_ONLY.and(Flags::INTERNAL))
    .text("The max_tokens (or max_completion_tokens) of the request.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.requested_output_tokens.map(Value::count)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_the_requests_limit() {
        check(&super::METRIC, |_| (), Some(10.0));
    }
}
