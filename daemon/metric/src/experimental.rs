//! AIPerf's experimental metrics: computed, but not exported by either tool.

use crate::case::Case;
use crate::latency::time_to_first_token;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

/// Stream Setup Latency
pub(crate) const STREAM_SETUP: Metric = Metric::record("stream_setup_latency", "Stream Setup Latency", setup)
    .latency()
    .group(Group::Hidden)
    .flags(Flags::STREAMING_ONLY.and(Flags::EXPERIMENTAL))
    .text("head_reaped - submitted.");

/// Stream Prefill Latency
pub(crate) const STREAM_PREFILL: Metric =
    Metric::record("stream_prefill_latency", "Stream Prefill Latency", prefill)
        .latency()
        .group(Group::Hidden)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY).and(Flags::EXPERIMENTAL))
        .text("time_to_first_token - stream_setup_latency.");

/// Thinking Efficiency
pub(crate) const THINKING: Metric = Metric::record("thinking_efficiency", "Thinking Efficiency", thinking)
    .unit(Unit::Ratio)
    .group(Group::Hidden)
    .flags(Flags::PRODUCES_TOKENS_ONLY.and(Flags::SUPPORTS_REASONING).and(Flags::EXPERIMENTAL))
    .text("reasoning_token_count / output_token_count.");

/// Overall Thinking Efficiency
pub(crate) const OVERALL_THINKING: Metric =
    Metric::derived("overall_thinking_efficiency", "Overall Thinking Efficiency", overall)
        .short("Overall Eff.")
        .unit(Unit::Ratio)
        .group(Group::Hidden)
        .flags(Flags::PRODUCES_TOKENS_ONLY.and(Flags::SUPPORTS_REASONING).and(Flags::EXPERIMENTAL))
        .text("total_reasoning_tokens / total_output_tokens.");

fn setup(case: &Case<'_>) -> Option<Value> {
    case.since_submitted(case.head_reaped_ns)
}

fn prefill(case: &Case<'_>) -> Option<Value> {
    let rest = time_to_first_token::value(case)?.get() - setup(case)?.get();
    Value::new(rest).filter(|rest| *rest >= Value::ZERO)
}

fn thinking(case: &Case<'_>) -> Option<Value> {
    Value::ratio(Value::count(case.reasoning_length()?), Value::count(case.answer_length()?))
}

fn overall(totals: &Totals) -> Option<Value> {
    Value::ratio(totals.get("total_reasoning_tokens")?, totals.get("total_output_tokens")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, check_derived};

    #[test]
    fn formulas() {
        check(&STREAM_SETUP, |_| (), Some(10e6));
        check(&STREAM_PREFILL, |_| (), Some(11e6));
        check(&THINKING, |_| (), Some(3.0 / 8.0));
        check_derived(
            &OVERALL_THINKING,
            &[("total_reasoning_tokens", 5.0), ("total_output_tokens", 10.0)],
            Some(0.5),
        );
    }
}
