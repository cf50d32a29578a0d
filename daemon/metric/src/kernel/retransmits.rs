//! Retransmitted segments of the request.

use crate::case::Case;
use crate::metric::{Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("retransmits", "Retransmits", value)
    .unit(Unit::Count)
    .ours(Group::Kernel)
    .order(3100)
    .text("retransmits, from the kernel.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.retransmits.map(Value::count)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn they_are_counted() {
        check(&super::METRIC, |_| (), Some(1.0));
    }
}
