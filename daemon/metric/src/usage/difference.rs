//! The relative difference between the server's token counts and ours, 100 * abs(usage - ours) / ours, and how often it is
//! large.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// Prompt tokens.
pub(crate) const PROMPT: Metric =
    difference("usage_prompt_tokens_diff_pct", "Usage Prompt Diff %", Flags::TOKENIZES_INPUT_ONLY, prompt)
        .text("100 * abs(usage_prompt_tokens - input_sequence_length) / input_sequence_length.");

/// Completion tokens.
pub(crate) const COMPLETION: Metric = difference(
    "usage_completion_tokens_diff_pct",
    "Usage Completion Diff %",
    Flags::PRODUCES_TOKENS_ONLY,
    completion,
)
.text("100 * abs(usage_completion_tokens - output_sequence_length) / output_sequence_length.");

/// Reasoning tokens.
pub(crate) const REASONING: Metric = difference(
    "usage_reasoning_tokens_diff_pct",
    "Usage Reasoning Diff %",
    Flags::PRODUCES_TOKENS_ONLY.and(Flags::SUPPORTS_REASONING),
    reasoning,
)
.text("100 * abs(usage_reasoning_tokens - reasoning_token_count) / reasoning_token_count.");

/// Requests whose counts differ too much.
pub(crate) const COUNT: Metric =
    Metric::sum("usage_discrepancy_count", "Usage Discrepancy Count", discrepancy)
        .unit(Unit::Requests)
        .group(Group::Hidden)
        .flags(Flags::USAGE_DIFF_ONLY.and(Flags::NO_INDIVIDUAL_RECORDS))
        .text("Requests with any of the three differences above 10 %.");

const fn difference(
    tag: &'static str,
    header: &'static str,
    flags: Flags,
    formula: fn(&Case<'_>) -> Option<Value>,
) -> Metric {
    Metric::record(tag, header, formula)
        .unit(Unit::Percent)
        .group(Group::Hidden)
        .flags(flags.and(Flags::USAGE_DIFF_ONLY))
}

fn prompt(case: &Case<'_>) -> Option<Value> {
    percent(case.usage_prompt_tokens, case.input_length())
}

fn completion(case: &Case<'_>) -> Option<Value> {
    percent(case.usage_completion_tokens, case.output_length())
}

fn reasoning(case: &Case<'_>) -> Option<Value> {
    percent(case.usage_reasoning_tokens, case.reasoning_length())
}

fn discrepancy(case: &Case<'_>) -> Option<Value> {
    let differences = [prompt(case), completion(case), reasoning(case)];
    if differences.iter().all(Option::is_none) {
        return None;
    }
    let off = differences.into_iter().flatten().any(|percent| percent.get() > TOLERATED_PERCENT);
    Some(if off { Value::ONE } else { Value::ZERO })
}

fn percent(usage: Option<u32>, ours: Option<u32>) -> Option<Value> {
    let (usage, ours) = (f64::from(usage?), f64::from(ours?));
    Value::new((usage - ours).abs() / ours * 100.0)
}

const TOLERATED_PERCENT: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check;

    #[test]
    fn differences_are_relative_to_our_count() {
        check(&PROMPT, |_| (), Some(25.0));
        check(&COMPLETION, |request| request.usage_completion_tokens = Some(22), Some(100.0));
        check(&REASONING, |request| request.reasoning_tokens = None, None);
    }

    #[test]
    fn ten_percent_are_tolerated() {
        check(&COUNT, |_| (), Some(1.0));
        let close = |request: &mut record::Request| {
            request.usage_prompt_tokens = Some(22);
            request.usage_reasoning_tokens = Some(3);
        };
        check(&COUNT, close, Some(0.0));
    }
}
