//! Parses the responses of a request by AIPerf's rules: kinds of events, texts to count, the server's own counts.

use crate::error::ImportError;
use common::reply_event::{EventKind, UNKNOWN, Usage, known};
use endpoint::{Endpoint, Reply, SpecDecode, spec_decode};
use record::Request;
use serde_json::Value;

/// A parser of responses.
#[derive(Clone, Copy)]
pub(crate) enum Api {
    /// An endpoint whose responses are text.
    Text(&'static dyn Endpoint),
    /// An endpoint whose responses have no tokens: it only matters whether they have any content.
    Data,
}

/// The accumulated content of a request's responses.
#[derive(Default)]
pub(crate) struct Content {
    text: String,
    reasoning: String,
    usage: Option<Usage>,
    /// The server's count of output tokens up to the first content that has one.
    first_chunk_tokens: Option<u32>,
    spec_decode: Option<SpecDecode>,
    video: Option<(Option<f64>, Option<f64>)>,
}

impl Api {
    pub(crate) fn of(name: &str) -> Result<Self, ImportError> {
        if let Some(endpoint) = endpoint::by_name(name) {
            let produces_tokens = endpoint.metadata().produces_tokens;
            return Ok(if produces_tokens { Self::Text(endpoint) } else { Self::Data });
        }
        let known = endpoint::ENDPOINTS.iter().map(|endpoint| endpoint.metadata().name).collect::<Vec<_>>();
        Err(ImportError::Endpoint { name: name.to_owned(), known: known.join(", ") })
    }
}

impl Content {
    /// Adds the next response; returns its kind.
    pub(crate) fn add(&mut self, api: Api, response: &Value) -> EventKind {
        let Some(packets) = response["packets"].as_array() else {
            return match self.whole(api, response["text"].as_str().unwrap_or_default()) {
                kind if kind.is_content() => EventKind::Body,
                kind => kind,
            };
        };
        let data = packets.iter().filter(|packet| packet["name"] == "data");
        let data = data.filter_map(|packet| packet["value"].as_str()).collect::<Vec<_>>().join("\n");
        match api {
            Api::Text(endpoint) => self.take(&endpoint.event(data.as_bytes())),
            Api::Data => EventKind::Empty,
        }
    }

    fn whole(&mut self, api: Api, body: &str) -> EventKind {
        match api {
            Api::Text(endpoint) => self.take(&endpoint.whole(body.as_bytes())),
            Api::Data => self.data(&serde_json::from_str(body).unwrap_or_default()),
        }
    }

    /// A body that is not text.
    fn data(&mut self, body: &Value) -> EventKind {
        let video = (body["inference_time_s"].as_f64(), body["peak_memory_mb"].as_f64());
        if video != (None, None) {
            self.video = Some(video);
        }
        if has_data(body) { EventKind::Body } else { EventKind::Empty }
    }

    /// Reasoning has precedence over tool calls, and these over text: what accompanies the first of them is ignored, except
    /// text with reasoning.
    fn take(&mut self, reply: &Reply<'_>) -> EventKind {
        self.usage = reply.usage.or(self.usage);
        if let Some(reported) = reply.extras.as_ref().and_then(|extras| extras.spec_decode.clone()) {
            self.spec_decode = Some(reported.and(self.spec_decode.take()));
        }
        let filled = [&reply.reasoning, &reply.tool_call, &reply.content].map(|text| !text.is_empty());
        let kind = match filled {
            [true, _, true] => EventKind::ReasoningAndContent,
            [true, _, false] => EventKind::Reasoning,
            [false, true, _] => EventKind::ToolCall,
            [false, false, true] => EventKind::Content,
            [false, false, false] => return reply.kind,
        };
        if let Some(usage) = reply.usage {
            self.first_chunk_tokens = self.first_chunk_tokens.or(Some(usage.completion));
        }
        match kind {
            EventKind::ToolCall => self.text.push_str(&reply.tool_call),
            _ => {
                self.reasoning.push_str(&reply.reasoning);
                self.text.push_str(&reply.content);
            }
        }
        kind
    }

