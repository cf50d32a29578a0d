//! `responses`: the OpenAI Responses API.

use crate::json::{Text, append, repaired};
use crate::{Endpoint, Extras, Metadata, Reply, Turn, body, value};
use common::reply_event::EventKind;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The endpoint.
#[derive(Debug)]
pub struct Responses;

impl Endpoint for Responses {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        // A server that keeps answers has the history.
        let previous =
            turns.iter().rev().find_map(|turn| turn.response_id.as_deref()).filter(|_| is_stored(plan));
        let newest = turns.len().saturating_sub(1);
        let asked = if previous.is_some() { turns.get(newest..).unwrap_or_default() } else { turns };
        body.insert("input".to_owned(), Value::Array(input(asked)));
        if let Some(previous) = previous {
            body.insert("previous_response_id".to_owned(), Value::from(previous));
        }
        if let Some(turn) = turns.last() {
            body.insert("model".to_owned(), Value::from(turn.model.as_str()));
            body.insert("stream".to_owned(), Value::Bool(plan.streaming));
            if let Some(system) = turns.first().and_then(|turn| turn.system.as_deref()) {
                body.insert("instructions".to_owned(), Value::from(system));
            }
            if let Some(max_tokens) = turn.max_tokens {
                body.insert("max_output_tokens".to_owned(), Value::from(max_tokens));
            }
            if let Some(tools) = body::tools(turns) {
                body.insert("tools".to_owned(), tools.clone());
            }
            if plan.streaming && plan.use_server_token_count {
                body.insert("stream_options".to_owned(), json!({"include_usage": true}));
            }
            body::merge_extra(&mut body, turn, plan);
        }
        body
    }

    fn unfit(&self, turns: &[Turn], _plan: &spec::Endpoint) -> Option<String> {
        turns.iter().any(|turn| !turn.videos.is_empty()).then(|| "it accepts no videos".to_owned())
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        // Most events are short: their type, the text, and numbers that are not needed here.
        match serde_json::from_slice::<Delta<'a>>(data) {
            Ok(delta) if delta.kind.0.ends_with(".delta") => delta.reply(),
            Ok(_) => rare(data),
            Err(_) => repaired_delta(data).unwrap_or_else(|| rare(data)),
        }
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        value::whole(body).map_or_else(|odd| *odd, |value| whole(&value))
    }
}

fn input(turns: &[Turn]) -> Vec<Value> {
    let mut items = Vec::new();
    if let Some(context) = turns.first().and_then(|turn| turn.context.as_deref()) {
        items.push(
            json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": context}]}),
        );
    }
    for turn in turns {
        match &turn.messages {
            Some(given) => items.extend(given.iter().cloned()),
            None => items.push(json!({"type": "message", "role": turn.role, "content": parts(turn)})),
        }
    }
    items
}

fn parts(turn: &Turn) -> Vec<Value> {
    let text = if turn.role == "assistant" { "output_text" } else { "input_text" };
    let mut parts = turn.contents().map(|content| json!({"type": text, "text": content})).collect::<Vec<_>>();
    parts.extend(turn.images.iter().map(|image| json!({"type": "input_image", "image_url": image.url()})));
    parts.extend(turn.audios.iter().map(|audio| {
        let (format, data) = audio.audio();
        json!({"type": "input_audio", "input_audio": {"data": data, "format": format}})
    }));
    parts
}

/// An event that adds text.
#[derive(serde::Deserialize)]
struct Delta<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(default, borrow)]
    delta: Text<'a>,
}

impl<'a> Delta<'a> {
    fn reply(self) -> Reply<'a> {
        let Self { kind, delta } = self;
        let bare = Reply::bare(EventKind::Empty);
        if delta.0.is_empty() {
            return bare;
        }
        match &*kind.0 {
            "response.output_text.delta" | "response.refusal.delta" => {
                Reply { kind: EventKind::Content, content: delta.0, ..bare }
            }
            "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
                Reply { kind: EventKind::Reasoning, reasoning: delta.0, ..bare }
            }
            "response.function_call_arguments.delta" => {
                Reply { kind: EventKind::ToolCall, tool_call: delta.0, ..bare }
            }
            _ => bare,
        }
    }
}

