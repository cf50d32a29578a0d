//! The client's overhead before the server could receive the request.

use crate::case::Case;
use crate::metric::{Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("client_send_overhead", "Client Send Overhead", value)
    .short("Send Overhead")
    .latency()
    .ours(Group::Client)
    .order(4040)
    .text("kernel_sent_last - due.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    // The due time of another process's request is unknown.
    case.submitted_ns?;
    case.since_due(case.kernel_sent_last_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn due_to_last_byte() {
        check(&super::METRIC, |_| (), Some(2e6));
        check(&super::METRIC, |request| request.submitted_ns = None, None);
    }
}
