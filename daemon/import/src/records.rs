//! Parses a line of `profile_export.jsonl` to a request with its events: the timestamps are computed from the request's own
//! metrics.
//!
//! What cannot be derived is absent: events without content, and the distinction of tool calls or reasoning from text after the
//! first event of the answer.

use crate::raw::{foreign, identity, milestones};
use crate::run::Seen;
use common::clock::MonoNs;
use common::reply_event::EventKind;
use metric::{Value as Number, whole};
use record::{Request, Token};
use serde_json::Value;
use store::Exchange;

/// Parses a line to a request with its events.
///
/// # Errors
/// Which field is missing.
pub fn record_line(place: u64, line: &Value) -> Result<Exchange, String> {
    exchange(place, line, &mut Seen::default())
}

/// Like [`record_line`], with conversation numbers that are consistent across lines.
pub(crate) fn exchange(place: u64, line: &Value, seen: &mut Seen) -> Result<Exchange, String> {
    let mut request = identity(place, line, seen)?;
    let metrics = Metrics(&line["metrics"]);
    let submitted = request.submitted_ns.unwrap_or(request.due_ns);
    let at = |tag: &str| metrics.nanoseconds(tag).map(|since| MonoNs(submitted.0.saturating_add(since)));
    let mut stamps = Vec::new();
    let last = at("request_latency");
    if let Some(first) = at("time_to_first_token") {
        stamps.push(first);
        for gap in metrics.gaps() {
            let before = stamps.last().copied().unwrap_or(first);
            stamps.push(MonoNs(before.0.saturating_add_signed(gap)));
        }
    }
    if stamps.last().copied() != last {
        stamps.extend(last);
    }
    let answer = at("time_to_first_output_token");
    let is_stream = !line["metrics"]["time_to_first_token"].is_null();
    let kind = |stamp: MonoNs| match (is_stream, answer) {
        (false, _) => EventKind::Body,
        (true, Some(answer)) if stamp < answer => EventKind::Reasoning,
        (true, _) => EventKind::Content,
    };
    let tokens = stamps.iter().zip(0..);
    let tokens = tokens.map(|(stamp, index)| Token::noticed(request.request_id, index, kind(*stamp), *stamp));
    let tokens = tokens.collect::<Vec<_>>();
    milestones(&mut request, &tokens);
    counts(&mut request, &metrics);
    Ok(Exchange { request, tokens, responses: Vec::new(), foreign: Some(foreign(line)) })
}

/// AIPerf's counts of a request.
pub(crate) fn counts(request: &mut Request, metrics: &Metrics<'_>) {
    let count = |tag: &str| metrics.count(tag);
    request.input_tokens = count("input_sequence_length").or_else(|| count("error_isl"));
    request.output_tokens = count("output_token_count");
    request.reasoning_tokens = count("reasoning_token_count");
    request.requested_output_tokens = request.requested_output_tokens.or_else(|| metrics.requested());
    request.usage_prompt_tokens = count("usage_prompt_tokens");
    request.usage_completion_tokens = count("usage_completion_tokens");
    request.usage_total_tokens = count("usage_total_tokens");
    request.usage_reasoning_tokens = count("usage_reasoning_tokens");
    request.usage_prompt_cache_read_tokens = count("usage_prompt_cache_read_tokens");
    request.usage_prompt_cache_write_tokens = count("usage_prompt_cache_write_tokens");
    request.usage_prompt_cache_miss_tokens = count("usage_prompt_cache_miss_tokens");
    request.usage_prompt_audio_tokens = count("usage_prompt_audio_tokens");
    request.usage_tool_use_prompt_tokens = count("usage_tool_use_prompt_tokens");
    request.usage_completion_audio_tokens = count("usage_completion_audio_tokens");
    request.usage_accepted_prediction_tokens = count("usage_accepted_prediction_tokens");
    request.usage_rejected_prediction_tokens = count("usage_rejected_prediction_tokens");
    rare(request, metrics);
}

/// Metrics that few runs have.
fn rare(request: &mut Request, metrics: &Metrics<'_>) {
    let (count, number) = (|tag: &str| metrics.count(tag), |tag: &str| metrics.number(tag));
    request.images = count("num_images");
    request.audio_seconds = number("audio_duration");
    request.usage_prompt_audio_seconds = number("usage_prompt_audio_seconds");
    request.video_inference_seconds = number("video_inference_time").map(|milliseconds| milliseconds / 1e3);
    request.video_peak_megabytes = number("video_peak_memory");
    request.spec_decode_steps = count("spec_decode_steps");
    request.spec_decode_accepted_tokens = count("spec_decode_accepted_draft_tokens");
    request.spec_decode_draft_tokens = count("spec_decode_draft_tokens");
    request.spec_decode_acceptance_length = number("spec_decode_acceptance_length");
    request.spec_decode_acceptance_rate =
        number("spec_decode_draft_acceptance_rate").map(|percent| percent / 100.0);
}