    /// Stores the counts in the request; `count` is given unless only the server's counts are used.
    pub(crate) fn counts(&self, request: &mut Request, count: Option<&dyn Fn(&str) -> u32>) {
        if let Some(count) = count {
            let counted = |text: &str| (!text.is_empty()).then(|| count(text));
            request.output_tokens = counted(&self.text);
            request.reasoning_tokens = counted(&self.reasoning);
        }
        if let Some(SpecDecode::Reported { drafts, histogram }) = &self.spec_decode {
            request.spec_decode_steps = known(drafts.steps);
            request.spec_decode_accepted_tokens = known(drafts.accepted);
            request.spec_decode_draft_tokens = known(drafts.drafted);
            request.spec_decode_acceptance_length = drafts.acceptance_length.get();
            request.spec_decode_acceptance_rate = drafts.acceptance_rate.get();
            request.spec_decode_histogram = Some(spec_decode::written(histogram));
        }
        if let Some((seconds, megabytes)) = self.video {
            (request.video_inference_seconds, request.video_peak_megabytes) = (seconds, megabytes);
        }
        let Some(usage) = self.usage else { return };
        request.usage_prompt_audio_seconds = usage.prompt_audio_seconds.get();
        request.usage_prompt_tokens = known(usage.prompt);
        request.usage_completion_tokens = known(usage.completion);
        request.usage_total_tokens = known(usage.total);
        request.usage_reasoning_tokens = known(usage.reasoning);
        request.usage_prompt_cache_read_tokens = known(usage.cache_read);
        request.usage_prompt_cache_write_tokens = known(usage.cache_write);
        request.usage_prompt_cache_miss_tokens = known(usage.cache_miss);
        request.usage_prompt_audio_tokens = known(usage.prompt_audio);
        request.usage_tool_use_prompt_tokens = known(usage.tool_prompt);
        request.usage_completion_audio_tokens = known(usage.completion_audio);
        request.usage_accepted_prediction_tokens = known(usage.accepted_prediction);
        request.usage_rejected_prediction_tokens = known(usage.rejected_prediction);
    }
}

impl Content {
    /// The text with tool calls, and the reasoning.
    pub(crate) fn texts(self) -> (String, String) {
        (self.text, self.reasoning)
    }

    /// Stores the tokens of the first chunk in the request.
    pub(crate) fn first_chunk(&self, request: &mut Request) {
        request.first_chunk_tokens = self.first_chunk_tokens.filter(|count| *count != UNKNOWN);
    }
}

/// Whether a body that is not text contains results: embeddings, rankings, images.
fn has_data(body: &Value) -> bool {
    let is_filled = |value: &Value| value.as_array().is_some_and(|items| !items.is_empty());
    let text = body["text"].as_str().is_some_and(|text| !text.is_empty());
    is_filled(body) || text || DATA_KEYS.iter().any(|key| is_filled(&body[*key]))
}

const DATA_KEYS: &[&str] = &["data", "embeddings", "embedding", "rankings", "results"];

#[cfg(test)]
mod tests {
    use super::*;
    use common::id::RequestId;
    use serde_json::json;

    fn check(endpoint: &str, responses: &[Value], kinds: &[EventKind], counts: [Option<u32>; 3]) {
        let api = Api::of(endpoint).unwrap();
        let mut content = Content::default();
        let found = responses.iter().map(|response| content.add(api, response)).collect::<Vec<_>>();
        assert_eq!(found, kinds, "{responses:?}");
        let mut request = Request::blank(RequestId(0));
        let length = |text: &str| u32::try_from(text.len()).unwrap();
        content.counts(&mut request, Some(&length));
        let found = [request.output_tokens, request.reasoning_tokens, request.usage_completion_tokens];
        assert_eq!(found, counts, "{responses:?}");
    }

    fn event(delta: Value) -> Value {
        let data = json!({"object": "chat.completion.chunk", "choices": [{"delta": delta}]});
        json!({"perf_ns": 1, "packets": [{"name": "data", "value": data.to_string()}]})
    }

    #[test]
    fn streams() {
        use EventKind::{Content, Done, Empty, Reasoning, ReasoningAndContent, Role, ToolCall};
        let calls = json!([{"function": {"name": "fn"}}]);
        let responses = [
            event(json!({"role": "assistant", "content": ""})),
            event(json!({"reasoning": "abc"})),
            event(json!({"reasoning": "d", "content": "x"})),
            event(json!({"content": "yz"})),
            event(json!({"content": "lost", "tool_calls": calls})),
            json!({"packets": [{"name": "comment", "value": "ping"}]}),
            json!({"packets": [{"name": "data", "value": "[DONE]"}]}),
        ];
        let kinds = [Role, Reasoning, ReasoningAndContent, Content, ToolCall, Empty, Done];
        check("chat", &responses, &kinds, [Some(5), Some(4), None]);
    }

    #[test]
    fn the_last_usage_counts() {
        let usage = |count: u32| {
            let data =
                json!({"object": "text_completion", "choices": [], "usage": {"completion_tokens": count}});
            json!({"packets": [{"name": "data", "value": data.to_string()}]})
        };
        check("completions", &[usage(1), usage(2)], &[EventKind::Usage; 2], [None, None, Some(2)]);
    }

    #[test]
    fn bodies() {
        let body = json!({"object": "text_completion", "choices": [{"text": "abc"}]});
        check("completions", &[json!({"text": body.to_string()})], &[EventKind::Body], [Some(3), None, None]);
        let body = json!({"data": [{"object": "embedding", "embedding": [0.5]}]});
        check("embeddings", &[json!({"text": body.to_string()})], &[EventKind::Body], [None, None, None]);
        check("embeddings", &[json!({"text": "{}"})], &[EventKind::Empty], [None, None, None]);
        check("chat", &[json!({})], &[EventKind::Error], [None, None, None]);
    }

    #[test]
    fn an_unknown_endpoint_is_refused() {
        let refused = Api::of("telepathy").err().unwrap().to_string();
        assert!(refused.contains("telepathy") && refused.contains("chat"), "{refused}");
    }
}
