//! How long the server took until its response started.

use crate::case::Case;
use crate::metric::{Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("server_wait_first_byte", "Server Wait (First Byte)", value)
    .latency()
    .ours(Group::Kernel)
    .order(3080)
    .text("head_kernel_received - kernel_sent_last.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.since_sent(case.head_kernel_received_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn the_head_ends_it() {
        check(&super::METRIC, |_| (), Some(8e6));
    }
}
