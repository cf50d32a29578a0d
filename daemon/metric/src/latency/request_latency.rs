//! How long a request took, measured by the client.

use crate::case::Case;
use crate::metric::{Flags, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("request_latency", "Request Latency", value)
    .short("Req Latency")
    .latency()
    .order(300)
    .flags(Flags::PERCENTILE_INCLUDES_FAILED_REQUESTS)
    .text(
        "From the submission of the request to the read of the last event with content, so usage and [DONE] \
         after it do not count: last_token_reaped - submitted.",
    );

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.since_submitted(case.last_token_reaped_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn the_last_event_with_content_ends_it() {
        check(&super::METRIC, |_| (), Some(101e6));
        check(&super::METRIC, |request| request.ended_ns.0 += 1_000_000, Some(101e6));
    }
}
