//! `messages`: the Anthropic Messages API.

use crate::json::append;
use crate::{Endpoint, KeyHeader, Media, Metadata, Reply, Turn, body, value};
use common::reply_event::EventKind;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The endpoint.
#[derive(Debug)]
pub struct Messages;

impl Endpoint for Messages {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        let Some(turn) = turns.last() else { return body };
        body.insert("model".to_owned(), Value::from(turn.model.as_str()));
        body.insert("messages".to_owned(), Value::Array(messages(turns)));
        body.insert("max_tokens".to_owned(), Value::from(turn.max_tokens.unwrap_or(MAX_TOKENS)));
        if plan.streaming {
            body.insert("stream".to_owned(), Value::Bool(true));
        }
        if let Some(system) = turns.first().and_then(|turn| turn.system.as_deref()) {
            body.insert("system".to_owned(), Value::from(system));
        }
        if let Some(tools) = body::tools(turns) {
            body.insert("tools".to_owned(), tools.clone());
        }
        body::merge_extra(&mut body, turn, plan);
        body
    }

    fn unfit(&self, turns: &[Turn], _plan: &spec::Endpoint) -> Option<String> {
        let has_media = turns.iter().any(|turn| !turn.videos.is_empty() || !turn.audios.is_empty());
        has_media.then(|| "it accepts neither audio nor videos".to_owned())
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        value::event(data).map_or_else(|odd| *odd, |value| event(&value))
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        value::whole(body).map_or_else(|odd| *odd, |value| whole(&value))
    }
}

fn messages(turns: &[Turn]) -> Vec<Value> {
    let mut messages = Vec::new();
    if let Some(context) = turns.first().and_then(|turn| turn.context.as_deref()) {
        messages.push(json!({"role": "user", "content": context}));
    }
    for turn in turns {
        match &turn.messages {
            Some(given) => messages.extend(given.iter().cloned()),
            None => messages.push(json!({"role": turn.role, "content": content(turn)})),
        }
    }
    messages
}

fn content(turn: &Turn) -> Value {
    if turn.images.is_empty() && turn.contents().nth(1).is_none() {
        return Value::from(turn.joined());
    }
    let texts = turn.contents().map(|text| json!({"type": "text", "text": text}));
    texts.chain(turn.images.iter().map(image)).collect()
}

fn image(image: &Media) -> Value {
    let source = match image.data() {
        Some((kind, data)) => json!({"type": "base64", "media_type": kind, "data": data}),
        None => json!({"type": "url", "url": image.url()}),
    };
    json!({"type": "image", "source": source})
}

fn event(value: &Value) -> Reply<'static> {
    let bare = Reply::bare(EventKind::Empty);
    let delta = |path: &str| Cow::Owned(value::text(value, path));
    match value.get("type").and_then(Value::as_str).unwrap_or_default() {
        "message_start" => {
            let usage = value.get("message").and_then(value::usage);
            Reply { usage, ..Reply::bare(EventKind::Role) }
        }
        "content_block_delta" => match value::text(value, "/delta/type").as_str() {
            "text_delta" => Reply { kind: EventKind::Content, content: delta("/delta/text"), ..bare },
            "thinking_delta" => {
                Reply { kind: EventKind::Reasoning, reasoning: delta("/delta/thinking"), ..bare }
            }
            "input_json_delta" => {
                Reply { kind: EventKind::ToolCall, tool_call: delta("/delta/partial_json"), ..bare }
            }
            _ => bare,
        },
        "message_delta" => {
            let usage = value::usage(value);
            let kind = if usage.is_some() { EventKind::Usage } else { EventKind::Empty };
            Reply { kind, usage, finish_reason: delta("/delta/stop_reason"), ..bare }
        }
        "message_stop" => Reply::bare(EventKind::Done),
        _ => bare,
    }
}

fn whole(value: &Value) -> Reply<'static> {
    let mut reply = Reply::bare(EventKind::Empty);
    for block in value::items(value, "content") {
        match block.get("type").and_then(Value::as_str).unwrap_or_default() {
            "text" => append(&mut reply.content, Cow::Owned(value::text(block, "/text"))),
            "thinking" => append(&mut reply.reasoning, Cow::Owned(value::text(block, "/thinking"))),
            "tool_use" => {
                append(&mut reply.tool_call, Cow::Owned(value::text(block, "/name")));
                let input = block.get("input").map(ToString::to_string).unwrap_or_default();
                append(&mut reply.tool_call, Cow::Owned(input));
            }
            _ => {}
        }
    }
    if !(reply.content.is_empty() && reply.reasoning.is_empty() && reply.tool_call.is_empty()) {
        reply.kind = EventKind::Body;
    }
    Reply {
        usage: value::usage(value),
        finish_reason: Cow::Owned(value::text(value, "/stop_reason")),
        ..reply
    }
}

const METADATA: Metadata = Metadata {
    name: "messages",
    path: Some("/v1/messages"),
    supports_images: true,
    consumes_system_message: true,
    ends_streams: true,
    key_header: KeyHeader::ApiKey,
    headers: &[("anthropic-version", "2023-06-01")],
    ..Metadata::TEXT
};
/// The API requires a number; this is AIPerf's.
const MAX_TOKENS: u32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, check_body, check_whole, plan};

    #[test]
    fn bodies() {
        let mut turn = Turn::user("hi".to_owned(), "m".to_owned());
        check_body(
            &Messages,
            &turn,
            &plan(""),
            r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":1024}"#,
        );
        turn.system = Some("s".to_owned());
        turn.max_tokens = Some(5);
        turn.images = vec![Media::new("data:image/png;base64,AA=="), Media::new("http://x/y.png")];
        check_body(
            &Messages,
            &turn,
            &plan("stream"),
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}},{"type":"image","source":{"type":"url","url":"http://x/y.png"}}]}],"max_tokens":5,"stream":true,"system":"s"}"#,
        );
    }

    #[test]
    fn events() {
        check(
            &Messages,
            r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"usage":{"input_tokens":25,"output_tokens":1}}}"#,
            "role prompt=25 completion=1",
        );
        check(
            &Messages,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            "empty",
        );
        check(&Messages, r#"{"type":"ping"}"#, "empty");
        let delta = |delta: &str| format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#);
        check(&Messages, &delta(r#"{"type":"text_delta","text":"Hello"}"#), "content <Hello>");
        check(&Messages, &delta(r#"{"type":"thinking_delta","thinking":"hm"}"#), "reasoning (hm)");
        check(
            &Messages,
            &delta(r#"{"type":"input_json_delta","partial_json":"{\"a"}"#),
            r#"tool_call [{"a]"#,
        );
        check(&Messages, &delta(r#"{"type":"signature_delta","signature":"EqQB"}"#), "empty");
        check(
            &Messages,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}"#,
            "usage finish=end_turn completion=15",
        );
        check(&Messages, r#"{"type":"message_stop"}"#, "done");
        check(
            &Messages,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            "error overloaded_error: Overloaded",
        );
    }

    #[test]
    fn whole_bodies() {
        check_whole(
            &Messages,
            r#"{"type":"message","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"hi"},{"type":"tool_use","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":4}}"#,
            r#"body <hi> (hm) [f{"a":1}] finish=tool_use prompt=3 completion=4"#,
        );
    }
}
