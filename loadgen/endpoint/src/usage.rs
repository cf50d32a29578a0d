//! The server's own token counts, by the names that servers use. Of several names for one count the first in
//! [`count_of`]'s order that is present counts.

use crate::json::{Count, Seconds, Text, ignore_scalars};
use common::reply_event::{Measure, UNKNOWN, Usage};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A `usage` object; `None` when it has no counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReportedUsage(pub(crate) Option<Usage>);

/// Which count a key names, and how early it is among the names for it.
type Named = (Field, u8);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Prompt,
    Completion,
    Total,
    Reasoning,
    CacheRead,
    CacheWrite,
    CacheMiss,
    PromptAudio,
    ToolPrompt,
    CompletionAudio,
    AcceptedPrediction,
    RejectedPrediction,
}

fn count_of(key: &str) -> Option<Named> {
    Some(match key {
        "prompt_tokens" => (Field::Prompt, 0),
        "input_tokens" => (Field::Prompt, BESIDE_CACHE),
        "promptTokenCount" => (Field::Prompt, 2),
        "inputTokens" => (Field::Prompt, BESIDE_CACHE_TOO),
        "input_token_count" => (Field::Prompt, 4),
        "completion_tokens" => (Field::Completion, 0),
        "output_tokens" => (Field::Completion, 1),
        "candidatesTokenCount" => (Field::Completion, 2),
        "outputTokens" => (Field::Completion, 3),
        "generated_token_count" => (Field::Completion, 4),
        "total_tokens" => (Field::Total, 0),
        "totalTokenCount" => (Field::Total, 1),
        "totalTokens" => (Field::Total, 2),
        "cache_read_input_tokens" => (Field::CacheRead, BESIDE_CACHE),
        "prompt_cache_hit_tokens" => (Field::CacheRead, 2),
        "cacheReadInputTokens" => (Field::CacheRead, BESIDE_CACHE_TOO),
        "cachedContentTokenCount" => (Field::CacheRead, 4),
        "cached_tokens" => (Field::CacheRead, 5),
        "cache_creation_input_tokens" => (Field::CacheWrite, BESIDE_CACHE),
        "cacheWriteInputTokens" => (Field::CacheWrite, BESIDE_CACHE_TOO),
        "prompt_cache_miss_tokens" => (Field::CacheMiss, 0),
        "thoughtsTokenCount" => (Field::Reasoning, 1),
        "toolUsePromptTokenCount" => (Field::ToolPrompt, 0),
        _ => return None,
    })
}

fn prompt_detail_of(key: &str) -> Option<Named> {
    match key {
        "cached_tokens" => Some((Field::CacheRead, 0)),
        "audio_tokens" => Some((Field::PromptAudio, 0)),
        _ => None,
    }
}

fn completion_detail_of(key: &str) -> Option<Named> {
    match key {
        "reasoning_tokens" => Some((Field::Reasoning, 0)),
        "audio_tokens" => Some((Field::CompletionAudio, 0)),
        "accepted_prediction_tokens" => Some((Field::AcceptedPrediction, 0)),
        "rejected_prediction_tokens" => Some((Field::RejectedPrediction, 0)),
        _ => None,
    }
}

/// Counts, with the rank of the name under which each was found.
struct Counts {
    prompt_audio_seconds: Measure,
    counts: [u32; FIELDS],
    ranks: [u8; FIELDS],
}

impl Counts {
    fn put(&mut self, (field, rank): Named, Count(count): Count) {
        let place = field as usize;
        if count != UNKNOWN && rank < self.ranks[place] {
            self.counts[place] = count;
            self.ranks[place] = rank;
        }
    }

    const fn count(&self, field: Field) -> u32 {
        self.counts[field as usize]
    }

    /// Anthropic and Bedrock count cached tokens separately from the input tokens, not among them.
    fn prompt(&self) -> u32 {
        let mut prompt = self.count(Field::Prompt);
        if matches!(self.ranks[Field::Prompt as usize], BESIDE_CACHE | BESIDE_CACHE_TOO) {
            for field in [Field::CacheRead, Field::CacheWrite] {
                if matches!(self.ranks[field as usize], BESIDE_CACHE | BESIDE_CACHE_TOO) {
                    prompt = prompt.saturating_add(self.count(field));
                }
            }
        }
        prompt
    }

    fn usage(&self) -> Option<Usage> {
        let seconds = self.prompt_audio_seconds;
        if seconds == Measure::UNKNOWN && self.counts.iter().all(|count| *count == UNKNOWN) {
            return None;
        }
        Some(Usage {
            prompt_audio_seconds: seconds,
            prompt: self.prompt(),
            completion: self.count(Field::Completion),
            total: self.count(Field::Total),
            reasoning: self.count(Field::Reasoning),
            cache_read: self.count(Field::CacheRead),
            cache_write: self.count(Field::CacheWrite),
            cache_miss: self.count(Field::CacheMiss),
            prompt_audio: self.count(Field::PromptAudio),
            tool_prompt: self.count(Field::ToolPrompt),
            completion_audio: self.count(Field::CompletionAudio),
            accepted_prediction: self.count(Field::AcceptedPrediction),
            rejected_prediction: self.count(Field::RejectedPrediction),
        })
    }
}

