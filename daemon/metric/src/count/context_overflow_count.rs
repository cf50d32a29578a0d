//! Failed requests that the server rejected as too long.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::sum("context_overflow_count", "Context Overflow Count", value)
    .unit(Unit::Requests)
    .group(Group::Hidden)
    .flags(Flags::ERROR_ONLY.and(Flags::NO_INDIVIDUAL_RECORDS))
    .text("Failed requests whose error message mentions the context length.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    let message = case.error_message.as_deref().unwrap_or("").to_lowercase();
    let overflowed = OVERFLOW_WORDS.iter().any(|words| message.contains(words));
    Some(if overflowed { Value::ONE } else { Value::ZERO })
}

/// AIPerf's list.
const OVERFLOW_WORDS: &[&str] =
    &["context length", "maximum context", "context_length_exceeded", "prompt is too long"];

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn the_message_identifies_it() {
        check(&super::METRIC, |_| (), Some(0.0));
        check(
            &super::METRIC,
            |request| request.error_message = Some("This model's maximum context length is 8".to_owned()),
            Some(1.0),
        );
    }
}
