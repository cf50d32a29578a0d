//! The connection's smoothed round-trip time when the request was sent.

use crate::case::Case;
use crate::metric::{Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("network_rtt_kernel", "Network RTT (Kernel)", value)
    .short("RTT")
    .latency()
    .ours(Group::Kernel)
    .order(3090)
    .text("smoothed_rtt_us, from the socket.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    Value::new(f64::from(case.smoothed_rtt_us?) * 1e3)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn microseconds_become_nanoseconds() {
        check(&super::METRIC, |_| (), Some(150e3));
    }
}
