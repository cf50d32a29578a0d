//! Time to first token, measured by the client.

use crate::case::Case;
use crate::metric::{Flags, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("time_to_first_token", "Time to First Token", value)
    .short("TTFT")
    .latency()
    .order(100)
    .flags(
        Flags::STREAMING_ONLY
            .and(Flags::PRODUCES_TOKENS_ONLY)
            .and(Flags::PERCENTILE_INCLUDES_FAILED_REQUESTS),
    )
    .text(
        "From the submission of the request to the read of the first event with text, tool call or \
         reasoning: first_token_reaped - submitted.",
    );

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    case.since_submitted(case.first_token_reaped_ns)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn the_first_event_with_content_ends_it() {
        check(&super::METRIC, |_| (), Some(21e6));
        check(&super::METRIC, |request| request.first_token_reaped_ns = None, None);
    }
}
