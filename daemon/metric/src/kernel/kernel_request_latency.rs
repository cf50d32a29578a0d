//! How long a request took, by kernel timestamps.

use crate::case::Case;
use crate::metric::{Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("kernel_request_latency", "Kernel Request Latency", value)
    .latency()
    .ours(Group::Kernel)
    .order(3040)
    .text(
        "From the sending of the request's last byte to the arrival of the last event with content: \
         last_token_kernel - kernel_sent_last.",
    );

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.since_sent(case.last_token_kernel_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn client_times_do_not_matter() {
        check(&super::METRIC, |_| (), Some(98e6));
    }
}
