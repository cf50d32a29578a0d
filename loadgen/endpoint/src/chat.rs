//! `chat`: the OpenAI Chat Completions API.

use crate::{Endpoint, Metadata, Reply, Turn, body, openai};
use serde_json::{Map, Value, json};

/// The endpoint.
#[derive(Debug)]
pub struct Chat;

impl Endpoint for Chat {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("messages".to_owned(), Value::Array(messages(turns)));
        if let Some(turn) = turns.last() {
            body.insert("model".to_owned(), Value::from(turn.model.as_str()));
            body.insert("stream".to_owned(), Value::Bool(plan.streaming));
            if let Some(tools) = body::tools(turns) {
                body.insert("tools".to_owned(), tools.clone());
            }
            if let Some(max_tokens) = turn.max_tokens {
                let field = if plan.use_legacy_max_tokens { "max_tokens" } else { "max_completion_tokens" };
                body.insert(field.to_owned(), Value::from(max_tokens));
            }
            body::merge(&mut body, turn, plan);
        }
        body
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        openai::event(data, OBJECTS)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        openai::whole(body, OBJECTS)
    }
}

fn messages(turns: &[Turn]) -> Vec<Value> {
    let mut messages = Vec::new();
    for turn in turns {
        match &turn.messages {
            Some(given) => messages.extend(given.iter().cloned()),
            None => messages.push(message(turn)),
        }
    }
    let first = turns.first();
    if let Some(context) = first.and_then(|turn| turn.context.as_deref()) {
        let place = usize::from(messages.first().is_some_and(is_system));
        messages.insert(place, json!({"role": "user", "content": context}));
    }
    if let Some(system) = first.and_then(|turn| turn.system.as_deref()) {
        match messages
            .first_mut()
            .filter(|message| is_system(message))
            .and_then(|message| message.get_mut("content"))
        {
            Some(Value::String(theirs)) => *theirs = format!("{system}\n\n{theirs}"),
            _ => messages.insert(0, json!({"role": "system", "content": system})),
        }
    }
    messages
}

fn is_system(message: &Value) -> bool {
    message.get("role").and_then(Value::as_str) == Some("system")
}

/// One text is a plain string, which every server accepts; several texts and media are parts.
fn message(turn: &Turn) -> Value {
    let has_media = !(turn.images.is_empty() && turn.audios.is_empty() && turn.videos.is_empty());
    let content = match turn.texts.as_slice() {
        [only] if only.contents.len() <= 1 && !has_media => Value::from(turn.joined()),
        _ => parts(turn).collect(),
    };
    json!({"role": turn.role, "content": content})
}

fn parts(turn: &Turn) -> impl Iterator<Item = Value> {
    let texts = turn.contents().map(|text| json!({"type": "text", "text": text}));
    let images = turn.images.iter().map(|image| {
        // One that the server knows by its uuid has no content (vLLM's cache of multimodal inputs).
        let url = if image.url().is_empty() { Value::Null } else { json!({"url": image.url()}) };
        let mut part = json!({"type": "image_url", "image_url": url});
        if let (Some(uuid), Some(part)) = (&image.uuid, part.as_object_mut()) {
            part.insert("uuid".to_owned(), Value::from(uuid.as_str()));
        }
        part
    });
    let audios = turn.audios.iter().map(|audio| {
        let (format, data) = audio.audio();
        json!({"type": "input_audio", "input_audio": {"data": data, "format": format}})
    });
    let videos =
        turn.videos.iter().map(|video| json!({"type": "video_url", "video_url": {"url": video.url()}}));
    texts.chain(images).chain(audios).chain(videos)
}