/// The metrics of one request, as in its line.
pub(crate) struct Metrics<'a>(pub(crate) &'a Value);

impl Metrics<'_> {
    fn number(&self, tag: &str) -> Option<f64> {
        self.0[tag]["value"].as_f64().and_then(Number::new).map(Number::get)
    }

    fn count(&self, tag: &str) -> Option<u32> {
        u32::try_from(whole(self.number(tag)?.round())).ok()
    }

    /// Converts milliseconds to the nanoseconds that they were computed from.
    fn nanoseconds(&self, tag: &str) -> Option<u64> {
        self.number(tag).map(nanoseconds)
    }

    /// Nanoseconds between events; negative where the later event has the earlier timestamp.
    fn gaps(&self) -> impl Iterator<Item = i64> {
        let gaps = self.0["inter_chunk_latency"]["value"].as_array().into_iter().flatten();
        gaps.filter_map(Value::as_f64).map(|gap| {
            let length = i64::try_from(nanoseconds(gap.abs())).unwrap_or(i64::MAX);
            if gap < 0.0 { -length } else { length }
        })
    }

    /// The requested length, from the relative difference to the real one.
    fn requested(&self) -> Option<u32> {
        let off = self.number("osl_mismatch_diff_pct")?;
        let length = self.number("output_sequence_length")?;
        u32::try_from(whole((length / (1.0 + off / 100.0)).round())).ok()
    }
}

fn nanoseconds(milliseconds: f64) -> u64 {
    whole((milliseconds * 1e6).round())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn timestamps_follow_from_metrics() {
        let line = json!({
            "metadata": {"request_start_ns": 1_000_000_000_u64, "request_end_ns": 2_000_000_000_u64},
            "metrics": {
                "time_to_first_token": {"value": 1.5, "unit": "ms"},
                "time_to_first_output_token": {"value": 2.5, "unit": "ms"},
                "inter_chunk_latency": {"value": [1.0, 0.25], "unit": "ms"},
                "request_latency": {"value": 2.75, "unit": "ms"},
                "output_token_count": {"value": 8},
                "output_sequence_length": {"value": 9},
                "osl_mismatch_diff_pct": {"value": -25.0},
            },
        });
        let Exchange { request, tokens, .. } = record_line(0, &line).unwrap();
        let stamps = tokens.iter().map(|token| token.reaped_ns.0 - 1_000_000_000).collect::<Vec<_>>();
        assert_eq!(stamps, [1_500_000, 2_500_000, 2_750_000], "events with content");
        assert_eq!(tokens[0].kind, EventKind::Reasoning, "before the answer");
        assert_eq!(request.requested_output_tokens, Some(12), "9 is a quarter less");
        assert_eq!(request.output_tokens, Some(8), "as counted");
    }

    #[test]
    fn a_negative_gap_is_a_later_event_with_an_earlier_timestamp() {
        let line = json!({
            "metadata": {"request_start_ns": 1_000_000_000_u64, "request_end_ns": 2_000_000_000_u64},
            "metrics": {
                "time_to_first_token": {"value": 1.5, "unit": "ms"},
                "inter_chunk_latency": {"value": [-0.5, 1.0], "unit": "ms"},
                "request_latency": {"value": 2.0, "unit": "ms"},
            },
        });
        let Exchange { tokens, .. } = record_line(0, &line).unwrap();
        let stamps = tokens.iter().map(|token| token.reaped_ns.0 - 1_000_000_000).collect::<Vec<_>>();
        assert_eq!(stamps, [1_500_000, 1_000_000, 2_000_000], "as AIPerf had them");
    }

    #[test]
    fn a_failure_has_no_events() {
        let line = json!({
            "metadata": {"request_start_ns": 1, "request_end_ns": 2},
            "metrics": {"error_isl": {"value": 5}},
            "error": {"code": 503, "type": "T", "message": "M"},
        });
        let Exchange { request, tokens, .. } = record_line(0, &line).unwrap();
        assert!(tokens.is_empty() && !request.succeeded(), "nothing was received");
        assert_eq!((request.http_status, request.input_tokens), (Some(503), Some(5)), "the known fields");
    }
}
