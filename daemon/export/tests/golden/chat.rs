//! AIPerf's raw export of a chat run as record rows: what the load generator and its scribe would have recorded.
//!
//! Chunks are understood here only as far as the runs need; nothing else depends on this file, so that a shared
//! endpoint crate can replace it.

use common::client_event::Outcome;
use common::clock::MonoNs;
use common::id::RequestId;
use common::reply_event::EventKind;
use export::Exchange;
use record::{Request, Token};
use serde_json::Value;
use tokenizers::Tokenizer;

/// Dates in the rows count from here, so that they are exact on both clocks.
pub(crate) const EPOCH_NS: u64 = 1_795_000_000_000_000_000;

/// What the events of an answer add up to.
#[derive(Default)]
struct Answer {
    text: String,
    reasoning: String,
    usage: Option<Value>,
}

/// One line of `profile_export_raw.jsonl` as a request with its events.
pub(crate) fn exchange(place: u64, line: &Value, tokenizer: &Tokenizer) -> Exchange {
    let metadata = &line["metadata"];
    let date = |key: &str| metadata[key].as_u64().map(|date| MonoNs(date - EPOCH_NS));
    let submitted = date("request_start_ns").unwrap();
    let mut answer = Answer::default();
    let empty = Vec::new();
    let responses = line["responses"].as_array().unwrap_or(&empty);
    let tokens = responses
        .iter()
        .zip(0..)
        .map(|(response, index)| {
            let since = response["perf_ns"].as_u64().unwrap() - line["start_perf_ns"].as_u64().unwrap();
            token(place, index, MonoNs(submitted.0 + since), answer.understand(response))
        })
        .collect::<Vec<_>>();
    let mut request = Request {
        session: metadata["session_num"].as_u64().unwrap(),
        entry: entry(metadata["conversation_id"].as_str().unwrap()),
        phase: metadata["phase_name"].as_str().unwrap().to_owned(),
        due_ns: date("credit_issued_ns").unwrap(),
        submitted_ns: Some(submitted),
        head_reaped_ns: date("request_ack_ns"),
        ended_ns: date("request_end_ns").unwrap(),
        http_status: line["status"].as_u64().map(small),
        input_tokens: Some(count(tokenizer, &input(&line["payload"]))),
        requested_output_tokens: line["payload"]["max_completion_tokens"].as_u64().map(small),
        ..Request::blank(RequestId(place))
    };
    milestones(&mut request, &tokens);
    answer.counts(&mut request, tokenizer);
    if !line["error"].is_null() {
        let error = &line["error"];
        let code = error["code"].as_u64().map(small);
        request.outcome = if code.is_some() { Outcome::HttpStatus } else { Outcome::Truncated };
        request.http_status = code.or(request.http_status);
        request.error_type = error["type"].as_str().map(str::to_owned);
        request.error_message = error["message"].as_str().map(str::to_owned);
    }
    Exchange { request, tokens, responses: Vec::new() }
}

fn milestones(request: &mut Request, tokens: &[Token]) {
    let content = || tokens.iter().filter(|token| token.kind.is_content()).map(|token| token.reaped_ns);
    request.events = u32::try_from(tokens.len()).unwrap();
    request.content_events = u32::try_from(content().count()).unwrap();
    request.first_event_reaped_ns = tokens.first().map(|token| token.reaped_ns);
    request.first_token_reaped_ns = content().next();
    request.second_token_reaped_ns = content().nth(1);
    request.last_token_reaped_ns = content().next_back();
    request.first_answer_reaped_ns =
        tokens.iter().find(|token| token.kind.is_answer()).map(|token| token.reaped_ns);
}

impl Answer {
    fn understand(&mut self, response: &Value) -> EventKind {
        let Some(packets) = response["packets"].as_array() else {
            let body = parse(response["text"].as_str().unwrap());
            self.take_usage(&body);
            return match self.take_texts(&body["choices"][0]["message"]) {
                EventKind::Empty => EventKind::Empty,
                _ => EventKind::Body,
            };
        };
        let data = packets.iter().find(|packet| packet["name"] == "data").unwrap()["value"].as_str().unwrap();
        if data == "[DONE]" {
            return EventKind::Done;
        }
        let chunk = parse(data);
        let has_usage = self.take_usage(&chunk);
        match self.take_texts(&chunk["choices"][0]["delta"]) {
            EventKind::Empty if has_usage => EventKind::Usage,
            EventKind::Empty if !chunk["choices"][0]["delta"]["role"].is_null() => EventKind::Role,
            kind => kind,
        }
    }

    fn take_texts(&mut self, delta: &Value) -> EventKind {
        let text = |key: &str| delta[key].as_str().unwrap_or_default();
        let reasoning = [text("reasoning_content"), text("reasoning")].concat();
        let mut calls = String::new();
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            for key in ["name", "arguments"] {
                calls.push_str(call["function"][key].as_str().unwrap_or_default());
            }
        }
        self.reasoning.push_str(&reasoning);
        self.text.push_str(&calls);
        self.text.push_str(text("content"));
        match (reasoning.is_empty(), text("content").is_empty(), calls.is_empty()) {
            (true, true, true) => EventKind::Empty,
            (_, _, false) => EventKind::ToolCall,
            (false, false, _) => EventKind::ReasoningAndContent,
            (false, true, _) => EventKind::Reasoning,
            (true, false, _) => EventKind::Content,
        }
    }

    fn take_usage(&mut self, chunk: &Value) -> bool {
        let has_usage = chunk["usage"].is_object();
        if has_usage {
            self.usage = Some(chunk["usage"].clone());
        }
        has_usage
    }

    fn counts(&self, request: &mut Request, tokenizer: &Tokenizer) {
        let counted = |text: &str| (!text.is_empty()).then(|| count(tokenizer, text));
        request.output_tokens = counted(&self.text);
        request.reasoning_tokens = counted(&self.reasoning);
        let Some(usage) = &self.usage else { return };
        let number = |value: &Value| value.as_u64().map(small);
        request.usage_prompt_tokens = number(&usage["prompt_tokens"]);
        request.usage_completion_tokens = number(&usage["completion_tokens"]);
        request.usage_total_tokens = number(&usage["total_tokens"]);
        request.usage_reasoning_tokens = number(&usage["completion_tokens_details"]["reasoning_tokens"]);
        request.usage_prompt_cache_read_tokens = number(&usage["prompt_tokens_details"]["cached_tokens"]);
    }
}

fn token(place: u64, index: u32, reaped_ns: MonoNs, kind: EventKind) -> Token {
    Token {
        request_id: RequestId(place),
        index,
        kind,
        kernel_received_ns: None,
        reaped_ns,
        end_offset: 0,
        bytes: 0,
        segment: None,
        events_in_segment: None,
        tokens: None,
        unmatched: None,
    }
}

/// The place in `inputs.json` that a conversation's name tells.
fn entry(conversation: &str) -> u32 {
    conversation.strip_prefix("session_").unwrap().parse().unwrap()
}

/// All texts of the messages, joined by a space.
fn input(payload: &Value) -> String {
    let messages = payload["messages"].as_array().unwrap();
    messages.iter().map(|message| message["content"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

fn count(tokenizer: &Tokenizer, text: &str) -> u32 {
    u32::try_from(tokenizer.encode(text, false).unwrap().len()).unwrap()
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap()
}
