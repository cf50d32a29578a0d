//! How long a request waited in the server's socket before the server read it.

use crate::case::Case;
use crate::metric::{Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("server_socket_wait", "Server Socket Wait", value)
    .latency()
    .ours(Group::Kernel)
    .order(3085)
    .text("server_read - kernel_sent_last, where the server's own socket was observed with --socket-wait.");

fn value(case: &Case<'_>) -> Option<Value> {
    case.since_sent(case.server_read_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;
    use common::clock::DurationNs;

    #[test]
    fn the_read_ends_it() {
        check(&super::METRIC, |_| (), None);
        let wait = |request: &mut record::Request| {
            request.server_read_ns = request.kernel_sent_last_ns.map(|sent| sent + DurationNs(3_000_000));
        };
        check(&super::METRIC, wait, Some(3e6));
    }
}
