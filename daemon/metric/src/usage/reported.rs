//! The server's own token counts per request, one per row of the table.

use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

macro_rules! reported {
    ($($name:ident $tag:ident $header:literal $order:literal ($flags:expr) $text:literal;)*) => {$(
        #[doc = $header]
        pub(crate) const $name: Metric =
            Metric::record(stringify!($tag), $header, |case| case.$tag.map(Value::count))
                .unit(Unit::Tokens)
                .order($order)
                .group(Group::Usage)
                .flags($flags)
                .text($text);
    )*};
}

reported! {
    PROMPT usage_prompt_tokens "Usage Prompt Tokens" 1000 (Flags::LARGER_IS_BETTER.and(Flags::TOKENIZES_INPUT_ONLY)) "The server's count of prompt tokens.";
    CACHE_READ usage_prompt_cache_read_tokens "Usage Prompt Cache Read Tokens" 1010 (Flags::LARGER_IS_BETTER)
        "The server's count of prompt tokens read from a cache.";
    CACHE_WRITE usage_prompt_cache_write_tokens "Usage Prompt Cache Write Tokens" 1015 (Flags::NONE)
        "The server's count of prompt tokens written to a cache.";
    CACHE_MISS usage_prompt_cache_miss_tokens "Usage Prompt Cache Miss Tokens" 1017 (Flags::NONE)
        "The server's count of prompt tokens that missed the cache.";
    PROMPT_AUDIO usage_prompt_audio_tokens "Usage Prompt Audio Tokens" 1020 (Flags::LARGER_IS_BETTER.and(Flags::SUPPORTS_AUDIO_ONLY))
        "The server's count of audio tokens in the prompt.";
    TOOL_PROMPT usage_tool_use_prompt_tokens "Usage Tool Use Prompt Tokens" 1030 (Flags::NONE)
        "The server's count of prompt tokens for tool use.";
    COMPLETION usage_completion_tokens "Usage Completion Tokens" 1100 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER))
        "The server's count of completion tokens, reasoning included.";
    REASONING usage_reasoning_tokens "Usage Reasoning Tokens" 1110 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER)) "The server's count of reasoning tokens.";
    COMPLETION_AUDIO usage_completion_audio_tokens "Usage Completion Audio Tokens" 1120 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER).and(Flags::SUPPORTS_AUDIO_ONLY))
        "The server's count of audio tokens in the completion.";
    ACCEPTED_PREDICTION usage_accepted_prediction_tokens "Usage Accepted Prediction Tokens" 1130 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER))
        "The server's count of predicted tokens that were accepted.";
    REJECTED_PREDICTION usage_rejected_prediction_tokens "Usage Rejected Prediction Tokens" 1140 (Flags::PRODUCES_TOKENS_ONLY)
        "The server's count of predicted tokens that were rejected.";
    TOTAL usage_total_tokens "Usage Total Tokens" 1200 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER)) "The server's count of prompt and completion tokens.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check;

    #[test]
    fn each_is_the_servers_count() {
        let table = [
            (&PROMPT, Some(25.0)),
            (&CACHE_READ, Some(5.0)),
            (&CACHE_WRITE, None),
            (&COMPLETION, Some(10.0)),
            (&REASONING, Some(2.0)),
            (&TOTAL, Some(35.0)),
        ];
        for (metric, expected) in table {
            check(metric, |_| (), expected);
        }
    }
}
