//! Time to first token, by kernel timestamps: the server and the network, without the client.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::record("kernel_time_to_first_token", "Kernel Time to First Token", value)
        .short("Kernel TTFT")
        .latency()
        .ours(Group::Kernel)
        .order(3000)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
        .text(
            "From the sending of the request's last byte to the arrival of the first event with content: \
         first_token_kernel - kernel_sent_last.",
        );

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.since_sent(case.first_token_kernel_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn client_times_do_not_matter() {
        check(&super::METRIC, |_| (), Some(18e6));
        check(&super::METRIC, |request| request.kernel_sent_last_ns = None, None);
    }
}
