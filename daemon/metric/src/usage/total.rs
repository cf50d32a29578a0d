//! Sums of the server's own token counts over requests, one per row of the table, and the share read from a cache.

use crate::metric::{Flags, Group, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

macro_rules! totals {
    ($($name:ident $tag:ident $header:literal $order:literal ($flags:expr) of $of:ident;)*) => {$(
        #[doc = $header]
        pub(crate) const $name: Metric =
            Metric::derived(stringify!($tag), $header, |totals| totals.get(stringify!($of)))
                .unit(Unit::Tokens)
                .order($order)
                .group(Group::Usage)
                .flags($flags)
                .text(concat!("sum of ", stringify!($of), "."));
    )*};
}

totals! {
    PROMPT total_usage_prompt_tokens "Total Usage Prompt Tokens" 2000 (Flags::LARGER_IS_BETTER.and(Flags::TOKENIZES_INPUT_ONLY)) of usage_prompt_tokens;
    CACHE_READ total_usage_prompt_cache_read_tokens "Total Usage Prompt Cache Read Tokens" 2010 (Flags::LARGER_IS_BETTER)
        of usage_prompt_cache_read_tokens;
    CACHE_WRITE total_usage_prompt_cache_write_tokens "Total Usage Prompt Cache Write Tokens" 2015 (Flags::NONE)
        of usage_prompt_cache_write_tokens;
    CACHE_MISS total_usage_prompt_cache_miss_tokens "Total Usage Prompt Cache Miss Tokens" 2017 (Flags::NONE)
        of usage_prompt_cache_miss_tokens;
    PROMPT_AUDIO total_usage_prompt_audio_tokens "Total Usage Prompt Audio Tokens" 2020 (Flags::LARGER_IS_BETTER.and(Flags::SUPPORTS_AUDIO_ONLY))
        of usage_prompt_audio_tokens;
    TOOL_PROMPT total_usage_tool_use_prompt_tokens "Total Usage Tool Use Prompt Tokens" 2030 (Flags::NONE)
        of usage_tool_use_prompt_tokens;
    COMPLETION total_usage_completion_tokens "Total Usage Completion Tokens" 2100 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER)) of usage_completion_tokens;
    REASONING total_usage_reasoning_tokens "Total Usage Reasoning Tokens" 2110 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER)) of usage_reasoning_tokens;
    COMPLETION_AUDIO total_usage_completion_audio_tokens "Total Usage Completion Audio Tokens" 2120 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER).and(Flags::SUPPORTS_AUDIO_ONLY))
        of usage_completion_audio_tokens;
    ACCEPTED_PREDICTION total_usage_accepted_prediction_tokens "Total Usage Accepted Prediction Tokens" 2130 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER))
        of usage_accepted_prediction_tokens;
    REJECTED_PREDICTION total_usage_rejected_prediction_tokens "Total Usage Rejected Prediction Tokens" 2140 (Flags::PRODUCES_TOKENS_ONLY)
        of usage_rejected_prediction_tokens;
    TOTAL total_usage_total_tokens "Total Usage Total Tokens" 2200 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER)) of usage_total_tokens;
}

/// The share of prompt tokens that were read from a cache.
pub(crate) const CACHE_READ_SHARE: Metric = Metric::derived(
    "overall_usage_prompt_cache_read_pct",
    "Overall Usage Prompt Cache Read %",
    cache_read_share,
)
.unit(Unit::Percent)
.order(2012)
.group(Group::Usage)
.flags(Flags::LARGER_IS_BETTER)
.text("100 * total_usage_prompt_cache_read_tokens / total_usage_prompt_tokens.");

fn cache_read_share(totals: &Totals) -> Option<Value> {
    let read = totals.get("total_usage_prompt_cache_read_tokens")?.get();
    Value::new(read / totals.get("total_usage_prompt_tokens")?.get() * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_derived;

    #[test]
    fn totals_are_sums() {
        check_derived(&COMPLETION, &[("usage_completion_tokens", 30.0)], Some(30.0));
        check_derived(&CACHE_WRITE, &[], None);
    }

    #[test]
    fn the_share_is_in_percent() {
        let totals = [("total_usage_prompt_cache_read_tokens", 1.0), ("total_usage_prompt_tokens", 4.0)];
        check_derived(&CACHE_READ_SHARE, &totals, Some(25.0));
    }
}