impl<'de> Deserialize<'de> for ReportedUsage {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut counts = Counts {
            prompt_audio_seconds: Measure::UNKNOWN,
            counts: [UNKNOWN; FIELDS],
            ranks: [u8::MAX; FIELDS],
        };
        from.deserialize_any(Object { counts: &mut counts, named: count_of })?;
        Ok(Self(counts.usage()))
    }
}

/// Reads an object's counts. Anything else, such as `null`, has none.
struct Object<'a> {
    counts: &'a mut Counts,
    named: fn(&str) -> Option<Named>,
}

impl<'de> serde::de::DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("token counts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            let details: fn(&str) -> Option<Named> = match &*key {
                "prompt_tokens_details" | "input_tokens_details" => prompt_detail_of,
                "completion_tokens_details" | "output_tokens_details" => completion_detail_of,
                "prompt_audio_seconds" => {
                    let Seconds(seconds) = map.next_value()?;
                    self.counts.prompt_audio_seconds = seconds;
                    continue;
                }
                _ => {
                    match (self.named)(&key) {
                        Some(named) => self.counts.put(named, map.next_value()?),
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                    continue;
                }
            };
            map.next_value_seed(Object { counts: self.counts, named: details })?;
        }
        Ok(())
    }

    ignore_scalars!(());

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<(), A::Error> {
        while parts.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

const FIELDS: usize = 12;
/// Ranks of names whose counts exclude what was read from or written to a cache.
const BESIDE_CACHE: u8 = 1;
const BESIDE_CACHE_TOO: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::usage_described;

    fn check(usage: &str, expected: &str) {
        let ReportedUsage(found) = serde_json::from_str(usage).unwrap();
        assert_eq!(usage_described(found), expected, "{usage}");
    }

    #[test]
    fn names_of_several_vendors() {
        check(
            r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}"#,
            " prompt=1 completion=2 total=3",
        );
        check(
            r#"{"input_tokens":1,"output_tokens":2,"input_tokens_details":{"cached_tokens":4}}"#,
            " prompt=1 completion=2 cache_read=4",
        );
        check(
            r#"{"output_tokens":9,"input_tokens":8,"prompt_tokens":1,"completion_tokens":2}"#,
            " prompt=1 completion=2",
        );
        check(
            r#"{"promptTokenCount":1,"candidatesTokenCount":2,"thoughtsTokenCount":3}"#,
            " prompt=1 completion=2 reasoning=3",
        );
        check(
            r#"{"prompt_tokens":9,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":5}"#,
            " prompt=9 cache_read=4 cache_miss=5",
        );
        check(
            r#"{"completion_tokens_details":{"reasoning_tokens":1,"audio_tokens":2,"accepted_prediction_tokens":3,"rejected_prediction_tokens":4},"prompt_tokens_details":{"audio_tokens":5}}"#,
            " reasoning=1 prompt_audio=5 completion_audio=2 accepted_prediction=3 rejected_prediction=4",
        );
        check(r#"{"prompt_audio_seconds":7}"#, " prompt_audio_seconds=7");
        check(r#"{"prompt_tokens":1,"prompt_audio_seconds":7.25}"#, " prompt=1 prompt_audio_seconds=7.25");
    }

    #[test]
    fn counts_beside_the_cache_are_added() {
        check(
            r#"{"input_tokens":10,"cache_read_input_tokens":5,"cache_creation_input_tokens":2,"output_tokens":1}"#,
            " prompt=17 completion=1 cache_read=5 cache_write=2",
        );
        check(r#"{"prompt_tokens":10,"cache_read_input_tokens":5}"#, " prompt=10 cache_read=5");
    }

    #[test]
    fn what_is_no_count_is_passed_over() {
        check(
            r#"{"prompt_tokens":null,"completion_tokens":2.0,"total_tokens":-1,"x":{"y":[1]}}"#,
            " completion=2",
        );
        check(
            r#"{"prompt_tokens":"7","completion_tokens":[1],"total_tokens":{"a":1},"prompt_tokens_details":[2]}"#,
            "",
        );
        check(r#"{"prompt_tokens_details":null,"prompt_tokens":99999999999}"#, "");
        check(r#"{"prompt_audio_seconds":"7"}"#, "");
        check(r#"{"prompt_audio_seconds":-1,"prompt_tokens":3}"#, " prompt=3");
        for text in ["null", "{}", "7", "[7]", "true", "\"x\"", "-1", "0.5"] {
            check(text, "");
        }
    }
}