/// An event that adds no text: text that arrived in pieces is not added again.
fn rare(data: &[u8]) -> Reply<'static> {
    let value = match value::event(data) {
        Ok(value) => value,
        Err(odd) => return *odd,
    };
    let nothing = json!({});
    let response = value.get("response").unwrap_or(&nothing);
    match value.get("type").and_then(Value::as_str).unwrap_or_default() {
        kind @ ("response.completed" | "response.incomplete") => {
            let usage = value::usage(response);
            let status = value::text(response, "/status");
            let event_kind = if usage.is_some() { EventKind::Usage } else { EventKind::Empty };
            // An event that ends the stream has a finish reason, whatever else it contains.
            let finish_reason = if status.is_empty() { kind.to_owned() } else { status };
            let extras = response_id(response);
            Reply { usage, finish_reason: Cow::Owned(finish_reason), extras, ..Reply::bare(event_kind) }
        }
        "response.failed" | "response.cancelled" => failed(response),
        _ => Reply::bare(EventKind::Empty),
    }
}

/// A response that the server gave up.
fn failed(response: &Value) -> Reply<'static> {
    let (code, message) = (value::text(response, "/error/code"), value::text(response, "/error/message"));
    let status = value::text(response, "/status");
    let kind = if code.is_empty() { &status } else { &code };
    Reply::failed(
        kind,
        if message.is_empty() { format!("the response's status is `{status}`") } else { message },
    )
}

/// By what the server knows a response that is complete.
fn response_id(response: &Value) -> Option<Box<Extras>> {
    let is_complete = value::text(response, "/status") == "completed";
    let id =
        response.get("id").and_then(Value::as_str).filter(|id| is_complete && id.len() <= ID_BYTES_MAX)?;
    Some(Box::new(Extras { response_id: Some(id.to_owned()), ..Extras::default() }))
}

/// Whether the server is requested to keep answers (as in AIPerf, text counts as true).
fn is_stored(plan: &spec::Endpoint) -> bool {
    match plan.extra_inputs.get("store") {
        Some(Value::Bool(is)) => *is,
        Some(Value::String(text)) => text.trim().eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// A delta of which only a strict parser refuses the JSON.
#[cold]
fn repaired_delta(data: &[u8]) -> Option<Reply<'static>> {
    let fixed = repaired(data)?;
    let delta = serde_json::from_slice::<Delta<'_>>(&fixed).ok()?;
    delta.kind.0.ends_with(".delta").then(|| delta.reply().into_owned())
}

fn whole(value: &Value) -> Reply<'static> {
    if matches!(value::text(value, "/status").as_str(), "failed" | "cancelled") {
        return failed(value);
    }
    let mut reply = Reply::bare(EventKind::Empty);
    for item in value::items(value, "output") {
        match item.get("type").and_then(Value::as_str).unwrap_or_default() {
            "reasoning" => value::items(item, "summary")
                .chain(value::items(item, "content"))
                .for_each(|part| append(&mut reply.reasoning, Cow::Owned(value::text(part, "/text")))),
            "message" => value::items(item, "content").for_each(|part| {
                append(&mut reply.content, Cow::Owned(value::text(part, "/text")));
                append(&mut reply.content, Cow::Owned(value::text(part, "/refusal")));
            }),
            "function_call" => ["/name", "/arguments"]
                .iter()
                .for_each(|path| append(&mut reply.tool_call, Cow::Owned(value::text(item, path)))),
            _ => {}
        }
    }
    if reply.content.is_empty() {
        reply.content = Cow::Owned(value::text(value, "/output_text"));
    }
    if !(reply.content.is_empty() && reply.reasoning.is_empty() && reply.tool_call.is_empty()) {
        reply.kind = EventKind::Body;
    }
    let finish_reason = Cow::Owned(value::text(value, "/status"));
    Reply { usage: value::usage(value), finish_reason, extras: response_id(value), ..reply }
}