const METADATA: Metadata = Metadata {
    name: "chat",
    path: Some("/v1/chat/completions"),
    supports_audio: true,
    supports_images: true,
    supports_videos: true,
    consumes_system_message: true,
    ends_streams: true,
    ..Metadata::TEXT
};
const OBJECTS: &[&str] = &["chat.completion.chunk", "chat.completion"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Media;
    use crate::testing::{check, check_body, plan};

    #[test]
    fn bodies() {
        let mut turn = Turn::user("hi".to_owned(), "m".to_owned());
        let messages = r#"{"messages":[{"role":"user","content":"hi"}],"model":"m","#;
        check_body(&Chat, &turn, &plan(""), &format!(r#"{messages}"stream":false}}"#));
        turn.max_tokens = Some(12);
        check_body(
            &Chat,
            &turn,
            &plan(""),
            &format!(r#"{messages}"stream":false,"max_completion_tokens":12}}"#),
        );
        check_body(&Chat, &turn, &plan("legacy"), &format!(r#"{messages}"stream":false,"max_tokens":12}}"#));
        check_body(
            &Chat,
            &turn,
            &plan("stream"),
            &format!(
                r#"{messages}"stream":true,"max_completion_tokens":12,"stream_options":{{"include_usage":true}}}}"#
            ),
        );
    }

    #[test]
    fn the_user_wins() {
        let mut turn = Turn::user("hi".to_owned(), "m".to_owned());
        let mut plan = plan("stream");
        plan.extra_inputs = serde_json::from_str(r#"{"model":"n","a":1,"stream_options":{"x":2}}"#).unwrap();
        turn.extra = serde_json::from_str(r#"{"a":3}"#).unwrap();
        check_body(
            &Chat,
            &turn,
            &plan,
            r#"{"messages":[{"role":"user","content":"hi"}],"model":"n","stream":true,"a":3,"stream_options":{"x":2,"include_usage":true}}"#,
        );
        turn.extra = serde_json::from_str(r#"{"stream_options":{"include_usage":false}}"#).unwrap();
        let body = Chat.body(&[turn], &plan);
        assert_eq!(body["stream_options"], json!({"include_usage": false}), "a choice of the user's is kept");
    }

    #[test]
    fn several_texts_are_parts_and_turns_are_messages() {
        let mut turn = Turn::user("one".to_owned(), "m".to_owned());
        turn.texts[0].contents.push("two".to_owned());
        let system = Turn { role: "system".to_owned(), ..Turn::user("be brief".to_owned(), "m".to_owned()) };
        let body = Chat.body(&[system, turn], &plan(""));
        let expected = json!([
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        ]);
        assert_eq!(body["messages"], expected, "messages of two turns");
    }

    #[test]
    fn media_are_parts() {
        let mut turn = Turn::user("look".to_owned(), "m".to_owned());
        turn.images.push(Media::new("data:image/png;base64,AA=="));
        turn.audios.push(Media::new("wav,AAAA"));
        turn.videos.push(Media::new("http://x/v.mp4"));
        let body = Chat.body(&[turn], &plan(""));
        let expected = json!([
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "video_url", "video_url": {"url": "http://x/v.mp4"}},
        ]);
        assert_eq!(body["messages"][0]["content"], expected, "text first");
    }

    #[test]
    fn system_prompt_and_context_are_first() {
        let mut turn = Turn::user("hi".to_owned(), "m".to_owned());
        turn.system = Some("be brief".to_owned());
        turn.context = Some("long ago".to_owned());
        turn.tools = Some(json!([{"type": "function"}]));
        let later = Turn::user("ho".to_owned(), "m".to_owned());
        let body = Chat.body(&[turn.clone(), later], &plan(""));
        let expected = json!([
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "long ago"},
            {"role": "user", "content": "hi"},
            {"role": "user", "content": "ho"},
        ]);
        assert_eq!(body["messages"], expected, "before the turns' texts");
        assert_eq!(body["tools"], json!([{"type": "function"}]), "tools hold on");
        turn.messages = Some(vec![json!({"role": "system", "content": "own"})]);
        turn.context = None;
        let body = Chat.body(&[turn], &plan(""));
        assert_eq!(body["messages"], json!([{"role": "system", "content": "be brief\n\nown"}]), "merged");
    }

    #[test]
    fn chunks() {
        let chunk =
            |choices: &str| format!(r#"{{"id":"1","object":"chat.completion.chunk","choices":[{choices}]}}"#);
        let delta =
            |delta: &str| chunk(&format!(r#"{{"index":0,"delta":{{{delta}}},"finish_reason":null}}"#));
        check(&Chat, &delta(r#""role":"assistant","content":"""#), "role");
        check(&Chat, &delta(r#""role":"assistant","content":" hi""#), "content < hi>");
        check(&Chat, &delta(r#""content":"a\n\u00e9""#), "content <a\né>");
        check(&Chat, &delta(r#""content":null,"reasoning_content":"hm""#), "reasoning (hm)");
        check(&Chat, &delta(r#""reasoning_content":null,"reasoning":"hm""#), "reasoning (hm)");
        check(&Chat, &delta(r#""reasoning_content":"hm","reasoning":"hm""#), "reasoning (hm)");
        check(&Chat, &delta(r#""reasoning":"hm","content":"so""#), "reasoning_and_content <so> (hm)");
        check(
            &Chat,
            &delta(
                r#""tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"{\"a\""}},{"function":{"arguments":"1"}}]"#,
            ),
            r#"tool_call [f{"a"1]"#,
        );
        check(
            &Chat,
            &delta(r#""content":"so","tool_calls":[{"function":{"name":"f"}}]"#),
            "tool_call <so> [f]",
        );
        check(
            &Chat,
            &delta(r#""content":[{"type":"text","text":"a"},{"type":"x"},{"text":"b"}]"#),
            "content <ab>",
        );
        check(&Chat, &chunk(r#"{"delta":{},"finish_reason":"stop"}"#), "empty finish=stop");
        check(
            &Chat,
            &chunk(r#"{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}"#),
            "content <a> 1:<b>",
        );
        check(
            &Chat,
            &chunk(r#"{"delta":{"reasoning":"hm","tool_calls":[{"function":{"name":"f"}}]},"index":2}"#),
            "reasoning_and_content 2:(hm)[f]",
        );
        check(&Chat, &chunk(r#"{"delta":{"content":"a"}},{"delta":{"content":"b"}}"#), "content <a> 1:<b>");
        check(&Chat, &delta(r#""refusal":"no""#), "content <no>");
        check(&Chat, &delta(r#""function_call":{"name":"f","arguments":"{}"}"#), "tool_call [f{}]");
        check(&Chat, &chunk(""), "empty");
    }

    #[test]
    fn usage_is_kept_wherever_it_is() {
        check(
            &Chat,
            r#"{"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":12,"total_tokens":20,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":0}}}"#,
            "usage prompt=8 completion=12 total=20 reasoning=0 cache_read=2",
        );
        check(
            &Chat,
            r#"{"object":"chat.completion.chunk","choices":[{"delta":{"content":"x"}}],"usage":{"completion_tokens":1}}"#,
            "content <x> completion=1",
        );
        check(&Chat, r#"{"object":"chat.completion.chunk","choices":[],"usage":null}"#, "empty");
        check(&Chat, r#"{"object":"chat.completion.chunk","choices":[],"usage":{}}"#, "empty");
    }

    #[test]
    fn errors_and_unknown_objects() {
        check(
            &Chat,
            r#"{"error":{"message":"out of memory","type":"ServerError","code":500}}"#,
            "error ServerError: out of memory (code 500)",
        );
        check(&Chat, r#"{"error":"out of memory"}"#, "error error: out of memory");
        check(&Chat, r#"{"error":{"code":42}}"#, r#"error 42: {"error":{"code":42}}"#);
        check(
            &Chat,
            r#"{"object":"error","message":"too long","type":"BadRequestError","code":400}"#,
            "error BadRequestError: too long (code 400)",
        );
        check(
            &Chat,
            r#"{"object":"chat.completion.chunk","error":null,"choices":[{"delta":{"content":"x"}}]}"#,
            "content <x>",
        );
        for none in ["false", "\"\"", "{}", "[]", "0", "0.0"] {
            let chunk =
                format!(r#"{{"error":{none},"choices":[{{"delta":{{"content":"x"}},"error":{none}}}]}}"#);
            check(&Chat, &chunk, "content <x>");
        }
        check(
            &Chat,
            r#"{"choices":[{"delta":{"content":""},"finish_reason":"error","error":{"code":502,"message":"provider gone"}}]}"#,
            "error 502: provider gone",
        );
        let given_up = r#"{"choices":[{"delta":{},"finish_reason":"abort"}]}"#;
        check(&Chat, given_up, &format!("error error: {given_up}"));
        check(
            &Chat,
            r#"{"choices":[{"delta":{"content":"a\ud83d"},"logprobs":{"x":NaN}}]}"#,
            "content <a\u{fffd}>",
        );
        check(&Chat, r#"{"object":"list","choices":[{"delta":{"content":"x"}}]}"#, "empty");
        check(&Chat, r#"{"choices":[{"delta":{"content":"x"}}]}"#, "content <x>");
        check(&Chat, r#"{"object":"chat.completion.chunk","choices":7}"#, "empty");
        check(&Chat, "[1,2]", "empty");
        check(&Chat, "null", "empty");
        check(&Chat, "[DONE]", "done");
        check(&Chat, " ", "empty");
        check(
            &Chat,
            "{\"object\"",
            "error invalid_json: an event's data is no JSON: EOF while parsing an object at line 1 column 9",
        );
    }

    #[test]
    fn whole_bodies() {
        let whole = |text: &str| crate::testing::described(&Chat.whole(text.as_bytes()));
        assert_eq!(
            whole(
                r#"{"object":"chat.completion","choices":[{"message":{"role":"assistant","content":"hi","reasoning_content":"hm"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#
            ),
            "body <hi> (hm) finish=stop prompt=1",
            "a whole answer"
        );
        assert_eq!(
            whole(r#"{"object":"chat.completion","choices":[{"message":{"content":null}}]}"#),
            "empty",
            "no text in it"
        );
        assert_eq!(
            whole("<html>"),
            "error invalid_json: the body is no JSON: expected value at line 1 column 1",
            "HTML"
        );
    }
}
