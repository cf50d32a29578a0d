//! The gap between the arrivals of the first two events with content.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::record("kernel_time_to_second_token", "Kernel Time to Second Token", value)
        .short("Kernel TTST")
        .latency()
        .ours(Group::Kernel)
        .order(3010)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
        .text("second_token_kernel - first_token_kernel.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    Value::span(case.first_token_kernel_ns?, case.second_token_kernel_ns?)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn it_is_a_gap() {
        check(&super::METRIC, |_| (), Some(10e6));
    }
}