const METADATA: Metadata = Metadata {
    name: "responses",
    path: Some("/v1/responses"),
    supports_audio: true,
    supports_images: true,
    consumes_system_message: true,
    ends_streams: true,
    ..Metadata::TEXT
};
/// Bytes of the longest id that is sent again.
const ID_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Media;
    use crate::testing::{check, check_body, check_unfit, check_whole, plan};

    #[test]
    fn bodies() {
        let mut turn = Turn::user("hi".to_owned(), "m".to_owned());
        turn.max_tokens = Some(3);
        turn.system = Some("s".to_owned());
        turn.images.push(Media::new("http://x/a.png"));
        check_body(
            &Responses,
            &turn,
            &plan("stream"),
            r#"{"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"},{"type":"input_image","image_url":"http://x/a.png"}]}],"model":"m","stream":true,"instructions":"s","max_output_tokens":3}"#,
        );
        turn.videos.push(Media::new("http://x/a.mp4"));
        check_unfit(&Responses, &turn, "no videos");
    }

    #[test]
    fn later_turns_build_on_answers_that_the_server_keeps() {
        let turn = |text: &str| Turn::user(text.to_owned(), "m".to_owned());
        let answer =
            Turn { role: "assistant".to_owned(), response_id: Some("resp_1".to_owned()), ..turn("hello") };
        let turns = [turn("hi"), answer, turn("a turn that failed"), turn("ho")];
        let mut plan = plan("");
        let texts = |plan: &spec::Endpoint| {
            let body = Responses.body(&turns, plan);
            let texts =
                body["input"].as_array().unwrap().iter().map(|item| item["content"][0]["text"].clone());
            (texts.collect::<Vec<_>>(), body.get("previous_response_id").cloned())
        };
        let all = ["hi", "hello", "a turn that failed", "ho"].map(Value::from);
        assert_eq!(texts(&plan), (all.to_vec(), None), "the server keeps nothing");
        for stored in [json!(true), json!("True")] {
            plan.extra_inputs.insert("store".to_owned(), stored);
            let expected = (vec![json!("ho")], Some(json!("resp_1")));
            assert_eq!(texts(&plan), expected, "only the newest turn is sent");
        }
        let completed = r#"{"type":"response.completed","response":{"id":"resp_2","status":"completed"}}"#;
        let id = |data: &str| Responses.event(data.as_bytes()).extras.and_then(|extras| extras.response_id);
        assert_eq!(id(completed).as_deref(), Some("resp_2"), "of a stream");
        assert_eq!(
            id(&completed.replace("completed\"}", "incomplete\"}")),
            None,
            "of an answer that is none"
        );
        let whole = Responses.whole(br#"{"id":"resp_3","status":"completed","output_text":"x"}"#);
        assert_eq!(whole.extras.and_then(|extras| extras.response_id).as_deref(), Some("resp_3"), "whole");
    }

    #[test]
    fn events() {
        check(
            &Responses,
            r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"hi","sequence_number":4}"#,
            "content <hi>",
        );
        check(&Responses, r#"{"type":"response.reasoning_text.delta","delta":"hm"}"#, "reasoning (hm)");
        check(
            &Responses,
            r#"{"type":"response.function_call_arguments.delta","delta":"{}"}"#,
            "tool_call [{}]",
        );
        check(&Responses, r#"{"type":"response.output_text.done","text":"hi"}"#, "empty");
        check(&Responses, r#"{"type":"response.created","response":{"id":"r","usage":null}}"#, "empty");
        check(
            &Responses,
            r#"{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":3,"output_tokens":5,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":8}}}"#,
            "usage finish=completed prompt=3 completion=5 total=8 reasoning=2",
        );
        check(
            &Responses,
            r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"no"}}}"#,
            "error server_error: no",
        );
        check(
            &Responses,
            r#"{"type":"error","code":"rate_limit","message":"slow down"}"#,
            "error error: slow down (code rate_limit)",
        );
        check(&Responses, "[DONE]", "done");
    }

    #[test]
    fn whole_bodies() {
        check_whole(
            &Responses,
            r#"{"object":"response","status":"completed","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},{"type":"message","content":[{"type":"output_text","text":"hi"}]},{"type":"function_call","name":"f","arguments":"{}"},{"type":"web_search_call"}],"usage":{"input_tokens":1,"output_tokens":2}}"#,
            "body <hi> (hm) [f{}] finish=completed prompt=1 completion=2",
        );
        check_whole(&Responses, r#"{"output":[],"output_text":"hi"}"#, "body <hi>");
        check_whole(&Responses, r#"{"output":[]}"#, "empty");
        check_whole(
            &Responses,
            r#"{"status":"failed","error":{"code":"server_error","message":"no"}}"#,
            "error server_error: no",
        );
        check_whole(
            &Responses,
            r#"{"status":"cancelled"}"#,
            "error cancelled: the response's status is `cancelled`",
        );
        let refused = r#"{"output":[{"type":"message","content":[{"type":"refusal","refusal":"no"}]}]}"#;
        check_whole(&Responses, refused, "body <no>");
    }
}
