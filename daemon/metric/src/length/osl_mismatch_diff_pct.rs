//! The relative difference of the output length to the requested one.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("osl_mismatch_diff_pct", "OSL Mismatch Diff %", value)
    .unit(Unit::Percent)
    .group(Group::Hidden)
    .flags(Flags::PRODUCES_TOKENS_ONLY.and(Flags::DISABLE_ON_ACCURACY))
    .text("100 * (output_sequence_length - requested) / requested.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    let requested = f64::from(case.requested_output_tokens?);
    Value::new((f64::from(case.output_length()?) - requested) / requested * 100.0)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_signed() {
        check(&super::METRIC, |_| (), Some(10.0));
        check(&super::METRIC, |request| request.requested_output_tokens = Some(44), Some(-75.0));
        check(&super::METRIC, |request| request.requested_output_tokens = Some(0), None);
    }
}
