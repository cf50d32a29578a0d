//! Requests whose output length differs from the requested one.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::sum("osl_mismatch_count", "OSL Mismatch Count", value)
    .unit(Unit::Requests)
    .group(Group::Hidden)
    .flags(Flags::PRODUCES_TOKENS_ONLY.and(Flags::DISABLE_ON_ACCURACY).and(Flags::NO_INDIVIDUAL_RECORDS))
    .text("Requests with abs(output_sequence_length - requested) > min(5 % of requested, 50 tokens).");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    let requested = f64::from(case.requested_output_tokens.filter(|requested| *requested > 0)?);
    let off = (f64::from(case.output_length()?) - requested).abs();
    Some(if off > (requested * 0.05).min(50.0) { Value::ONE } else { Value::ZERO })
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn five_percent_are_allowed() {
        check(&super::METRIC, |_| (), Some(1.0));
        check(&super::METRIC, |request| request.requested_output_tokens = Some(11), Some(0.0));
    }
}
