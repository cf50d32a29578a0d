//! The mean time per token including the wait for the first: GuideLLM's TPOT.

use crate::case::Case;
use crate::latency::request_latency;
use crate::metric::{Flags, Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric =
    Metric::record("time_per_output_token_including_first", "Time per Output Token (First Included)", value)
        .short("TPOT incl. First")
        .latency()
        .ours(Group::Client)
        .order(4030)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
        .text("(last_token_reaped - submitted) / output_sequence_length.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    Value::ratio(
        request_latency::value(case)?,
        Value::count(case.output_length().filter(|tokens| *tokens > 0)?),
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn every_token_counts() {
        check(&super::METRIC, |_| (), Some(101e6 / 11.0));
    }
}
